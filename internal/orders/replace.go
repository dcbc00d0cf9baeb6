package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
)

// changeDraft is a change with what its transaction needs to know of the world:
// networks are asked before it begins.
type changeDraft struct {
	request ChangeRequest
	account brokers.Account
	facts   risk.Facts // of the order as it is to become
}

// Replace asks for another price or quantity of a working order: a child row with
// the claim, the deadline and the unknown outcome of placing. One transaction with
// the key, the checks, the reservation of the increase, the event and the job that
// sends; a refusal leaves nothing behind. The answer is the order as it still is,
// with the change noted.
func (d *Desk) Replace(ctx context.Context, user, id uuid.UUID, key Key, r ChangeRequest) (Receipt, error) {
	k := postgres.RequestKey{User: user, Route: "PATCH /api/trading/orders/" + id.String(), Key: key.Text, Body: key.Body}
	if answer, found, err := d.db.Replay(ctx, k, nil); err != nil || found {
		return Receipt{answer.Body, true}, err
	}
	dr, err := d.draftChange(ctx, user, id, r)
	if err != nil {
		return Receipt{}, err
	}
	answer, err := d.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		o, err := d.enterChange(ctx, tx, user, id, dr)
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

// draftChange asks the account and the market about the order as it would become.
func (d *Desk) draftChange(ctx context.Context, user, id uuid.UUID, r ChangeRequest) (changeDraft, error) {
	o, err := d.Order(ctx, user, id)
	if err != nil {
		return changeDraft{}, err
	}
	if err := r.shape(); err != nil {
		return changeDraft{}, err
	}
	if err := o.changeable(); err != nil {
		return changeDraft{}, err
	}
	quantity, limit, err := r.target(o)
	if err != nil {
		return changeDraft{}, err
	}
	account, err := d.accounts.ByID(ctx, o.AccountID)
	if err != nil {
		return changeDraft{}, err
	}
	if !account.ListsOrders {
		return changeDraft{}, fault.Conflict("invalid_state",
			"This broker lists no orders, so it could not be known whether a change was made. Cancel the order and place another.")
	}
	dr := Draft{user: user, contract: o.Contract, account: account, intent: Intent{
		Side: o.Side, Quantity: quantity, Type: o.Type, Limit: limit, Stop: o.Stop, ConfirmPrice: r.ConfirmPrice,
	}}
	d.ask(ctx, &dr)
	return changeDraft{request: r, account: dr.account, facts: dr.facts}, nil
}

// enterChange is T1 of a change. Locks in their order: switches, day counters,
// position, order. The order is read once before its lock to know what to count,
// and must still be the same under it.
func (d *Desk) enterChange(ctx context.Context, tx pgx.Tx, user, id uuid.UUID, dr changeDraft) (Order, error) {
	seen, err := one(tx.Query(ctx, `select `+columns+` from orders o where id = $1 and user_id = $2`, id, user))
	if err != nil {
		return Order{}, err
	}
	if err := seen.changeable(); err != nil {
		return Order{}, err
	}
	quantity, limit, err := dr.request.target(seen)
	if err != nil {
		return Order{}, err
	}
	c := d.newChange(seen, quantity, limit)
	if err := d.mayChange(ctx, tx, seen, &c, dr); err != nil {
		return Order{}, err
	}
	if err := d.holdForChange(ctx, tx, seen, quantity); err != nil {
		return Order{}, err
	}
	o, err := lock(ctx, tx, id)
	if err != nil {
		return Order{}, err
	}
	if err := stillAs(seen, o); err != nil {
		return Order{}, err
	}
	if err := d.rules.Unresolved(ctx, tx, o.AccountID, o.Contract.Symbol, string(o.Side)); err != nil {
		return Order{}, err
	}
	return d.writeChange(ctx, tx, o, c)
}

func (d *Desk) newChange(o Order, quantity int, limit *money.Price) Change {
	within := sendEntryWithin
	if o.Side == STC {
		within = sendExitWithin
	}
	c := Change{OrderID: o.ID, Quantity: quantity, TradingDay: d.clock.Today(), SendBefore: d.now().Add(within)}
	if limit != nil {
		c.LimitPrice = nullable(limit.Decimal)
	}
	return c
}

// mayChange runs the checks: switches, account, pace, and for an entry the day's
// dollars and the buying power of what it grows by.
func (d *Desk) mayChange(ctx context.Context, tx pgx.Tx, o Order, c *Change, dr changeDraft) error {
	rules, err := d.rules.For(ctx, tx, d.changeTrade(o, dr.account))
	if err != nil {
		return err
	}
	if err := d.tradable(ctx, tx, o); err != nil {
		return err
	}
	c.CostIncrease = o.costIncrease(c.Quantity, dr.facts)
	if err := c.checkOrder(rules, o, dr.facts); err != nil {
		return err
	}
	if err := rules.Pace(ctx, tx, o.UserID, o.Side == BTO); err != nil {
		return err
	}
	if o.Side == STC || !c.grows(o) {
		return nil
	}
	if c.CostIncrease.IsPositive() {
		if err := rules.UseDayPremium(ctx, tx, o.UserID, c.TradingDay, money.Amount{Decimal: c.CostIncrease}, o.Source == Copy); err != nil {
			return err
		}
	}
	return d.checkIncrease(ctx, tx, rules, o, dr.account, dr.facts)
}

// checkOrder is what is wrong with the order as it is to become. How large it is
// counts only where it grows: a limit that is full already forbids nobody to take less.
func (c Change) checkOrder(rules *risk.Rules, o Order, facts risk.Facts) (err error) {
	if c.grows(o) {
		_, err = rules.CheckOrder(facts)
	} else {
		_, err = rules.CheckPrice(facts)
	}
	return err
}

// grows reports whether an order takes more by the change than without it.
func (c Change) grows(o Order) bool { return c.Quantity > o.Quantity || c.CostIncrease.IsPositive() }

// spent is what an entry's fills cost, in dollars, to the places of estimated_cost.
func (o Order) spent() decimal.Decimal {
	return o.CumNotional.Mul(decimal.NewFromInt(int64(o.Contract.Multiplier))).Round(4)
}

// costIncrease is by how many dollars an entry is reckoned to cost more with so many
// contracts: what is filled has its price, what is not has the new one.
func (o Order) costIncrease(quantity int, facts risk.Facts) decimal.Decimal {
	facts.Quantity = quantity - o.Cum
	rest, known := risk.EntryCost(facts)
	if !known {
		return decimal.Zero
	}
	return decimal.Max(decimal.Zero, o.spent().Add(rest.Decimal).Sub(o.EstimatedCost))
}

// changeTrade is a change as the rules see it: made by hand, whoever decided on the order.
func (d *Desk) changeTrade(o Order, a brokers.Account) risk.Trade {
	return risk.Trade{
		UserID: o.UserID, AccountID: o.AccountID, Broker: a.BrokerSlug, Underlying: o.Contract.Underlying,
		Entry: o.Side == BTO, Day: d.clock.Today(),
	}
}

// tradable is R2 on the account as it stands in this transaction.
func (d *Desk) tradable(ctx context.Context, tx pgx.Tx, o Order) error {
	return d.checkAccount(ctx, tx, Draft{user: o.UserID, account: brokers.Account{ID: o.AccountID}})
}

// checkIncrease is R15: what the order takes already, it may go on taking.
func (d *Desk) checkIncrease(ctx context.Context, tx pgx.Tx, rules *risk.Rules, o Order, a brokers.Account, facts risk.Facts) error {
	left, err := d.buyingLeft(ctx, tx, a, o.ID)
	if err != nil {
		return fmt.Errorf("reckon buying power: %w", err)
	}
	if left != nil && o.CreatedAt.Before(*a.BalanceAt) {
		left = &money.Amount{Decimal: left.Add(o.EstimatedCost)} // the broker has put it aside
	}
	facts.BuyingLeft = left
	_, err = rules.Check(facts)
	return err
}

// holdForChange takes the position's lock and, for a sell that grows, the further
// contracts: until the change is resolved the larger quantity is reserved.
func (d *Desk) holdForChange(ctx context.Context, tx pgx.Tx, o Order, quantity int) error {
	if o.Side == STC && quantity > o.Quantity {
		return positions.Reserve(ctx, tx, o.UserID, o.PositionID, quantity-o.Quantity)
	}
	_, err := positions.Lock(ctx, tx, o.PositionID)
	return err
}

// stillAs refuses when the order changed between two readings in a way that the
// checks in between did not see.
func stillAs(seen, o Order) error {
	if err := o.changeable(); err != nil {
		return err
	}
	if o.Cum != seen.Cum || o.Quantity != seen.Quantity || !samePrice(o.Limit, seen.Limit) || o.PositionID != seen.PositionID {
		return fault.Conflict("invalid_state", "The order has just changed. Look again.").With("state", o.State)
	}
	return nil
}

// writeChange stores the change, its event, its bell and its live event.
func (d *Desk) writeChange(ctx context.Context, tx pgx.Tx, o Order, c Change) (Order, error) {
	c, err := oneChange(tx.Query(ctx, `
		insert into order_changes as c (order_id, user_id, account_id, symbol, side, quantity, limit_price, cost_increase, trading_day, send_before)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning to_jsonb(c)`,
		o.ID, o.UserID, o.AccountID, o.Contract.Symbol, o.Side, c.Quantity, c.LimitPrice, c.CostIncrease, c.TradingDay, c.SendBefore))
	if postgres.IsUnique(err, "order_changes_one_per_order") {
		return Order{}, fault.Conflict("invalid_state", "This order is being replaced already.")
	}
	if err != nil {
		return Order{}, fmt.Errorf("write order change: %w", err)
	}
	if o, err = d.noteChange(ctx, tx, o.ID, byUser, c, nil); err != nil {
		return Order{}, err
	}
	if _, err := d.queue.InsertTx(ctx, tx, ChangeJob{ChangeID: c.ID, Exit: o.Side == STC}, nil); err != nil {
		return Order{}, fmt.Errorf("queue change of order %s: %w", o.ID, err)
	}
	return o, live.Publish(ctx, tx, o.UserID, "order", o)
}

// noteChange records in the order's history where a change stands. The order's
// row is locked, and is returned as it is now.
func (d *Desk) noteChange(ctx context.Context, tx pgx.Tx, id uuid.UUID, actor string, c Change, evidence map[string]any) (Order, error) {
	o, err := one(tx.Query(ctx, `update orders o set event_seq = event_seq + 1, updated_at = now() where id = $1 returning `+columns, id))
	if err != nil {
		return Order{}, fmt.Errorf("note the change of order %s: %w", id, err)
	}
	said := map[string]any{"change": c.ID, "state": c.State, "quantity": c.Quantity}
	if l := c.Limit(); l != nil {
		said["limit"] = l
	}
	for name, value := range evidence {
		said[name] = value
	}
	return o, event(ctx, tx, o, o.State, actor, said)
}

// changeEnding is the end of a change that did not come about.
type changeEnding struct {
	to     ChangeState // failed, aborted
	actor  string
	reason string
	code   string // of a refusal, for programs
	review string // why an operator should look
	silent bool   // its owner brought it about
}

// endChange writes such an end and gives back what the change counted; position
// and order are locked. The caller settles the position.
func (d *Desk) endChange(ctx context.Context, tx pgx.Tx, c Change, e changeEnding) (Order, error) {
	c, err := oneChange(tx.Query(ctx, `
		update order_changes c set state = $2, reason = $3, reason_code = nullif($4, ''), claim_token = null, finished_at = now(), updated_at = now()
		where id = $1 returning to_jsonb(c)`, c.ID, e.to, e.reason, e.code))
	if err != nil {
		return Order{}, fmt.Errorf("end order change: %w", err)
	}
	_, err = tx.Exec(ctx, `update orders set review_reason = coalesce(nullif($2, ''), `+otherReview+`) where id = $1`, c.OrderID, e.review)
	if err != nil {
		return Order{}, fmt.Errorf("mark order %s for review: %w", c.OrderID, err)
	}
	o, err := d.noteChange(ctx, tx, c.OrderID, e.actor, c, map[string]any{"reason": e.reason})
	if err != nil {
		return Order{}, err
	}
	if err := d.giveBackOf(ctx, tx, o, c.TradingDay, c.CostIncrease); err != nil {
		return Order{}, err
	}
	if e.silent {
		return o, nil
	}
	return o, d.notifyChange(ctx, tx, o, c)
}

// giveBackOf returns some of the dollars that an entry counted on a day.
func (d *Desk) giveBackOf(ctx context.Context, tx pgx.Tx, o Order, day exchange.Date, dollars decimal.Decimal) error {
	if !dollars.IsPositive() {
		return nil
	}
	return d.rules.GiveBack(ctx, tx, o.UserID, day, risk.Spent{Premium: dollars, CopyPremium: o.Source == Copy})
}

// abortChange ends a change that was never sent, when there is one; position and
// order are locked.
func (d *Desk) abortChange(ctx context.Context, tx pgx.Tx, o Order, e changeEnding) (Order, error) {
	if o.Change == nil || o.Change.State != ChangeQueued {
		return o, nil
	}
	e.to = ChangeAborted
	return d.endChange(ctx, tx, *o.Change, e)
}

// changePause is how long until a change that may be at the broker is looked for again.
func changePause(c Change, now time.Time) time.Duration {
	base := c.CreatedAt
	if c.SentAt != nil {
		base = *c.SentAt
	}
	return unresolvedPause(now.Sub(base))
}
