// Package market is quotes and option chains, with their age, and what each person watches of them.
package market

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/secret"
)

// Options say where market data comes from.
type Options struct {
	BaseURL string // one address for all of Alpaca; empty: the real ones
	Key     string
	Secret  secret.Text
	Feed    string          // "indicative" (default) or "opra"
	Cache   *redis.Client   // shared answers that several people ask for
	DB      *postgres.DB    // the rows of people's grids
	Clock   *exchange.Clock // quote times and expirations are the market's
	HTTP    *http.Client    // nil: the guarded client; its transport is used for every call
	Logger  *slog.Logger

	Now   func() time.Time // of the ages of read quotes; nil: real time
	Hurry bool             // read a quote at once, without waiting for others to ask together
}

// Market answers questions about prices and listings. Without Alpaca's keys every
// answer is ErrOff. Close it when done.
type Market struct {
	alpaca *alpaca // nil: off
	cache  *redis.Client
	db     *postgres.DB
	clock  *exchange.Clock
	log    *slog.Logger
	board  *board
	stream *stream // nil: off
	assets assets
	lists  lists
	closes closes
	work   sync.WaitGroup
}

var (
	// ErrOff says that market data is not set up; the fault around it names what is missing.
	ErrOff = errors.New("market data is off")

	// ErrNoQuote says that nobody quotes the contract: it is not listed, or not traded.
	ErrNoQuote = errors.New("no quote")
)

// New makes a Market.
func New(o Options) *Market {
	m := &Market{cache: o.Cache, db: o.DB, clock: o.Clock, log: o.Logger, assets: assets{reading: make(chan struct{}, 1)}}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if o.Key != "" && !o.Secret.IsZero() {
		m.alpaca = newAlpaca(o)
	}
	m.board = newBoard(m.loadQuotes, &m.work, o)
	if m.alpaca != nil {
		m.stream = newStream(m.alpaca, m.board.quotes, m.log)
	}
	return m
}

// Close ends the stream of quotes and waits for calls under way.
func (m *Market) Close() {
	if m.stream != nil {
		m.stream.close()
	}
	m.work.Wait()
}

// Off is nil when market data is set up, else the ErrOff that every answer is.
func (m *Market) Off() error {
	if m.alpaca != nil {
		return nil
	}
	return fault.New(http.StatusServiceUnavailable, "unavailable",
		"Market data is not set up here: ALPACA_API_KEY and ALPACA_API_SECRET are missing.").Because(ErrOff)
}

// away is what people read when Alpaca does not answer.
func away(doing string, err error) error {
	f := fault.Unavailable(fmt.Errorf("%s: %w", doing, httpio.WithoutURL(err)))
	f.Public = "Market data does not answer right now. Try again shortly."
	return f
}

var tickerForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,5}([./-][A-Z]{1,2})?$`)

// ticker brings an underlying's name into one form: "brk/b" and the root "BRKB" are
// "BRK.B", and the root "SPXW" is "SPX".
func ticker(underlying string) (string, error) {
	name := strings.ToUpper(strings.TrimSpace(underlying))
	if !tickerForm.MatchString(name) {
		return "", fault.Field("symbol", "A symbol is letters, like AAPL.")
	}
	name = strings.NewReplacer("/", ".", "-", ".").Replace(name)
	if named, err := exchange.ParseSymbol(name + "270115C00001000"); err == nil { // any contract of that root
		name = named.Underlying
	}
	return name, nil
}

const (
	chainAge   = 5 * time.Second
	spotAge    = 2 * time.Second
	listingAge = 10 * time.Minute
	relistAge  = 30 * time.Second // a contract missing from a kept listing may have been listed since
)

// Source names where quotes come from, as pages say it.
func (m *Market) Source() string {
	if m.alpaca != nil && m.alpaca.feed == marketdata.OPRA {
		return "Alpaca, OPRA"
	}
	return "Alpaca, indicative"
}
