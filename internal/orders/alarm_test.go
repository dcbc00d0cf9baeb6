package orders

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// T9: what cannot be given up on when its 4 or 10 minutes are over stays unknown, and
// an operator is asked to look, once. Where the broker lists orders, the look after
// that time comes first.
func TestWhatCannotBeGivenUpRaisesAnAlarmInItsTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		side  Side
		state State
		ago   string
		lists bool
		want  string
	}{
		"an exit before its time":                 {STC, Unknown, "3 minutes 30 seconds", false, ""},
		"an exit when its time is over":           {STC, Unknown, "4 minutes", false, searchOver},
		"an entry before its time":                {BTO, Unknown, "9 minutes 30 seconds", false, ""},
		"an entry when its time is over":          {BTO, Unknown, "10 minutes", false, searchOver},
		"an exit that a list may still decide":    {STC, Unknown, "4 minutes 30 seconds", true, ""},
		"an exit that no list has decided":        {STC, Unknown, "5 minutes", true, searchOver},
		"an entry that a list may still decide":   {BTO, Unknown, "10 minutes 30 seconds", true, ""},
		"an entry that no list has decided":       {BTO, Unknown, "11 minutes", true, searchOver},
		"one that is on its way, for the sweeper": {STC, Submitting, "5 minutes", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			root := b.id(`insert into users (username, name, role) values ('root', 'Root', 'admin') returning id`)
			b.must(`update accounts set lists_orders = $1`, c.lists)
			id := b.lost(c.side, c.state, c.ago)
			for range 2 {
				if err := b.desk.reviewLost(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := b.desk.alarmReviews(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			o, want := b.read(id), 0
			if c.want != "" {
				want = 1
			}
			if said(o.Review) != c.want || o.State != c.state {
				t.Errorf("%s, up for review for %q, want %q", o.State, said(o.Review), c.want)
			}
			if n := b.count(`select count(*) from notifications where user_id = $1 and title = 'An order needs a look'`, root); n != want {
				t.Errorf("an operator was told %d times, want %d", n, want)
			}
		})
	}
}

func said(reason *string) string {
	if reason == nil {
		return ""
	}
	return *reason
}

// The close that follows is a reason of its own, told once more; and when it is known
// what became of the order, nobody needs to look for it.
func TestAReviewForALostOrderEndsWithIt(t *testing.T) {
	t.Parallel()
	price, filled := decimal.RequireFromString("3.40"), 5
	for name, settle := range map[string]func(b *booker, o Order) error{
		"found": func(b *booker, o Order) error {
			return b.desk.book(t.Context(), o.ID, report{BrokerOrderID: "x", Status: snaptrade.StatusFilled, Filled: &filled, Average: &price}, booking{actor: byReconciler})
		},
		"given up": func(b *booker, o Order) error {
			return b.desk.end(t.Context(), o.ID, ending{to: NotPlaced, actor: byReconciler, reason: "a test"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			root := b.id(`insert into users (username, name, role) values ('root', 'Root', 'admin') returning id`)
			b.must(`update accounts set lists_orders = false`)
			id := b.lost(BTO, Unknown, "11 minutes")
			if err := b.desk.reviewLost(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := b.desk.alarmReviews(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.must(`update orders set sent_at = sent_at - interval '5 days' where id = $1`, id)
			for range 2 {
				if err := b.desk.sweepAlarms(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if o := b.read(id); said(o.Review) != throughTheClose {
				t.Errorf("after the close it is up for review for %q", said(o.Review))
			}
			if n := b.count(`select count(distinct body) from notifications where user_id = $1`, root); n != 2 {
				t.Errorf("an operator was told %d reasons, want 2", n)
			}
			if err := settle(b, b.read(id)); err != nil {
				t.Fatal(err)
			}
			if o := b.read(id); o.State == Unknown || o.Review != nil {
				t.Errorf("%s, and up for review for %q", o.State, said(o.Review))
			}
		})
	}
}

// A change that no list decides is told of in the same way, and ends its review.
func TestALostChangeRaisesAnAlarmInItsTime(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.must(`update accounts set lists_orders = true`)
	id := b.limitOrder(BTO, 5, 0)
	b.change(id, ChangeUnknown, 5, "3.50")
	for _, c := range []struct{ ago, want string }{{"10 minutes 30 seconds", ""}, {"11 minutes", searchOver}} {
		b.must(`update order_changes set sent_at = now() - $1::interval`, c.ago)
		if err := b.desk.reviewLost(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := said(b.read(id).Review); got != c.want {
			t.Errorf("after %s it is up for review for %q, want %q", c.ago, got, c.want)
		}
	}
	o := b.read(id)
	if err := b.desk.failChange(t.Context(), id, *o.Change, nil, changeEnding{actor: byReconciler, reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	if o := b.read(id); o.Change.Unresolved() || o.Review != nil {
		t.Errorf("the change is %s, and the order up for review for %q", o.Change.State, said(o.Review))
	}
}
