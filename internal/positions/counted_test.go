package positions

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func (r *room) counted(p Position, buy bool, at time.Time) (counted bool) {
	r.t.Helper()
	r.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		counted, err = Counted(ctx, tx, p, buy, at)
		return err
	})
	return counted
}

// bought is an order that filled: sent at a time, and executed last at another where
// the broker says when.
func (r *room) bought(p Position, quantity int, source string, sent *time.Time, executed *time.Time) uuid.UUID {
	r.t.Helper()
	order := r.order(p, "BTO", quantity, "filled")
	r.exec(`update orders set source = $2, sent_at = $3 where id = $1`, order, source, sent)
	r.exec(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at) values ($1, $2, $3, $4, 'BTO', $2, 12, $5)`,
		order, quantity, r.user, p.ID, executed)
	r.book(p.ID, true, quantity, "3.00", nil)
	return order
}

// A sale from before the first purchase sold something else, by the times that are known:
// of several contracts, a broker tells when the last was bought.
func TestASaleOlderThanThePositionIsNotOnIt(t *testing.T) {
	t.Parallel()
	sent := time.Now().Add(-time.Hour).Truncate(time.Second)
	soon, late := sent.Add(time.Minute), sent.Add(50*time.Minute)
	for _, c := range []struct {
		name           string
		source         string
		quantity       int
		unseen         bool // the first news of it was that it had filled
		sent, executed *time.Time
		at             time.Time
		want           bool
	}{
		{name: "one sold before it was bought", quantity: 1, sent: &sent, executed: &soon, at: soon.Add(-time.Second), want: true},
		{name: "one sold when it was bought", quantity: 1, sent: &sent, executed: &soon, at: soon},
		{name: "sold before it was sent", quantity: 4, sent: &sent, executed: &soon, at: sent.Add(-time.Second), want: true},
		{name: "sold between its first and its last contract", quantity: 4, sent: &sent, executed: &soon, at: soon.Add(-30 * time.Second)},
		{name: "sold when looks still showed none bought", quantity: 4, sent: &sent, executed: &late, at: late.Add(-10 * time.Minute), want: true},
		{name: "sold within what looks leave unseen", quantity: 4, sent: &sent, executed: &late, at: late.Add(-7 * time.Minute)},
		{name: "sold while nobody saw it working", quantity: 4, unseen: true, sent: &sent, executed: &late, at: sent.Add(time.Minute)},
		{name: "sold later", quantity: 4, sent: &sent, executed: &soon, at: soon.Add(time.Second)},
		{name: "no time told, sold before it was sent", quantity: 4, sent: &sent, at: sent.Add(-time.Second), want: true},
		{name: "no time told, sold after it was sent", quantity: 4, sent: &sent, at: sent.Add(time.Second)},
		{name: "bought elsewhere", source: "detected", quantity: 4, executed: &soon, at: soon.Add(-time.Second), want: true},
		{name: "bought elsewhere at no known time", source: "detected", quantity: 4, at: sent},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			order := r.bought(p, c.quantity, cmp.Or(c.source, "manual"), c.sent, c.executed)
			if !c.unseen {
				r.exec(`insert into order_events (order_id, seq, actor, to_state, cum, user_id) values ($1, 100, 'worker', 'accepted', 0, $2)`, order, r.user)
			}
			if got := r.counted(p, false, c.at); got != c.want {
				t.Errorf("counted: %v", got)
			}
			if r.counted(p, true, c.at) {
				t.Error("a purchase from before it is counted")
			}
		})
	}
}

// What was traded before the holdings that an adjustment rests on is in it, and
// booking it once more would count it twice.
func TestATradeBeforeAnAdjustmentIsInIt(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]int{"they left": 2, "they came": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			sent := time.Now().Add(-time.Hour)
			r.bought(p, 5, "manual", &sent, &sent)
			r.read(time.Minute, held(t, appleCall, there, "3.00"))
			r.read(5*time.Minute, held(t, appleCall, there, "3.00"))
			list := r.adjustments(p.ID)
			if len(list) != 1 {
				t.Fatalf("%+v", list)
			}
			for after, want := range map[time.Duration]bool{-4 * time.Minute: true, 0: true, time.Second: false} {
				for _, buy := range []bool{true, false} {
					if got := r.counted(p, buy, list[0].AsOf.Add(after)); got != want {
						t.Errorf("%s after it, bought %v: counted %v", after, buy, got)
					}
				}
			}
		})
	}
}
