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
	s.works()
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

// works has an order at the broker.
func (s *shelf) works() {
	s.t.Helper()
	o := s.order(BTO, Queued, 0)
	s.must(`update orders set send_before = now() + interval '1 minute' where id = $1`, o)
	s.must(`update orders set state = 'submitting', claim_token = gen_random_uuid(), sent_at = now(), deadline = now() + interval '45 seconds' where id = $1`, o)
	s.must(`update orders set state = 'accepted', claim_token = null, broker_order_id = 'b' where id = $1`, o)
}

// An account that was never listed is one that nobody looked at since it was linked.
func TestOrdersAtWorkAreLookedAtWhereNobodyEverDid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		linked, planned string // planned: in how long a look is; empty where none ever was
		due             bool
	}{
		"never planned":         {linked: "10 minutes", due: true},
		"planned far too late":  {linked: "10 minutes", planned: "1 hour", due: true},
		"linked a minute ago":   {linked: "1 minute"},
		"linked and on its way": {linked: "1 minute", planned: "30 seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.works()
			s.must(`update accounts set created_at = now() - $1::interval`, c.linked)
			if c.planned != "" {
				s.must(`insert into account_looks (account_id, user_id, next_look_at) values ($1, $2, now() + $3::interval)`, s.account, s.user, c.planned)
			}
			if err := (&Desk{db: s.db}).lookAtWork(t.Context()); err != nil {
				t.Fatal(err)
			}
			var due bool
			err := s.db.Pool().QueryRow(t.Context(), `select count(*) = 1 from account_looks where user_id = $1 and next_look_at <= clock_timestamp()`, s.user).Scan(&due)
			if err != nil || due != c.due {
				t.Errorf("due: %t, %v", due, err)
			}
		})
	}
}
