package orders

import "testing"

// An account with an order at work is looked at soon if nobody looked at it lately; one that was
// looked at, and one where nothing works, are left to their schedule.
func TestOrdersAtWorkAreLookedAtWhenNobodyDidLately(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := &Desk{db: s.db}
	s.must(`insert into account_looks (account_id, user_id) values ($1, $2)`, s.account, s.user)
	due := func(listed, at string) bool {
		t.Helper()
		s.must(`update account_looks set listed_at = now() - $1::interval, next_look_at = now() + $2::interval`, listed, at)
		if err := d.lookAtWork(t.Context()); err != nil {
			t.Fatal(err)
		}
		var is bool
		if err := s.db.Pool().QueryRow(t.Context(), `select next_look_at <= clock_timestamp() from account_looks`).Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	}
	if due("10 minutes", "1 hour") {
		t.Error("nothing works there, and it is looked at")
	}
	o := s.order(BTO, Queued, 0)
	s.must(`update orders set send_before = now() + interval '1 minute' where id = $1`, o)
	s.must(`update orders set state = 'submitting', claim_token = gen_random_uuid(), sent_at = now(), deadline = now() + interval '45 seconds' where id = $1`, o)
	s.must(`update orders set state = 'accepted', claim_token = null, broker_order_id = 'b' where id = $1`, o)
	if !due("10 minutes", "1 hour") {
		t.Error("an order works there, and nobody looks")
	}
	if due("4 minutes 30 seconds", "30 seconds") {
		t.Error("it is on its schedule, and is pulled forward")
	}
	if due("1 minute", "1 hour") {
		t.Error("somebody looked a minute ago, and it is looked at again")
	}
}
