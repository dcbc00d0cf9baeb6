package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// confirmExecuted looks further into orders that the broker calls executed without
// saying how many contracts or at what price: that alone is not a fill. The order's
// details are asked first, then what the account holds. How much is all of an order
// that may have been replaced is not known before its change is judged.
func (d *Desk) confirmExecuted(ctx context.Context, user snaptrade.User, a brokers.Account, listed []snaptrade.Order) error {
	var vague []snaptrade.Order
	for _, l := range listed {
		if l.Status == snaptrade.StatusFilled && !tellsAll(l) {
			vague = append(vague, l)
		}
	}
	if len(vague) == 0 {
		return nil
	}
	sought, err := d.watched(ctx, a.ID)
	if err != nil {
		return err
	}
	var holdings *snaptrade.Positions
	var errs []error
	for _, o := range sought {
		for _, l := range vague {
			if o.State.Working() && !o.Change.Unresolved() && o.BrokerOrderID != nil && *o.BrokerOrderID == l.ID {
				errs = append(errs, d.confirmOne(ctx, user, a, o, l, &holdings, alone(o, sought)))
			}
		}
	}
	return errors.Join(errs...)
}

func tellsAll(l snaptrade.Order) bool { return l.Filled != nil && l.AveragePrice != nil }

// alone reports whether nothing else in the order's contract could have changed what
// the account holds of it.
func alone(o Order, all []Order) bool {
	for _, other := range all {
		if other.ID != o.ID && other.Contract.Symbol == o.Contract.Symbol && (other.State.Live() || other.State == NotPlaced) {
			return false
		}
	}
	return true
}

func (d *Desk) confirmOne(ctx context.Context, user snaptrade.User, a brokers.Account, o Order, l snaptrade.Order, holdings **snaptrade.Positions, alone bool) error {
	if details, err := d.broker.OrderDetails(ctx, user, a.BrokerAccountID, l.ID); err == nil && tellsAll(details) {
		return d.book(ctx, o.ID, reportOf(details), booking{actor: byReconciler})
	}
	if !alone {
		return nil // what is held cannot be told apart: keep looking
	}
	if *holdings == nil {
		read, err := d.broker.Positions(snaptrade.WithClass(ctx, snaptrade.WorkingLook), user, a.BrokerAccountID)
		if err != nil {
			return fmt.Errorf("read holdings of account %s: %w", a.ID, err)
		}
		*holdings = &read
	}
	units, cost := holdingOf(**holdings, o)
	if (*holdings).AsOf.Before(executedBy(l)) {
		return nil // older than the execution
	}
	return d.db.AsSystem(ctx, byReconciler, func(ctx context.Context, tx pgx.Tx) error {
		p, err := positions.Lock(ctx, tx, o.PositionID)
		if err != nil {
			return err
		}
		k, err := link(ctx, tx, o, l.ID)
		if err != nil {
			return err
		}
		price, inferred, ok := executedAt(o, l, p, units, cost)
		if !ok {
			return nil
		}
		b := booking{actor: byReconciler}
		if inferred {
			b.review = "executed without a price: it was reckoned from what the account holds"
		}
		return d.bookIn(ctx, tx, o.ID, allOf(o, k, l, price), b)
	})
}

func executedBy(l snaptrade.Order) time.Time {
	if !l.ExecutedAt.IsZero() {
		return l.ExecutedAt
	}
	return l.UpdatedAt
}

// holdingOf is how many contracts the account holds of an order's contract, and at
// what average price per share.
func holdingOf(all snaptrade.Positions, o Order) (units int, cost *decimal.Decimal) {
	for _, h := range all.Results {
		if h.Instrument.Kind != "option" || !sameContract(o.Contract, h.Instrument.Symbol) || h.Units == nil {
			continue
		}
		return int(h.Units.IntPart()), h.CostBasis
	}
	return 0, nil
}

// executedAt is the price per share of an order's missing contracts, when the account
// holds exactly what it would if all of them had been executed; inferred when the
// broker did not name it.
func executedAt(o Order, l snaptrade.Order, p positions.Position, units int, cost *decimal.Decimal) (price decimal.Decimal, inferred, ok bool) {
	rest := o.Quantity - o.Cum
	moved := units - p.Held()
	if o.Side == STC {
		moved = -moved
	}
	if rest <= 0 || moved != rest {
		return decimal.Zero, false, false
	}
	switch {
	case l.AveragePrice != nil:
		return *l.AveragePrice, false, true
	case o.Side == BTO && cost != nil && cost.IsPositive():
		return boughtAt(p, rest, units, *cost), true, true
	case o.Limit != nil:
		return o.Limit.Decimal, true, true
	}
	return decimal.Zero, false, false
}

// boughtAt is what the newest contracts cost, from the average of all of them.
func boughtAt(p positions.Position, bought, held int, average decimal.Decimal) decimal.Decimal {
	before := p.Ledger.RemainingCost.Div(decimal.NewFromInt(int64(p.Contract.Multiplier)))
	paid := average.Mul(decimal.NewFromInt(int64(held))).Sub(before)
	if !paid.IsPositive() {
		return average
	}
	return paid.DivRound(decimal.NewFromInt(int64(bought)), 4)
}

// allOf is the report that all of an order's id has filled, the missing contracts at
// a price per share. An average the broker named is that of all of them.
func allOf(o Order, k leg, l snaptrade.Order, price decimal.Decimal) report {
	rest := o.Quantity - o.Cum
	r := reportOf(l)
	filled := k.cum + rest
	average := price
	if l.AveragePrice == nil {
		average = k.notional.Add(price.Mul(decimal.NewFromInt(int64(rest)))).DivRound(decimal.NewFromInt(int64(filled)), 8)
	}
	r.Filled, r.Average = &filled, &average
	return r
}
