package market

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/redis"
)

// Greeks are a model's view of a contract; nobody's money is computed from them.
type Greeks struct {
	ImpliedVolatility float64 `json:"impliedVolatility"`
	Delta             float64 `json:"delta"`
	Gamma             float64 `json:"gamma"`
	Theta             float64 `json:"theta"`
	Vega              float64 `json:"vega"`
	Rho               float64 `json:"rho"`
}

// Option is one contract of a chain. Volume and OpenInterest are contracts, nil
// when unknown.
type Option struct {
	Quote
	*Greeks
	Volume       *int64              `json:"volume"`
	OpenInterest *int64              `json:"openInterest"`
	Type         exchange.OptionType `json:"optionType"`
	Strike       decimal.Decimal     `json:"strike"`
}

// Rung is one strike of the ladder.
type Rung struct {
	Strike decimal.Decimal `json:"strike"`
	Root   string          `json:"root"` // SPX and SPXW may expire on one day
	Call   *Option         `json:"call"`
	Put    *Option         `json:"put"`
}

// Chain is the ladder of one underlying and expiration, lowest strike first. Spot
// is the price of the underlying, nil where Alpaca has none, as for indexes; ATM is
// the strike nearest to it, or the one whose call has a delta nearest to a half.
type Chain struct {
	Underlying string           `json:"underlying"`
	Expiration exchange.Date    `json:"expiration"`
	Spot       *money.Price     `json:"spot"`
	SpotAt     *time.Time       `json:"spotAt"`
	ATM        *decimal.Decimal `json:"atm"`
	At         time.Time        `json:"at"` // when it was read, by the market's clock
	Strikes    []Rung           `json:"strikes"`
}

// Chain reads the chain of an underlying and expiration; near keeps so many
// strikes on each side of the money, 0 keeps all. At most five seconds old.
func (m *Market) Chain(ctx context.Context, underlying string, expiration exchange.Date, near int) (Chain, error) {
	if err := m.Off(); err != nil {
		return Chain{}, err
	}
	name, err := ticker(underlying)
	if err != nil {
		return Chain{}, err
	}
	whole, err := redis.Cached(ctx, m.cache, "market:chain:"+name+":"+expiration.String(), chainAge, func(ctx context.Context) (Chain, error) {
		return m.readChain(ctx, name, expiration)
	})
	if err != nil {
		return Chain{}, err
	}
	if len(whole.Strikes) == 0 {
		return Chain{}, fault.NotFound()
	}
	return whole.near(near), nil
}

func (m *Market) readChain(ctx context.Context, underlying string, expiration exchange.Date) (Chain, error) {
	options, err := m.alpaca.chain(ctx, underlying, expiration)
	if err != nil {
		return Chain{}, away("read chain of "+underlying, err)
	}
	c := Chain{Underlying: underlying, Expiration: expiration, At: m.clock.Now().UTC()}
	m.decorate(ctx, underlying, expiration, options)
	c.Strikes = ladder(options)
	if q, err := m.Spot(ctx, underlying); err == nil {
		c.Spot, c.SpotAt = q.Mark(), &q.At
		if q.Last != nil {
			c.Spot = q.Last
		}
	}
	c.ATM = atTheMoney(c.Strikes, c.Spot)
	return c, nil
}

// decorate adds what the chain itself does not carry. A chain without volumes is
// still a chain, so what cannot be had is left out.
func (m *Market) decorate(ctx context.Context, underlying string, expiration exchange.Date, options []Option) {
	symbols := make([]string, len(options))
	for i, o := range options {
		symbols[i] = o.Symbol
	}
	volumes, err := m.alpaca.volumes(ctx, symbols)
	if err != nil {
		m.log.WarnContext(ctx, "chain without volumes", "underlying", underlying, "err", err)
	}
	known, err := m.listing(ctx, underlying, expiration, listingAge)
	if err != nil {
		m.log.WarnContext(ctx, "chain without open interest", "underlying", underlying, "err", err)
	}
	for i, symbol := range symbols {
		if v, traded := volumes[symbol]; traded {
			options[i].Volume = &v
		}
		options[i].OpenInterest = known[symbol].OpenInterest
	}
}

// ladder puts calls and puts of one strike side by side.
func ladder(options []Option) []Rung {
	rungs := map[string]*Rung{}
	for _, o := range options {
		root := strings.TrimSpace(o.Symbol[:6])
		key := root + o.Strike.String()
		if rungs[key] == nil {
			rungs[key] = &Rung{Strike: o.Strike, Root: root}
		}
		if o.Type == exchange.Put {
			rungs[key].Put = &o
		} else {
			rungs[key].Call = &o
		}
	}
	out := make([]Rung, 0, len(rungs))
	for _, r := range rungs {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(x, y Rung) int {
		if byStrike := x.Strike.Cmp(y.Strike); byStrike != 0 {
			return byStrike
		}
		return strings.Compare(x.Root, y.Root)
	})
	return out
}

// atTheMoney is the strike nearest to the spot; without a spot the one whose call
// is as likely to end in the money as not.
func atTheMoney(rungs []Rung, spot *money.Price) *decimal.Decimal {
	var best *decimal.Decimal
	var distance decimal.Decimal
	for _, r := range rungs {
		d, ok := r.distance(spot)
		if ok && (best == nil || d.LessThan(distance)) {
			best, distance = &r.Strike, d
		}
	}
	return best
}

func (r Rung) distance(spot *money.Price) (decimal.Decimal, bool) {
	if spot != nil {
		return r.Strike.Sub(spot.Decimal).Abs(), true
	}
	if r.Call == nil || r.Call.Greeks == nil || r.Call.Delta <= 0 {
		return decimal.Decimal{}, false
	}
	return decimal.NewFromFloat(math.Abs(r.Call.Delta - 0.5)), true
}

// near keeps n strikes on each side of the money. The rungs are shared with other
// readers, so they are only sliced, never changed.
func (c Chain) near(n int) Chain {
	if n <= 0 || c.ATM == nil {
		return c
	}
	low := slices.IndexFunc(c.Strikes, func(r Rung) bool { return r.Strike.Equal(*c.ATM) })
	high := low
	for high+1 < len(c.Strikes) && c.Strikes[high+1].Strike.Equal(*c.ATM) {
		high++
	}
	low, high = c.walk(low, -1, n), c.walk(high, 1, n)
	c.Strikes = c.Strikes[low : high+1 : high+1]
	return c
}

// walk goes n different strikes in one direction.
func (c Chain) walk(from, step, n int) int {
	at := from
	for next := at + step; next >= 0 && next < len(c.Strikes); next += step {
		if !c.Strikes[next].Strike.Equal(c.Strikes[at].Strike) {
			n--
		}
		if n < 0 {
			break
		}
		at = next
	}
	return at
}

// Spot gives the price of an underlying; ErrNoQuote where Alpaca has none, as for
// indexes.
func (m *Market) Spot(ctx context.Context, underlying string) (Quote, error) {
	if err := m.Off(); err != nil {
		return Quote{}, err
	}
	name, err := ticker(underlying)
	if err != nil {
		return Quote{}, err
	}
	q, err := redis.Cached(ctx, m.cache, "market:spot:"+name, spotAge, func(ctx context.Context) (Quote, error) {
		q, quoted, err := m.alpaca.spot(ctx, name)
		if err != nil {
			return Quote{}, away("read price of "+name, err)
		}
		if !quoted {
			return Quote{}, nil
		}
		return q, nil
	})
	if err == nil && q.Symbol == "" {
		err = ErrNoQuote
	}
	return q, err
}

// DayClose is the price of an underlying's last trade on a past day; ErrNoQuote where
// it is not known.
func (m *Market) DayClose(ctx context.Context, underlying string, day exchange.Date) (money.Price, error) {
	if err := m.Off(); err != nil {
		return money.Price{}, err
	}
	name, err := ticker(underlying)
	if err != nil {
		return money.Price{}, err
	}
	last, traded, err := m.alpaca.dayClose(ctx, name, day)
	if err != nil {
		return money.Price{}, away("read the close of "+name, err)
	}
	if !traded {
		return money.Price{}, ErrNoQuote
	}
	return last, nil
}

// IsAway reports whether err says that Alpaca did not answer, rather than that
// there is nothing to answer with.
func IsAway(err error) bool {
	return errors.Is(err, fault.Unavailable(nil)) && !errors.Is(err, ErrOff)
}
