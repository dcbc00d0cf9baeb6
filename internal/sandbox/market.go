package sandbox

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"
)

// quote is the market's view of one symbol; prices in dollars per share.
type quote struct {
	Symbol       string
	Bid, Ask     float64
	Last         float64
	BidSize      int
	AskSize      int
	Volume       int
	OpenInterest int
	At           time.Time // market clock
	Model        model     // options only
}

// pin is a quote set by hand. Frozen it stays; otherwise it moves by what the
// model moved since.
type pin struct {
	Bid    float64 `json:"bid"`
	Ask    float64 `json:"ask"`
	Last   float64 `json:"last"`
	Base   float64 `json:"base"` // model price when it was set
	Frozen bool    `json:"frozen"`
}

// marketState is what the journal keeps of the market.
type marketState struct {
	Frozen bool               `json:"frozen"` // nothing walks
	Still  map[string]bool    `json:"still"`  // underlyings that do not walk
	Spots  map[string]float64 `json:"spots"`
	Pins   map[string]pin     `json:"pins"` // by unpadded option symbol
}

// market is the simulated exchange: prices walk by the seed, options follow
// their underlying by Black and Scholes.
type market struct {
	mu      sync.Mutex
	listed  map[string]underlying
	order   []string
	state   marketState
	clock   *clock
	journal *Journal
	rand    *dice

	datesOn civilDate // the day dates was worked out for
	dates   map[string][]civilDate
}

func newMarket(d deps, c *clock) *market {
	m := &market{
		listed: map[string]underlying{}, clock: c, journal: d.journal, rand: d.rand,
		state: marketState{Still: map[string]bool{}, Spots: map[string]float64{}, Pins: map[string]pin{}},
	}
	for _, u := range listedUnderlyings() {
		m.listed[u.Symbol] = u
		m.order = append(m.order, u.Symbol)
		m.state.Spots[u.Symbol] = u.Start
	}
	d.journal.On("market", func(raw json.RawMessage) error {
		if err := json.Unmarshal(raw, &m.state); err != nil {
			return fmt.Errorf("decode market state: %w", err)
		}
		return nil
	})
	return m
}

// step walks every price that is not frozen by a moment of trading.
func (m *market) step(moment time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Frozen {
		return
	}
	years := moment.Hours() / (252 * 6.5)
	for _, symbol := range m.order {
		if m.state.Still[symbol] {
			continue
		}
		u := m.listed[symbol]
		spot := m.state.Spots[symbol] * math.Exp(u.Vol*math.Sqrt(years)*m.rand.NormFloat64())
		m.state.Spots[symbol] = math.Min(math.Max(spot, u.Start*0.6), u.Start*1.6)
	}
}

// setting is the body of POST /_sandbox/market.
type setting struct {
	Symbol string       `json:"symbol"`
	Bid    *json.Number `json:"bid"`
	Ask    *json.Number `json:"ask"`
	Last   *json.Number `json:"last"`
	Frozen *bool        `json:"frozen"`
}

// set pins a quote, freezes or thaws.
func (m *market) set(s setting) error {
	bid, ask, last, err := s.prices()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch u, isUnderlying := m.listed[s.Symbol]; {
	case s.Symbol == "":
		m.state.Frozen = s.Frozen != nil && *s.Frozen
	case isUnderlying:
		m.setSpot(u, bid, ask, last, s.Frozen)
	default:
		if err := m.setPin(s, bid, ask, last); err != nil {
			return err
		}
	}
	return m.journal.Append("market", m.state)
}

func (s setting) prices() (bid, ask, last float64, err error) {
	for _, field := range []struct {
		from *json.Number
		to   *float64
	}{{s.Bid, &bid}, {s.Ask, &ask}, {s.Last, &last}} {
		*field.to = -1
		if field.from == nil || *field.from == "" {
			continue
		}
		if *field.to, err = field.from.Float64(); err != nil || *field.to < 0 {
			return 0, 0, 0, fmt.Errorf("%q is not a price", *field.from)
		}
	}
	if bid >= 0 && ask >= 0 && bid > ask {
		return 0, 0, 0, fmt.Errorf("bid %v is above ask %v", bid, ask)
	}
	return bid, ask, last, nil
}

func (m *market) setSpot(u underlying, bid, ask, last float64, frozen *bool) {
	switch {
	case bid >= 0 && ask >= 0:
		m.state.Spots[u.Symbol] = (bid + ask) / 2
	case last > 0:
		m.state.Spots[u.Symbol] = last
	}
	if frozen != nil {
		m.state.Still[u.Symbol] = *frozen
	}
}

func (m *market) setPin(s setting, bid, ask, last float64) error {
	c, err := parseOCC(s.Symbol)
	if err != nil {
		return err
	}
	now, listed := m.optionLocked(c)
	if !listed {
		return fmt.Errorf("%s is not listed", s.Symbol)
	}
	p := pin{Bid: now.Bid, Ask: now.Ask, Last: now.Last, Base: now.Model.Price, Frozen: m.state.Pins[c.compact()].Frozen}
	if bid >= 0 {
		p.Bid, p.Ask = bid, math.Max(p.Ask, bid)
	}
	if ask >= 0 {
		p.Ask, p.Bid = ask, math.Min(p.Bid, ask)
	}
	p.Last = (p.Bid + p.Ask) / 2
	if last >= 0 {
		p.Last = last
	}
	if s.Frozen != nil {
		p.Frozen = *s.Frozen
	}
	m.state.Pins[c.compact()] = p
	return nil
}

// option quotes a listed contract; false when it is not (or no longer) listed.
func (m *market) option(c contract) (quote, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.optionLocked(c)
}

func (m *market) optionLocked(c contract) (quote, bool) {
	u, known := m.listed[c.Underlying]
	now := m.clock.marketNow()
	if !known || !u.lists(c, m.expirationsLocked(u)) {
		return quote{}, false
	}
	q := m.modelQuote(u, c, now)
	p, pinned := m.state.Pins[c.compact()]
	if !pinned {
		return q, true
	}
	drift := q.Model.Price - p.Base
	if p.Frozen || m.state.Frozen {
		drift = 0
	}
	q.Bid = roundTo(math.Max(p.Bid+drift, 0), 0.01)
	q.Ask = roundTo(math.Max(p.Ask+drift, 0.01), 0.01)
	q.Last = roundTo(math.Max(p.Last+drift, 0), 0.01)
	return q, true
}

func (m *market) modelQuote(u underlying, c contract, now time.Time) quote {
	spot := m.state.Spots[u.Symbol]
	closes := time.Date(c.Expiration.Year, c.Expiration.Month, c.Expiration.Day, 16, 0, 0, 0, m.clock.newYork)
	years := closes.Sub(now).Hours() / (365 * 24)
	theory := blackScholes(spot, c.strikeDollars(), smile(u.Vol, spot, c.strikeDollars()), years, c.Call)
	bid, ask := spreadOf(u, theory.Price)
	near := math.Exp(-20 * math.Pow(math.Log(c.strikeDollars()/u.Start), 2))
	chance := spice(c.compact())
	return quote{
		Symbol: c.compact(), Bid: bid, Ask: ask, Last: roundTo(theory.Price, 0.01),
		BidSize: 1 + int(chance*90), AskSize: 1 + int(spice(c.compact()+"a")*90),
		Volume: int(near * chance * 9000), OpenInterest: int(near*spice(c.compact()+"o")*30000) + 10,
		At: now, Model: theory,
	}
}

// stock quotes an underlying.
func (m *market) stock(symbol string) (quote, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, known := m.listed[strings.ToUpper(symbol)]
	if !known {
		return quote{}, false
	}
	spot := m.state.Spots[u.Symbol]
	half := math.Max(0.01, spot*0.00004)
	return quote{
		Symbol: u.Symbol, Bid: roundTo(spot-half, 0.01), Ask: roundTo(spot+half, 0.01), Last: roundTo(spot, 0.01),
		BidSize: 3, AskSize: 4, Volume: 1_000_000 + int(spice(u.Symbol)*40_000_000), At: m.clock.marketNow(),
	}, true
}

// contracts are those of one underlying that keep accepts, in order of
// expiration, strike, call before put.
func (m *market) contracts(u underlying, keep func(contract) bool) []contract {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []contract
	for _, expiration := range m.expirationsLocked(u) {
		for _, strike := range u.strikes() {
			for _, call := range []bool{true, false} {
				c := contract{u.root(expiration), u.Symbol, expiration, call, strike}
				if keep(c) {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// expirationsLocked works the list of a day out once.
func (m *market) expirationsLocked(u underlying) []civilDate {
	today := m.clock.marketDate()
	if m.dates == nil || m.datesOn != today {
		m.dates, m.datesOn = map[string][]civilDate{}, today
	}
	if _, known := m.dates[u.Symbol]; !known {
		m.dates[u.Symbol] = u.expirations(today)
	}
	return m.dates[u.Symbol]
}

// intrinsic is what a contract is worth at expiry, per share.
func (m *market) intrinsic(c contract) decimal.Decimal {
	m.mu.Lock()
	defer m.mu.Unlock()
	worth := dollars(m.state.Spots[c.Underlying]).Sub(decimal.New(c.Strike, -3))
	if !c.Call {
		worth = worth.Neg()
	}
	return decimal.Max(worth, decimal.Zero)
}

func (m *market) isFrozen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Frozen
}
