package orders

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// No order that SnapTrade shows says what it cost in fees. The account's history
// does, a day late: it is read once on each of the days after a fill, from the hour of
// settling on.
const (
	feeDays  = 8  // after a fill
	feeSlice = 10 // accounts each minute and process
	feeFills = 5000
)

// BookFees books the fees that brokers report. Run it every minute, in any number of
// processes: each account is claimed in its row.
func (d *Desk) BookFees(ctx context.Context) error {
	due, err := d.claimFees(ctx, SettlementDay(d.clock.Now()))
	if err != nil {
		return err
	}
	var errs []error
	for _, account := range due {
		if err := d.feesOf(ctx, account); err != nil {
			errs = append(errs, fmt.Errorf("book fees of account %s: %w", account, err))
		}
	}
	return errors.Join(errs...)
}

// claimFees takes accounts that traded lately and were not asked on this trading day
// (index account_looks_traded). Foreign table: accounts.
func (d *Desk) claimFees(ctx context.Context, day exchange.Date) ([]uuid.UUID, error) {
	rows, err := d.db.Pool().Query(ctx, `
		update account_looks set fees_for = $1 where account_id in (
			select l.account_id from account_looks l
			where l.traded_at > clock_timestamp() - make_interval(days => $2) and l.fees_for is distinct from $1
			  and exists (select 1 from accounts a where a.id = l.account_id and a.removed_at is null and a.status = 'ok')
			order by l.traded_at limit $3 for no key update skip locked)
		returning account_id`, day, feeDays, feeSlice)
	if err != nil {
		return nil, fmt.Errorf("claim accounts to read fees of: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// traded notes that an account has a fill whose fees are to be learnt.
func traded(ctx context.Context, tx pgx.Tx, account uuid.UUID) error {
	if _, err := tx.Exec(ctx, `update account_looks set traded_at = now() where account_id = $1`, account); err != nil {
		return fmt.Errorf("note a trade on account %s: %w", account, err)
	}
	return nil
}

func (d *Desk) feesOf(ctx context.Context, account uuid.UUID) error {
	fills, err := d.fillsToCharge(ctx, account)
	if err != nil || len(fills) == 0 {
		return err
	}
	first := fills[0].day
	for _, f := range fills {
		if f.day.Before(first) {
			first = f.day
		}
	}
	history, err := d.accounts.Activities(ctx, fills[0].user, account, first.AddDays(-1), d.clock.Today().AddDays(1))
	if err != nil {
		return err
	}
	var errs []error
	for _, fee := range feesIn(history, fills) {
		errs = append(errs, d.bookFee(ctx, fee))
	}
	return errors.Join(errs...)
}

// bookFee books what a fill is known to have cost, and tells what that makes of its trade.
func (d *Desk) bookFee(ctx context.Context, fee positions.Fee) error {
	return d.db.AsSystem(ctx, byReconciler, func(ctx context.Context, tx pgx.Tx) error {
		p, changed, err := positions.BookFee(ctx, tx, fee)
		if err != nil || !changed {
			return err
		}
		if fee.Foreign != "" {
			d.log.WarnContext(ctx, "fees in another currency are not booked", "position", p.ID, "currency", fee.Foreign)
		}
		if _, err := record.Bring(ctx, tx, p.ID, d.now()); err != nil {
			return err
		}
		return live.Publish(ctx, tx, p.UserID, "position", p)
	})
}

// charged is a fill of the last days, and what the history may know it by.
type charged struct {
	positions.Fee

	user     uuid.UUID
	side     Side
	contract exchange.Contract
	quantity int
	day      exchange.Date // on which it traded, in New York
	ids      []string      // of its order at the broker
}

// fillsToCharge reads an account's fills of the last days (index orders_account_day);
// orders that rest until they are cancelled do so for 90 days at most.
func (d *Desk) fillsToCharge(ctx context.Context, account uuid.UUID) ([]charged, error) {
	rows, err := d.db.Pool().Query(ctx, `
		select f.order_id, f.cum, f.position_id, f.user_id, o.subscription_id, f.side, o.symbol, f.quantity, coalesce(f.executed_at, f.learnt_at),
			array(select b.broker_order_id from order_broker_ids b where b.order_id = o.id)
		from orders o join fills f on f.order_id = o.id
		where o.account_id = $1 and o.cum > 0 and o.created_at > now() - interval '100 days' and f.learnt_at > now() - make_interval(days => $2)
		order by f.learnt_at desc, f.order_id, f.cum limit $3`, account, feeDays+1, feeFills)
	if err != nil {
		return nil, fmt.Errorf("read fills: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c charged, err error) {
		var symbol string
		var at time.Time
		err = row.Scan(&c.OrderID, &c.Cum, &c.PositionID, &c.user, &c.SubscriptionID, &c.side, &symbol, &c.quantity, &at, &c.ids)
		if err != nil {
			return charged{}, err
		}
		c.Buy, c.day = c.side == BTO, exchange.TradingDay(at)
		c.Day = c.day
		c.contract, err = exchange.ParseSymbol(symbol)
		return c, err
	})
	slices.Reverse(list) // oldest first, so that later fills do not move the shares of earlier ones
	return list, err
}

// trades are the fills, or the lines, of one contract on one side and day: what the
// two have in common.
type trades struct {
	side Side
	day  exchange.Date
}

// paid is what lines say of one lot: its contracts, and all their fees. foreign is the
// currency of one of them that is not dollars: then they are no sum.
type paid struct {
	contracts int
	fees      decimal.Decimal
	foreign   string
}

// feesIn says what each fill cost in fees. A line that names an order belongs to it;
// the others to what else traded in its contract on its side that day, by contracts.
// Nothing is said of fills that the lines do not cover yet; where lines have more
// contracts than we know fills of, the fills have their share.
func feesIn(history []snaptrade.Activity, fills []charged) (list []positions.Fee) {
	extra := feeLines(history)
	for len(fills) > 0 {
		var same, others []charged
		for _, f := range fills {
			if sameContract(fills[0].contract, f.contract.Symbol) {
				same = append(same, f)
			} else {
				others = append(others, f)
			}
		}
		list, fills = append(list, feesOn(history, same, extra)...), others
	}
	return list
}

// feesOn is feesIn for the fills of one contract.
func feesOn(history []snaptrade.Activity, fills []charged, extra map[string]charge) (list []positions.Fee) {
	byOrder, byDay := map[uuid.UUID]*paid{}, map[trades]*paid{}
	owner := map[string]uuid.UUID{}
	for _, f := range fills {
		for _, id := range f.ids {
			owner[id] = f.OrderID
		}
	}
	said := map[string]bool{}
	for _, a := range history {
		t, ok := tradeOf(a)
		if !ok || !sameContract(fills[0].contract, a.Symbol) {
			continue
		}
		fee := feeOf(a)
		if a.ReferenceID != "" && !said[a.ReferenceID] {
			fee, said[a.ReferenceID] = fee.and(extra[a.ReferenceID]), true
		}
		if order, named := owner[a.ReferenceID]; named {
			add(byOrder, order, a, fee)
		} else {
			add(byDay, t, a, fee)
		}
	}
	lots := map[*paid][]charged{}
	for _, f := range fills {
		lot := byOrder[f.OrderID]
		if lot == nil {
			lot = byDay[trades{f.side, f.day}]
		}
		if lot != nil {
			lots[lot] = append(lots[lot], f)
		}
	}
	for lot, own := range lots {
		list = append(list, lot.shared(own)...)
	}
	return list
}

// charge is a fee, and its currency where that is not dollars.
type charge struct {
	fee     decimal.Decimal
	foreign string
}

func (c charge) and(other charge) charge {
	return charge{c.fee.Add(other.fee), cmp.Or(c.foreign, other.foreign)}
}

// feeOf is what a line about a trade says of fees.
func feeOf(a snaptrade.Activity) charge {
	if a.Fee == nil {
		return charge{}
	}
	return chargeOf(a, a.Fee.Abs())
}

// chargeOf is a fee in the currency of its line. Nothing is nothing in any.
func chargeOf(a snaptrade.Activity, fee decimal.Decimal) charge {
	if fee.IsZero() || a.InDollars() {
		return charge{fee: fee}
	}
	return charge{fee, a.Currency}
}

func add[K comparable](lots map[K]*paid, to K, a snaptrade.Activity, c charge) {
	if lots[to] == nil {
		lots[to] = &paid{}
	}
	lot := lots[to]
	lot.contracts += int(a.Units.Abs().IntPart())
	lot.fees, lot.foreign = lot.fees.Add(c.fee), cmp.Or(lot.foreign, c.foreign)
}

// shared spreads a lot's fees over fills by their contracts, rounded half-even to 8
// places so that the shares add up. What is not all in dollars is nothing that can be
// spread: it is only told of.
func (p paid) shared(fills []charged) (list []positions.Fee) {
	if p.foreign != "" {
		for _, f := range fills {
			f.Foreign = p.foreign
			list = append(list, f.Fee)
		}
		return list
	}
	ours := 0
	for _, f := range fills {
		ours += f.quantity
	}
	if p.contracts < ours || !p.fees.IsPositive() {
		return nil
	}
	var before decimal.Decimal
	upTo := 0
	for _, f := range fills {
		upTo += f.quantity
		due := p.fees.Mul(decimal.NewFromInt(int64(upTo))).DivRound(decimal.NewFromInt(int64(p.contracts)), 16).RoundBank(8)
		f.Total, before = due.Sub(before), due
		list = append(list, f.Fee)
	}
	return list
}

// feeLines are the fees that stand on lines of their own, by the transaction they
// belong to, less what was given back of them.
func feeLines(history []snaptrade.Activity) map[string]charge {
	extra := map[string]charge{}
	for _, a := range history {
		if a.Type == "FEE" && a.ReferenceID != "" && a.Amount != nil {
			extra[a.ReferenceID] = extra[a.ReferenceID].and(chargeOf(a, a.Amount.Neg()))
		}
	}
	return extra
}

// tradeOf is the side and day of a line about an option's buy or sell. Histories tell
// the time, or the day alone as its first moment in UTC.
func tradeOf(a snaptrade.Activity) (t trades, ok bool) {
	if !a.Option || a.Units == nil || !a.Units.IsInteger() || a.Units.IsZero() {
		return trades{}, false
	}
	switch a.Type {
	case "BUY":
		t.side = BTO
	case "SELL":
		t.side = STC
	default:
		return trades{}, false
	}
	at := a.TradedAt.UTC()
	if at.Equal(at.Truncate(24 * time.Hour)) {
		at = at.Add(12 * time.Hour) // noon in London is the same day in New York
	}
	t.day = exchange.TradingDay(at)
	return t, true
}
