package orders

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// successorGrace is how long an order that the broker calls replaced waits for its
// successor to be listed: lists may be minutes late.
const successorGrace = 4 * time.Minute

// followReplaced follows the orders that were replaced without our asking, in the
// broker's own app, to what took their place: when exactly one listed order may be
// it. The ids that were taken are left out of what is returned.
func (d *Desk) followReplaced(ctx context.Context, a brokers.Account, list snaptrade.OrderList, unlinked []snaptrade.Order) ([]snaptrade.Order, error) {
	if !slices.ContainsFunc(list.Orders, func(l snaptrade.Order) bool { return l.Status == snaptrade.StatusReplaced }) {
		return unlinked, nil
	}
	sought, err := d.watched(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, o := range sought {
		if !o.State.Working() || o.Change.Unresolved() || o.BrokerOrderID == nil {
			continue
		}
		i := slices.IndexFunc(list.Orders, func(l snaptrade.Order) bool { return l.ID == *o.BrokerOrderID })
		if i < 0 || list.Orders[i].Status != snaptrade.StatusReplaced {
			continue
		}
		taken, err := d.follow(ctx, o, list.Orders[i], unlinked)
		errs = append(errs, err)
		unlinked = without(unlinked, taken)
	}
	return unlinked, errors.Join(errs...)
}

// followRead is followReplaced for orders that were read otherwise than by the list of
// the day: older than that, or where there is none.
func (d *Desk) followRead(ctx context.Context, a brokers.Account, replaced, unlinked []snaptrade.Order) ([]snaptrade.Order, error) {
	var errs []error
	for _, old := range replaced {
		linked, err := d.linked(ctx, a.ID, []snaptrade.Order{old})
		o, known := linked[old.ID]
		if err != nil || !known || !o.State.Working() || o.Change.Unresolved() || o.leg.old {
			errs = append(errs, err)
			continue
		}
		taken, err := d.follow(ctx, o.Order, old, unlinked)
		errs = append(errs, err)
		unlinked = without(unlinked, taken)
	}
	return unlinked, errors.Join(errs...)
}

// follow takes on the one successor of a replaced order. With none or several, the
// order ends as cancelled, and an operator is asked to look.
func (d *Desk) follow(ctx context.Context, o Order, old snaptrade.Order, unlinked []snaptrade.Order) (taken string, err error) {
	var found []snaptrade.Order
	for _, l := range unlinked {
		if mayFollow(o, old, l) {
			found = append(found, l)
		}
	}
	found = successors(old, found)
	switch {
	case len(found) == 1:
		return found[0].ID, d.adoptSuccessor(ctx, o.ID, succession{replaced: old.ID, booking: booking{actor: byReconciler}}, found[0])
	case len(found) == 0 && !old.UpdatedAt.IsZero() && d.now().Sub(old.UpdatedAt) < successorGrace:
		return "", d.PullLook(ctx, o.AccountID) // it may not be listed yet
	}
	return "", d.bookAlone(ctx, o.ID, old)
}

// mayFollow reports whether a listed order may have taken the place of a replaced
// one: the same contract and side, placed when that one ended.
func mayFollow(o Order, old, l snaptrade.Order) bool {
	if !l.Option || !sameContract(o.Contract, l.Symbol) || !sameSide(o.Side, l.Action) || l.PlacedAt.Before(old.PlacedAt) {
		return false
	}
	return old.UpdatedAt.IsZero() ||
		!l.PlacedAt.Before(old.UpdatedAt.Add(-matchBefore)) && !l.PlacedAt.After(old.UpdatedAt.Add(matchAfter))
}
