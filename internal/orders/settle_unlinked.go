package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/positions"
)

// settleUnlinked ends what expired on an account that its owner removed, or that is
// gone at SnapTrade: no holdings and no history of it will come. The market alone says
// what it can.
func (d *Desk) settleUnlinked(ctx context.Context, account uuid.UUID, day exchange.Date) error {
	list, err := d.held.Expiring(ctx, account, day)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range list {
		errs = append(errs, d.endUnlinked(ctx, p, day))
	}
	return errors.Join(errs...)
}

// endUnlinked ends the orders on one such position, then what it holds. One that an
// order stands on whose fate is unknown waits for the operator who is asked about that.
func (d *Desk) endUnlinked(ctx context.Context, p positions.Position, day exchange.Date) error {
	e, known, unread := d.unlinkedEnding(ctx, p, day)
	err := d.db.AsSystem(ctx, byReconciler, func(ctx context.Context, tx pgx.Tx) error {
		if err := d.lapse(ctx, tx, p.ID); err != nil {
			return err
		}
		now, ready, err := positions.Pend(ctx, tx, p.ID)
		if err != nil || !ready {
			return err
		}
		if !known {
			return live.Publish(ctx, tx, now.UserID, "position", now)
		}
		done, err := positions.End(ctx, tx, p.ID, e)
		if err != nil || done.Kind == "" {
			return err
		}
		return d.adjusted(ctx, tx, done)
	})
	if unread != nil {
		err = errors.Join(err, unread, d.undecided(ctx, []positions.Position{p}, day))
	}
	return err
}

// unlinkedEnding is what the close of the last day says of a position: clearly out of
// the money, all of it ended for nothing. What was worth something was exercised, or
// sold where nobody saw it, and what it brought nobody will tell: that is known when the
// days have passed in which the account may be linked again. A close that cannot be
// read now is asked for again.
func (d *Desk) unlinkedEnding(ctx context.Context, p positions.Position, day exchange.Date) (e positions.Ending, known bool, err error) {
	c := p.Contract
	e = positions.Ending{AsOf: d.now(), Day: day, Unlinked: true, Evidence: map[string]any{"unlinked": true}}
	if !c.CashSettled() && !c.Adjusted() && d.market.Off() == nil {
		closed, err := d.market.DayClose(ctx, c.Underlying, c.Expiration)
		switch {
		case err == nil && outOfTheMoney(c, closed.Decimal):
			e.Expired, e.Evidence["closed"] = p.Held(), closed
			return e, true, nil
		case err != nil && !errors.Is(err, market.ErrNoQuote):
			return e, false, fmt.Errorf("read what %s closed at: %w", c.Underlying, err)
		}
	}
	e.Elsewhere = p.Held()
	return e, tradingDays(c.Expiration, day) > settleDays, nil
}

// lapsedReview is why an operator looks at an order that nobody could follow to its end.
const lapsedReview = "its account is not linked any more, and its contract has expired: what it filled at last is not known"

// lapse ends the orders on a contract that has expired, of an account whose broker
// cannot be asked: nothing works on such a contract any more. The position is locked.
func (d *Desk) lapse(ctx context.Context, tx pgx.Tx, position uuid.UUID) error {
	if _, err := positions.Lock(ctx, tx, position); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		select `+columns+` from orders o where position_id = $1 and state in ('queued', 'accepted', 'partial') order by id for no key update`, position)
	if err != nil {
		return fmt.Errorf("read the orders of position %s: %w", position, err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return fmt.Errorf("read the orders of position %s: %w", position, err)
	}
	for _, o := range list {
		e := ending{to: Aborted, actor: byReconciler, reason: "the contract has expired"}
		if o.State.Working() {
			e.to, e.reason, e.review = Expired, "the contract has expired, and its account is not linked any more", lapsedReview
			e.evidence = map[string]any{"unlinked": true}
		}
		if err := d.lapseOne(ctx, tx, o, e); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) lapseOne(ctx context.Context, tx pgx.Tx, o Order, e ending) error {
	if err := d.endIn(ctx, tx, o, e); err != nil {
		return err
	}
	o, err := read(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	_, err = d.endWithOrder(ctx, tx, o) // a change of it came to nothing
	return err
}
