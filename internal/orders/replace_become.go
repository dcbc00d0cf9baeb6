package orders

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// writeSuccession gives the order its new id, quantity and price, ends the change,
// and brings what the entry counts in line.
func (d *Desk) writeSuccession(ctx context.Context, tx pgx.Tx, o Order, s succession, k leg, l snaptrade.Order) (Order, error) {
	n := o.becomes(s, k, l)
	changed, err := one(tx.Query(ctx, `
		update orders o set quantity = $2, order_type = $3, limit_price = $4, stop_price = $5, broker_order_id = $6, estimated_cost = $7,
			cancel_sent_at = null, review_reason = `+otherReview+`, event_seq = event_seq + 1, updated_at = now()
		where id = $1 returning `+columns, o.ID, n.Quantity, n.Type, n.Limit, n.Stop, l.ID, n.EstimatedCost))
	if err != nil {
		return Order{}, fmt.Errorf("write the successor: %w", err)
	}
	said := map[string]any{"replaced": o.BrokerOrderID, "broker_order_id": l.ID, "quantity": n.Quantity, "limit": n.Limit}
	if s.change != nil {
		said["change"] = o.Change.ID
		_, err := tx.Exec(ctx, `
			update order_changes set state = 'done', broker_order_id = $2, claim_token = null, finished_at = now(), updated_at = now() where id = $1`,
			o.Change.ID, l.ID)
		if err != nil {
			return Order{}, fmt.Errorf("end order change: %w", err)
		}
		c := *changed.Change
		c.State = ChangeDone
		changed.Change = &c
	}
	if err := event(ctx, tx, changed, o.State, s.booking.actor, said); err != nil {
		return Order{}, err
	}
	if o.Side == STC {
		return changed, nil
	}
	return changed, d.recount(ctx, tx, o, s, n.EstimatedCost)
}

// recount brings what an entry has counted in line with what it costs as it is now.
// What is given back goes first to the day on which the change counted, as far as it
// counted there, and then to that of the order.
func (d *Desk) recount(ctx context.Context, tx pgx.Tx, o Order, s succession, cost decimal.Decimal) error {
	increase, day := decimal.Zero, o.TradingDay
	if s.change != nil {
		increase, day = o.Change.CostIncrease, o.Change.TradingDay
	}
	surplus := o.EstimatedCost.Add(increase).Sub(cost)
	if surplus.IsNegative() {
		return d.rules.Count(ctx, tx, o.UserID, day, risk.Spent{Premium: surplus.Neg(), CopyPremium: o.Source == Copy})
	}
	ofIncrease := decimal.Min(surplus, increase)
	if err := d.giveBackOf(ctx, tx, o, day, ofIncrease); err != nil {
		return err
	}
	return d.giveBackOf(ctx, tx, o, o.TradingDay, surplus.Sub(ofIncrease))
}

// becomes is the order with its successor in place: the broker's word for what it
// says, what was asked for where it says nothing.
func (o Order) becomes(s succession, k leg, l snaptrade.Order) Order {
	n := o
	ordered := o.Quantity - (o.Cum - k.cum) // under this id alone
	if s.change != nil {
		switch {
		case k.cum > 0: // the broker changed it in place
			ordered = o.Change.Quantity - (o.Cum - k.cum)
		case o.Change.Units != nil:
			ordered = *o.Change.Units
		}
		n.Limit = o.Change.Limit()
		n.EstimatedCost = o.EstimatedCost.Add(o.Change.CostIncrease)
	}
	if total, known := contracts(l.Total); known && total > 0 {
		ordered = total
	}
	n.Quantity = min(max(o.Cum-k.cum+ordered, o.Cum, 1), maxQuantity)
	if l.Type == snaptrade.TypeMarket && s.change == nil {
		n.Type, n.Limit, n.Stop = Market, nil, nil
	}
	if l.Type == snaptrade.TypeLimit && l.LimitPrice != nil && s.change == nil {
		n.Type, n.Stop = Limit, nil
	}
	if l.LimitPrice != nil && l.LimitPrice.IsPositive() && (n.Type == Limit || n.Type == StopLimit) {
		n.Limit = &money.Price{Decimal: *l.LimitPrice}
	}
	rest := risk.Facts{Entry: o.Side == BTO, Contract: o.Contract, Quantity: n.Quantity - o.Cum, Limit: n.Limit, Stop: n.Stop}
	if cost, known := risk.EntryCost(rest); known { // nobody asks the market for one without a price
		n.EstimatedCost = o.spent().Add(cost.Decimal)
	}
	return n
}
