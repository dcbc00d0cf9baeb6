package copytrade

import (
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

func contract(t *testing.T, underlying string) exchange.Contract {
	t.Helper()
	c, err := exchange.NewContract(underlying, exchange.Call, decimal.NewFromInt(200), exchange.MustDate(expiryDate))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnEntryPaysAtMostTheAllowedSlippage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ leader, percent, want string }{
		{"3.50", "5", "3.65"},  // 3.675 down to the nickel
		{"0.40", "5", "0.45"},  // at least five cents
		{"0.40", "0", "0.40"},  // none asked, none given
		{"2.90", "10", "3.15"}, // crosses into the coarser tick: 3.19 down
	} {
		got := orders.EntryLimit(contract(t, "AAPL"), money.MustPrice(c.leader), decimal.RequireFromString(c.percent))
		if got.String() != c.want {
			t.Errorf("%s at %s%%: %s, want %s", c.leader, c.percent, got, c.want)
		}
	}
}

func TestAnExitGivesUpAtMostATenth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ leader, want string }{
		{"4.00", "3.60"}, {"0.30", "0.25"}, {"0.05", "0.01"}, {"0.01", "0.01"}, {"3.33", "3.00"},
	} {
		if got := orders.ExitLimit(contract(t, "AAPL"), money.MustPrice(c.leader)); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.leader, got, c.want)
		}
	}
}

func TestExitsFollowInProportionRoundedHalfDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		copied, sold, held int
		flat               bool
		want               int
	}{
		{5, 5, 10, false, 2},  // 2.5 → 2
		{5, 6, 10, false, 3},  // 3
		{3, 1, 2, false, 1},   // 1.5 → 1
		{7, 2, 3, false, 5},   // 4.67 → 5
		{1, 1, 10, false, 0},  // 0.1 → 0
		{5, 10, 10, true, 5},  // flat: everything
		{5, 9, 10, true, 5},   // flat by another way
		{5, 1, 0, false, 0},   // nothing known held
		{10, 3, 10, false, 3}, // exact
	} {
		if got := exitTarget(c.copied, c.sold, c.held, c.flat); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestExitTargetsOnlyRiseAndNeverPassWhatIsCopied(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		copied, held := rapid.IntRange(0, 500).Draw(t, "copied"), rapid.IntRange(1, 500).Draw(t, "held")
		before := 0
		for sold := range held + 1 {
			now := exitTarget(copied, sold, held, sold == held)
			if now < before || now > copied {
				t.Fatalf("%d of %d sold: target %d after %d of %d copied", sold, held, now, before, copied)
			}
			before = now
		}
		if before != copied {
			t.Fatalf("flat leader leaves %d of %d", copied-before, copied)
		}
	})
}
