package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/trace"
)

// booking says who books a report, and under which claim.
type booking struct {
	actor  string
	claim  *uuid.UUID // the placer's (T4); nil for the reconciler
	review string     // why an operator should look, whatever the report says
	placed time.Time  // when an order was placed elsewhere that was not known until now
}

// span is when a report's fills were executed: at the earliest, and at the latest. Zero:
// nobody knows.
type span struct{ from, to time.Time }

func (b booking) span(r report) span {
	s := span{r.ExecutedAt, r.ExecutedAt}
	if !b.placed.IsZero() {
		s.from = b.placed
	}
	if s.to.IsZero() {
		s.to = s.from
	}
	return s
}

// sendsMost is how often a request may provably not have been executed (T6).
const sendsMost = 5

// errLinkedElsewhere says that the broker id belongs to another order (INV-2).
var errLinkedElsewhere = errors.New("the broker order belongs to another order")

// book applies what the broker says of one order: link, state, fills, position,
// alert and the bell for copies, in one transaction (T4, T8, T10 to T14). What
// it says a second time changes nothing.
func (d *Desk) book(ctx context.Context, id uuid.UUID, r report, b booking) (err error) {
	ctx, span := d.db.ResumeTrace(ctx, "book order", trace.Internal, id)
	err = trace.ErrPanicked // unless it returns
	defer func() { span.End(err) }()
	err = d.db.AsSystem(ctx, b.actor, func(ctx context.Context, tx pgx.Tx) error {
		return d.bookIn(ctx, tx, id, r, b)
	})
	if err != nil {
		return fmt.Errorf("book report of order %s: %w", id, err)
	}
	return nil
}

func (d *Desk) bookIn(ctx context.Context, tx pgx.Tx, id uuid.UUID, r report, b booking) error {
	gives := r.Status.Final() && r.Status != snaptrade.StatusFilled // back what it did not buy
	o, p, err := d.lockForReport(ctx, tx, id, gives, b.span(r))
	if err != nil {
		return err
	}
	if b.claim != nil && o.BrokerOrderID != nil && !o.claimedBy(*b.claim) {
		return d.compareIDs(ctx, tx, o, r)
	}
	l, err := link(ctx, tx, o, r.BrokerOrderID)
	if err != nil {
		return err
	}
	_, err = d.bookLeg(ctx, tx, o, p, l, r, b)
	return err
}

// bookLeg books a report of one of the order's ids; everything is locked. It says
// whether anything changed.
func (d *Desk) bookLeg(ctx context.Context, tx pgx.Tx, o Order, p positions.Position, l leg, r report, b booking) (bool, error) {
	d.noteWord(ctx, o.ID, r)
	s := advance(o, l, o.heldWhileReplaced(l, r))
	if s.Review == "" {
		s.Review = b.review
	}
	if !o.learns(s) {
		return false, nil
	}
	changed, err := d.writeStep(ctx, tx, o, p, l, r, s)
	if err != nil {
		return false, err
	}
	evidence := map[string]any{"status": r.Word, "broker_order_id": r.BrokerOrderID}
	if s.Quantity == 0 && changed.State.Live() {
		return true, d.afterWord(ctx, tx, o, changed, b.actor, evidence)
	}
	if err := event(ctx, tx, changed, o.State, b.actor, evidence); err != nil {
		return false, err
	}
	if s.Quantity > 0 {
		if err := d.fill(ctx, tx, changed, p, r, s, b.span(r)); err != nil {
			return false, err
		}
	}
	if changed, err = d.endWithOrder(ctx, tx, changed); err != nil {
		return false, err
	}
	return true, d.afterReport(ctx, tx, o, changed, s)
}

// heldWhileReplaced is the report without the end it tells of, while the broker may
// be replacing the order: what looks like an end may be the making of its successor.
// That everything has filled ends it all the same; whether that is everything, a look
// judges before it books (mayBeLarger).
func (o Order) heldWhileReplaced(l leg, r report) report {
	if o.Change.Unresolved() && !l.old && r.Status.Final() {
		r.Status = snaptrade.StatusPending
	}
	return r
}

// endWithOrder ends a change that its order's end has overtaken.
func (d *Desk) endWithOrder(ctx context.Context, tx pgx.Tx, o Order) (Order, error) {
	if o.State.Live() || !o.Change.Open() {
		return o, nil
	}
	e := changeEnding{to: ChangeAborted, actor: byReconciler, reason: "the order had ended: " + o.Label()}
	if o.Change.Unresolved() {
		e.to = ChangeFailed
	}
	return d.endChange(ctx, tx, *o.Change, e)
}

// compareIDs takes the placer's answer to an order that a look adopted before it
// came (T8). Another id means that the look picked a twin, and both are at the
// broker: this one stays unlinked, so that the next look makes a row of it. A
// wrong pick is a labelling error; to book two broker orders on one would lose fills.
func (d *Desk) compareIDs(ctx context.Context, tx pgx.Tx, o Order, r report) error {
	if *o.BrokerOrderID == r.BrokerOrderID {
		return nil
	}
	const review = "the broker's answer names another order than the one found in its list"
	changed, err := one(tx.Query(ctx, `
		update orders o set review_reason = $2, event_seq = event_seq + 1, updated_at = now() where id = $1 returning `+columns, o.ID, review))
	if err != nil {
		return fmt.Errorf("mark order for review: %w", err)
	}
	if err := event(ctx, tx, changed, o.State, byPlacer, map[string]any{"answered": r.BrokerOrderID}); err != nil {
		return err
	}
	return lookAt(ctx, tx, o, d.now())
}

// learns says whether a report tells anything that the order does not know yet.
func (o Order) learns(s step) bool {
	return s.State != o.State || s.Quantity != 0 || o.BrokerOrderID == nil || fresherReview(o, s)
}

func fresherReview(o Order, s step) bool {
	return s.Review != "" && (o.Review == nil || *o.Review != s.Review)
}

// lockForReport takes position and order. A late fill of an ended position
// belongs to the contract's newer open position, if there is one. A report that may
// change what its entry counts takes the counters of its days before them. What an
// adjustment of the ended position took away for a sale stays there.
func (d *Desk) lockForReport(ctx context.Context, tx pgx.Tx, id uuid.UUID, counts bool, when span) (Order, positions.Position, error) {
	seen, err := read(ctx, tx, id)
	if err != nil {
		return Order{}, positions.Position{}, err
	}
	if counts || seen.State == NotPlaced || seen.State.endedThere() {
		if err := d.holdDays(ctx, tx, seen); err != nil {
			return Order{}, positions.Position{}, err
		}
	}
	p, err := positions.Lock(ctx, tx, seen.PositionID)
	if err != nil {
		return Order{}, positions.Position{}, err
	}
	gone, err := goneFor(ctx, tx, p, seen.Side, when)
	if err != nil {
		return Order{}, positions.Position{}, err
	}
	if len(gone) == 0 {
		if p, err = positions.Current(ctx, tx, p); err != nil {
			return Order{}, positions.Position{}, err
		}
	}
	if _, err := positions.Holdings(ctx, tx, p.ID); err != nil { // their lock comes before the order's (rule 8.2)
		return Order{}, positions.Position{}, err
	}
	o, err := lock(ctx, tx, id)
	return o, p, err
}

// goneFor is what adjustments of a locked position have taken away already for a sale.
// Where the price of all that left is known, there is none.
func goneFor(ctx context.Context, tx pgx.Tx, p positions.Position, side Side, when span) ([]positions.Gone, error) {
	if side != STC || p.Unpriced == 0 || when.from.IsZero() {
		return nil, nil
	}
	gone, err := positions.FindGone(ctx, tx, p.AccountID, p.Contract.Symbol, when.from, when.to)
	if err != nil || len(gone) == 0 || gone[0].PositionID != p.ID {
		return nil, err
	}
	return gone, nil
}

// link remembers that the broker knows the order by this id (INV-2), and says what
// is known to have filled under it.
func link(ctx context.Context, tx pgx.Tx, o Order, brokerID string) (leg, error) {
	l := leg{old: o.BrokerOrderID != nil && *o.BrokerOrderID != brokerID}
	var owner uuid.UUID
	err := tx.QueryRow(ctx, `
		with mine as (
			insert into order_broker_ids (account_id, broker_order_id, order_id, user_id) values ($1, $2, $3, $4)
			on conflict (account_id, broker_order_id) do nothing returning order_id, cum, cum_notional
		)
		select order_id, cum, cum_notional from mine union all
		select order_id, cum, cum_notional from order_broker_ids where account_id = $1 and broker_order_id = $2 limit 1`,
		o.AccountID, brokerID, o.ID, o.UserID).Scan(&owner, &l.cum, &l.notional)
	if err != nil {
		return leg{}, fmt.Errorf("link broker order: %w", err)
	}
	if owner != o.ID {
		return leg{}, errLinkedElsewhere
	}
	return l, nil
}

func (d *Desk) writeStep(ctx context.Context, tx pgx.Tx, o Order, p positions.Position, l leg, r report, s step) (Order, error) {
	if s.Quantity > 0 {
		_, err := tx.Exec(ctx, `
			update order_broker_ids set cum = cum + $3, cum_notional = cum_notional + $4 where account_id = $1 and broker_order_id = $2`,
			o.AccountID, r.BrokerOrderID, s.Quantity, s.Notional)
		if err != nil {
			return Order{}, fmt.Errorf("book a fill on broker order %s: %w", r.BrokerOrderID, err)
		}
	}
	newest := r.BrokerOrderID
	if l.old {
		newest = *o.BrokerOrderID
	}
	var finished *time.Time
	if !s.State.Live() {
		finished = o.FinishedAt
		if finished == nil {
			now := d.now()
			finished = &now
		}
	}
	review := o.Review
	if lostReview(review) && !s.State.Unresolved() && !o.Change.Unresolved() {
		review = nil // it is known now
	}
	if s.Review != "" {
		review = &s.Review
	}
	executed := o.ExecutedAt
	if executed == nil && s.Quantity > 0 {
		executed = timeOrNil(r.ExecutedAt)
	}
	return one(tx.Query(ctx, `
		update orders o set state = $2, cum = cum + $3, cum_notional = cum_notional + $4, review_reason = $5, finished_at = $6,
			executed_at = $7, broker_order_id = $8, position_id = $9, claim_token = null, unknown_since = null,
			reason = case when $2 = 'rejected' then coalesce(reason, 'rejected by the broker') else reason end,
			quantity = quantity + $10, event_seq = event_seq + 1, updated_at = now()
		where id = $1 returning `+columns,
		o.ID, s.State, s.Quantity, s.Notional, review, finished, executed, newest, p.ID, s.Grown))
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// fill books newly filled contracts on the position and announces them.
func (d *Desk) fill(ctx context.Context, tx pgx.Tx, o Order, p positions.Position, r report, s step, when span) error {
	at := d.now()
	if !r.ExecutedAt.IsZero() {
		at = r.ExecutedAt
	}
	gone, err := goneFor(ctx, tx, p, o.Side, when)
	if err != nil {
		return err
	}
	applied, err := positions.Apply(ctx, tx, p, positions.Fill{
		Buy: o.Side == BTO, Quantity: s.Quantity, Notional: s.Notional, SubscriptionID: o.SubscriptionID, At: at, Day: d.clock.Today(),
		OrderID: o.ID, Gone: gone,
	})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, cost_removed, realized, executed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		o.ID, o.Cum, o.UserID, p.ID, o.Side, s.Quantity, s.Notional, applied.CostRemoved, applied.Realized, timeOrNil(r.ExecutedAt))
	if err != nil {
		return fmt.Errorf("write fill: %w", err)
	}
	if o.Cum == s.Quantity && o.SentAt != nil { // its first; a transaction that is repeated counts it again
		d.observe(HopFilled, o.Side, d.now().Sub(*o.SentAt))
	}
	return d.announce(ctx, tx, o, applied)
}

// announce makes the trade's alert on the first fill and raises its revision on
// later ones. There is no other way to an alert about a trade.
func (d *Desk) announce(ctx context.Context, tx pgx.Tx, o Order, applied positions.Applied) error {
	public, err := d.publishes(ctx, tx, o)
	if err != nil {
		return err
	}
	t := alerts.Trade{
		OrderID: o.ID, UserID: o.UserID, PositionID: o.PositionID, Side: string(o.Side), Contract: o.Contract,
		Ordered: o.Quantity, Filled: o.Cum, Average: *o.Average(), Source: string(o.Source), Public: public,
		ExecutedAt: o.ExecutedAt, LearntAt: d.now(), Revision: o.EventSeq, Ended: !o.State.Live(),
	}
	if o.Side == STC {
		if err := sold(ctx, tx, o, &t, applied); err != nil {
			return err
		}
	}
	return d.alerts.Announce(ctx, tx, t)
}

// sold adds what all of a sell's fills realised, and the entry they are measured by.
func sold(ctx context.Context, tx pgx.Tx, o Order, t *alerts.Trade, applied positions.Applied) error {
	var realized, cost decimal.Decimal
	err := tx.QueryRow(ctx, `select sum(realized), sum(cost_removed) from fills where order_id = $1`, o.ID).Scan(&realized, &cost)
	if err != nil {
		return fmt.Errorf("sum what order %s realised: %w", o.ID, err)
	}
	t.Realized, t.CostRemoved = &money.Amount{Decimal: realized}, &money.Amount{Decimal: cost}
	t.Entry = applied.Position.AverageEntry()
	return nil
}

// publishes says whether a fill is public: the own trade of a trader whose plan
// lets them publish, made here, or in the broker's app where the trader wants that.
// Who has stopped publishing, or whose plan has lapsed, begins nothing new; what was
// announced is announced to its end. Foreign tables: users, trading_switches, alerts (index alerts_position).
func (d *Desk) publishes(ctx context.Context, tx pgx.Tx, o Order) (bool, error) {
	if o.Source != Manual && o.Source != Detected {
		return false, nil
	}
	var trader, begun bool
	err := tx.QueryRow(ctx, `
		select role in ('trader', 'admin') and ($2 or announces_detected)
				and (b.begun or not exists (select from trading_switches where scope = 'publishing' and key = id::text)), b.begun
		from users cross join lateral (select $3 = 'STC' and exists (select from alerts a where a.position_id = $4 and a.side = 'BTO' and a.public) as begun) b
		where id = $1`, o.UserID, o.Source == Manual, o.Side, o.PositionID).Scan(&trader, &begun)
	if err != nil {
		return false, fmt.Errorf("read the trader's role: %w", err)
	}
	if !trader || begun {
		return trader, nil
	}
	err = d.gate.AllowsIn(ctx, tx, o.UserID, billing.Publish)
	if fault.CodeOf(err) == "plan_required" {
		return false, nil
	}
	return err == nil, err
}
