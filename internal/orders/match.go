package orders

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// How far the broker's clock may stray from the time we sent.
const (
	matchBefore = 2 * time.Minute
	matchAfter  = 10 * time.Minute // after the claim's deadline
)

// match finds the listed orders that may be o, earliest first: same contract,
// side, quantity, type and prices, placed about when o was sent. The caller
// leaves out listed orders that belong to another row.
func match(o Order, listed []snaptrade.Order) []snaptrade.Order {
	var found []snaptrade.Order
	for _, l := range listed {
		if sameOrder(o, l) {
			found = append(found, l)
		}
	}
	slices.SortStableFunc(found, func(a, b snaptrade.Order) int { return a.PlacedAt.Compare(b.PlacedAt) })
	return found
}

func sameOrder(o Order, l snaptrade.Order) bool {
	return l.Option && sameContract(o.Contract, l.Symbol) && sameSide(o.Side, l.Action) &&
		l.Total != nil && l.Total.Equal(decimal.NewFromInt(int64(o.Quantity))) &&
		sameType(o.Type, l.Type) && samePrices(o, l) && placedInTime(o, l.PlacedAt)
}

// Symbols are compared as contracts: brokers space them differently.
func sameContract(c exchange.Contract, symbol string) bool {
	listed, err := exchange.ParseSymbol(symbol)
	return err == nil && listed.Symbol == c.Symbol
}

func sameSide(side Side, action snaptrade.Action) bool {
	if side == BTO {
		return action == snaptrade.Buy || action == snaptrade.BuyToOpen
	}
	return action == snaptrade.Sell || action == snaptrade.SellToClose
}

// A type in the broker's own word proves nothing against the match.
func sameType(t Type, listed snaptrade.OrderType) bool {
	return listed == snaptrade.TypeUnknown || listed == wireType(t)
}

func samePrices(o Order, l snaptrade.Order) bool {
	return (o.Limit == nil || l.LimitPrice != nil && l.LimitPrice.Equal(o.Limit.Decimal)) &&
		(o.Stop == nil || l.StopPrice != nil && l.StopPrice.Equal(o.Stop.Decimal))
}

func placedInTime(o Order, placed time.Time) bool {
	if o.SentAt == nil || o.Deadline == nil {
		return false
	}
	return !placed.Before(o.SentAt.Add(-matchBefore)) && !placed.After(o.Deadline.Add(matchAfter))
}

func wireType(t Type) snaptrade.OrderType {
	switch t {
	case Market:
		return snaptrade.TypeMarket
	case Stop:
		return snaptrade.TypeStop
	case StopLimit:
		return snaptrade.TypeStopLimit
	}
	return snaptrade.TypeLimit
}
