package orders

import (
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// looks plays the schedule from sending: the ages at which an order is looked
// for, if every look happens when it is due.
func looks(o Order, open bool, until time.Duration) []time.Duration {
	sent := sentAt
	o.SentAt, o.CreatedAt = &sent, sent
	var ages []time.Duration
	for now := sent; ; {
		at := nextLook(o, now, open)
		if at.IsZero() || at.Sub(sent) > until {
			return ages
		}
		ages = append(ages, at.Sub(sent))
		now = at
	}
}

// Unresolved: 5, 20, 35, 50 s, every 30 s to 4 min, every minute to 10 min,
// every 5 min after that (§5).
func TestAnUnresolvedOrderIsLookedForAsPromised(t *testing.T) {
	t.Parallel()
	for _, state := range []State{Submitting, Unknown} {
		got := looks(Order{State: state}, true, 30*time.Minute)
		want := []string{
			"5s", "20s", "35s", "50s", "1m20s", "1m50s", "2m20s", "2m50s", "3m20s", "3m50s", "4m20s",
			"5m20s", "6m20s", "7m20s", "8m20s", "9m20s", "10m20s", "15m20s", "20m20s", "25m20s",
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %v", state, got)
		}
		for i := range want {
			if got[i].String() != want[i] {
				t.Errorf("%s: look %d at %s, want %s", state, i, got[i], want[i])
			}
		}
	}
}

// Working: 2, 17, 32 s after the answer, then every 30 s in the session; resting
// limits older than ten minutes, and everything outside it, every 5 min.
func TestAWorkingOrderIsLookedAtAsPromised(t *testing.T) {
	t.Parallel()
	limit := money.MustPrice("3.50")
	asked := sentAt
	for name, c := range map[string]struct {
		order Order
		open  bool
		want  []string
	}{
		"market order": {Order{State: Accepted}, true, []string{"2s", "17s", "32s", "1m2s", "1m32s", "2m2s"}},
		"partly":       {Order{State: Partial}, true, []string{"2s", "17s", "32s", "1m2s", "1m32s", "2m2s"}},
		"young limit":  {Order{State: Accepted, Limit: &limit}, true, []string{"2s", "17s", "32s", "1m2s"}},
		"closed":       {Order{State: Accepted}, false, []string{"2s", "17s", "32s", "5m32s", "10m32s"}},
	} {
		got := looks(c.order, c.open, 20*time.Minute)
		for i := range c.want {
			if i >= len(got) || got[i].String() != c.want[i] {
				t.Errorf("%s: looks at %v, want %v first", name, got, c.want)
				break
			}
		}
	}
	for name, c := range map[string]struct {
		order Order
		want  time.Duration
	}{
		"a resting limit":                 {Order{State: Accepted, Limit: &limit}, 5 * time.Minute},
		"one whose cancel was asked for":  {Order{State: Accepted, Limit: &limit, CancelRequested: &asked}, 30 * time.Second},
		"a market order that never fills": {Order{State: Accepted}, 30 * time.Second},
	} {
		if got := workingPause(c.order, 11*time.Minute, true); got != c.want {
			t.Errorf("%s is looked at every %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatEndedIsNotLookedFor(t *testing.T) {
	t.Parallel()
	ended := sentAt.Add(time.Minute)
	for _, state := range []State{Queued, Filled, Aborted} {
		if got := looks(Order{State: state, FinishedAt: &ended}, true, time.Hour); len(got) != 0 {
			t.Errorf("%s is looked for at %v", state, got)
		}
	}
	// Fills that raced with the end may be reported late (T13): once more, then no more.
	for _, state := range []State{Cancelled, Expired, Rejected} {
		if got := looks(Order{State: state, FinishedAt: &ended}, true, time.Hour); len(got) != 1 || got[0] != 3*time.Minute {
			t.Errorf("%s a minute after it was sent is looked at %v", state, got)
		}
	}
	if got := looks(Order{State: NotPlaced}, true, 48*time.Hour); len(got) < 280 || got[len(got)-1] > 24*time.Hour+5*time.Minute {
		t.Errorf("a search that was given up is watched %d times, the last after %s; want every 5 min for a day", len(got), got[len(got)-1])
	}
}

// T9: each condition alone keeps the order unknown.
func TestGivingUpNeedsEverything(t *testing.T) {
	t.Parallel()
	order := func(side Side, state State, complete int) Order {
		sent := sentAt
		return Order{Side: side, State: state, SentAt: &sent, CompleteLooks: complete}
	}
	for name, c := range map[string]struct {
		order Order
		after time.Duration
		lists bool
		want  bool
	}{
		"an entry after ten minutes":        {order(BTO, Unknown, 4), 10 * time.Minute, true, true},
		"an entry a moment before":          {order(BTO, Unknown, 4), 10*time.Minute - 1, true, false},
		"an exit after four minutes":        {order(STC, Unknown, 4), 4 * time.Minute, true, true},
		"an exit a moment before":           {order(STC, Unknown, 4), 4*time.Minute - 1, true, false},
		"three complete looks":              {order(BTO, Unknown, 3), time.Hour, true, false},
		"a broker without lists":            {order(BTO, Unknown, 9), time.Hour, false, false},
		"a request still on the wire":       {order(BTO, Submitting, 9), time.Hour, true, false},
		"one that works":                    {order(BTO, Accepted, 9), time.Hour, true, false},
		"one given up before":               {order(BTO, NotPlaced, 9), time.Hour, true, false},
		"an entry is not given up like one": {order(BTO, Unknown, 9), 5 * time.Minute, true, false},
	} {
		if got := mayGiveUp(c.order, sentAt.Add(c.after), c.lists); got != c.want {
			t.Errorf("%s: give up %v, want %v", name, got, c.want)
		}
	}
}

// A list counts as complete unless it may have pushed the order out, or holds
// what cannot be read.
func TestWhichListsAreComplete(t *testing.T) {
	t.Parallel()
	full := func(oldest time.Time) snaptrade.OrderList {
		l := snaptrade.OrderList{}
		for i := range listFull {
			l.Orders = append(l.Orders, snaptrade.Order{PlacedAt: oldest.Add(time.Duration(listFull-1-i) * time.Second)})
		}
		return l
	}
	short := full(sentAt.Add(time.Hour))
	short.Orders = short.Orders[:listFull-1]
	unreadable := snaptrade.OrderList{Unreadable: 1}
	for name, c := range map[string]struct {
		list snaptrade.OrderList
		want bool
	}{
		"empty":                         {snaptrade.OrderList{}, true},
		"99 younger ones":               {short, true},
		"100, the oldest older":         {full(sentAt.Add(-1)), true},
		"100, the oldest as old":        {full(sentAt), false},
		"100, the oldest younger":       {full(sentAt.Add(1)), false},
		"one entry that cannot be read": {unreadable, false},
	} {
		if got := complete(c.list, sentAt); got != c.want {
			t.Errorf("%s: complete %v, want %v", name, got, c.want)
		}
	}
}
