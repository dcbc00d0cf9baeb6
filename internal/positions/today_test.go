package positions

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// What a position made today, by hand: contracts held, what traded today, the mark and
// yesterday's close, per share, with 100 shares a contract.
func TestWhatAPositionMadeToday(t *testing.T) {
	t.Parallel()
	price := func(text string) *money.Price {
		if text == "" {
			return nil
		}
		p := money.MustPrice(text)
		return &p
	}
	d := decimal.RequireFromString
	for name, c := range map[string]struct {
		held        int
		since       Traded
		mark, close string
		status      Status
		missing     int
		want        string // empty: not known
	}{
		"held overnight":                      {held: 5, mark: "3.50", close: "3.20", want: "150"},
		"fell overnight":                      {held: 5, mark: "3.05", close: "3.20", want: "-75"},
		"bought today, whatever it closed at": {held: 2, since: Traded{Bought: 2, Paid: d("6.00"), Fees: d("1.30")}, mark: "3.50", want: "98.70"},
		"more bought of what was held":        {held: 5, since: Traded{Bought: 2, Paid: d("6.60")}, mark: "3.50", close: "3.20", want: "130"}, // 3 × 0.30 and 2 × 0.20
		"part sold today":                     {held: 3, since: Traded{Sold: 2, Received: d("6.80")}, mark: "3.50", close: "3.20", want: "130"},
		"bought and sold within the day":      {held: 0, since: Traded{Bought: 2, Sold: 2, Paid: d("6.00"), Received: d("6.50")}, want: "50"},
		"all sold, an order still works":      {held: 0, since: Traded{Sold: 5, Received: d("15.00"), Fees: d("3.25")}, close: "3.20", want: "-103.25"},
		"no close is known":                   {held: 5, mark: "3.50"},
		"no mark is known":                    {held: 5, close: "3.20"},
		"more left than fills say":            {held: 1, since: Traded{Bought: 2, Paid: d("6.00")}, mark: "3.50", close: "3.20"},
		"not all at the broker":               {held: 5, mark: "3.50", close: "3.20", missing: 1},
		"past its expiration":                 {held: 5, mark: "3.50", close: "3.20", status: ExpiryPending},
	} {
		p := Position{Status: Open, Missing: c.missing, Mark: price(c.mark), Contract: exchange.Contract{Multiplier: 100}}
		p.Ledger.Bought = c.held
		if c.status != "" {
			p.Status = c.status
		}
		got := p.Made(c.since, price(c.close))
		if (got == nil) != (c.want == "") || (got != nil && !got.Equal(d(c.want))) {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}
