package orders

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Rule 8.2: what gives back to a day counter waits for it before it takes the
// position, as placing does, so that neither waits for the other for ever.
func TestTheDayCounterComesBeforeThePosition(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*booker, uuid.UUID) func(context.Context) error{
		"a change fails": func(b *booker, id uuid.UUID) func(context.Context) error {
			b.change(id, ChangeUnknown, 5, "3.50")
			c := *b.read(id).Change
			return func(ctx context.Context) error {
				return b.desk.failChange(ctx, id, c, nil, changeEnding{actor: byReconciler, reason: "not made"})
			}
		},
		"an order goes on as another": func(b *booker, id uuid.UUID) func(context.Context) error {
			b.change(id, ChangeUnknown, 5, "3.30")
			s := succession{change: b.read(id).Change, booking: booking{actor: byReconciler}}
			return func(ctx context.Context) error {
				return b.desk.adoptSuccessor(ctx, id, s, successor("second", 5, "3.30"))
			}
		},
		"an order is cancelled at the broker": func(b *booker, id uuid.UUID) func(context.Context) error {
			l := successor("first", 5, "3.40")
			r := reportOf(l)
			r.Status = snaptrade.StatusCancelled
			return func(ctx context.Context) error { return b.desk.book(ctx, id, r, booking{actor: byReconciler}) }
		},
		"an order is aborted": func(b *booker, id uuid.UUID) func(context.Context) error {
			queued := b.queuedAt(otherContract, BTO, time.Second)
			b.set(queued, `trading_day = (select trading_day from orders where id = '`+id.String()+`')`)
			return func(ctx context.Context) error { return b.desk.Abort(ctx, queued.ID, bySweeper, "stale") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			id := b.limitOrder(BTO, 5, 0)
			act, done := prepare(b, id), make(chan error, 1)
			err := b.db.AsSystem(t.Context(), byPlacer, func(ctx context.Context, tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `update day_counters set used = used + 1`); err != nil {
					return err
				}
				go func() { done <- act(t.Context()) }()
				if err := b.somebodyWaits(ctx); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `select 1 from positions for no key update nowait`)
				return err
			}, postgres.NoRetry())
			if err != nil {
				t.Errorf("the position is taken by who waits for the counter: %v", err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// somebodyWaits returns once a transaction of this database waits for a lock.
func (b *booker) somebodyWaits(ctx context.Context) error {
	for range 3000 {
		var waits bool
		err := b.db.Pool().QueryRow(ctx, `
			select exists (select 1 from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database())`).Scan(&waits)
		if err != nil || waits {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.New("nobody waits")
}
