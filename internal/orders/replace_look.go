package orders

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// verdict is what a look at both orders says of a change.
type verdict int

const (
	undecided verdict = iota
	succeeded         // the old id has ended, and one listed order is its successor
	inPlace           // the broker changed the order under its own id
	notMade           // looked for long enough: the order is as it was
	lost              // looked for long enough: the order ended, and nothing took its place
)

// judgeChange decides about an unresolved change from the replaced order as the
// broker shows it now and the listed orders that may be its successor.
func judgeChange(o listedOrder, old snaptrade.Order, found int, giveUp bool) verdict {
	ended := old.Status.Final() && old.Status != snaptrade.StatusFilled
	switch {
	case ended && found > 0:
		return succeeded
	case ended && giveUp:
		return lost
	case !ended && changedInPlace(o, old):
		return inPlace
	case !ended && giveUp:
		return notMade
	}
	return undecided
}

// changedInPlace reports whether a working order already is what was asked for,
// and was not before.
func changedInPlace(o listedOrder, old snaptrade.Order) bool {
	c := o.Change
	if limit := c.Limit(); limit != nil && !samePrice(limit, o.Limit) {
		return old.LimitPrice != nil && old.LimitPrice.Equal(limit.Decimal)
	}
	total, known := contracts(old.Total)
	before := o.Quantity - (o.Cum - o.leg.cum) // of this id alone
	return known && total != before && (total == c.Quantity || c.Units != nil && total == *c.Units)
}

// mayBeLarger reports whether a listed order has filled all that is known to be
// ordered while the broker may have made it larger under its own id: what became of
// the change is judged first, because a filled order is never looked at again.
func (o listedOrder) mayBeLarger(l snaptrade.Order) bool {
	filled, known := contracts(l.Filled)
	return o.Change.Unresolved() && !o.leg.old && known && o.Cum-o.leg.cum+filled >= o.Quantity
}

// allFilled reports whether the broker itself says that nothing of an order is left.
func allFilled(l snaptrade.Order) bool {
	total, known := contracts(l.Total)
	filled, _ := contracts(l.Filled)
	return known && filled >= total || !known && l.Status == snaptrade.StatusFilled
}

// bookJudged books the orders that a look left for after the judging of their
// changes. One that is still not judged waits, unless nothing of it is left.
func (d *Desk) bookJudged(ctx context.Context, account uuid.UUID, list []snaptrade.Order) error {
	if len(list) == 0 {
		return nil
	}
	linked, err := d.linked(ctx, account, list)
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range list {
		o, r := linked[l.ID], reportOf(l)
		if (!o.mayBeLarger(l) || allFilled(l)) && o.news(r) {
			errs = append(errs, d.book(ctx, o.ID, r, booking{actor: byReconciler}))
		}
	}
	return errors.Join(errs...)
}

// applyOne is apply for an order that was read by its id.
func (d *Desk) applyOne(ctx context.Context, user snaptrade.User, a brokers.Account, o Order, l snaptrade.Order) error {
	now, err := d.withLeg(ctx, o)
	if err != nil {
		return err
	}
	if now.mayBeLarger(l) {
		return errors.Join(d.followByID(ctx, user, a, now, l), d.bookJudged(ctx, a.ID, []snaptrade.Order{l}))
	}
	if err := d.book(ctx, o.ID, reportOf(l), booking{actor: byReconciler}); err != nil {
		return err
	}
	if now, err = d.withLeg(ctx, o); err != nil {
		return err
	}
	return d.followByID(ctx, user, a, now, l)
}

// withLeg reads an order anew, with what filled under its present id.
func (d *Desk) withLeg(ctx context.Context, o Order) (listedOrder, error) {
	linked, err := d.linked(ctx, o.AccountID, []snaptrade.Order{{ID: *o.BrokerOrderID}})
	if err != nil {
		return listedOrder{}, err
	}
	return linked[*o.BrokerOrderID], nil
}

// contracts reads a whole number of them.
func contracts(d *decimal.Decimal) (int, bool) {
	if d == nil || !d.IsInteger() || d.IsNegative() {
		return 0, false
	}
	return int(d.IntPart()), true
}

// resolveChanges finds out what became of the changes that may or may not have been
// made. What is taken, or may be the successor of one still open, is not returned.
func (d *Desk) resolveChanges(ctx context.Context, user snaptrade.User, a brokers.Account, list snaptrade.OrderList, unlinked []snaptrade.Order, sought []Order) ([]snaptrade.Order, error) {
	var errs []error
	for _, o := range sought {
		if !o.Change.Unresolved() || o.BrokerOrderID == nil {
			continue
		}
		old, err := d.nowAtBroker(ctx, user, a, list, *o.BrokerOrderID)
		var taken string
		switch {
		case err == nil:
			taken, err = d.resolveChange(ctx, user, a, o, old, list, unlinked)
		case snaptrade.StatusOf(err) == http.StatusNotFound || isUnsupported(err):
			taken, err = d.resolveUnseen(ctx, user, a, o, list, unlinked)
		}
		errs = append(errs, err)
		unlinked = withholdSuccessors(without(unlinked, taken), o)
	}
	return unlinked, errors.Join(errs...)
}

// nowAtBroker is an order as this look shows it: listed, or read by its id.
func (d *Desk) nowAtBroker(ctx context.Context, user snaptrade.User, a brokers.Account, list snaptrade.OrderList, id string) (snaptrade.Order, error) {
	for _, l := range list.Orders {
		if l.ID == id {
			return l, nil
		}
	}
	return d.broker.OrderDetails(snaptrade.WithClass(ctx, snaptrade.UnresolvedLook), user, a.BrokerAccountID, id)
}

// resolveChange acts on the verdict about one change. The broker id it took is returned.
func (d *Desk) resolveChange(ctx context.Context, user snaptrade.User, a brokers.Account, seen Order, old snaptrade.Order, list snaptrade.OrderList, unlinked []snaptrade.Order) (taken string, err error) {
	o, err := d.withLeg(ctx, seen)
	if err != nil || !o.Change.Unresolved() {
		return "", err
	}
	found := successors(old, match(o.Change.asked(o.Order), unlinked))
	switch judgeChange(o, old, len(found), mayGiveUpChange(o.Side, *o.Change, list.AskedAt, a.ListsOrders)) {
	case succeeded:
		return d.takeSuccessor(ctx, user, a, o.Order, found)
	case inPlace:
		return "", d.adoptSuccessor(ctx, o.ID, succession{change: o.Change, booking: booking{actor: byReconciler}}, old)
	case notMade:
		return "", d.failChange(ctx, o.ID, *o.Change, nil, changeEnding{actor: byReconciler, reason: notMadeReason})
	case lost:
		err := d.failChange(ctx, o.ID, *o.Change, nil, changeEnding{actor: byReconciler, reason: lostReason})
		return "", errors.Join(err, d.bookAlone(ctx, o.ID, old))
	}
	return "", d.countChangeLook(ctx, *o.Change, list)
}

// takeSuccessor lets an order go on as one of the listed orders that look like what it
// was to become.
func (d *Desk) takeSuccessor(ctx context.Context, user snaptrade.User, a brokers.Account, o Order, found []snaptrade.Order) (taken string, err error) {
	s := succession{change: o.Change, booking: booking{actor: byReconciler}}
	n, chosen, _ := d.choose(ctx, user, a, o, found)
	if n > 1 {
		s.booking.review = "several orders at the broker look like the replacement of this one"
	}
	return chosen.ID, d.adoptSuccessor(ctx, o.ID, s, *chosen)
}

// What the owner of a change reads that did not come about.
const (
	notMadeReason = "The broker did not make the change. The order works on as it was."
	lostReason    = "The order ended at the broker, and no replacement was found there."
)

// unseenReview is why an operator looks at an order that the broker shows no more.
const unseenReview = "the broker shows neither this order nor a replacement of it"

// resolveUnseen decides about a change whose order the broker shows neither in its
// list nor by its id: after the time to give up, by what is listed in its place. With
// nothing there the change has failed, so that it holds up no exit for ever, and an
// operator is asked to look.
func (d *Desk) resolveUnseen(ctx context.Context, user snaptrade.User, a brokers.Account, o Order, list snaptrade.OrderList, unlinked []snaptrade.Order) (taken string, err error) {
	if !mayGiveUpChange(o.Side, *o.Change, list.AskedAt, a.ListsOrders) {
		return "", d.countChangeLook(ctx, *o.Change, list)
	}
	if found := match(o.Change.asked(o), unlinked); len(found) > 0 {
		return d.takeSuccessor(ctx, user, a, o, found)
	}
	return "", d.failChange(ctx, o.ID, *o.Change, nil, changeEnding{
		actor: byReconciler, reason: "The broker shows neither the order nor a replacement of it. Check with your broker.", review: unseenReview,
	})
}

// bookAlone books a replaced order that nothing has followed.
func (d *Desk) bookAlone(ctx context.Context, id uuid.UUID, old snaptrade.Order) error {
	r := reportOf(old)
	r.NoSuccessor = true
	return d.book(ctx, id, r, booking{actor: byReconciler})
}

func (d *Desk) countChangeLook(ctx context.Context, c Change, list snaptrade.OrderList) error {
	if c.State != ChangeUnknown || list.AskedAt.Before(*c.Deadline) || !complete(list, *c.SentAt) {
		return nil
	}
	_, err := d.db.Pool().Exec(ctx, `update order_changes set complete_looks = complete_looks + 1 where id = $1 and state = 'unknown'`, c.ID)
	if err != nil {
		return fmt.Errorf("count a look for change %s: %w", c.ID, err)
	}
	return nil
}

// successors keeps, of the orders that may have taken an order's place, those it
// names as its children, when it names any.
func successors(old snaptrade.Order, found []snaptrade.Order) []snaptrade.Order {
	if len(old.ChildOrderIDs) == 0 {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), func(l snaptrade.Order) bool { return !slices.Contains(old.ChildOrderIDs, l.ID) })
}

// withholdSuccessors keeps back what may be the successor of an order that is being
// replaced: a row of its own would take the id away.
func withholdSuccessors(list []snaptrade.Order, o Order) []snaptrade.Order {
	sought := o.Change.asked(o)
	return slices.DeleteFunc(slices.Clone(list), func(l snaptrade.Order) bool {
		return l.Option && sameContract(o.Contract, l.Symbol) && sameSide(o.Side, l.Action) && placedInTime(sought, l.PlacedAt)
	})
}

// followByID follows an order that was read by its id and not listed: where the
// broker changed it in place, or names the one order that took its place.
func (d *Desk) followByID(ctx context.Context, user snaptrade.User, a brokers.Account, o listedOrder, l snaptrade.Order) error {
	s := succession{change: o.Change, booking: booking{actor: byReconciler}}
	if !o.Change.Unresolved() {
		s = succession{replaced: l.ID, booking: s.booking}
	}
	switch {
	case l.Status == snaptrade.StatusReplaced && len(l.ChildOrderIDs) == 1:
		next, err := d.broker.OrderDetails(ctx, user, a.BrokerAccountID, l.ChildOrderIDs[0])
		if err != nil {
			return fmt.Errorf("read the successor of order %s: %w", o.ID, err)
		}
		return d.adoptSuccessor(ctx, o.ID, s, next)
	case o.Change.Unresolved() && judgeChange(o, l, 0, false) == inPlace:
		return d.adoptSuccessor(ctx, o.ID, s, l)
	case o.Change.Unresolved() && !a.ListsOrders:
		return d.judgeUnlisted(ctx, o, l)
	}
	return nil
}

// judgeUnlisted decides about a change where no list will ever show a successor, by the
// order itself, just read: one that works on as it was for so long was not changed. Of
// one that has ended nobody can tell what took its place; what did has ended too when
// the market has closed since, if it was for the day.
func (d *Desk) judgeUnlisted(ctx context.Context, o listedOrder, l snaptrade.Order) error {
	c := o.Change
	if c.State != ChangeUnknown || c.SentAt == nil || d.now().Before(c.SentAt.Add(giveUpAfter(o.Side))) {
		return nil
	}
	switch {
	case !l.Status.Final():
		return d.failChange(ctx, o.ID, *c, nil, changeEnding{actor: byReconciler, reason: notMadeReason})
	case l.Status != snaptrade.StatusFilled && o.TimeInForce == Day && c.SentAt.Before(d.clock.LastClose()):
		err := d.failChange(ctx, o.ID, *c, nil, changeEnding{actor: byReconciler, reason: lostReason, review: unseenReview})
		return errors.Join(err, d.bookAlone(ctx, o.ID, l))
	}
	return nil
}

// succession is how an order comes by another id at the broker.
type succession struct {
	change   *Change    // that was asked for; nil when nobody here asked
	claim    *uuid.UUID // the placer's; nil for the reconciler
	replaced string     // nobody asked: the id that was replaced
	booking  booking
}

// adoptSuccessor makes a broker order the continuation of ours: its id joins those of
// the order, which becomes what the broker says it is now; what filled before stays
// filled. In one transaction with the end of the change and what is known of fills.
func (d *Desk) adoptSuccessor(ctx context.Context, id uuid.UUID, s succession, l snaptrade.Order) error {
	err := d.db.AsSystem(ctx, s.booking.actor, func(ctx context.Context, tx pgx.Tx) error {
		return d.adoptSuccessorIn(ctx, tx, id, s, l)
	})
	if err != nil {
		return fmt.Errorf("follow order %s to its successor: %w", id, err)
	}
	return nil
}

func (d *Desk) adoptSuccessorIn(ctx context.Context, tx pgx.Tx, id uuid.UUID, s succession, l snaptrade.Order) error {
	o, p, err := d.lockForReport(ctx, tx, id, true, s.booking.span(reportOf(l)))
	if err != nil {
		return err
	}
	if stands, err := d.stands(ctx, tx, o, s, l.ID); err != nil || !stands {
		return err
	}
	k, err := link(ctx, tx, o, l.ID)
	if err != nil {
		return err
	}
	k.old = false
	before := o
	if s.change == nil {
		if o, err = d.abortChange(ctx, tx, o, changeEnding{actor: byReconciler, reason: "the order was replaced at the broker"}); err != nil {
			return err
		}
	}
	if o, err = d.writeSuccession(ctx, tx, o, s, k, l); err != nil {
		return err
	}
	if o.CancelRequested != nil { // it was asked of the id that is gone
		if err := d.ringCancel(ctx, tx, o.ID); err != nil {
			return err
		}
	}
	booked, err := d.bookLeg(ctx, tx, o, p, k, reportOf(l), s.booking)
	if err != nil || booked {
		return err
	}
	return d.afterReport(ctx, tx, before, o, step{State: o.State})
}

// stands reports whether the order is still to be followed. A placer's answer that
// comes after a look has decided only compares ids.
func (d *Desk) stands(ctx context.Context, tx pgx.Tx, o Order, s succession, brokerID string) (bool, error) {
	if s.change == nil {
		return o.State.Working() && o.BrokerOrderID != nil && *o.BrokerOrderID == s.replaced, nil
	}
	open := o.Change != nil && o.Change.ID == s.change.ID && o.Change.Unresolved() && (s.claim == nil || o.Change.claimedBy(*s.claim))
	if open && o.State.Working() {
		return true, nil
	}
	if s.claim == nil || o.BrokerOrderID == nil {
		return false, nil
	}
	return false, d.compareIDs(ctx, tx, o, report{BrokerOrderID: brokerID})
}
