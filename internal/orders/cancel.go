package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Cancel asks for the end of an order. A queued one is aborted at once; a
// working one is asked of the broker, which may fill it first; an unresolved
// one is asked for as soon as it is found. The answer is the order with the
// request noted.
func (d *Desk) Cancel(ctx context.Context, user, id uuid.UUID, key Key) (Receipt, error) {
	k := postgres.RequestKey{User: user, Route: "DELETE /api/trading/orders/" + id.String(), Key: key.Text, Body: key.Body}
	answer, err := d.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		o, err := d.cancelIn(ctx, tx, user, id)
		if err != nil {
			return postgres.Answer{}, err
		}
		body, err := json.Marshal(o)
		return postgres.Answer{Status: 202, Body: body}, err
	})
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{answer.Body, answer.Replayed}, nil
}

func (d *Desk) cancelIn(ctx context.Context, tx pgx.Tx, user, id uuid.UUID) (Order, error) {
	if _, err := one(tx.Query(ctx, `select `+columns+` from orders o where id = $1 and user_id = $2`, id, user)); err != nil {
		return Order{}, err
	}
	if err := d.rules.Pace(ctx, tx, user, false); err != nil {
		return Order{}, err
	}
	o, err := d.lockBoth(ctx, tx, id)
	if err != nil {
		return Order{}, err
	}
	switch {
	case o.State == Queued:
		if err := d.endIn(ctx, tx, o, ending{to: Aborted, actor: byUser, reason: "cancelled before it was sent", code: UserCancelled}); err != nil {
			return Order{}, err
		}
		return read(ctx, tx, id)
	case !o.State.Live():
		return Order{}, fault.Conflict("invalid_state", "This order has already ended: "+o.Label()+".").With("state", o.State)
	}
	return d.requestCancel(ctx, tx, o)
}

// requestCancel notes the request; position and order are locked. A change that was
// not sent yet falls away.
func (d *Desk) requestCancel(ctx context.Context, tx pgx.Tx, o Order) (Order, error) {
	o, err := one(tx.Query(ctx, `
		update orders o set cancel_requested_at = coalesce(cancel_requested_at, now()), cancel_sent_at = null, updated_at = now()
		where id = $1 returning `+columns, o.ID))
	if err != nil {
		return Order{}, fmt.Errorf("request cancel: %w", err)
	}
	o, err = d.abortChange(ctx, tx, o, changeEnding{actor: byUser, reason: "the order is being cancelled", silent: true})
	if err != nil {
		return Order{}, err
	}
	if err := positions.Settle(ctx, tx, o.PositionID, d.now()); err != nil {
		return Order{}, err
	}
	if o.State.Working() {
		if err := d.ringCancel(ctx, tx, o.ID); err != nil {
			return Order{}, err
		}
	}
	return o, live.Publish(ctx, tx, o.UserID, "order", o)
}

func (d *Desk) ringCancel(ctx context.Context, tx pgx.Tx, order uuid.UUID) error {
	if _, err := d.queue.InsertTx(ctx, tx, CancelJob{order}, nil); err != nil {
		return fmt.Errorf("queue cancel of order %s: %w", order, err)
	}
	return nil
}

// SendCancel asks the broker once for each request to cancel. Whether it worked
// is learnt by looking; a repeat needs another request, after a look that shows
// the order live.
func (d *Desk) SendCancel(ctx context.Context, id uuid.UUID) error {
	seen, err := read(ctx, d.db.Pool(), id)
	if err != nil {
		return fmt.Errorf("send cancel: %w", err)
	}
	// Read before the claim: failing here leaves the cancel to be sent.
	a, err := d.accounts.ByID(ctx, seen.AccountID)
	if err != nil {
		return err
	}
	user, secret, err := d.accounts.Versioned(ctx, seen.UserID)
	if err != nil {
		return err
	}
	o, err := one(d.db.Pool().Query(ctx, `
		update orders o set cancel_sent_at = clock_timestamp()
		where id = $1 and state in ('accepted', 'partial') and cancel_requested_at is not null and cancel_sent_at is null
		  and `+brokers.SecretIsCurrent("o.user_id", "$2")+` returning `+columns, id, secret))
	if fault.CodeOf(err) == "not_found" {
		return d.cancelLater(ctx, seen.UserID, secret)
	}
	if err != nil {
		return fmt.Errorf("claim cancel of order %s: %w", id, err)
	}
	if err := d.broker.CancelOrder(ctx, user, a.BrokerAccountID, *o.BrokerOrderID); err != nil {
		d.log.WarnContext(ctx, "cancel order", "order", id, "err", err)
		if err := d.cancelNotSent(ctx, id, err); err != nil {
			return err
		}
	}
	return d.PullLook(ctx, o.AccountID)
}

// cancelLater is Again for a cancel that waits for the user's new secret, and nil for one that
// there is nothing left to ask for.
func (d *Desk) cancelLater(ctx context.Context, user uuid.UUID, secret int64) error {
	var current bool
	if err := d.db.Pool().QueryRow(ctx, `select `+brokers.SecretIsCurrent("$1", "$2"), user, secret).Scan(&current); err != nil {
		return fmt.Errorf("look for a new secret of %s: %w", user, err)
	}
	if !current {
		return Again{250 * time.Millisecond}
	}
	return nil
}

// cancelNotSent frees the claim of a cancel that provably did not reach the
// broker, so that the queue's next try may send it.
func (d *Desk) cancelNotSent(ctx context.Context, id uuid.UUID, cause error) error {
	var failed *snaptrade.PlaceError
	if !errors.As(cause, &failed) || failed.Outcome != snaptrade.NotSent {
		return nil
	}
	if _, err := d.db.Pool().Exec(ctx, `update orders set cancel_sent_at = null where id = $1`, id); err != nil {
		return fmt.Errorf("free cancel of order %s: %w", id, err)
	}
	return fmt.Errorf("cancel of order %s was not sent: %w", id, cause)
}

// repeatCancels asks again for the end of orders that a look, begun a while after
// the last request, showed live: a broker may lose or refuse a cancel, and a crash its
// bell (INV-23 needs it to come through). What a look does not show proves nothing.
func (d *Desk) repeatCancels(ctx context.Context, account uuid.UUID, lookedAt time.Time, shown ...snaptrade.Order) error {
	live := make([]string, 0, len(shown))
	for _, l := range shown {
		if !l.Status.Final() {
			live = append(live, l.ID)
		}
	}
	if len(live) == 0 {
		return nil
	}
	return d.db.AsSystem(ctx, byReconciler, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			update orders set cancel_sent_at = null where account_id = $1 and state in ('accepted', 'partial')
			  and cancel_requested_at is not null and coalesce(cancel_sent_at, cancel_requested_at) < $2::timestamptz - interval '10 seconds'
			  and broker_order_id = any($3)
			returning id`, account, lookedAt, live)
		if err != nil {
			return fmt.Errorf("read cancels to repeat: %w", err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("read cancels to repeat: %w", err)
		}
		for _, id := range ids {
			if err := d.ringCancel(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Refresh pulls the look at the order's account forward.
func (d *Desk) Refresh(ctx context.Context, user, id uuid.UUID) (Order, error) {
	o, err := d.Order(ctx, user, id)
	if err != nil {
		return Order{}, err
	}
	return o, d.PullLook(ctx, o.AccountID)
}
