package market

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	alpacastream "github.com/alpacahq/alpaca-trade-api-go/v3/marketdata/stream"

	"github.com/alertsify/alertsify/internal/exchange"
)

// As in alpaca.go, floats end here.

const (
	streamURL = "https://stream.data.alpaca.markets"

	// Contracts one connection may follow, by Alpaca's plans.
	indicativeLimit = 200
	opraLimit       = 1000
)

func (a *alpaca) streamLimit() int {
	if a.feed == marketdata.OPRA {
		return opraLimit
	}
	return indicativeLimit
}

// openStream makes a connection that is tried once; trying again is its owner's
// affair. lost is called when it breaks.
func (a *alpaca) openStream(quote func(alpacastream.OptionQuote), trade func(alpacastream.OptionTrade), lost func(), log *slog.Logger) *alpacastream.OptionClient {
	return alpacastream.NewOptionClient(a.feed,
		alpacastream.WithBaseURL(a.streams+"/v1beta1"), alpacastream.WithCredentials(a.key, a.secret.Reveal()),
		alpacastream.WithReconnectSettings(1, 0), alpacastream.WithDisconnectCallback(lost),
		alpacastream.WithLogger(quiet{log}), alpacastream.WithOptionQuotes(quote), alpacastream.WithOptionTrades(trade),
	)
}

// hearQuote takes a message of the stream.
func (s *stream) hearQuote(heard alpacastream.OptionQuote) {
	symbol, at := padded(heard.Symbol), heard.Timestamp.UTC()
	s.tell(symbol, func(q *Quote) bool {
		if at.Before(q.At) {
			return false // it was read meanwhile, and is newer
		}
		q.Bid, q.Ask, q.At = price(heard.BidPrice), price(heard.AskPrice), at
		return true
	})
}

// hearTrade changes the last price alone: the age of the quote counts where there is one.
func (s *stream) hearTrade(heard alpacastream.OptionTrade) {
	symbol, at := padded(heard.Symbol), heard.Timestamp.UTC()
	s.tell(symbol, func(q *Quote) bool {
		q.Last = price(heard.Price)
		if q.Bid == nil && q.Ask == nil && at.After(q.At) {
			q.At = at
		}
		return true
	})
}

// padded is the symbol of 21 characters; what is none stays as it is and belongs to nobody.
func padded(name string) string {
	c, err := exchange.ParseSymbol(name)
	if err != nil {
		return name
	}
	return c.Symbol
}

// quiet keeps the client's own words for those who debug; what matters is logged
// by the stream.
type quiet struct{ log *slog.Logger }

func (q quiet) Infof(format string, v ...any)  { q.say(format, v) }
func (q quiet) Warnf(format string, v ...any)  { q.say(format, v) }
func (q quiet) Errorf(format string, v ...any) { q.say(format, v) }

func (q quiet) say(format string, v []any) {
	q.log.DebugContext(context.Background(), "alpaca stream", "says", fmt.Sprintf(format, v...))
}
