package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/market"
)

// quotesMax bounds how many contracts one request asks about.
const quotesMax = 100

func (a *API) chain(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	underlying := q.Get("symbol")
	if underlying == "" {
		return fault.Field("symbol", "Which ticker?")
	}
	day, err := exchange.ParseDate(q.Get("expiration"))
	if err != nil {
		return fault.Field("expiration", "A date like 2027-01-15.")
	}
	near, err := wholeNumber(q.Get("near"), 0, 200)
	if err != nil {
		return fault.Field("near", "A whole number from 0 (all) to 200.")
	}
	c, err := a.market.Chain(r.Context(), underlying, day, near)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, c)
}

func wholeNumber(text string, preset, most int) (int, error) {
	if text == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, strconv.ErrRange
	}
	return n, nil
}

func (a *API) expirations(w http.ResponseWriter, r *http.Request) error {
	underlying := r.URL.Query().Get("symbol")
	if underlying == "" {
		return fault.Field("symbol", "Which ticker?")
	}
	list, err := a.market.Expirations(r.Context(), underlying)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) quotes(w http.ResponseWriter, r *http.Request) error {
	var symbols []string
	for symbol := range strings.SplitSeq(r.URL.Query().Get("symbols"), ",") {
		c, err := exchange.ParseSymbol(strings.TrimSpace(symbol))
		if err != nil {
			return fault.Field("symbols", "OCC symbols separated by commas.")
		}
		symbols = append(symbols, c.Symbol)
	}
	if len(symbols) > quotesMax {
		return fault.Field("symbols", "At most 100 symbols.")
	}
	known, err := a.market.Quotes(r.Context(), symbols)
	if err != nil {
		return err
	}
	list := make([]market.Quote, 0, len(known))
	for _, symbol := range symbols {
		if q, ok := known[symbol]; ok {
			list = append(list, q)
		}
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) symbols(w http.ResponseWriter, r *http.Request) error {
	list, err := a.market.Symbols(r.Context(), r.URL.Query().Get("q"))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}
