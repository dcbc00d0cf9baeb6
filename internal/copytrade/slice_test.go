package copytrade

import (
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/orders"
)

// A database that does not manage a slice in its time is given smaller ones; who was
// decided about in none of those that it gave up stands in the same line.
func TestASliceThatTakesTooLongIsHalved(t *testing.T) {
	t.Parallel()
	f := open(t)
	var subscriptions []uuid.UUID
	for i := range 9 {
		subscriptions = append(subscriptions, f.follower(name(i), i%2 == 0).subscription)
	}
	f.exec(`
		create function too_slow() returns trigger language plpgsql as $$
		begin
			if (select count(*) from made) > 3 then
				raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled';
			end if;
			return null;
		end $$;
		create trigger too_slow after insert on copy_decisions referencing new table as made for each statement execute function too_slow()`)
	f.copier.slice = 8
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	line := byThePublishedRule(read[string](f, `select seed from copy_signals`), subscriptions)
	got := read[[]uuid.UUID](f, `select array_agg(subscription_id order by place) from copy_decisions where place_of = 9`)
	if len(got) != len(line) {
		t.Fatalf("%d decisions for %d followers", len(got), len(line))
	}
	for i, id := range line {
		if got[i] != id {
			t.Errorf("place %d is %s's, not %s's", i+1, got[i], id)
		}
	}
	if n := read[int](f, `select count(distinct decided_at)::int from copy_decisions`); n != 5 { // 2, 2, 2, 2 and 1
		t.Errorf("%d transactions decided", n)
	}
	if n := read[int](f, `select count(*)::int from notifications n join copy_decisions c on c.id::text = n.subject_key`); n != 4 {
		t.Errorf("%d of 4 were asked", n)
	}
}

// What a database cannot do at all is given up, not tried for ever.
func TestASliceThatNeverEndsIsAnError(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.follower(name(1), true)
	f.exec(`
		create function never() returns trigger language plpgsql as $$
		begin raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled'; end $$;
		create trigger never before insert on copy_decisions for each row execute function never()`)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	o, err := f.copier.desk.Any(f.ctx, order)
	f.must(err)
	filled, err := f.copier.fills(f.ctx, o)
	f.must(err)
	if err := f.copier.fanOut(f.ctx, o, filled, triggerOf(o, filled.first)); err == nil {
		t.Error("nobody was decided about, and nothing is said of it")
	}
	if n := read[int](f, `select count(*)::int from copy_decisions`); n != 0 {
		t.Errorf("%d decisions", n)
	}
}
