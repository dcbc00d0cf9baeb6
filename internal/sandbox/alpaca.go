package sandbox

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// alpaca plays Alpaca's market data: option chains, quotes and their stream,
// stock quotes, and of its trading API the assets, the contract list and the clock.
type alpaca struct {
	deps
	market *market
	clock  *clock
	key    string
	secret string

	closing chan struct{} // closed when streams must end
	streams sync.WaitGroup
}

func newAlpaca(d deps, o Options, m *market, c *clock) *alpaca {
	a := &alpaca{deps: d, market: m, clock: c, key: o.AlpacaKey, secret: o.AlpacaSecret, closing: make(chan struct{})}
	d.faults.style("alpaca", faultStyle{write: alpacaFails})
	return a
}

// close ends the streams and waits for them.
func (a *alpaca) close() {
	close(a.closing)
	a.streams.Wait()
}

func (a *alpaca) routes(r chi.Router) {
	r.Get("/v1beta1/{feed:indicative|opra}", a.stream)
	r.Group(func(r chi.Router) {
		r.Use(a.authorized)
		r.Get("/v1beta1/options/snapshots", a.optionSnapshots)
		r.Get("/v1beta1/options/snapshots/{underlying}", a.chain)
		r.Get("/v1beta1/options/quotes/latest", a.optionQuotes)
		r.Get("/v1beta1/options/trades/latest", a.optionTrades)
		r.Get("/v1beta1/options/bars", a.optionBars)
		r.Get("/v2/stocks/quotes/latest", a.stockQuotes)
		r.Get("/v2/stocks/trades/latest", a.stockTrades)
		r.Get("/v2/stocks/snapshots", a.stockSnapshots)
		r.Get("/v2/stocks/bars", a.stockBars)
		r.Get("/v2/stocks/{symbol}/quotes/latest", a.stockQuote)
		r.Get("/v2/stocks/{symbol}/trades/latest", a.stockTrade)
		r.Get("/v2/stocks/{symbol}/snapshot", a.stockSnapshot)
		r.Get("/v2/assets", a.assets)
		r.Get("/v2/options/contracts", a.contracts)
		r.Get("/v2/clock", a.showClock)
	})
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		alpacaRefuses(w, http.StatusNotFound, 40410000, "endpoint not found")
	})
}

// authorized checks the key headers.
func (a *alpaca) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.knows(r.Header.Get("APCA-API-KEY-ID"), r.Header.Get("APCA-API-SECRET-KEY")) {
			alpacaRefuses(w, http.StatusUnauthorized, 40110000, "request is not authorized")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows accepts the configured key, or any when none is configured.
func (a *alpaca) knows(key, secret string) bool {
	if a.key == "" {
		return key != "" && secret != ""
	}
	return key == a.key && secret == a.secret
}

func alpacaRefuses(w http.ResponseWriter, status, code int, message string) {
	reply(w, status, map[string]any{"code": code, "message": message})
}

// alpacaFails is how Alpaca fails on demand.
func alpacaFails(w http.ResponseWriter, _ *http.Request, status int) {
	if status == http.StatusTooManyRequests {
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", "1")
	}
	alpacaRefuses(w, status, status*100000, "simulated failure")
}

// namedSymbols reads ?symbols=A,B, false after answering 400.
func namedSymbols(w http.ResponseWriter, r *http.Request) ([]string, bool) {
	list := strings.FieldsFunc(r.URL.Query().Get("symbols"), func(c rune) bool { return c == ',' })
	if len(list) == 0 {
		alpacaRefuses(w, http.StatusBadRequest, 40010000, "symbols is required")
		return nil, false
	}
	return list, true
}

// pageOf cuts a sorted list at ?limit= from ?page_token= on, and names the next
// page; the token is nil on the last one.
func pageOf[T any](r *http.Request, list []T, otherwise, most int) (page []T, next *string) {
	limit := min(max(queryInt(r, "limit", otherwise), 1), most)
	start := 0
	if token, err := base64.URLEncoding.DecodeString(r.URL.Query().Get("page_token")); err == nil {
		start, _ = strconv.Atoi(string(token))
	}
	start = min(max(start, 0), len(list))
	end := min(start+limit, len(list))
	if end < len(list) {
		token := base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
		next = &token
	}
	return list[start:end], next
}

// contractFilter reads the filters the chain and the contract list share; an
// empty reason means they are good.
func contractFilter(r *http.Request) (keep func(contract) bool, reason string) {
	query := r.URL.Query()
	for _, name := range []string{"expiration_date", "expiration_date_gte", "expiration_date_lte"} {
		if _, err := time.Parse(time.DateOnly, query.Get(name)); err != nil && query.Get(name) != "" {
			return nil, name + " is not a date"
		}
	}
	low, high := 0.0, 1e9
	for name, bound := range map[string]*float64{"strike_price_gte": &low, "strike_price_lte": &high} {
		if query.Get(name) == "" {
			continue
		}
		var err error
		if *bound, err = strconv.ParseFloat(query.Get(name), 64); err != nil {
			return nil, name + " is not a number"
		}
	}
	side := query.Get("type")
	if !slices.Contains([]string{"", "call", "put"}, side) {
		return nil, "type is call or put"
	}
	return func(c contract) bool {
		day, strike := c.Expiration.String(), c.strikeDollars()
		return (side == "" || (side == "call") == c.Call) && strike >= low && strike <= high &&
			(query.Get("root_symbol") == "" || query.Get("root_symbol") == c.Root) &&
			(query.Get("expiration_date") == "" || query.Get("expiration_date") == day) &&
			day >= query.Get("expiration_date_gte") &&
			(query.Get("expiration_date_lte") == "" || day <= query.Get("expiration_date_lte"))
	}, ""
}
