package copytrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// Stop says how copying one trader is stopped.
type Stop struct {
	Level string // orders.StopEntries, StopCancel or StopClose: each includes the one before
	Pause bool   // it may go on later; else the subscription ends
}

// StopCounts are what the levels would touch now.
type StopCounts struct {
	Working int // buys that may still fill or be asked about
	Held    int // copied contracts that are not being sold
}

// Stop stops copying one trader: nothing new first, so that nothing can begin while
// the rest is taken back. What was bought stays unless the level says otherwise; own
// contracts are never touched. A higher level may follow.
func (c *Copier) Stop(ctx context.Context, follower, id uuid.UUID, how Stop) (s Subscription, done orders.Stopped, err error) {
	if s, err = c.Subscription(ctx, follower, id); err != nil {
		return s, done, err
	}
	if how.Level != orders.StopEntries && how.Level != orders.StopCancel && how.Level != orders.StopClose {
		return s, done, fault.Field("level", "entries, cancel or close.")
	}
	if s, err = c.turnOff(ctx, s, how); err != nil || how.Level == orders.StopEntries {
		return s, done, err
	}
	if done.Taken, err = c.takeBack(ctx, id); err != nil || how.Level == orders.StopCancel {
		return s, done, err
	}
	if *s.Settings.Paper {
		done.Selling, done.Left, err = c.closePaper(ctx, s)
	} else {
		done.Selling, done.Left, err = c.desk.SellCopies(ctx, follower, &id)
	}
	return s, done, err
}

// turnOff pauses or ends a subscription. With it is written that what still fills of it
// is sold, where that is how it is stopped: the switches are held, before any other lock,
// so that no claim of it commits meanwhile.
func (c *Copier) turnOff(ctx context.Context, s Subscription, how Stop) (off Subscription, err error) {
	paused := "paused"
	err = c.db.As(ctx, s.FollowerID, func(ctx context.Context, tx pgx.Tx) error {
		closes := how.Level == orders.StopClose && !*s.Settings.Paper
		if closes {
			if err := c.rules.HoldSwitches(ctx, tx); err != nil {
				return err
			}
		}
		if how.Pause {
			off, err = c.update(ctx, tx, s.FollowerID, s.ID, Change{Status: &paused}, nil)
		} else {
			off, err = c.unsubscribe(ctx, tx, s.FollowerID, s.ID)
		}
		if err != nil || !closes {
			return err
		}
		return c.desk.CloseCopies(ctx, tx, s.FollowerID, &s.ID)
	})
	return off, err
}

// sellFilled sells what an entry bought after its subscription, or all trading, was
// stopped with what is held to be sold. What cannot be sold now is tried again for a
// quarter of an hour, and the follower told once.
func (c *Copier) sellFilled(ctx context.Context, o orders.Order) error {
	err := c.desk.SellFilled(ctx, o)
	_, words, _, refused := refusal(err)
	if !refused {
		return err
	}
	position := o.PositionID
	err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		return c.alerts.Notify(ctx, tx, alerts.Notification{
			UserID: o.UserID, Type: alerts.CopyTradeFailed, Title: "Bought after you stopped, and not sold yet: " + o.Contract.Display(),
			Body: words + " It is tried again for some minutes; then what you hold of it is yours to sell.", URL: "/positions/" + position.String(),
			SubjectKey: "closing:" + o.ID.String(), PositionID: &position, LearntAt: c.now(),
		})
	})
	if err == nil && c.now().Sub(o.UpdatedAt) < exitsWithin {
		err = orders.Again{After: exitSpacing}
	}
	return err
}

// unsold are entries that filled after that was to be sold, and are not (index
// orders_close_unsold): the job that sells them may have died. Foreign table: orders.
const unsold = `
	select id from orders where close_sold < cum
	  and updated_at between clock_timestamp() - interval '15 minutes' and clock_timestamp() - interval '5 seconds' limit $1`

// undecidedEntries are a subscription's buys that no order was written for.
const undecidedEntries = `c.subscription_id = @subscription and c.side = 'BTO' and c.order_id is null`

// workingEntries are a subscription's buys that may still fill. Foreign table: orders.
const workingEntries = `
	select o.id from orders o join subscriptions s on s.id = o.subscription_id
	where s.id = $1 and o.user_id = s.follower_id and o.side = 'BTO' and o.cancel_requested_at is null
	  and o.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')`

// takeBack ends a subscription's buys that have no order yet, and takes back or asks
// for the end of those that have one: each in a transaction of its own, so that one
// that fails does not keep the others.
func (c *Copier) takeBack(ctx context.Context, subscription uuid.UUID) (taken int, err error) {
	if err := c.endAll(ctx, ending{Skipped, "copying_stopped", ""}, undecidedEntries, pgx.NamedArgs{"subscription": subscription}); err != nil {
		return 0, err
	}
	rows, err := c.db.Pool().Query(ctx, workingEntries+` order by o.created_at limit 1000`, subscription)
	if err != nil {
		return 0, fmt.Errorf("read entries to take back: %w", err)
	}
	entries, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("read entries to take back: %w", err)
	}
	var errs []error
	for _, order := range entries {
		if err := c.desk.Withdraw(ctx, order, "You stopped copying."); err != nil {
			errs = append(errs, fmt.Errorf("take back order %s: %w", order, err))
			continue
		}
		taken++
	}
	return taken, errors.Join(errs...)
}

// StopCounts tells a follower what stopping a subscription of theirs would touch.
// Foreign tables: orders, copy_holdings.
func (c *Copier) StopCounts(ctx context.Context, s Subscription) (n StopCounts, err error) {
	err = c.db.As(ctx, s.FollowerID, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select (select count(*) from (`+workingEntries+`) working)
				+ (select count(*) from copy_decisions c where c.user_id = $2 and c.subscription_id = $1 and c.side = 'BTO' and c.order_id is null
					and c.result in ('queued', 'awaiting_approval', 'approved')),
				(select coalesce(sum(bought - sold), 0) from copy_holdings where user_id = $2 and subscription_id = $1 and bought > sold)
				+ (select coalesce(sum(bought - sold), 0) from paper_holdings where user_id = $2 and subscription_id = $1 and bought > sold)`,
			s.ID, s.FollowerID).Scan(&n.Working, &n.Held)
	})
	if err != nil {
		return StopCounts{}, fmt.Errorf("count what stopping touches: %w", err)
	}
	return n, nil
}
