package sandbox

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

const (
	symbolRows = 20
	quoteRows  = 10
)

func (s *snaptrade) searchSymbols(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Substring string `json:"substring"`
	}
	if r.ContentLength != 0 && !readBody(w, r, &body) {
		return
	}
	list := []universalSymbol{}
	for _, u := range listedUnderlyings() {
		named := strings.ToUpper(u.Symbol + " " + u.Name)
		if len(list) < symbolRows && strings.Contains(named, strings.ToUpper(body.Substring)) {
			list = append(list, universalShape(u.Symbol))
		}
	}
	reply(w, http.StatusOK, list)
}

func (s *snaptrade) oneSymbol(w http.ResponseWriter, r *http.Request) {
	query := chi.URLParam(r, "query")
	for _, u := range listedUnderlyings() {
		if strings.EqualFold(u.Symbol, query) || idOf("symbol", u.Symbol) == query {
			reply(w, http.StatusOK, universalShape(u.Symbol))
			return
		}
	}
	fail(w, http.StatusNotFound, "1011", "Symbol not found")
}

func (s *snaptrade) equityQuotes(w http.ResponseWriter, r *http.Request) {
	wanted := strings.FieldsFunc(r.URL.Query().Get("symbols"), func(c rune) bool { return c == ',' })
	if len(wanted) > quoteRows {
		fail(w, http.StatusBadRequest, "1076", "At most 10 symbols")
		return
	}
	list := []map[string]any{}
	for _, symbol := range wanted {
		q, known := s.market.stock(symbol)
		if !known {
			continue
		}
		list = append(list, map[string]any{
			"symbol": universalShape(q.Symbol), "last_trade_price": number(dollars(q.Last)),
			"bid_price": number(dollars(q.Bid)), "ask_price": number(dollars(q.Ask)),
			"bid_size": q.BidSize, "ask_size": q.AskSize,
		})
	}
	reply(w, http.StatusOK, list)
}

// optionQuoteGone: SnapTrade's option quotes were withdrawn on 2026-10-01.
func (s *snaptrade) optionQuoteGone(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotFound, "1011", "Not found")
}
