package market

import (
	"errors"
	"testing"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/shopspring/decimal"
)

func TestAChainIsALadderAroundTheMoney(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	day := exchange.MustDate(expiryDate)
	whole, err := s.market.Chain(s.ctx, "aapl", day, 0)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Underlying != "AAPL" || whole.Spot == nil || whole.ATM == nil || len(whole.Strikes) < 30 {
		t.Fatalf("chain of %d strikes, spot %v, at the money %v", len(whole.Strikes), whole.Spot, whole.ATM)
	}
	for i, r := range whole.Strikes {
		if r.Call == nil || r.Put == nil || r.Call.Ask == nil || r.Call.Greeks == nil || r.Call.Volume == nil || r.Call.OpenInterest == nil ||
			!r.Call.Strike.Equal(r.Strike) || r.Put.Type != exchange.Put {
			t.Fatalf("strike %s: call %+v, put %+v", r.Strike, r.Call, r.Put)
		}
		if i > 0 && !whole.Strikes[i-1].Strike.LessThan(r.Strike) {
			t.Fatalf("strike %s after %s", r.Strike, whole.Strikes[i-1].Strike)
		}
	}
	near, err := s.market.Chain(s.ctx, "AAPL", day, 3)
	if err != nil || len(near.Strikes) != 7 || !near.Strikes[3].Strike.Equal(*whole.ATM) {
		t.Errorf("%d strikes near %v, %v", len(near.Strikes), near.ATM, err)
	}
	if n := s.calls.of("/snapshots/AAPL"); n != 1 {
		t.Errorf("two looks within five seconds made %d calls", n)
	}
	if _, err := s.market.Chain(s.ctx, "AAPL", exchange.MustDate("2027-01-16"), 0); !errors.Is(err, fault.NotFound()) {
		t.Errorf("a day on which nothing expires: %v", err)
	}
	for _, name := range []string{"", "../v2/account", "AAPL/../X", "TOOLONGNAME"} {
		if _, err := s.market.Chain(s.ctx, name, day, 0); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("underlying %q: %v", name, err)
		}
	}
}

// Without a price of the underlying, as for indexes, the deltas say where the money is.
func TestTheMoneyIsFoundWithoutASpot(t *testing.T) {
	t.Parallel()
	rung := func(strike int64, delta float64) Rung {
		return Rung{Strike: decimal.NewFromInt(strike), Call: &Option{Greeks: &Greeks{Delta: delta}}}
	}
	c := Chain{Strikes: []Rung{rung(90, 0.9), rung(95, 0.72), rung(100, 0.52), rung(105, 0.3), rung(110, 0.1)}}
	c.ATM = atTheMoney(c.Strikes, nil)
	if c.ATM == nil || c.ATM.IntPart() != 100 {
		t.Fatalf("at the money: %v", c.ATM)
	}
	for n, want := range map[int]int{0: 5, 1: 3, 2: 5, 9: 5} {
		if got := len(c.near(n).Strikes); got != want {
			t.Errorf("near %d: %d strikes, want %d", n, got, want)
		}
	}
	if got := atTheMoney(c.Strikes, &money.Price{Decimal: decimal.NewFromInt(92)}); got.IntPart() != 90 {
		t.Errorf("with a spot of 92: %v", got)
	}
	if got := atTheMoney([]Rung{{Strike: decimal.NewFromInt(1)}}, nil); got != nil {
		t.Errorf("with nothing to go by: %v", got)
	}
}

func TestExpirationsAreDaysFromTodayOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	days, err := s.market.Expirations(s.ctx, "AAPL")
	if err != nil || len(days) < 8 {
		t.Fatalf("%v, %v", days, err)
	}
	for i, day := range days {
		if day.Before(s.clock.Today()) || (i > 0 && !days[i-1].Before(day)) {
			t.Errorf("%s in %v", day, days)
		}
	}
	if none, err := s.market.Expirations(s.ctx, "ZZZZ"); err != nil || len(none) != 0 {
		t.Errorf("an underlying without options: %v, %v", none, err)
	}
}

func TestAContractIsListedAsItIsOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	listed, err := exchange.ParseSymbol(symbol)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := exchange.ParseSymbol("AAPL  " + expiryCode + "C00200001")
	if err != nil {
		t.Fatal(err)
	}
	mini := listed
	mini.Multiplier = 10
	for _, tt := range []struct {
		name     string
		contract exchange.Contract
		want     bool
	}{{"listed", listed, true}, {"between the strikes", odd, false}, {"with another multiplier", mini, false}} {
		if got, err := s.market.Listed(s.ctx, tt.contract); err != nil || got != tt.want {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
	if n := s.calls.of("/v2/options/contracts"); n > 2 {
		t.Errorf("%d calls for one expiration", n)
	}
}

// The close of a day is known for that day only.
func TestTheCloseIsThatOfItsDay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.control("/_sandbox/market", map[string]any{"symbol": "AAPL", "last": "211.25", "frozen": true})
	today := s.clock.Today()
	if got, err := s.market.DayClose(s.ctx, "AAPL", today); err != nil || got.String() != "211.25" {
		t.Errorf("%s (%v)", got, err)
	}
	if got, err := s.market.DayClose(s.ctx, "AAPL", today.AddDays(-1)); !errors.Is(err, ErrNoQuote) {
		t.Errorf("of another day: %s (%v)", got, err)
	}
}
