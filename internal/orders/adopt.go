package orders

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// adopt finds the orders we do not know the fate of among the listed ones that
// belong to nobody (T8, T10, T14), counts complete looks, and gives up when the
// search has gone on for long enough (T9). What nobody claimed is returned.
func (d *Desk) adopt(ctx context.Context, user snaptrade.User, a brokers.Account, list snaptrade.OrderList, unlinked []snaptrade.Order, sought []Order) ([]snaptrade.Order, error) {
	sought = slices.DeleteFunc(slices.Clone(sought), func(o Order) bool {
		return o.State.claim() == 0 || o.State == Rejected && o.BrokerOrderID != nil
	})
	slices.SortStableFunc(sought, func(a, b Order) int { return cmp.Compare(a.State.claim(), b.State.claim()) })
	all := slices.Clone(sought)
	var errs []error
	claim := func(o Order, matches []snaptrade.Order) (settled bool) {
		settled, rest, err := d.claimListed(ctx, user, a, o, matches, unlinked)
		unlinked, errs = rest, append(errs, err)
		return settled
	}
	// First what had counted as ended and is older than its rivals: their rank would give
	// it to one of those, and the older one would stay wrong for good.
	sought = slices.DeleteFunc(sought, func(o Order) bool { return claim(o, beforeRivals(o, match(o, unlinked), all)) })
	for _, o := range sought {
		if claim(o, beforeRefused(o, match(o, unlinked), sought)) {
			continue
		}
		errs = append(errs, d.notFound(ctx, a, o, list))
		unlinked = withhold(unlinked, o)
	}
	return unlinked, errors.Join(errs...)
}

// claimListed lets an order take one of the listed orders that may be it. What may be a
// refused one's, and cannot be asked about now, is kept for it a while: a row of its own
// would take the id away. It says whether this look has anything else to do about the
// order, and returns what is still nobody's.
func (d *Desk) claimListed(ctx context.Context, user snaptrade.User, a brokers.Account, o Order, matches, unlinked []snaptrade.Order) (settled bool, rest []snaptrade.Order, err error) {
	found, chosen, unread := d.choose(ctx, user, a, o, matches)
	if unread && d.now().Sub(*o.SentAt) < giveUpEntry {
		for _, l := range matches {
			unlinked = without(unlinked, l.ID)
		}
		return true, unlinked, d.PullLook(ctx, a.ID) // nothing else may be planned for it
	}
	if chosen == nil {
		return false, unlinked, nil
	}
	rest, err = d.take(ctx, o, *chosen, found, unlinked)
	return true, rest, err
}

// beforeRivals keeps of the listed orders that may be o, which had counted as ended,
// those that unresolved orders would take too although all of them were sent later.
func beforeRivals(o Order, found []snaptrade.Order, sought []Order) []snaptrade.Order {
	if o.State.Unresolved() {
		return nil
	}
	return slices.DeleteFunc(found, func(l snaptrade.Order) bool {
		if !o.claimCovers(l) {
			return true
		}
		rivals := 0
		for _, r := range sought {
			if !r.State.Unresolved() || !sameOrder(r, l) {
				continue
			}
			if !l.PlacedAt.Before(r.SentAt.Truncate(time.Second)) {
				return true
			}
			rivals++
		}
		return rivals == 0
	})
}

// beforeRefused leaves out of what an order that counts as ended may be, what was placed
// within the claim of another one that was refused, and not within its own: an answer that
// was wrong is more likely than an order that waited for minutes.
func beforeRefused(o Order, found []snaptrade.Order, sought []Order) []snaptrade.Order {
	if o.State.Unresolved() {
		return found
	}
	return slices.DeleteFunc(found, func(l snaptrade.Order) bool {
		return !o.claimCovers(l) && slices.ContainsFunc(sought, func(r Order) bool {
			return r.State == Rejected && sameOrder(r, l) && r.claimCovers(l)
		})
	})
}

// claimCovers says that a listed order was placed while a request of o might have been on
// the wire: until it was refused, or its deadline. The broker's times have whole seconds.
func (o Order) claimCovers(l snaptrade.Order) bool {
	until := *o.Deadline
	if o.State == Rejected && o.FinishedAt != nil {
		until = *o.FinishedAt
	}
	return !l.PlacedAt.Before(o.SentAt.Truncate(time.Second)) && !l.PlacedAt.After(until)
}

// take books a listed order, one of the found, as o's; it is nobody's no more.
func (d *Desk) take(ctx context.Context, o Order, chosen snaptrade.Order, found int, unlinked []snaptrade.Order) ([]snaptrade.Order, error) {
	b := booking{actor: byReconciler}
	if found > 1 {
		b.review = "several orders at the broker look like this one"
	}
	err := d.book(ctx, o.ID, reportOf(chosen), b)
	if errors.Is(err, errLinkedElsewhere) { // somebody else's since the list was read: it was no match
		return without(unlinked, chosen.ID), nil
	}
	if err != nil {
		return unlinked, err
	}
	return without(unlinked, chosen.ID), nil
}

// claim ranks who may take a listed order that is nobody's: first what may be at
// the broker, then what we gave up looking for, last what it had refused. Zero: nobody.
func (s State) claim() int {
	switch {
	case s.Unresolved():
		return 1
	case s == NotPlaced:
		return 2
	case s == Rejected:
		return 3
	}
	return 0
}

// choose prefers, among several matches, one that SnapTrade says was placed
// through it; then the earliest. A wrong pick is a labelling error; a resend
// would be a money error. A refused order is only taken for one that SnapTrade knows.
// unread says that it is not known whether SnapTrade does: it could not be asked.
func (d *Desk) choose(ctx context.Context, user snaptrade.User, a brokers.Account, o Order, found []snaptrade.Order) (n int, chosen *snaptrade.Order, unread bool) {
	if len(found) == 0 {
		return 0, nil, false
	}
	if len(found) == 1 && o.State != Rejected {
		return 1, &found[0], false
	}
	ctx = snaptrade.WithClass(ctx, snaptrade.UnresolvedLook)
	for i, l := range found {
		_, err := d.broker.OrderDetails(ctx, user, a.BrokerAccountID, l.ID)
		if err == nil {
			return len(found), &found[i], false
		}
		unread = unread || snaptrade.StatusOf(err) != http.StatusNotFound && !isUnsupported(err)
	}
	if o.State == Rejected {
		return 0, nil, unread
	}
	return len(found), &found[0], false
}

// withhold keeps back, while o's request is on the wire, what might be its order
// though it does not look like it: the answer will name it, and a row of its own
// would take the id away from o.
func withhold(list []snaptrade.Order, o Order) []snaptrade.Order {
	if o.State != Submitting {
		return list
	}
	return slices.DeleteFunc(list, func(l snaptrade.Order) bool {
		return l.Option && sameContract(o.Contract, l.Symbol) && sameSide(o.Side, l.Action) && placedInTime(o, l.PlacedAt)
	})
}

func without(list []snaptrade.Order, id string) []snaptrade.Order {
	rest := make([]snaptrade.Order, 0, len(list))
	for _, l := range list {
		if l.ID != id {
			rest = append(rest, l)
		}
	}
	return rest
}

// notFound counts a complete look and gives up (T9) when the row as it was
// before this look allows it and this list was fetched late enough.
func (d *Desk) notFound(ctx context.Context, a brokers.Account, o Order, list snaptrade.OrderList) error {
	if o.State != Unknown || o.Deadline == nil || list.AskedAt.Before(*o.Deadline) || !complete(list, *o.SentAt) {
		return nil
	}
	if mayGiveUp(o, list.AskedAt, a.ListsOrders) {
		return d.end(ctx, o.ID, ending{
			to: NotPlaced, actor: byReconciler, reason: "The broker does not list this order. Check with your broker before placing it again.",
			evidence: map[string]any{"complete_looks": o.CompleteLooks + 1, "listed_at": list.AskedAt},
		})
	}
	_, err := d.db.Pool().Exec(ctx, `update orders set complete_looks = complete_looks + 1 where id = $1 and state = 'unknown'`, o.ID)
	if err != nil {
		return fmt.Errorf("count a look for order %s: %w", o.ID, err)
	}
	return nil
}

// complete says whether a list would show an order sent at a time: a full page
// may have pushed it out.
func complete(list snaptrade.OrderList, sent time.Time) bool {
	if list.Unreadable > 0 {
		return false
	}
	if len(list.Orders) < listFull {
		return true
	}
	oldest := list.Orders[0].PlacedAt
	for _, l := range list.Orders {
		if l.PlacedAt.Before(oldest) {
			oldest = l.PlacedAt
		}
	}
	return oldest.Before(sent)
}
