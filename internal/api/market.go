package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/auth"
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

// symbolsOf reads OCC symbols separated by commas.
func symbolsOf(list string) ([]string, error) {
	var symbols []string
	for symbol := range strings.SplitSeq(list, ",") {
		c, err := exchange.ParseSymbol(strings.TrimSpace(symbol))
		if err != nil {
			return nil, fault.Field("symbols", "OCC symbols separated by commas.")
		}
		symbols = append(symbols, c.Symbol)
	}
	if len(symbols) > quotesMax {
		return nil, fault.Field("symbols", "At most 100 symbols.")
	}
	return symbols, nil
}

func (a *API) quotes(w http.ResponseWriter, r *http.Request) error {
	symbols, err := symbolsOf(r.URL.Query().Get("symbols"))
	if err != nil {
		return err
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

// watchlistBody is the rows of a grid, as they are read and as they are sent.
type watchlistBody struct {
	Rows []market.WatchRow `json:"rows"`
}

// watchRequest is a row as it is sent; near may be left out.
type watchRequest struct {
	Rows []struct {
		Underlying string              `json:"underlying"`
		Type       exchange.OptionType `json:"optionType"`
		Expiration *exchange.Date      `json:"expiration"`
		Near       *int                `json:"near"`
	} `json:"rows"`
}

// nearPreset is how many strikes each side of the money a row shows that does not say.
const nearPreset = 5

func (a *API) getWatchlist(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	rows, err := a.market.Watchlist(r.Context(), p.User.ID)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, watchlistBody{rows})
}

func (a *API) setWatchlist(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	var sent watchRequest
	if err := httpio.Decode(r, &sent); err != nil {
		return err
	}
	if sent.Rows == nil {
		return fault.Field("rows", "The rows, or an empty list.")
	}
	rows := make([]market.WatchRow, len(sent.Rows))
	for i, row := range sent.Rows {
		rows[i] = market.WatchRow{Underlying: row.Underlying, Type: row.Type, Expiration: row.Expiration, Near: nearPreset}
		if row.Near != nil {
			rows[i].Near = *row.Near
		}
	}
	kept, err := a.market.SetWatchlist(r.Context(), p.User.ID, rows)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, watchlistBody{kept})
}
