package orders

import (
	"time"

	"github.com/riverqueue/river"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

func actionOf(side Side) snaptrade.Action {
	if side == STC {
		return snaptrade.SellToClose
	}
	return snaptrade.BuyToOpen
}

func forceOf(t TimeInForce) snaptrade.TimeInForce {
	if t == GTC {
		return snaptrade.GoodTilCancelled
	}
	return snaptrade.Day
}

func decimalOf(p *money.Price) *decimal.Decimal {
	if p == nil {
		return nil
	}
	return &p.Decimal
}

func sendAfter(at time.Time) *river.InsertOpts {
	return &river.InsertOpts{ScheduledAt: at}
}

func nullable(d decimal.Decimal) decimal.NullDecimal { return decimal.NewNullDecimal(d) }
