package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

// chartView is what a position's contract cost while it was held, with its fills; or
// why there is none to show. While Waiting the page asks for it.
type chartView struct {
	ID      string // the position's; empty: no chart, as without built assets
	Script  string // the address of what draws it
	Waiting bool
	Growing bool // the last bar still grows

	Sentence string // what stands in place of the chart
	Away     bool   // trying again may help

	Contract      exchange.Contract
	Source        string
	Frame         string // "5-minute bars"
	Days          string // which days it shows, in words
	Low, High     *money.Price
	Last, Average *money.Price
	Zone          string // whose clock the bars of one day are shown by
	Points        string // JSON for the script: bars
	Marks         []mark // and fills
}

// chartPart answers GET /partials/positions/{id}/chart.
func (s *Site) chartPart(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	ctx := r.Context()
	p, err := s.book.Position(ctx, me(ctx), id)
	if err != nil {
		return err
	}
	fills, err := s.desk.Fills(ctx, me(ctx), id)
	if err != nil {
		return err
	}
	view, err := s.chartOf(ctx, p, fills)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, chartPanel(view))
}

// chartOf reads the history. That it cannot be had is said in the chart's place, and
// takes nothing from the rest of the page.
func (s *Site) chartOf(ctx context.Context, p positions.Position, fills []orders.Fill) (chartView, error) {
	view := s.waitingChart(p)
	view.Waiting, view.Source, view.Zone, view.Average = false, s.market.Source(), zone(ctx).String(), p.AverageEntry()
	span := spanOf(p, fills, s.clock)
	view.Growing = span.to == s.clock.Today()
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	bars, err := s.market.Bars(ctx, p.Contract.Symbol, span.frame, span.from, span.to)
	switch {
	case errors.Is(err, market.ErrOff):
		view.Sentence = "Without market data there is no history of prices. The fills stand below."
		return view, nil
	case err != nil:
		s.log.WarnContext(ctx, "a position is shown without its chart", "position", p.ID, "err", err)
		view.Sentence, view.Away = "The history of prices does not come right now.", true
		return view, nil
	case len(bars) == 0:
		view.Sentence = "No history of prices is known for these days. The fills stand below."
		return view, nil
	}
	return view, view.draw(bars, fills, span, s.clock.State().Offset)
}

func (s *Site) waitingChart(p positions.Position) chartView {
	if s.assets.Chart == "" {
		return chartView{}
	}
	return chartView{ID: p.ID.String(), Contract: p.Contract, Script: s.assets.Chart, Waiting: true}
}

// span is the days a chart shows and how long its bars are.
type span struct {
	from, to exchange.Date
	frame    market.Frame
	length   time.Duration
}

// spanOf reaches from the first fill to the last, or to today while something is held.
func spanOf(p positions.Position, fills []orders.Fill, c *exchange.Clock) span {
	first, last := p.CreatedAt, p.CreatedAt
	if p.OpenedAt != nil {
		first, last = *p.OpenedAt, *p.OpenedAt
	}
	for _, f := range fills {
		if at := filledAt(f); at.Before(first) {
			first = at
		} else if at.After(last) {
			last = at
		}
	}
	if p.ClosedAt != nil && p.ClosedAt.After(last) {
		last = *p.ClosedAt
	}
	offset := c.State().Offset
	s := span{from: exchange.TradingDay(first.Add(offset)), to: exchange.TradingDay(last.Add(offset))}
	if p.Held() > 0 && s.to.Before(c.Today()) {
		s.to = c.Today()
	}
	switch days := s.from.DaysUntil(s.to); {
	case days < 1:
		s.frame, s.length = market.FiveMinutes, 5*time.Minute
	case days <= 7:
		s.frame, s.length = market.HalfHours, 30*time.Minute
	default:
		s.frame, s.length, s.from = market.Days, 24*time.Hour, s.from.AddDays(-5-days/8) // what went before
	}
	return s
}

// start is when the bar begins that an instant of the market's clock lies in.
func (s span) start(at time.Time) time.Time {
	if s.frame == market.Days {
		return exchange.TradingDay(at).At(0, 0)
	}
	return at.Truncate(s.length)
}

func (s span) words() string {
	switch s.frame {
	case market.FiveMinutes:
		return "5-minute bars"
	case market.HalfHours:
		return "30-minute bars"
	}
	return "Daily bars"
}

// mark is a fill where the script shows it.
type mark struct {
	At       any         `json:"t"` // a day, or seconds
	Side     string      `json:"side"`
	Quantity int         `json:"n,omitempty"` // none: not to be seen
	Price    money.Price `json:"p"`
}

// draw puts bars and fills where the script finds them. Offset is how far the
// market's clock is ahead of the one that pages show times by.
func (v *chartView) draw(bars []market.Bar, fills []orders.Fill, s span, offset time.Duration) error {
	bars = withFills(bars, fills, s, offset)
	stamp := func(at time.Time) any {
		if s.frame == market.Days {
			return exchange.TradingDay(at).String()
		}
		return at.Add(-offset).Unix()
	}
	points := make([][5]any, len(bars))
	low, high := bars[0].Low, bars[0].High
	for i, b := range bars {
		points[i] = [5]any{stamp(b.At), b.Open, b.High, b.Low, b.Close}
		if b.Low.LessThan(low.Decimal) {
			low = b.Low
		}
		if b.High.GreaterThan(high.Decimal) {
			high = b.High
		}
	}
	marks := make([]mark, 0, len(fills))
	for _, f := range fills {
		m := mark{stamp(s.start(filledAt(f).Add(offset))), string(f.Side), f.Quantity, f.Price}
		same := func(o mark) bool { return o.At == m.At && o.Side == m.Side && o.Price.Equal(m.Price.Decimal) }
		if i := slices.IndexFunc(marks, same); i >= 0 {
			marks[i].Quantity += m.Quantity
			continue
		}
		marks = append(marks, m)
	}
	text, err := json.Marshal(points)
	if err != nil {
		return fmt.Errorf("write the chart's bars: %w", err)
	}
	v.Points, v.Marks, v.Low, v.High, v.Last = string(text), marks, &low, &high, &bars[len(bars)-1].Close
	v.Frame, v.Days = s.words(), s.from.Display()
	if s.to != s.from {
		v.Days += " to " + s.to.Display()
	}
	return nil
}

// withFills gives every fill a bar to stand on. Where the history has none, which
// runs late or knows nothing of that contract then, the fill itself is what traded.
func withFills(bars []market.Bar, fills []orders.Fill, s span, offset time.Duration) []market.Bar {
	bars = slices.Clone(bars) // others read the same history
	for _, f := range fills {
		at := s.start(filledAt(f).Add(offset))
		i, there := slices.BinarySearchFunc(bars, at, func(b market.Bar, at time.Time) int { return s.start(b.At).Compare(at) })
		if !there {
			bars = slices.Insert(bars, i, market.Bar{At: at, Open: f.Price, High: f.Price, Low: f.Price, Close: f.Price})
		}
	}
	return bars
}

// filledAt is when it filled, or when we learnt of it.
func filledAt(f orders.Fill) time.Time {
	if f.ExecutedAt != nil {
		return *f.ExecutedAt
	}
	return f.LearntAt
}

// about is the chart for those who do not see it.
func (v chartView) about() string {
	return fmt.Sprintf("%s of %s, %s: lowest %s, highest %s, last %s. Where it was bought and sold stands in the table of fills.",
		cmp.Or(v.Frame, "Bars"), v.Contract.Display(), v.Days, v.Low.Display(), v.High.Display(), v.Last.Display())
}

// marked are the fills for the script. How many contracts is whose they are: the eye hides it.
func (v chartView) marked(ctx context.Context) (string, error) {
	marks := slices.Clone(v.Marks)
	if ui.Private(ctx) {
		for i := range marks {
			marks[i].Quantity = 0
		}
	}
	text, err := json.Marshal(marks)
	if err != nil {
		return "", fmt.Errorf("write the chart's fills: %w", err)
	}
	return string(text), nil
}

func (v chartView) trigger() string {
	switch {
	case v.Waiting:
		return "load"
	case v.Growing:
		return "live-position from:body throttle:2s, live-prices from:body throttle:60s"
	}
	return "live-position from:body throttle:2s"
}
