package web

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
)

// The longer a position was held, the longer the bars: a day by five minutes, a week by
// half hours, then days, with some of what went before. What is held goes on to today.
func TestAChartCoversWhatWasHeld(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	clock := exchange.NewClock(func() time.Time { return noon }) // 20 November 2026
	for name, c := range map[string]struct {
		opened, closed string // closed: empty while held
		frame          market.Frame
		from, to       string
	}{
		"opened today":                  {"2026-11-20T15:00:00Z", "", market.FiveMinutes, "2026-11-20", "2026-11-20"},
		"held for some days":            {"2026-11-16T15:00:00Z", "", market.HalfHours, "2026-11-16", "2026-11-20"},
		"held for weeks":                {"2026-10-19T15:00:00Z", "", market.Days, "2026-10-10", "2026-11-20"},
		"closed on the day it opened":   {"2026-10-19T15:00:00Z", "2026-10-19T19:00:00Z", market.FiveMinutes, "2026-10-19", "2026-10-19"},
		"late in the evening of London": {"2026-10-20T02:00:00Z", "2026-10-20T02:10:00Z", market.FiveMinutes, "2026-10-19", "2026-10-19"},
	} {
		opened := at(c.opened)
		p := positions.Position{CreatedAt: opened, OpenedAt: &opened}
		p.Ledger.Bought = 2
		fills := []orders.Fill{{Side: orders.BTO, Quantity: 2, ExecutedAt: &opened, LearntAt: noon}}
		if c.closed != "" {
			closed := at(c.closed)
			p.Ledger.Sold, p.ClosedAt = 2, &closed
		}
		got := spanOf(p, fills, clock)
		if got.frame != c.frame || got.from.String() != c.from || got.to.String() != c.to {
			t.Errorf("%s: %s from %s to %s", name, got.frame, got.from, got.to)
		}
	}
}

// Every fill stands on a bar; where the history has none, on one of its own price, and
// the bars stay in order and one each. Times are those of the pages' clock.
func TestEveryFillStandsOnABar(t *testing.T) {
	t.Parallel()
	day := exchange.MustDate("2026-11-20")
	s := span{from: day, to: day, frame: market.FiveMinutes, length: 5 * time.Minute}
	bar := func(hour, minute int) market.Bar {
		p := money.MustPrice("3.00")
		return market.Bar{At: day.At(hour, minute), Open: p, High: money.MustPrice("3.10"), Low: money.MustPrice("2.90"), Close: p}
	}
	history := []market.Bar{bar(10, 0), bar(10, 10)}
	const offset = 2 * time.Hour // the market's clock is ahead
	filled := func(hour, minute int) *time.Time { at := day.At(hour, minute).Add(-offset); return &at }
	v := chartView{Contract: contract("AAPL", exchange.Call, "200", exchange.MustDate("2027-01-15"))}
	err := v.draw(history, []orders.Fill{
		{Side: orders.BTO, Quantity: 1, Price: money.MustPrice("3.05"), ExecutedAt: filled(10, 2)},
		{Side: orders.BTO, Quantity: 2, Price: money.MustPrice("2.50"), ExecutedAt: filled(10, 7)},
		{Side: orders.STC, Quantity: 2, Price: money.MustPrice("3.40"), LearntAt: *filled(10, 33)},
		{Side: orders.STC, Quantity: 1, Price: money.MustPrice("3.40"), LearntAt: *filled(10, 34)},
	}, s, offset)
	if err != nil {
		t.Fatal(err)
	}
	var points [][5]json.RawMessage
	var marks []struct {
		At       json.RawMessage `json:"t"`
		Side     string          `json:"side"`
		Quantity int             `json:"n"`
	}
	marked, err := v.marked(t.Context())
	if err != nil || json.Unmarshal([]byte(v.Points), &points) != nil || json.Unmarshal([]byte(marked), &marks) != nil {
		t.Fatalf("%s, %s, %v", v.Points, marked, err)
	}
	var times []string
	stands := map[string]bool{}
	for _, p := range points {
		seconds, err := strconv.ParseInt(string(p[0]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		times, stands[string(p[0])] = append(times, time.Unix(seconds, 0).In(exchange.NewYork).Format("15:04")), true
	}
	if got := strings.Join(times, " "); got != "08:00 08:05 08:10 08:30" {
		t.Errorf("bars at %s", got)
	}
	if len(marks) != 3 || marks[2].Quantity != 3 {
		t.Errorf("what filled at one price in one bar is one mark: %s", marked)
	}
	for _, m := range marks {
		if !stands[string(m.At)] {
			t.Errorf("%s of %d stands on nothing at %s", m.Side, m.Quantity, m.At)
		}
	}
	if string(points[1][1]) != `"2.50"` || v.Low.String() != "2.50" || v.High.String() != "3.40" || v.Last.String() != "3.40" || len(history) != 2 {
		t.Errorf("points %s, low %s, high %s, last %s", v.Points, v.Low, v.High, v.Last)
	}
	if said := v.about(); !strings.Contains(said, "AAPL 15 Jan 27 200 C") || !strings.Contains(said, "$2.50") || !strings.Contains(said, "table of fills") {
		t.Errorf("read aloud: %q", said)
	}
}
