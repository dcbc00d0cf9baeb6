package orders

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Executed without a quantity or a price is a fill only when the account holds
// exactly what it then would; a price nobody named is reckoned, and said to be.
func TestWhatTheHoldingsConfirm(t *testing.T) {
	t.Parallel()
	dec := func(s string) *decimal.Decimal { d := decimal.RequireFromString(s); return &d }
	buy := five(Accepted, 0)
	buy.Side = BTO
	sell := five(Partial, 2)
	sell.Side, sell.Limit = STC, limited("4.10")
	market := sell
	market.Limit = nil
	for name, c := range map[string]struct {
		order     Order
		average   *decimal.Decimal
		held      int // here, at 2.00 a share
		there     int
		cost      *decimal.Decimal
		price     string
		reckoned  bool
		confirmed bool
	}{
		"all of a buy":               {buy, nil, 0, 5, dec("3.50"), "3.5", true, true},
		"all of a buy, price known":  {buy, dec("3.40"), 0, 5, dec("3.50"), "3.4", false, true},
		"added to what was held":     {buy, nil, 5, 10, dec("2.50"), "3", true, true},
		"a buy, nothing there yet":   {buy, nil, 0, 0, nil, "", false, false},
		"a buy, only some there":     {buy, nil, 0, 3, dec("3.50"), "", false, false},
		"a buy, more there":          {buy, nil, 0, 6, dec("3.50"), "", false, false},
		"a buy without cost":         {buy, nil, 0, 5, nil, "", false, false},
		"the rest of a sell":         {sell, nil, 3, 0, nil, "4.1", true, true},
		"the rest, of more":          {sell, nil, 5, 2, dec("2.00"), "4.1", true, true},
		"a sell, still all there":    {sell, nil, 3, 3, dec("2.00"), "", false, false},
		"a sell at the market":       {market, nil, 3, 0, nil, "", false, false},
		"a sell, its price is known": {market, dec("4.20"), 3, 0, nil, "4.2", false, true},
	} {
		p := positions.Position{Ledger: positions.Ledger{Bought: c.held, RemainingCost: decimal.NewFromInt(int64(c.held * 200))}}
		p.Contract.Multiplier = 100
		price, reckoned, ok := executedAt(c.order, snaptrade.Order{AveragePrice: c.average}, p, c.there, c.cost)
		if ok != c.confirmed || ok && (price.String() != c.price || reckoned != c.reckoned) {
			t.Errorf("%s: %s, reckoned %v, confirmed %v", name, price, reckoned, ok)
		}
	}
}

// Of many orders that are read one by one, those come first that waited longest.
func TestOrdersAreReadInTurn(t *testing.T) {
	t.Parallel()
	at := func(minutes int) *time.Time { t := sentAt.Add(time.Duration(minutes) * time.Minute); return &t }
	order := func(name byte, read *time.Time, created int) Order {
		return Order{ID: uuid.UUID{name}, ReadAt: read, CreatedAt: *at(created)}
	}
	list := []Order{order('d', at(9), 0), order('b', nil, 2), order('c', at(3), 1), order('a', nil, 1)}
	slices.SortStableFunc(list, longestAgo)
	got := ""
	for _, o := range list {
		got += string(o.ID[0])
	}
	if got != "abcd" {
		t.Errorf("read in the order %s", got)
	}
}
