package sandbox

import (
	"math"
	"net/http"
	"slices"
	"time"
)

const (
	barsDefault = 1000
	barsMost    = 10_000
)

// The lengths of bars that Alpaca knows and we play.
var timeframes = map[string]time.Duration{
	"1Min": time.Minute, "5Min": 5 * time.Minute, "15Min": 15 * time.Minute, "30Min": 30 * time.Minute,
	"1Hour": time.Hour, "1Day": 24 * time.Hour,
}

// optionBar is one bar under the name of its contract.
type optionBar struct {
	symbol string
	shape  map[string]any
}

// optionBars is GET /v1beta1/options/bars: oldest first, contract by contract, those
// in which nobody traded left out. Without a start it is the bar of today.
func (a *alpaca) optionBars(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Get("start") == "" {
		a.sendOptions(w, r, "bars", func(q quote) any { return []any{dailyBar(q)} })
		return
	}
	step, known := timeframes[query.Get("timeframe")]
	from, err := time.Parse(time.RFC3339, query.Get("start"))
	to, endErr := time.Parse(time.RFC3339, query.Get("end"))
	if query.Get("end") == "" {
		to, endErr = a.clock.marketNow(), nil
	}
	if !known || err != nil || endErr != nil {
		alpacaRefuses(w, http.StatusBadRequest, 40010000, "timeframe, start or end cannot be read")
		return
	}
	list, ok := a.namedContracts(w, r)
	if !ok {
		return
	}
	var all []optionBar
	for _, c := range list {
		for _, shape := range a.market.barsOf(c, step, from, to) {
			all = append(all, optionBar{c.compact(), shape})
		}
	}
	if query.Get("sort") == "desc" {
		slices.Reverse(all)
	}
	page, next := pageOf(r, all, barsDefault, barsMost)
	bars := map[string][]any{}
	for _, b := range page {
		bars[b.symbol] = append(bars[b.symbol], b.shape)
	}
	reply(w, http.StatusOK, map[string]any{"bars": bars, "next_page_token": next})
}

// barsOf are a contract's bars between two instants of the market's clock.
func (m *market) barsOf(c contract, step time.Duration, from, to time.Time) (list []map[string]any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.marketNow()
	q, listed := m.optionLocked(c)
	if !listed {
		return nil
	}
	past := m.pastOf(c, q, now)
	for day := dateOf(from.In(m.clock.newYork)); !day.utc().After(dateOf(to.In(m.clock.newYork)).utc()); day = day.add(1) {
		opens, closes, traded := m.tradedOn(day, now)
		if !traded {
			continue
		}
		if step == timeframes["1Day"] {
			midnight := time.Date(day.Year, day.Month, day.Day, 0, 0, 0, 0, m.clock.newYork)
			if !midnight.Before(from) && !midnight.After(to) {
				list = append(list, past.bar(midnight, opens, closes))
			}
			continue
		}
		for at := opens; at.Before(closes); at = at.Add(step) {
			quiet := spice(q.Symbol+at.UTC().Format(time.RFC3339)) < 0.15 && at.Add(step).Before(now)
			if !at.Before(from) && !at.After(to) && !quiet {
				list = append(list, past.bar(at, at, earlier(at.Add(step), closes)))
			}
		}
	}
	return list
}

// tradedOn gives the hours of a day as far as they have passed. While no time is
// set the exchange is always open, so that today has no hours of its own.
func (m *market) tradedOn(day civilDate, now time.Time) (opens, closes time.Time, traded bool) {
	if day == dateOf(now) && !m.clock.current().IsSet() {
		return time.Date(day.Year, day.Month, day.Day, 0, 0, 0, 0, m.clock.newYork), now, true
	}
	opens, closes, traded = session(day, m.clock.newYork)
	return opens, earlier(closes, now), traded && opens.Before(now)
}

func earlier(x, y time.Time) time.Time {
	if x.Before(y) {
		return x
	}
	return y
}

// past makes up what a contract cost before now: of a day that is over always the
// same, and today on the way from there to what it costs now.
type past struct {
	u     underlying
	c     contract
	now   time.Time
	today civilDate
	last  float64 // what it costs now
	lift  float64 // how far above the model somebody pinned it
	ratio float64 // how far the underlying went from where it would be by itself
	ends  time.Time
}

func (m *market) pastOf(c contract, q quote, now time.Time) past {
	u := m.listed[c.Underlying]
	p := past{u: u, c: c, now: now, today: dateOf(now), last: q.Last}
	p.ends = time.Date(c.Expiration.Year, c.Expiration.Month, c.Expiration.Day, 16, 0, 0, 0, m.clock.newYork)
	p.ratio = m.state.Spots[u.Symbol] / p.wander(now)
	if pinned, there := m.state.Pins[c.compact()]; there {
		p.lift = pinned.Last - pinned.Base
	}
	return p
}

// wander is the price of the underlying by itself: waves of a month down to an hour.
func (p past) wander(at time.Time) float64 {
	daily, sum := p.u.Vol/16, 0.0
	for _, wave := range []struct{ hours, height float64 }{{960, 1.2}, {264, 0.8}, {72, 0.5}, {7, 0.25}, {0.8, 0.08}} {
		hours := float64(at.Unix()) / 3600
		phase := spice(p.u.Symbol + time.Duration(wave.hours*float64(time.Hour)).String())
		sum += daily * wave.height * math.Sin(2*math.Pi*(hours/wave.hours+phase))
	}
	return p.u.Start * math.Exp(sum)
}

// price is what one share of the contract cost at an instant.
func (p past) price(at time.Time) float64 {
	if !at.Before(p.now) {
		return p.last
	}
	spot := p.wander(at)
	if dateOf(at.In(p.now.Location())) == p.today {
		midnight := time.Date(p.today.Year, p.today.Month, p.today.Day, 0, 0, 0, 0, p.now.Location())
		spot *= math.Pow(p.ratio, at.Sub(midnight).Hours()/p.now.Sub(midnight).Hours())
	}
	strike := p.c.strikeDollars()
	theory := blackScholes(spot, strike, smile(p.u.Vol, spot, strike), p.ends.Sub(at).Hours()/(365*24), p.c.Call)
	return roundTo(math.Max(theory.Price+p.lift, 0.01), 0.01)
}

// bar is what happened between two instants, looked at five times.
func (p past) bar(stamp, from, to time.Time) map[string]any {
	const looks = 4
	first := p.price(from)
	low, high, last := first, first, first
	for i := 1; i <= looks; i++ {
		last = p.price(from.Add(to.Sub(from) * time.Duration(i) / looks))
		low, high = math.Min(low, last), math.Max(high, last)
	}
	volume := 1 + int(spice(p.c.compact()+stamp.String())*60)
	return map[string]any{
		"t": stamp.UTC().Format(time.RFC3339), "o": first, "h": high, "l": low, "c": last,
		"v": volume, "n": 1 + volume/3, "vw": roundTo((low+high+last)/3, 0.01),
	}
}
