package orders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// detect makes rows of the broker's orders that are nobody's here: placed in
// the broker's own app since the account was connected (T0). From then on
// nothing differs from an order of ours.
func (d *Desk) detect(ctx context.Context, a brokers.Account, rest []snaptrade.Order) error {
	// Oldest first: a sell belongs to a position that its buy has opened.
	slices.SortStableFunc(rest, func(a, b snaptrade.Order) int { return a.PlacedAt.Compare(b.PlacedAt) })
	var errs []error
	for _, l := range rest {
		if !l.Option || l.PlacedAt.Before(a.CreatedAt) || !worthARow(l) {
			continue
		}
		err := d.detectOne(ctx, a, l)
		if errors.Is(err, errLinkedElsewhere) { // its placer learnt the id while the list was read: it has its row
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("detect broker order %s: %w", l.ID, err))
		}
	}
	return errors.Join(errs...)
}

// worthARow leaves out what came to nothing and what is not ours to follow.
func worthARow(l snaptrade.Order) bool {
	side := l.Action.IsBuy() || l.Action.IsSell()
	opens := l.Action != snaptrade.SellToOpen && l.Action != snaptrade.BuyToClose
	filled := l.Filled != nil && l.Filled.IsPositive()
	whole := l.Total != nil && l.Total.IsInteger() && l.Total.IsPositive() && l.Total.IntPart() <= maxQuantity
	return side && opens && whole && (filled || !l.Status.Final())
}

func (d *Desk) detectOne(ctx context.Context, a brokers.Account, l snaptrade.Order) error {
	c, err := exchange.ParseSymbol(l.Symbol)
	if err != nil {
		return err
	}
	return d.db.AsSystem(ctx, byReconciler, func(ctx context.Context, tx pgx.Tx) error {
		o := d.detected(a, l, c)
		p, found, err := detectedPosition(ctx, tx, o, l)
		if err != nil || !found {
			return err
		}
		o.PositionID, o.Contract = p.ID, p.Contract
		if o, err = insert(ctx, tx, o); err != nil {
			return err
		}
		if err := event(ctx, tx, o, "", byReconciler, map[string]any{"broker_order_id": l.ID}); err != nil {
			return err
		}
		return d.bookIn(ctx, tx, o.ID, reportOf(l), booking{actor: byReconciler, placed: l.PlacedAt})
	})
}

// counts says whether a position has what a listed order filled already.
func counts(ctx context.Context, tx pgx.Tx, p positions.Position, side Side, l snaptrade.Order) (bool, error) {
	if !hasFilled(l) {
		return false, nil // one that only works has changed nothing yet
	}
	return positions.Counted(ctx, tx, p, side == BTO, executedAbout(l))
}

func hasFilled(l snaptrade.Order) bool { return l.Filled != nil && l.Filled.IsPositive() }

// executedAbout is when a listed order was executed, or placed where its broker does
// not say more.
func executedAbout(l snaptrade.Order) time.Time {
	if l.ExecutedAt.IsZero() {
		return l.PlacedAt
	}
	return l.ExecutedAt
}

func (d *Desk) detected(a brokers.Account, l snaptrade.Order, c exchange.Contract) Order {
	now := d.now()
	o := Order{
		ID: d.newID(), UserID: a.UserID, AccountID: a.ID, Side: BTO, Contract: c, Quantity: int(l.Total.IntPart()),
		Type: Market, TimeInForce: Day, Source: Detected, State: Accepted, TradingDay: d.clock.Today(), SendBefore: now,
	}
	if l.Action.IsSell() {
		o.Side = STC
	}
	if l.LimitPrice != nil && l.LimitPrice.IsPositive() {
		o.Type, o.Limit = Limit, price(nullable(*l.LimitPrice))
	}
	if l.TimeInForce == snaptrade.GoodTilCancelled {
		o.TimeInForce = GTC
	}
	return o
}

// detectedPosition is where a detected order belongs, locked. A sell of what we never
// saw bought belongs nowhere, nor does what a position counts already. A sale whose
// contracts holdings have taken away belongs where they left, and says what they brought.
func detectedPosition(ctx context.Context, tx pgx.Tx, o Order, l snaptrade.Order) (p positions.Position, found bool, err error) {
	if o.Side == STC && hasFilled(l) {
		p, gone, err := goneFrom(ctx, tx, o, l)
		if err != nil || gone {
			// While it works on it waits: an order that works stands on an open position.
			return p, err == nil && (p.Status == positions.Open || l.Status.Final()), err
		}
	}
	if o.Side == BTO {
		p, err = positions.ForEntry(ctx, tx, positions.Opening{
			UserID: o.UserID, AccountID: o.AccountID, Contract: o.Contract, Source: string(Detected),
		})
		found = err == nil
	} else {
		p, found, err = openPosition(ctx, tx, o)
	}
	if err != nil || !found {
		return positions.Position{}, false, err
	}
	counted, err := counts(ctx, tx, p, o.Side, l)
	return p, !counted, err
}

// goneFrom is the position, ended or not, that holdings took a sale's contracts from.
func goneFrom(ctx context.Context, tx pgx.Tx, o Order, l snaptrade.Order) (positions.Position, bool, error) {
	gone, err := positions.FindGone(ctx, tx, o.AccountID, o.Contract.Symbol, l.PlacedAt, executedAbout(l))
	if err != nil || len(gone) == 0 {
		return positions.Position{}, false, err
	}
	p, err := positions.Lock(ctx, tx, gone[0].PositionID)
	if err != nil {
		return positions.Position{}, false, err
	}
	if gone, err = positions.FindGone(ctx, tx, o.AccountID, o.Contract.Symbol, l.PlacedAt, executedAbout(l)); err != nil {
		return positions.Position{}, false, err
	}
	return p, len(gone) > 0 && gone[0].PositionID == p.ID, nil
}

// openPosition holds some of the contract. One that an entry has only opened holds nothing
// that could have been sold: what the entry bought, if it did, the next looks show.
func openPosition(ctx context.Context, tx pgx.Tx, o Order) (positions.Position, bool, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `select id from positions where account_id = $1 and symbol = $2 and status = 'open'`,
		o.AccountID, o.Contract.Symbol).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return positions.Position{}, false, nil
	}
	if err != nil {
		return positions.Position{}, false, err
	}
	p, err := positions.Lock(ctx, tx, id)
	return p, err == nil && p.Held() > 0, err
}
