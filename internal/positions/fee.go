package positions

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Fee is what the broker says a fill cost in fees, all of it, in dollars.
type Fee struct {
	OrderID        uuid.UUID
	Cum            int // with the order: the fill
	PositionID     uuid.UUID
	Buy            bool
	Total          decimal.Decimal
	Foreign        string        // the currency that it is told in, where that is not dollars: Total is not known
	SubscriptionID *uuid.UUID    // of a copy's fill
	Day            exchange.Date // the trading day of the fill, whose result it lowers
}

// BookFee books what a fill's fees are known to be beyond what is booked of them; the
// same total a second time changes nothing, and a lower one is ignored. It says
// whether anything changed, and gives the position as it is then. What its owner's own
// sell took of copied contracts keeps its fee with the position: the result of the
// copies is what they were sold for.
func BookFee(ctx context.Context, tx pgx.Tx, f Fee) (p Position, changed bool, err error) {
	if p, err = Lock(ctx, tx, f.PositionID); err != nil {
		return Position{}, false, err
	}
	if f.Foreign != "" {
		return foreignFee(ctx, tx, p, f)
	}
	held, err := Holdings(ctx, tx, p.ID)
	if err != nil {
		return Position{}, false, err
	}
	known, err := knownFees(ctx, tx, f)
	if err != nil {
		return Position{}, false, err
	}
	late := f.Total.RoundBank(places).Sub(known)
	if !late.IsPositive() {
		return p, false, nil
	}
	var removed, realized decimal.Decimal
	p.Ledger, removed, realized = p.Ledger.LateFee(f.Buy, late)
	if err := save(ctx, tx, p); err != nil {
		return Position{}, false, err
	}
	_, err = tx.Exec(ctx, `
		insert into late_fees (order_id, cum, user_id, position_id, amount, cost_removed, realized) values ($1, $2, $3, $4, $5, $6, $7)`,
		f.OrderID, f.Cum, p.UserID, p.ID, late, removed, realized)
	if err != nil {
		return Position{}, false, fmt.Errorf("book a fee of order %s: %w", f.OrderID, err)
	}
	return p, true, feeOfCopy(ctx, tx, p, held, f, late)
}

// foreignFee asks an operator to look: what a fee in another currency was in dollars,
// nobody says, and a wrong one would be worse than none. What is up for review already
// keeps its reason.
func foreignFee(ctx context.Context, tx pgx.Tx, p Position, f Fee) (Position, bool, error) {
	if p.Review != nil {
		return p, false, nil
	}
	review := "fees of it are reported in " + f.Foreign + ", not in dollars, and are not in the result"
	p.Review = &review
	return p, true, save(ctx, tx, p)
}

// knownFees is what is booked of a fill's fees; the position's lock keeps it so.
// Foreign table: fills.
func knownFees(ctx context.Context, tx pgx.Tx, f Fee) (known decimal.Decimal, err error) {
	err = tx.QueryRow(ctx, `
		select f.fees + coalesce((select sum(l.amount) from late_fees l where l.order_id = f.order_id and l.cum = f.cum), 0)
		from fills f where f.order_id = $1 and f.cum = $2 and f.position_id = $3`, f.OrderID, f.Cum, f.PositionID).Scan(&known)
	if err != nil {
		return known, fmt.Errorf("read the fees of order %s: %w", f.OrderID, err)
	}
	return known, nil
}

// feeOfCopy books the fee of a copy's fill on what is held of that copy, and on the
// day's result of copies.
func feeOfCopy(ctx context.Context, tx pgx.Tx, p Position, held []Holding, f Fee, late decimal.Decimal) error {
	for _, h := range held {
		if f.SubscriptionID == nil || h.SubscriptionID != *f.SubscriptionID {
			continue
		}
		l, _, realized := h.Ledger.LateFee(f.Buy, late)
		if err := saveHolding(ctx, tx, h, l); err != nil {
			return err
		}
		var made results
		made.add(h.SubscriptionID, realized)
		return addCopyResult(ctx, tx, p.UserID, f.Day, made)
	}
	return nil
}
