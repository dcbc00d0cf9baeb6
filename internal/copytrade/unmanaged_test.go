package copytrade

import (
	"encoding/json"
	"testing"
)

// unmanaged is why a follower's copies are unmanaged, and what was said of it.
func (f *floor) unmanaged(w follower) (cause string, told int) {
	f.Helper()
	f.must(f.copier.FindUnmanaged(f.ctx))
	f.must(f.copier.FindUnmanaged(f.ctx))
	cause = read[string](f, `select coalesce(unmanaged, '') from subscriptions where id = $1`, w.subscription)
	return cause, read[int](f, `select count(*)::int from notifications where user_id = $1 and subject_key like 'unmanaged:%'`, w.id)
}

// Followers are told once that the trader is away, and their copies say so until
// the trader is back.
func TestCopiesOfATraderWhoIsAwayAreUnmanaged(t *testing.T) {
	t.Parallel()
	for cause, c := range map[string]struct{ away, back string }{
		"trader_gone":   {`update users set status = 'deleted' where id = $1`, `update users set status = 'active' where id = $1`},
		"not_a_trader":  {`update users set role = 'subscriber' where id = $1`, `update users set role = 'trader' where id = $1`},
		"trader_halted": {`insert into trading_switches (scope, key, stops) values ('leader', ($1::uuid)::text, 'copies')`, `delete from trading_switches where key = ($1::uuid)::text`},
		"trader_unlinked": {`update accounts set status = 'broken' where user_id = $1`,
			`update accounts set status = 'ok' where user_id = $1`},
	} {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			f.account(f.trader)
			w, without := f.follower("ben", true), f.follower("cara", true)
			f.holdCopied(w, 3)
			if got, told := f.unmanaged(w); got != "" || told != 0 {
				t.Fatalf("while the trader is there: %q, told %d times", got, told)
			}
			for range 2 { // a day on which it comes and goes
				f.exec(c.away, f.trader)
				for _, who := range []follower{w, without} {
					if got, told := f.unmanaged(who); got != cause || told != 1 {
						t.Errorf("%q, told %d times", got, told)
					}
				}
				list, err := f.copier.CopiedHoldings(f.ctx, w.id)
				f.must(err)
				if len(list) != 1 || list[0].Held != 3 || list[0].Unmanaged == nil || string(*list[0].Unmanaged) != cause || list[0].UnmanagedText() == "" {
					t.Errorf("shown as %+v", list)
				}
				f.exec(c.back, f.trader)
				if got, told := f.unmanaged(w); got != "" || told != 1 {
					t.Errorf("once the trader is back: %q, told %d times", got, told)
				}
			}
		})
	}
}

// What is said of copies of a halted trader is what happens: they follow the sells, unless
// those are halted too.
func TestWhatIsSaidOfAHaltedTradersCopiesIsTrue(t *testing.T) {
	t.Parallel()
	for halt, want := range map[string]string{
		`('user', ($1::uuid)::text, 'all')`:      "still follow their sells",
		`('leader', ($1::uuid)::text, 'copies')`: "still follow their sells",
		`('leader', ($1::uuid)::text, 'all')`:    "may be yours to sell",
	} {
		f := open(t)
		w := f.follower("ben", true)
		f.holdCopied(w, 3)
		f.exec(`insert into trading_switches (scope, key, stops) values `+halt, f.trader)
		if got, told := f.unmanaged(w); got != "trader_halted" || told != 1 {
			t.Errorf("%s: %q, told %d times", halt, got, told)
		}
		if body := read[string](f, `select body from notifications where subject_key like 'unmanaged:%'`); !contains(body, want) {
			t.Errorf("%s: told %q", halt, body)
		}
	}
}

// Who stops copying keeps the copies, unmanaged, and needs no message about it.
func TestCopiesOfACancelledSubscriptionAreUnmanaged(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.account(f.trader)
	w, without, other := f.follower("ben", true), f.follower("cara", true), f.follower("dan", true)
	position := f.holdCopied(w, 3)
	for _, who := range []follower{w, without} {
		f.set(who, "status", "cancelled")
	}
	if got, told := f.unmanaged(w); got != "cancelled" || told != 0 {
		t.Errorf("with copies: %q, told %d times", got, told)
	}
	if got, told := f.unmanaged(without); got != "" || told != 0 {
		t.Errorf("without copies: %q, told %d times", got, told)
	}
	list, err := f.copier.CopiedHoldings(f.ctx, w.id)
	f.must(err)
	text, err := json.Marshal(list)
	f.must(err)
	for _, want := range []string{`"unmanaged":"cancelled"`, `"unmanagedText":"You no longer copy @ava."`, `"costEach":"3.50"`} {
		if !contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if list, err := f.copier.CopiedHoldings(f.ctx, other.id); err != nil || len(list) != 0 {
		t.Errorf("somebody else sees %v %v", list, err)
	}
	f.exec(`update copy_holdings set sold = bought where position_id = $1`, position)
	if got, _ := f.unmanaged(w); got != "" {
		t.Errorf("once they are sold: %q", got)
	}
}

// A trader who never connected a broker has lost no link.
func TestATraderWithoutABrokerHasLostNone(t *testing.T) {
	t.Parallel()
	f := open(t)
	if got, told := f.unmanaged(f.follower("ben", true)); got != "" || told != 0 {
		t.Errorf("%q, told %d times", got, told)
	}
}

// Followers of a trader who deleted the account are let go and told, once, with what they
// still hold; and so it stays, however often it is looked at.
func TestFollowersOfATraderWhoLeftAreLetGo(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.account(f.trader)
	w, without := f.follower("ben", true), f.follower("cara", true)
	f.holdCopied(w, 3)
	f.exec(`update users set status = 'deleted' where id = $1`, f.trader)
	for range 2 {
		f.must(f.copier.LetFollowersGo(f.ctx, f.trader))
	}
	for who, words := range map[follower]string{w: "%3 contracts%", without: "%You hold nothing%"} {
		if _, told := f.unmanaged(who); told != 1 {
			t.Errorf("told %d times", told)
		}
		if n := read[int](f, `select count(*)::int from notifications where user_id = $1 and body like $2`, who.id, words); n != 1 {
			t.Errorf("%d notifications say %s", n, words)
		}
		if status := read[string](f, `select status from subscriptions where id = $1`, who.subscription); status != "cancelled" {
			t.Errorf("the subscription is %s", status)
		}
		if n := read[int](f, `select count(*)::int from subscription_periods where subscription_id = $1`, who.subscription); n != 1 {
			t.Errorf("%d periods of it", n)
		}
	}
}
