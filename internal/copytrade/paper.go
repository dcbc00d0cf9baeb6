package copytrade

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
)

// On paper a copy is decided about and judged like any other. Where an order would
// be placed, it is filled in full at the price the market gives, or waits for it as
// long as an order might be sent. Nothing here touches an order or a position.

const (
	paperBuyingPower = "100000"        // dollars, of whom has no account, where a copy's size is a percentage of it
	paperEvery       = 2 * time.Second // between two looks at a price that is waited for
	paperPrice       = "paper_price"   // the reason of what waits for its price, or waited in vain
)

// late is how an entry ends whose time is over.
func (d Decision) late() ending {
	if d.Reason != nil && *d.Reason == paperPrice {
		return ending{Failed, paperPrice, ""}
	}
	return ending{Skipped, "too_late", ""}
}

// buyOnPaper is enter for an entry on paper. What it bought after the leader had left
// is sold as any other copy's.
func (c *Copier) buyOnPaper(ctx context.Context, leader orders.Order, d Decision, order orders.CopyOrder, still func(context.Context, pgx.Tx) error) error {
	filled, err := c.fillOnPaper(ctx, d, order, still)
	if err != nil || !filled {
		return err
	}
	return c.sellLate(ctx, leader.PositionID, &d.SubscriptionID)
}

// sellOnPaper is enter for an exit on paper.
func (c *Copier) sellOnPaper(ctx context.Context, x exit, order orders.CopyOrder, still func(context.Context, pgx.Tx) error) error {
	_, err := c.fillOnPaper(ctx, x.Decision, order, still)
	return err
}

// fillOnPaper fills a copy at the market's price, in one transaction with its
// decision; out of its limit it waits. A refusal is for the caller to judge.
func (c *Copier) fillOnPaper(ctx context.Context, d Decision, order orders.CopyOrder, still func(context.Context, pgx.Tx) error) (filled bool, err error) {
	draft, err := c.desk.DraftPaper(ctx, order)
	if err != nil {
		return false, err
	}
	price, ok := draft.Fill()
	if !ok {
		return false, c.tryAgain(ctx, d, paperPrice, noNumbers, paperEvery)
	}
	made, err := c.paperMade(ctx, order)
	if err != nil {
		return false, err
	}
	err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		if err := still(ctx, tx); err != nil {
			return err
		}
		if err := c.desk.JudgePaper(ctx, tx, draft, price.Cost(order.Quantity, order.Contract.Multiplier), made); err != nil {
			return err
		}
		f := paperFill{
			subscription: d.SubscriptionID, user: d.FollowerID, decision: &d.ID, contract: d.Contract,
			kind: paperKinds[order.Side], quantity: order.Quantity, price: price, target: order.Target, day: c.clock.Today(),
		}
		if _, err := f.book(ctx, tx); err != nil {
			return err
		}
		return c.filledOnPaper(ctx, tx, d, f)
	})
	if errors.Is(err, errTaken) {
		return false, nil
	}
	c.desk.Refused(ctx, err)
	return err == nil, err
}

// filledOnPaper marks the decision executed and tells the follower.
func (c *Copier) filledOnPaper(ctx context.Context, tx pgx.Tx, d Decision, f paperFill) error {
	d, err := oneDecision(tx.Query(ctx, `
		with made as (
			update copy_decisions set result = 'executed', reason = null, quantity = coalesce($2, quantity), updated_at = now()
			where id = $1 returning *)`+readMade, d.ID, f.target))
	if err != nil {
		return fmt.Errorf("mark decision %s executed on paper: %w", d.ID, err)
	}
	if err := live.Publish(ctx, tx, d.FollowerID, "decision", d); err != nil {
		return err
	}
	verb := "bought"
	if f.kind == paperSell {
		verb = "sold"
	}
	return c.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: d.FollowerID, Type: alerts.CopyTradeExecuted, Title: d.onPaper(fmt.Sprintf("%s %d %s", verb, f.quantity, d.Contract.Display())),
		Body:  fmt.Sprintf("At %s on paper, copied from @%s, who traded at %s. Nothing was traded for you.", f.price.Display(), d.Trader, d.SourcePrice.Display()),
		Brief: "On paper, copied from @" + d.Trader, URL: "/copy", SubjectKey: d.ID.String(), LearntAt: c.now(),
	})
}

// The kinds of what is booked on paper.
const (
	paperBuy    = "buy"
	paperSell   = "sell"
	paperSettle = "settle" // what expired
	paperClose  = "close"  // by the follower's own hand, or one of their bounds
)

var paperKinds = map[orders.Side]string{orders.BTO: paperBuy, orders.STC: paperSell}

// paperFill is something bought, sold or settled on paper.
type paperFill struct {
	subscription, user uuid.UUID
	decision           *uuid.UUID // nil: settled, or closed
	trigger            *uuid.UUID // the bound that closed it; nil: none
	contract           exchange.Contract
	kind               string
	quantity           int
	price              money.Price
	target             *int // sells: what the decision has sold with it
	day                exchange.Date
}

// book writes a fill and what is held after it, by average cost like any position,
// and says what it realised. The holding is locked: of two fills one sees the other.
func (f paperFill) book(ctx context.Context, tx pgx.Tx) (realized decimal.Decimal, err error) {
	if f.kind == paperBuy {
		_, err := tx.Exec(ctx, `
			insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration) values ($1, $2, $3, $4, $5, $6)
			on conflict (subscription_id, symbol) do nothing`,
			f.subscription, f.contract.Symbol, f.user, f.contract.Underlying, f.contract.Multiplier, f.contract.Expiration)
		if err != nil {
			return realized, fmt.Errorf("open a holding on paper: %w", err)
		}
	}
	var l positions.Ledger
	err = tx.QueryRow(ctx, `
		select bought, sold, cost_bought, remaining_cost, proceeds, realized from paper_holdings
		where subscription_id = $1 and symbol = $2 for no key update`, f.subscription, f.contract.Symbol).
		Scan(&l.Bought, &l.Sold, &l.CostBought, &l.RemainingCost, &l.Proceeds, &l.Realized)
	if err != nil {
		return realized, fmt.Errorf("lock a holding on paper: %w", err)
	}
	notional := f.price.Mul(decimal.NewFromInt(int64(f.quantity)))
	if f.kind == paperBuy {
		l = l.Buy(f.quantity, notional, decimal.Zero, f.contract.Multiplier)
	} else {
		l, _, realized = l.Sell(f.quantity, notional, decimal.Zero, f.contract.Multiplier)
	}
	_, err = tx.Exec(ctx, `
		with held as (
			update paper_holdings set bought = $3, sold = $4, cost_bought = $5, remaining_cost = $6, proceeds = $7, realized = $8, updated_at = now()
			where subscription_id = $1 and symbol = $2 returning user_id)
		insert into paper_fills (subscription_id, symbol, user_id, decision_id, kind, quantity, price, realized, copy_target, trading_day, trigger_id)
		select $1, $2, user_id, $9, $10, $11, $12, $13, $14, $15, $16 from held`,
		f.subscription, f.contract.Symbol, l.Bought, l.Sold, l.CostBought, l.RemainingCost, l.Proceeds, l.Realized,
		f.decision, f.kind, f.quantity, f.price, realized, f.target, f.day, f.trigger)
	if err != nil {
		return realized, fmt.Errorf("book a fill on paper: %w", err)
	}
	return realized, nil
}

// paperMade is what a follower's copies on paper came to today, for an entry's loss
// stop: what was sold, and what is held by its latest quotes; what nobody quotes
// counts as nothing (indexes paper_fills_day, paper_holdings_open).
func (c *Copier) paperMade(ctx context.Context, order orders.CopyOrder) (made decimal.Decimal, err error) {
	if order.Side != orders.BTO {
		return made, nil
	}
	err = c.db.Pool().QueryRow(ctx, `
		select coalesce(sum(realized), 0) from paper_fills where user_id = $1 and trading_day = $2 and kind <> 'buy'`, order.UserID, c.clock.Today()).Scan(&made)
	if err != nil {
		return made, fmt.Errorf("reckon the day on paper: %w", err)
	}
	rows, err := c.db.Pool().Query(ctx, `
		select symbol, sum((bought - sold) * multiplier)::bigint, sum(remaining_cost) from paper_holdings
		where user_id = $1 and bought > sold group by symbol order by symbol limit $2`, order.UserID, market.QuotesMax)
	if err != nil {
		return made, fmt.Errorf("reckon the day on paper: %w", err)
	}
	type lot struct {
		shares int64
		cost   decimal.Decimal
	}
	held := map[string]lot{}
	var symbol string
	var l lot
	if _, err = pgx.ForEachRow(rows, []any{&symbol, &l.shares, &l.cost}, func() error { held[symbol] = l; return nil }); err != nil {
		return made, fmt.Errorf("reckon the day on paper: %w", err)
	}
	for symbol, mark := range c.marks(ctx, slices.Sorted(maps.Keys(held))) {
		made = made.Add(mark.Mul(decimal.NewFromInt(held[symbol].shares)).Sub(held[symbol].cost))
	}
	return made, nil
}

// marks are the latest prices of contracts, as far as somebody quotes them in time.
func (c *Copier) marks(ctx context.Context, symbols []string) map[string]money.Price {
	found := map[string]money.Price{}
	if len(symbols) == 0 || c.market == nil || c.market.Off() != nil {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, c.markTime)
	defer cancel()
	quotes, err := c.market.Quotes(ctx, symbols)
	if err != nil {
		c.log.WarnContext(ctx, "copies are reckoned without quotes", "err", err)
	}
	for symbol, q := range quotes {
		if mark := q.Mark(); mark != nil {
			found[symbol] = *mark
		}
	}
	return found
}

// leftOnPaper are flat positions of leaders that paper is still held of, because it
// was bought while the exit was decided (INV-23). Foreign tables: orders, positions.
const leftOnPaper = `
	select distinct l.position_id from paper_holdings h
	join lateral (
		select c.leader_order_id, c.result, c.reason, c.held, c.id from copy_decisions c
		where c.user_id = h.user_id and c.subscription_id = h.subscription_id and c.symbol = h.symbol and c.side = 'STC'
		  and c.decided_at > clock_timestamp() - interval '1 hour' and c.expires_at > clock_timestamp()
		order by c.decided_at desc limit 1) c on true
	join orders l on l.id = c.leader_order_id
	join positions p on p.id = l.position_id
	where h.bought > h.sold and p.bought = p.sold
	  and (c.result = 'executed' or c.result = 'skipped' and c.reason = 'no_copy_held')
	limit $1`
