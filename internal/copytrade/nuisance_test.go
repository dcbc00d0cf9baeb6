package copytrade

import "testing"

// Who subscribes and leaves again and again reaches the trader once a day, not each time.
func TestATraderHearsOfAFollowerOnceADay(t *testing.T) {
	t.Parallel()
	f := open(t)
	eager, other := f.user("ben", "subscriber"), f.user("cara", "subscriber")
	subscribe := func(times int) {
		t.Helper()
		for range times {
			_, _, err := f.copier.Subscribe(f.ctx, eager, someKey(), "ava", Settings{})
			f.must(err)
			list, err := f.copier.Subscriptions(f.ctx, eager)
			f.must(err)
			_, err = f.copier.Unsubscribe(f.ctx, eager, list[0].ID)
			f.must(err)
		}
	}
	told := func() int {
		t.Helper()
		return read[int](f, `select count(*)::int from notifications where user_id = $1 and type = 'subscription_new'`, f.trader)
	}
	subscribe(5)
	if n := told(); n != 1 {
		t.Errorf("told %d times of one who came five times", n)
	}
	if _, _, err := f.copier.Subscribe(f.ctx, other, someKey(), "ava", Settings{}); err != nil {
		t.Fatal(err)
	}
	if n := told(); n != 2 {
		t.Errorf("told %d times of two", n)
	}
}
