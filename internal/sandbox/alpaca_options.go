package sandbox

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

const (
	chainPage     = 100
	chainPageMost = 1000
)

// chain is GET /v1beta1/options/snapshots/{underlying}.
func (a *alpaca) chain(w http.ResponseWriter, r *http.Request) {
	u, known := a.market.listed[chi.URLParam(r, "underlying")]
	keep, reason := contractFilter(r)
	if reason != "" {
		alpacaRefuses(w, http.StatusBadRequest, 40010000, reason)
		return
	}
	var list []contract
	if known {
		list = a.market.contracts(u, keep)
	}
	page, next := pageOf(r, list, chainPage, chainPageMost)
	a.sendSnapshots(w, page, next)
}

// optionSnapshots is GET /v1beta1/options/snapshots?symbols=.
func (a *alpaca) optionSnapshots(w http.ResponseWriter, r *http.Request) {
	if list, ok := a.namedContracts(w, r); ok {
		page, next := pageOf(r, list, chainPage, chainPageMost)
		a.sendSnapshots(w, page, next)
	}
}

func (a *alpaca) sendSnapshots(w http.ResponseWriter, list []contract, next *string) {
	snapshots := map[string]any{}
	for _, c := range list {
		if q, listed := a.market.option(c); listed {
			snapshots[q.Symbol] = optionSnapshot(q)
		}
	}
	reply(w, http.StatusOK, map[string]any{"snapshots": snapshots, "next_page_token": next})
}

// namedContracts reads ?symbols=; symbols that are no option symbols are 400.
func (a *alpaca) namedContracts(w http.ResponseWriter, r *http.Request) ([]contract, bool) {
	names, ok := namedSymbols(w, r)
	if !ok {
		return nil, false
	}
	list := make([]contract, 0, len(names))
	for _, name := range names {
		c, err := parseOCC(name)
		if err != nil || c.compact() != name {
			alpacaRefuses(w, http.StatusBadRequest, 40010000, fmt.Sprintf("invalid symbol: %s", name))
			return nil, false
		}
		list = append(list, c)
	}
	return list, true
}

func optionSnapshot(q quote) map[string]any {
	return map[string]any{
		"latestQuote": optionQuote(q), "latestTrade": optionTrade(q), "dailyBar": dailyBar(q),
		"impliedVolatility": round4(q.Model.IV),
		"greeks": map[string]any{
			"delta": round4(q.Model.Delta), "gamma": round4(q.Model.Gamma), "theta": round4(q.Model.Theta),
			"vega": round4(q.Model.Vega), "rho": round4(q.Model.Rho),
		},
	}
}

func round4(x float64) float64 { return roundTo(x*100, 0.01) / 100 }

func optionQuote(q quote) map[string]any {
	return map[string]any{
		"t": q.At.UTC().Format(time.RFC3339Nano), "bp": q.Bid, "bs": q.BidSize, "bx": "C", "ap": q.Ask, "as": q.AskSize, "ax": "C", "c": " ",
	}
}

func optionTrade(q quote) map[string]any {
	return map[string]any{"t": q.At.UTC().Format(time.RFC3339Nano), "p": q.Last, "s": 1, "x": "C", "c": "I"}
}

// dailyBar carries the day's volume; its prices are all the last one.
func dailyBar(q quote) map[string]any {
	day := time.Date(q.At.Year(), q.At.Month(), q.At.Day(), 0, 0, 0, 0, q.At.Location())
	return map[string]any{
		"t": day.UTC().Format(time.RFC3339), "o": q.Last, "h": q.Last, "l": q.Last, "c": q.Last,
		"v": q.Volume, "n": q.Volume/3 + 1, "vw": q.Last,
	}
}

func (a *alpaca) optionQuotes(w http.ResponseWriter, r *http.Request) {
	a.sendOptions(w, r, "quotes", func(q quote) any { return optionQuote(q) })
}

func (a *alpaca) optionTrades(w http.ResponseWriter, r *http.Request) {
	a.sendOptions(w, r, "trades", func(q quote) any { return optionTrade(q) })
}

func (a *alpaca) sendOptions(w http.ResponseWriter, r *http.Request, key string, shape func(quote) any) {
	list, ok := a.namedContracts(w, r)
	if !ok {
		return
	}
	found := map[string]any{}
	for _, c := range list {
		if q, listed := a.market.option(c); listed {
			found[q.Symbol] = shape(q)
		}
	}
	reply(w, http.StatusOK, map[string]any{key: found, "next_page_token": nil})
}
