package sandbox

import (
	"net/http"

	"github.com/shopspring/decimal"
)

// tradeForm is the body of POST /trade/place. The sandbox takes option symbols
// only; units are contracts then.
type tradeForm struct {
	Account   string           `json:"account_id"`
	Action    string           `json:"action"`
	Symbol    string           `json:"symbol"`
	OrderType string           `json:"order_type"`
	TIF       string           `json:"time_in_force"`
	Price     *decimal.Decimal `json:"price"`
	Stop      *decimal.Decimal `json:"stop"`
	Units     decimal.Decimal  `json:"units"`
	ClientID  string           `json:"client_order_id"`
}

// placeByTrade is the form with a client_order_id. The broker decides what a
// repeated one means: some refuse it, most ignore it.
func (s *snaptrade) placeByTrade(w http.ResponseWriter, r *http.Request) {
	var form tradeForm
	if !readBody(w, r, &form) {
		return
	}
	a, _, open := s.paper.account(form.Account)
	if !open || a.User != userOf(r) {
		fail(w, http.StatusBadRequest, "1011", "Account not found")
		return
	}
	if !s.tradable(w, a.ID) {
		return
	}
	if len(form.Symbol) != 21 || !form.Units.IsInteger() {
		fail(w, http.StatusBadRequest, "1076", "The sandbox trades options only: a 21-character OCC symbol and whole units")
		return
	}
	b, _ := s.registry.brokerNamed(a.Broker)
	o, err := s.paper.place(a.ID, ticket{
		Symbol: form.Symbol, Action: form.Action, Quantity: form.Units.IntPart(), Type: form.OrderType,
		Limit: form.Price, Stop: form.Stop, TIF: form.TIF, ClientID: form.ClientID, Once: b.Dedupes,
	})
	if err != nil {
		s.refused(w, err)
		return
	}
	reply(w, http.StatusOK, view{paperOrder: o}.v1())
}
