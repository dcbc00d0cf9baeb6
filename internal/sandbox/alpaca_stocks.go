package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

const (
	contractPage     = 100
	contractPageMost = 10_000
)

func stockQuoteShape(q quote) map[string]any {
	return map[string]any{
		"t": q.At.UTC().Format(time.RFC3339Nano), "bp": q.Bid, "bs": q.BidSize, "bx": "V", "ap": q.Ask, "as": q.AskSize, "ax": "V",
		"c": []string{"R"}, "z": "C",
	}
}

func stockTradeShape(q quote) map[string]any {
	return map[string]any{
		"t": q.At.UTC().Format(time.RFC3339Nano), "p": q.Last, "s": 100, "x": "V", "i": 1, "c": []string{"@"}, "z": "C",
	}
}

func stockSnapshotShape(q quote) map[string]any {
	return map[string]any{
		"latestTrade": stockTradeShape(q), "latestQuote": stockQuoteShape(q),
		"minuteBar": dailyBar(q), "dailyBar": dailyBar(q), "prevDailyBar": dailyBar(q),
	}
}

func (a *alpaca) stockQuotes(w http.ResponseWriter, r *http.Request) {
	if found, ok := a.namedStocks(w, r, stockQuoteShape); ok {
		reply(w, http.StatusOK, map[string]any{"quotes": found})
	}
}

func (a *alpaca) stockTrades(w http.ResponseWriter, r *http.Request) {
	if found, ok := a.namedStocks(w, r, stockTradeShape); ok {
		reply(w, http.StatusOK, map[string]any{"trades": found})
	}
}

func (a *alpaca) stockSnapshots(w http.ResponseWriter, r *http.Request) {
	if found, ok := a.namedStocks(w, r, stockSnapshotShape); ok {
		reply(w, http.StatusOK, found)
	}
}

// stockBars knows of today only.
func (a *alpaca) stockBars(w http.ResponseWriter, r *http.Request) {
	found, ok := a.namedStocks(w, r, dailyBar)
	if !ok {
		return
	}
	bars := map[string]any{}
	for symbol, bar := range found {
		bars[symbol] = []any{bar}
	}
	reply(w, http.StatusOK, map[string]any{"bars": bars, "next_page_token": nil})
}

func (a *alpaca) namedStocks(w http.ResponseWriter, r *http.Request, shape func(quote) map[string]any) (map[string]any, bool) {
	names, ok := namedSymbols(w, r)
	found := map[string]any{}
	for _, name := range names {
		if q, known := a.market.stock(name); known {
			found[q.Symbol] = shape(q)
		}
	}
	return found, ok
}

func (a *alpaca) stockQuote(w http.ResponseWriter, r *http.Request) {
	a.sendStock(w, r, func(q quote) any { return map[string]any{"symbol": q.Symbol, "quote": stockQuoteShape(q)} })
}

func (a *alpaca) stockTrade(w http.ResponseWriter, r *http.Request) {
	a.sendStock(w, r, func(q quote) any { return map[string]any{"symbol": q.Symbol, "trade": stockTradeShape(q)} })
}

func (a *alpaca) stockSnapshot(w http.ResponseWriter, r *http.Request) {
	a.sendStock(w, r, func(q quote) any { return stockSnapshotShape(q) })
}

func (a *alpaca) sendStock(w http.ResponseWriter, r *http.Request, shape func(quote) any) {
	q, known := a.market.stock(chi.URLParam(r, "symbol"))
	if !known {
		alpacaRefuses(w, http.StatusNotFound, 40410000, "symbol not found")
		return
	}
	reply(w, http.StatusOK, shape(q))
}

// contracts is GET /v2/options/contracts; without any expiration filter it
// lists up to the coming weekend, as Alpaca does.
func (a *alpaca) contracts(w http.ResponseWriter, r *http.Request) {
	keep, reason := contractFilter(r)
	if reason != "" {
		alpacaRefuses(w, http.StatusUnprocessableEntity, 42210000, reason)
		return
	}
	query, weekend := r.URL.Query(), a.weekend()
	dated := query.Get("expiration_date") + query.Get("expiration_date_gte") + query.Get("expiration_date_lte")
	var list []contract
	for _, symbol := range a.market.order {
		if wanted := query.Get("underlying_symbols"); wanted != "" && !containsSymbol(wanted, symbol) {
			continue
		}
		list = append(list, a.market.contracts(a.market.listed[symbol], func(c contract) bool {
			return keep(c) && (dated != "" || c.Expiration.before(weekend))
		})...)
	}
	page, next := pageOf(r, list, contractPage, contractPageMost)
	yesterday := lastTradingDay(a.clock.marketDate().add(-1)).String()
	shapes := make([]listedOption, 0, len(page))
	for _, c := range page {
		shapes = append(shapes, a.contractShape(c, yesterday, query.Get("show_deliverables") == "true"))
	}
	reply(w, http.StatusOK, map[string]any{"option_contracts": shapes, "next_page_token": next})
}

func containsSymbol(list, symbol string) bool {
	return strings.Contains(","+list+",", ","+symbol+",")
}

// weekend is the coming Saturday.
func (a *alpaca) weekend() civilDate {
	day := a.clock.marketDate()
	for day.utc().Weekday() != time.Saturday {
		day = day.add(1)
	}
	return day
}

// listedOption is one entry of the contract list; thousands go out at once.
type listedOption struct {
	ID               string           `json:"id"`
	Symbol           string           `json:"symbol"`
	Name             string           `json:"name"`
	Status           string           `json:"status"`
	Tradable         bool             `json:"tradable"`
	ExpirationDate   string           `json:"expiration_date"`
	RootSymbol       string           `json:"root_symbol"`
	UnderlyingSymbol string           `json:"underlying_symbol"`
	UnderlyingID     string           `json:"underlying_asset_id"`
	Type             string           `json:"type"`
	Style            string           `json:"style"`
	StrikePrice      string           `json:"strike_price"`
	Multiplier       string           `json:"multiplier"`
	Size             string           `json:"size"`
	OpenInterest     string           `json:"open_interest"`
	OpenInterestDate string           `json:"open_interest_date"`
	ClosePrice       string           `json:"close_price"`
	ClosePriceDate   string           `json:"close_price_date"`
	Deliverables     []map[string]any `json:"deliverables,omitempty"`
}

func (a *alpaca) contractShape(c contract, yesterday string, deliverables bool) listedOption {
	q, _ := a.market.option(c)
	style := "american"
	if a.market.listed[c.Underlying].Kind == "index" {
		style = "european"
	}
	shape := listedOption{
		ID: idOf("option", c.padded()), Symbol: c.compact(), Name: describe(c), Status: "active", Tradable: true,
		ExpirationDate: c.Expiration.String(), RootSymbol: c.Root, UnderlyingSymbol: c.Underlying,
		UnderlyingID: idOf("symbol", c.Underlying), Type: strings.ToLower(c.optionType()), Style: style,
		StrikePrice: c.strikeText(), Multiplier: "100", Size: "100",
		OpenInterest: strconv.Itoa(q.OpenInterest), OpenInterestDate: yesterday,
		ClosePrice: dollars(q.Last).String(), ClosePriceDate: yesterday,
	}
	if deliverables {
		shape.Deliverables = []map[string]any{{
			"type": "equity", "symbol": c.Underlying, "asset_id": idOf("symbol", c.Underlying), "amount": "100",
			"allocation_percentage": "100", "settlement_type": "T+2", "settlement_method": "CCC", "delayed_settlement": false,
		}}
	}
	return shape
}

// showClock is GET /v2/clock, by the market clock.
func (a *alpaca) showClock(w http.ResponseWriter, _ *http.Request) {
	now := a.clock.marketNow()
	nextOpen, nextClose := a.clock.next(now)
	reply(w, http.StatusOK, map[string]any{
		"timestamp": now.Format(time.RFC3339Nano), "is_open": a.clock.inSession(),
		"next_open": nextOpen.Format(time.RFC3339), "next_close": nextClose.Format(time.RFC3339),
	})
}
