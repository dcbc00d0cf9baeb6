package market

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/civil"
	trading "github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/secret"
)

// This file and alpaca_stream.go alone see prices as floats, because Alpaca's own client has them so.
// They become decimals by their shortest form at once (rule 13).

const (
	dataURL         = "https://data.alpaca.markets"
	tradingURL      = "https://api.alpaca.markets"
	paperTradingURL = "https://paper-api.alpaca.markets" // keys that begin with PK live there
	symbolsPerCall  = 100
	callsAtOnce     = 4
	chainPage       = 1000
	contractPage    = 10_000
	answerMax       = 32 << 20 // bytes; the list of all assets is the largest
	callTime        = 10 * time.Second
	never           = -1 // the client sleeps between its retries without looking at the context; ours decide
)

// alpaca asks Alpaca by its own client.
type alpaca struct {
	data, trading, streams string
	key                    string
	secret                 secret.Text
	feed                   marketdata.OptionFeed
	http                   http.Client // copied for each call, which binds it to a context
	breaker                breaker
}

func newAlpaca(o Options) *alpaca {
	a := &alpaca{data: dataURL, trading: tradingURL, streams: streamURL, key: o.Key, secret: o.Secret, feed: cmp.Or(o.Feed, marketdata.Indicative)}
	if strings.HasPrefix(o.Key, "PK") {
		a.trading = paperTradingURL
	}
	if o.BaseURL != "" {
		a.data = strings.TrimRight(o.BaseURL, "/")
		a.trading, a.streams = a.data, a.data
	}
	client := o.HTTP
	if client == nil {
		client = httpio.NewEgress(httpio.EgressOptions{Timeout: callTime})
	}
	a.http = *client
	return a
}

// bound ties the client's requests, which have no context of their own, to one,
// signs them with our key, and bounds the answers.
type bound struct {
	ctx     context.Context //nolint:containedctx // the client offers no other way in
	base    http.RoundTripper
	key     string
	secret  secret.Text
	breaker *breaker
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(b.ctx)
	// The client takes a token from the environment over our key, and then leaves ours out.
	r.Header.Del("Authorization")
	r.Header.Set("APCA-API-KEY-ID", b.key)
	r.Header.Set("APCA-API-SECRET-KEY", b.secret.Reveal())
	if !b.breaker.allows(time.Now()) {
		return nil, errBroken
	}
	resp, err := b.base.RoundTrip(r)
	if err != nil {
		if !errors.Is(b.ctx.Err(), context.Canceled) { // whoever left says nothing about Alpaca
			b.breaker.note(true, time.Now())
		}
		return nil, err
	}
	b.breaker.note(resp.StatusCode >= http.StatusInternalServerError, time.Now())
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, answerMax), resp.Body}
	return resp, nil
}

func (a *alpaca) client(ctx context.Context) *http.Client {
	c := a.http
	base := c.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	c.Transport = bound{ctx: ctx, base: base, key: a.key, secret: a.secret, breaker: &a.breaker}
	return &c
}

func (a *alpaca) dataClient(ctx context.Context) *marketdata.Client {
	return marketdata.NewClient(marketdata.ClientOpts{
		APIKey: a.key, BaseURL: a.data, RetryLimit: never, HTTPClient: a.client(ctx),
	})
}

func (a *alpaca) tradingClient(ctx context.Context) *trading.Client {
	return trading.NewClient(trading.ClientOpts{
		APIKey: a.key, BaseURL: a.trading, RetryLimit: never, HTTPClient: a.client(ctx),
	})
}

// price converts by the shortest decimal; zero and nonsense are no price.
func price(f float64) *money.Price {
	if !(f > 0) || math.IsInf(f, 0) {
		return nil
	}
	return &money.Price{Decimal: decimal.NewFromFloat(f)}
}

// quotes reads contracts named by padded symbols, some hundreds at most.
func (a *alpaca) quotes(ctx context.Context, symbols []string) (map[string]Quote, error) {
	found := make(map[string]Quote, len(symbols))
	var mu sync.Mutex
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(callsAtOnce)
	for some := range slices.Chunk(symbols, symbolsPerCall) {
		calls.Go(func() error {
			snapshots, err := a.dataClient(ctx).GetOptionSnapshots(compactAll(some), marketdata.GetOptionSnapshotRequest{Feed: a.feed})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, symbol := range some {
				if q, quoted := quoteOf(symbol, snapshots[compact(symbol)]); quoted {
					found[symbol] = q
				}
			}
			return nil
		})
	}
	return found, calls.Wait()
}

func compactAll(symbols []string) []string {
	out := make([]string, len(symbols))
	for i, symbol := range symbols {
		out[i] = compact(symbol)
	}
	return out
}

// quoteOf is false when nobody quotes and nobody has traded.
func quoteOf(symbol string, s marketdata.OptionSnapshot) (Quote, bool) {
	q := Quote{Symbol: symbol}
	if s.LatestTrade != nil {
		q.Last, q.At = price(s.LatestTrade.Price), s.LatestTrade.Timestamp
	}
	if s.LatestQuote != nil { // the age of the quote counts where there is one
		q.Bid, q.Ask, q.At = price(s.LatestQuote.BidPrice), price(s.LatestQuote.AskPrice), s.LatestQuote.Timestamp
	}
	q.At = q.At.UTC()
	return q, q.Bid != nil || q.Ask != nil || q.Last != nil
}

// chain reads all contracts of an underlying and expiration.
func (a *alpaca) chain(ctx context.Context, underlying string, expiration exchange.Date) ([]Option, error) {
	snapshots, err := a.dataClient(ctx).GetOptionChain(underlying, marketdata.GetOptionChainRequest{
		Feed: a.feed, ExpirationDate: civil.Date(expiration), PageLimit: chainPage,
	})
	if err != nil {
		return nil, err
	}
	list := make([]Option, 0, len(snapshots))
	for name, s := range snapshots {
		c, err := exchange.ParseSymbol(name)
		if err != nil || c.Adjusted() || c.Expiration != expiration {
			continue // nothing that could be opened here
		}
		q, _ := quoteOf(c.Symbol, s)
		list = append(list, Option{Quote: q, Greeks: greeksOf(s), Type: c.Type, Strike: c.Strike})
	}
	return list, nil
}

func greeksOf(s marketdata.OptionSnapshot) *Greeks {
	if s.Greeks == nil {
		return nil
	}
	return &Greeks{
		ImpliedVolatility: s.ImpliedVolatility, Delta: s.Greeks.Delta, Gamma: s.Greeks.Gamma,
		Theta: s.Greeks.Theta, Vega: s.Greeks.Vega, Rho: s.Greeks.Rho,
	}
}

// volumes reads how many contracts traded today.
func (a *alpaca) volumes(ctx context.Context, symbols []string) (map[string]int64, error) {
	found := make(map[string]int64, len(symbols))
	var mu sync.Mutex
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(callsAtOnce)
	for some := range slices.Chunk(symbols, symbolsPerCall) {
		calls.Go(func() error {
			bars, err := a.dataClient(ctx).GetMultiOptionBars(compactAll(some), marketdata.GetOptionBarsRequest{TimeFrame: marketdata.OneDay})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, symbol := range some {
				if days := bars[compact(symbol)]; len(days) > 0 {
					found[symbol] = int64(min(days[len(days)-1].Volume, math.MaxInt64))
				}
			}
			return nil
		})
	}
	return found, calls.Wait()
}

// bars reads what contracts, named by padded symbols, cost from a day on; a zero end is now.
func (a *alpaca) bars(ctx context.Context, symbols []string, frame Frame, from exchange.Date, to time.Time) (map[string][]Bar, error) {
	lengths := map[Frame]marketdata.TimeFrame{
		FiveMinutes: marketdata.NewTimeFrame(5, marketdata.Min), HalfHours: marketdata.NewTimeFrame(30, marketdata.Min), Days: marketdata.OneDay,
	}
	found := make(map[string][]Bar, len(symbols))
	var mu sync.Mutex
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(callsAtOnce)
	for some := range slices.Chunk(symbols, symbolsPerCall) {
		calls.Go(func() error {
			bars, err := a.dataClient(ctx).GetMultiOptionBars(compactAll(some), marketdata.GetOptionBarsRequest{
				TimeFrame: lengths[frame], Start: from.At(0, 0), End: to, TotalLimit: barsMax,
			})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, symbol := range some {
				found[symbol] = barsOf(bars[compact(symbol)])
			}
			return nil
		})
	}
	return found, calls.Wait()
}

// barsOf leaves out what has no prices.
func barsOf(list []marketdata.OptionBar) []Bar {
	bars := make([]Bar, 0, len(list))
	for _, b := range list {
		first, high, low, last := price(b.Open), price(b.High), price(b.Low), price(b.Close)
		if first == nil || high == nil || low == nil || last == nil {
			continue
		}
		bars = append(bars, Bar{
			At: b.Timestamp.UTC(), Open: *first, High: *high, Low: *low, Close: *last, Volume: int64(min(b.Volume, math.MaxInt64)),
		})
	}
	return bars
}

// spot reads the price of an underlying; false when there is none, as for indexes.
func (a *alpaca) spot(ctx context.Context, underlying string) (Quote, bool, error) {
	s, err := a.dataClient(ctx).GetSnapshot(underlying, marketdata.GetSnapshotRequest{})
	if statusOf(err) == http.StatusNotFound || statusOf(err) == http.StatusBadRequest {
		return Quote{}, false, nil
	}
	if err != nil || s == nil {
		return Quote{}, false, err
	}
	q := Quote{Symbol: underlying}
	if s.LatestQuote != nil {
		q.Bid, q.Ask, q.At = price(s.LatestQuote.BidPrice), price(s.LatestQuote.AskPrice), s.LatestQuote.Timestamp.UTC()
	}
	if s.LatestTrade != nil { // the last trade is the price people mean
		q.Last, q.At = price(s.LatestTrade.Price), s.LatestTrade.Timestamp.UTC()
	}
	return q, q.Last != nil || (q.Bid != nil && q.Ask != nil), nil
}

// dayClose is the last price of an underlying on a day, without regard to what became
// of its shares since; false when there is none.
func (a *alpaca) dayClose(ctx context.Context, underlying string, day exchange.Date) (money.Price, bool, error) {
	bars, err := a.dataClient(ctx).GetBars(underlying, marketdata.GetBarsRequest{
		TimeFrame: marketdata.OneDay, Adjustment: marketdata.AdjustmentRaw, Start: day.At(0, 0), End: day.At(23, 59),
	})
	if statusOf(err) == http.StatusNotFound || statusOf(err) == http.StatusBadRequest {
		return money.Price{}, false, nil
	}
	if err != nil {
		return money.Price{}, false, err
	}
	for _, b := range bars {
		if last := price(b.Close); last != nil && exchange.TradingDay(b.Timestamp) == day {
			return *last, true, nil
		}
	}
	return money.Price{}, false, nil
}

func statusOf(err error) int {
	var refused *trading.APIError
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	return 0
}

// listing names the contracts of one expiration that can be traded.
func (a *alpaca) listing(ctx context.Context, underlying string, expiration exchange.Date) (listing, error) {
	list, err := a.tradingClient(ctx).GetOptionContracts(trading.GetOptionContractsRequest{
		UnderlyingSymbols: underlying, ExpirationDate: civil.Date(expiration), Status: trading.OptionStatusActive, PageLimit: contractPage,
	})
	if err != nil {
		return nil, err
	}
	out := make(listing, len(list))
	for _, c := range list {
		parsed, err := exchange.ParseSymbol(c.Symbol)
		if err != nil || !c.Tradable {
			continue
		}
		l := listed{Multiplier: int(c.Multiplier.IntPart())}
		if c.OpenInterest != nil {
			n := c.OpenInterest.IntPart()
			l.OpenInterest = &n
		}
		out[parsed.Symbol] = l
	}
	return out, nil
}

// expirations reads on which days options of an underlying expire, from today on.
// Calls are enough: puts are listed beside them.
func (a *alpaca) expirations(ctx context.Context, underlying string, today exchange.Date) ([]exchange.Date, error) {
	list, err := a.tradingClient(ctx).GetOptionContracts(trading.GetOptionContractsRequest{
		UnderlyingSymbols: underlying, Status: trading.OptionStatusActive, Type: trading.OptionTypeCall, PageLimit: contractPage,
		ExpirationDateGTE: civil.Date(today), ExpirationDateLTE: civil.Date(today.AddDays(4 * 366)), // by itself Alpaca stops at the weekend
	})
	if err != nil {
		return nil, err
	}
	var days []exchange.Date
	for _, c := range list {
		if c.Tradable {
			days = append(days, exchange.Date(c.ExpirationDate))
		}
	}
	slices.SortFunc(days, func(x, y exchange.Date) int { return -x.DaysUntil(y) })
	return slices.Compact(days), nil
}

// optionable reads every stock and fund that has options.
func (a *alpaca) optionable(ctx context.Context) ([]Symbol, error) {
	list, err := a.tradingClient(ctx).GetAssets(trading.GetAssetsRequest{Status: string(trading.AssetActive), AssetClass: string(trading.USEquity)})
	if err != nil {
		return nil, err
	}
	var out []Symbol
	for _, asset := range list {
		if asset.Tradable && (slices.Contains(asset.Attributes, "has_options") || slices.Contains(asset.Attributes, "options_enabled")) {
			out = append(out, Symbol{Symbol: asset.Symbol, Name: asset.Name})
		}
	}
	slices.SortFunc(out, func(x, y Symbol) int { return strings.Compare(x.Symbol, y.Symbol) })
	return out, nil
}
