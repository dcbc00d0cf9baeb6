package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
)

var (
	exitShare = decimal.RequireFromString("0.10") // of the price, that an exit may give up
	exitLeast = decimal.RequireFromString("0.05") // dollars it may give up in any case

	entryLeast = decimal.RequireFromString("0.05") // dollars that a copied entry may pay more, where it may pay more at all
)

// EntryLimit is the most that a copied entry pays: the trader's price plus the
// slippage its follower allows, in percent, at least $0.05 of it, rounded down to the
// contract's tick. At 0 % there is no allowance at all.
func EntryLimit(c exchange.Contract, from money.Price, slippagePercent decimal.Decimal) money.Price {
	if slippagePercent.IsZero() {
		return c.RoundDown(from)
	}
	allowance := decimal.Max(from.Mul(slippagePercent).Shift(-2), entryLeast)
	return c.RoundDown(money.Price{Decimal: from.Add(allowance)})
}

// ExitLimit is the least that an exit takes which follows somebody or something
// else: the price it goes by less 10 %, at least $0.05 of it, rounded up to the
// tick and never below one tick.
func ExitLimit(c exchange.Contract, from money.Price) money.Price {
	allowance := decimal.Max(from.Mul(exitShare), exitLeast)
	bottom := money.Price{Decimal: from.Sub(allowance)}
	lowest := money.Price{Decimal: c.Tick(money.Price{})}
	if bottom.LessThan(lowest.Decimal) {
		return lowest
	}
	return c.RoundUp(bottom)
}

// CopiedLot is what is left of copies of one subscription in one position, beyond
// what is being sold of it already.
type CopiedLot struct {
	SubscriptionID, PositionID uuid.UUID
	Free                       int // contracts
}

// copiedFree is what copy holding h has left beyond the live sells of its
// subscription's copies.
const copiedFree = `h.bought - h.sold - coalesce((select sum(e.quantity - e.cum) from orders e
	where e.position_id = h.position_id and e.subscription_id = h.subscription_id and e.side = 'STC'
	  and e.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')), 0)::int`

const lotsMost = 500

// CopiedLots lists what a user could sell of their copies, or of those of one
// subscription, oldest first: of lots in one position that lacks contracts, the older
// has what is there. Foreign tables: copy_holdings (index copy_holdings_held), positions.
func (d *Desk) CopiedLots(ctx context.Context, user uuid.UUID, subscription *uuid.UUID) ([]CopiedLot, error) {
	list, err := postgres.OwnRows(ctx, d.db, user, pgx.RowToStructByPos[CopiedLot], `
		select subscription_id, position_id, free from (
			select l.*, least(copied, there - coalesce(sum(copied) over (partition by position_id order by created_at, subscription_id
				rows between unbounded preceding and 1 preceding), 0))::int as free
			from (
				select h.subscription_id, h.position_id, h.created_at, greatest(`+copiedFree+`, 0) as copied, p.bought - p.sold - p.sell_reserved - p.missing as there
				from copy_holdings h join positions p on p.id = h.position_id
				where h.user_id = $1 and h.bought > h.sold and p.status = 'open' and ($3::uuid is null or h.subscription_id = $3)
				order by h.created_at, h.subscription_id limit $2) l) lots
		where free > 0 order by created_at, subscription_id`, user, lotsMost, subscription)
	if err != nil {
		return nil, fmt.Errorf("list copied contracts: %w", err)
	}
	return list, nil
}

// SellCopies sells what a user holds of copies, or of those of one subscription, and
// nothing of their own: each lot by an order of its own, or by several where one may not
// sell as much, which one that fails does not keep from the others. It answers how many were placed and why others were not.
func (d *Desk) SellCopies(ctx context.Context, user uuid.UUID, subscription *uuid.UUID) (placed int, left []string, err error) {
	lots, err := d.CopiedLots(ctx, user, subscription)
	if err != nil {
		return 0, nil, err
	}
	var errs []error
	for _, lot := range d.inOrders(lots) {
		err := d.sellLot(ctx, user, lot)
		var refused *fault.Error
		switch {
		case err == nil:
			placed++
		case errors.As(err, &refused) && refused.Status < 500:
			left = append(left, refused.Public)
		default:
			errs = append(errs, fmt.Errorf("sell copied contracts of position %s: %w", lot.PositionID, err))
		}
	}
	return placed, left, errors.Join(errs...)
}

// inOrders splits lots into what one order may sell each (R4).
func (d *Desk) inOrders(lots []CopiedLot) (parts []CopiedLot) {
	most := max(d.rules.Limits().HardContracts, 1)
	for _, lot := range lots {
		for left := lot.Free; left > 0; left -= lot.Free {
			lot.Free = min(left, most)
			parts = append(parts, lot)
		}
	}
	return parts
}

// DraftLot is the draft of a sell of everything that a user holds copied of one
// subscription in one position and is not selling already, by their own hand: as much of
// it as one order may sell (R4).
// Foreign tables: copy_holdings, positions.
func (d *Desk) DraftLot(ctx context.Context, user, subscription, position uuid.UUID) (Draft, error) {
	free, err := d.freeOfLot(ctx, user, subscription, position)
	if err != nil {
		return Draft{}, err
	}
	if free == 0 {
		return Draft{}, fault.Conflict("insufficient_quantity", "Nothing copied is left to sell that is not being sold already.")
	}
	lot := CopiedLot{SubscriptionID: subscription, PositionID: position, Free: min(free, d.rules.Limits().HardContracts)}
	return d.draftLot(ctx, user, lot)
}

func (d *Desk) draftLot(ctx context.Context, user uuid.UUID, lot CopiedLot) (Draft, error) {
	dr, err := d.draft(ctx, user, Intent{
		Side: STC, PositionID: &lot.PositionID, Quantity: lot.Free, Type: Limit, TimeInForce: Day, ConfirmDuplicate: true, ConfirmPrice: true,
	})
	if err != nil {
		return Draft{}, err
	}
	if !d.clock.Open(dr.contract.Underlying) {
		return Draft{}, fault.Risk("market_closed", dr.contract.Display()+": the market is closed.")
	}
	if dr.quote == nil || dr.quote.Bid == nil || !dr.quote.Fresh(d.clock.Now()) {
		return Draft{}, fault.Risk("no_quote", dr.contract.Display()+": there is no fresh bid to sell at.")
	}
	limit := ExitLimit(dr.contract, *dr.quote.Bid)
	dr.intent.Limit, dr.facts.Limit, dr.copied = &limit, &limit, &lot.SubscriptionID
	return dr, nil
}

// stillCopied refuses a sell of copied contracts that another one has taken since
// they were counted. The position's lock is held. Foreign table: copy_holdings.
func stillCopied(ctx context.Context, tx pgx.Tx, o *Order) error {
	var free int
	err := tx.QueryRow(ctx, `select `+copiedFree+` from copy_holdings h where h.subscription_id = $1 and h.position_id = $2`,
		o.SubscriptionID, o.PositionID).Scan(&free)
	if err != nil {
		return fmt.Errorf("count copied contracts: %w", err)
	}
	if o.Quantity > free {
		return fault.Conflict("insufficient_quantity", o.Contract.Display()+": its copied contracts are being sold already.")
	}
	return nil
}
