package positions

import (
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

// bought is an order that was seen working and filled: sent at a time, and executed a
// minute later where the broker says when.
func (r *room) bought(p Position, quantity int, source string, sent *time.Time, executed *time.Time) {
	r.t.Helper()
	order := r.boughtUnseen(p, quantity, source, sent, executed)
	r.exec(`insert into order_events (order_id, seq, actor, to_state, cum, user_id) values ($1, 100, 'worker', 'accepted', 0, $2)`, order, r.user)
}

// boughtUnseen is one whose first news was that it had filled.
func (r *room) boughtUnseen(p Position, quantity int, source string, sent *time.Time, executed *time.Time) uuid.UUID {
	r.t.Helper()
	order := r.order(p, "BTO", quantity, "filled")
	r.exec(`update orders set source = $2, sent_at = $3 where id = $1`, order, source, sent)
	r.exec(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at) values ($1, $2, $3, $4, 'BTO', $2, 12, $5)`,
		order, quantity, r.user, p.ID, executed)
	r.book(p.ID, true, quantity, "3.00", nil)
	return order
}

// A sale from before the first purchase sold something else, by the times that are known.
func TestASaleOlderThanThePositionIsNotOnIt(t *testing.T) {
	t.Parallel()
	sent := time.Now().Add(-time.Hour).Truncate(time.Second)
	executed := sent.Add(time.Minute)
	for _, c := range []struct {
		name           string
		source         string
		sent, executed *time.Time
		at             time.Time
		want           bool
	}{
		{"sold before it was bought", "manual", &sent, &executed, executed.Add(-time.Second), true},
		{"sold when it was bought", "manual", &sent, &executed, executed, false},
		{"sold later", "manual", &sent, &executed, executed.Add(time.Second), false},
		{"sold before it was sent", "manual", &sent, nil, sent.Add(-time.Second), true},
		{"sold after it was sent", "manual", &sent, nil, sent.Add(time.Second), false},
		{"bought elsewhere at no known time", "detected", nil, nil, sent, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			r.bought(p, 4, c.source, c.sent, c.executed)
			if got := r.counted(p, false, c.at); got != c.want {
				t.Errorf("counted: %v", got)
			}
			if r.counted(p, true, c.at) {
				t.Error("a purchase from before it is counted")
			}
		})
	}
}

// An answer was lost, and half of what was bought is sold in the broker's app before the
// other half is: the broker tells only of the last, so our sending is what counts.
func TestASaleWithinAPurchaseNobodySawIsOnIt(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	sent := time.Now().Add(-time.Hour).Truncate(time.Second)
	executed := sent.Add(time.Minute)
	r.boughtUnseen(p, 4, "manual", &sent, &executed)
	for after, want := range map[time.Duration]bool{-time.Second: true, time.Second: false, 2 * time.Minute: false} {
		if got := r.counted(p, false, sent.Add(after)); got != want {
			t.Errorf("%s after it was sent: counted %v", after, got)
		}
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
