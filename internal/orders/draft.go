package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// How long a quote or a balance may keep a user waiting before an order is
// judged without it, unless Options say otherwise.
const lookUpTime = 3 * time.Second

// Draft is an intent with everything about the outside world that its
// transaction needs to know: networks are asked before it begins, never in it.
type Draft struct {
	intent   Intent
	contract exchange.Contract
	account  brokers.Account
	user     uuid.UUID
	facts    risk.Facts
	quote    *market.Quote
	copy     *CopyOrder

	copiesMade decimal.Decimal // copied entries: see copiesMade
	copied     *uuid.UUID      // the subscription whose copied contracts its owner sells, and no others
}

// CopyOrder is what copy trading adds to an intent.
type CopyOrder struct {
	UserID         uuid.UUID // the follower
	AccountID      *uuid.UUID
	LeaderID       uuid.UUID
	SubscriptionID uuid.UUID
	DecisionID     uuid.UUID
	TriggerID      *uuid.UUID // an exit that the follower's own bound asked for, instead of a decision
	Side           Side
	Contract       exchange.Contract
	PositionID     *uuid.UUID // exits
	Target         *int       // exits: cumulative contracts to be sold by this decision
	Quantity       int
	Type           Type
	Limit          *money.Price
	SendBefore     time.Time
	DailyCap       int              // R12, entries
	MaxSpread      *decimal.Decimal // entries: the widest spread, percent of mid; nil: any
	Most           *money.Price     // market entries: the highest ask at which they are sent
}

// Expiration is resolved from a line without a year, so a request may need the
// market before it is an intent.
func (d *Desk) intentOf(ctx context.Context, r Request) (Intent, error) {
	if r.Line == "" {
		return r.intent()
	}
	if r.Side != "" || r.Underlying != "" || r.Quantity != nil || r.PositionID != "" || r.LimitPrice != nil || r.OrderType != "" {
		return Intent{}, fault.Field("line", "Send either a line or the fields of an order.")
	}
	l, err := ParseLine(r.Line)
	if err != nil {
		return Intent{}, err
	}
	wrong := problems{}
	in := Intent{
		Side: l.Side, Quantity: l.Quantity, Type: Market, Limit: l.Limit, TimeInForce: Day,
		AccountID:        readID(wrong, "accountId", r.AccountID),
		ConfirmDuplicate: r.ConfirmDuplicate, ConfirmPrice: r.ConfirmPrice,
	}
	if l.Limit != nil {
		in.Type = Limit
	}
	day, err := d.expiration(ctx, l)
	if err != nil {
		return Intent{}, err
	}
	in.Contract = build(wrong, l.Underlying, l.OptionType, l.Strike, day)
	return in, wrong.err()
}

func (d *Desk) expiration(ctx context.Context, l Line) (exchange.Date, error) {
	ctx, cancel := context.WithTimeout(ctx, d.lookUpTime)
	defer cancel()
	listed, err := d.market.Expirations(ctx, l.Underlying)
	if err != nil && l.Year == 0 {
		return exchange.Date{}, fault.Field("line", "Write the expiration with its year; the listing is not available right now.")
	}
	if err != nil {
		listed = nil
	}
	day, ok := l.Expiration(listed)
	if !ok {
		return exchange.Date{}, fault.Field("line", "No "+l.Underlying+" option expires on that day.")
	}
	return day, nil
}

// fields is the part of a draft that needs nobody else, for a request made of
// fields. A line has to ask the market what it means first.
func (d *Desk) fields(ctx context.Context, tx pgx.Tx, dr *Draft, r Request) (err error) {
	if r.Line != "" {
		return nil
	}
	if dr.intent, err = r.intent(); err != nil {
		return err
	}
	return d.own(ctx, tx, dr)
}

func (d *Desk) draftLine(ctx context.Context, user uuid.UUID, r Request) (Draft, error) {
	in, err := d.intentOf(ctx, r)
	if err != nil {
		return Draft{}, err
	}
	return d.draft(ctx, user, in)
}

// draft asks the account, the position and the market about an intent.
func (d *Desk) draft(ctx context.Context, user uuid.UUID, in Intent) (Draft, error) {
	dr := Draft{intent: in, user: user}
	err := d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		return d.own(ctx, tx, &dr)
	})
	if err != nil {
		return Draft{}, err
	}
	d.ask(ctx, &dr)
	return dr, nil
}

// DraftCopy is draft for an order that copy trading decided on.
func (d *Desk) DraftCopy(ctx context.Context, c CopyOrder) (Draft, error) {
	in := Intent{
		Side: c.Side, Contract: &c.Contract, PositionID: c.PositionID, Quantity: c.Quantity, Type: c.Type, Limit: c.Limit,
		TimeInForce: Day, AccountID: c.AccountID,
	}
	if c.Side == BTO { // what it asks of the broker counts with it in the budget
		ctx = snaptrade.WithClass(ctx, snaptrade.CopiedEntry)
	}
	dr := Draft{intent: in, user: c.UserID}
	if err := d.db.As(ctx, c.UserID, func(ctx context.Context, tx pgx.Tx) error { return d.own(ctx, tx, &dr) }); err != nil {
		return Draft{}, err
	}
	if c.Side == BTO {
		d.ask(ctx, &dr)
	} else { // goes at its price whatever is quoted: a feed that hangs would hold up everybody's
		dr.facts = factsOf(dr)
	}
	dr.copy, dr.facts.Copy = &c, true
	dr.copiesMade = d.copiesMade(ctx, c.UserID, c.Side == BTO)
	return dr, dr.tooFar()
}

// tooFar refuses a copied entry in a market its follower does not want to buy in.
// Without a quote R6 refuses it.
func (dr Draft) tooFar() error {
	if err := dr.tooWide(); err != nil {
		return err
	}
	return tooDear(dr.facts, dr.copy.Most)
}

// tooDear refuses a copied market entry while more is asked than a limit order of its
// follower would pay: a market order has no price of its own, and the slippage that
// is allowed holds for both. most is nil for every other order.
func tooDear(f risk.Facts, most *money.Price) error {
	if most == nil || f.Ask == nil || !f.Ask.GreaterThan(most.Decimal) {
		return nil
	}
	return fault.Conflict("max_slippage", "The ask is "+f.Ask.Display()+", the follower allows "+most.Display()+".").With("ask", f.Ask).With("limit", most)
}

// tooWide refuses a copied entry while bid and ask are further apart than its
// follower allows.
func (dr Draft) tooWide() error {
	if dr.copy.MaxSpread == nil || dr.quote == nil {
		return nil
	}
	if s := dr.quote.Spread(); s.Valid && s.Decimal.GreaterThan(*dr.copy.MaxSpread) {
		return fault.Conflict("spread_too_wide", "The spread is "+s.Decimal.String()+"% of mid.").With("spreadPercent", s.Decimal).With("limit", dr.copy.MaxSpread)
	}
	return nil
}

// own resolves what belongs to the user: the position of an exit, the account,
// the contract.
func (d *Desk) own(ctx context.Context, tx pgx.Tx, dr *Draft) (err error) {
	in := &dr.intent
	if in.PositionID != nil {
		p, err := positions.Own(ctx, tx, dr.user, *in.PositionID)
		if err != nil {
			return err
		}
		if in.AccountID != nil && *in.AccountID != p.AccountID {
			return fault.NotFound()
		}
		in.AccountID, dr.contract = &p.AccountID, p.Contract
	}
	if dr.account, err = d.accounts.ForOrder(ctx, tx, dr.user, in.AccountID); err != nil {
		return err
	}
	if in.PositionID != nil {
		return nil
	}
	dr.contract = *in.Contract
	if in.Side == STC {
		return d.positionOf(ctx, tx, dr)
	}
	return nil
}

// positionOf finds the open position an exit by line means.
func (d *Desk) positionOf(ctx context.Context, tx pgx.Tx, dr *Draft) error {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `
		select id from positions where account_id = $1 and symbol = $2 and status = 'open' and user_id = $3`,
		dr.account.ID, dr.contract.Symbol, dr.user).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.Field("line", "You hold no "+dr.contract.Display()+" on this account.")
	}
	dr.intent.PositionID = &id
	return err
}

// ask gathers what the checks compare with. What cannot be learnt in time stays
// unknown, and each check says what that means for it.
func (d *Desk) ask(ctx context.Context, dr *Draft) {
	short, cancel := context.WithTimeout(ctx, d.lookUpTime)
	defer cancel()
	d.askMarket(short, dr)
	if dr.intent.Side == BTO {
		d.askBalance(short, dr)
	}
}

// askBalance reads the account's buying power again when it is too old to go by (R15).
func (d *Desk) askBalance(ctx context.Context, dr *Draft) {
	stale := dr.account.BalanceAt == nil || d.now().Sub(*dr.account.BalanceAt) > d.rules.Limits().BalanceAge
	if stale {
		if fresh, err := d.accounts.RefreshBalance(ctx, dr.user, dr.account.ID); err == nil {
			dr.account = fresh
		}
	}
}

// factsOf are the facts that the intent alone tells.
func factsOf(dr Draft) risk.Facts {
	in := dr.intent
	return risk.Facts{
		Entry: in.Side == BTO, Contract: dr.contract, Quantity: in.Quantity, Market: in.Type == Market,
		Limit: in.Limit, Stop: in.Stop, Confirmed: in.ConfirmPrice,
	}
}

// askMarket is the market's side of ask.
func (d *Desk) askMarket(ctx context.Context, dr *Draft) {
	dr.facts = factsOf(*dr)
	if q, err := d.market.Quote(ctx, dr.contract.Symbol); err == nil {
		dr.quote = &q
		dr.facts.Bid, dr.facts.Ask, dr.facts.QuoteAt = q.Bid, q.Ask, q.At
	}
	if dr.intent.Side != BTO {
		return
	}
	if listed, err := d.market.Listed(ctx, dr.contract); err == nil {
		dr.facts.Listed = &listed
	}
}

// buyingLeft is the account's buying power less what our orders since it was
// read may take (R15); nil when the balance is unknown or too old.
func (d *Desk) buyingLeft(ctx context.Context, tx pgx.Tx, a brokers.Account, except uuid.UUID) (*money.Amount, error) {
	if !d.knowsBalance(a) {
		return nil, nil
	}
	b := &pgx.Batch{}
	var left money.Amount
	queueBuyingLeft(b, a, except, func(l money.Amount) { left = l })
	return &left, tx.SendBatch(ctx, b).Close()
}

// knowsBalance reports whether the account's balance is young enough to be counted on.
func (d *Desk) knowsBalance(a brokers.Account) bool {
	return a.BuyingPower != nil && a.BalanceAt != nil && d.now().Sub(*a.BalanceAt) <= d.rules.Limits().BalanceAge+lookUpTime
}

// queueBuyingLeft is buyingLeft of a known balance as the next statement of a batch.
func queueBuyingLeft(b *pgx.Batch, a brokers.Account, except uuid.UUID, then func(money.Amount)) {
	b.Queue(`
		select (select coalesce(sum(estimated_cost), 0) from orders
		        where account_id = $1 and (created_at > $2 or sent_at > $2 or state = 'queued') and side = 'BTO' and id <> $3
		          and state not in ('aborted', 'rejected', 'not_placed'))
		     + (select coalesce(sum(c.cost_increase), 0) from order_changes c join orders o on o.id = c.order_id
		        where c.account_id = $1 and c.order_id <> $3
		          and (c.state in ('queued', 'submitting', 'unknown') or c.state = 'done' and c.sent_at > $2 and o.created_at <= $2))`,
		a.ID, *a.BalanceAt, except).
		QueryRow(func(row pgx.Row) error {
			var taken decimal.Decimal
			if err := row.Scan(&taken); err != nil {
				return fmt.Errorf("reckon buying power: %w", err)
			}
			then(money.Amount{Decimal: a.BuyingPower.Sub(taken)})
			return nil
		})
}
