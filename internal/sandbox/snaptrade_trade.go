package sandbox

import (
	"errors"
	"net/http"
	"time"

	"github.com/shopspring/decimal"
)

// optionForm is the body of POST …/trading/options and …/impact.
type optionForm struct {
	OrderType   string           `json:"order_type"`
	TIF         string           `json:"time_in_force"`
	LimitPrice  *decimal.Decimal `json:"limit_price"`
	StopPrice   *decimal.Decimal `json:"stop_price"`
	PriceEffect *string          `json:"price_effect"`
	Legs        []struct {
		Instrument struct {
			Symbol string `json:"symbol"`
			Type   string `json:"instrument_type"`
		} `json:"instrument"`
		Action string          `json:"action"`
		Units  decimal.Decimal `json:"units"`
	} `json:"legs"`
}

// ticket reads the form; the error is for the caller's 400.
func (f optionForm) ticket() (ticket, error) {
	if len(f.Legs) != 1 {
		return ticket{}, refuse("the sandbox trades one leg at a time, got %d", len(f.Legs))
	}
	leg := f.Legs[0]
	if leg.Instrument.Type != "OPTION" || !leg.Units.IsInteger() {
		return ticket{}, refuse("a leg needs instrument_type OPTION and whole units")
	}
	if len(leg.Instrument.Symbol) != 21 {
		return ticket{}, refuse("symbol %q is not a 21-character OCC symbol", leg.Instrument.Symbol)
	}
	kinds := map[string]string{
		"MARKET": "Market", "LIMIT": "Limit", "STOP_LOSS_MARKET": "Stop", "STOP_LOSS_LIMIT": "StopLimit",
	}
	return ticket{
		Symbol: leg.Instrument.Symbol, Action: leg.Action, Quantity: leg.Units.IntPart(),
		Type: kinds[f.OrderType], Limit: f.LimitPrice, Stop: f.StopPrice, TIF: f.TIF,
	}, nil
}

// tradable refuses accounts whose connection cannot trade, false after answering.
func (s *snaptrade) tradable(w http.ResponseWriter, account string) bool {
	a, _, _ := s.paper.account(account)
	c, _ := s.registry.connection(a.Connection)
	switch {
	case c.Disabled != nil:
		fail(w, http.StatusPaymentRequired, "3003", "Unable to trade because the connection is disabled.")
	case c.Type != "trade":
		fail(w, http.StatusForbidden, "1066", "This connection is read-only")
	default:
		return true
	}
	return false
}

func (s *snaptrade) placeOption(w http.ResponseWriter, r *http.Request) {
	var form optionForm
	if !readBody(w, r, &form) || !s.tradable(w, accountOf(r)) {
		return
	}
	t, err := form.ticket()
	if err == nil {
		t.ListIn = s.listedLate(r)
		var o paperOrder
		if o, err = s.paper.place(accountOf(r), t); err == nil {
			reply(w, http.StatusOK, map[string]any{"brokerage_order_id": o.ID, "orders": []any{view{paperOrder: o}.v1()}})
			return
		}
	}
	s.refused(w, err)
}

// listedLate is for how long lists are to leave out the order that a request makes.
func (s *snaptrade) listedLate(r *http.Request) time.Duration {
	late, hit := s.faults.takeMode(faultLateListing, "snaptrade", r.Method+" "+r.URL.Path, accountOf(r))
	if !hit {
		return 0
	}
	return time.Duration(orStatus(late.DelayMs, 30_000)) * time.Millisecond
}

// refused answers what went wrong with an order.
func (s *snaptrade) refused(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errTicket), errors.Is(err, errNotOpen):
		fail(w, http.StatusBadRequest, "1076", err.Error())
	case errors.Is(err, errNoOrder):
		fail(w, http.StatusNotFound, "1011", "Order not found")
	default:
		s.broken(w, err)
	}
}

func (s *snaptrade) previewOption(w http.ResponseWriter, r *http.Request) {
	var form optionForm
	if !readBody(w, r, &form) || !s.tradable(w, accountOf(r)) {
		return
	}
	a, _, _ := s.paper.account(accountOf(r))
	if b, _ := s.registry.brokerNamed(a.Broker); b.NoPreview {
		fail(w, http.StatusBadRequest, "1076", "Order impact is not supported for this brokerage")
		return
	}
	t, err := form.ticket()
	if err == nil {
		err = t.check()
	}
	if err != nil {
		s.refused(w, err)
		return
	}
	price := s.previewPrice(t)
	direction := "CREDIT"
	if t.Action == "BUY_TO_OPEN" || t.Action == "BUY_TO_CLOSE" {
		direction = "DEBIT"
	}
	reply(w, http.StatusOK, map[string]any{
		"estimated_cash_change": price.Mul(decimal.NewFromInt(t.Quantity * contractSize)).StringFixed(2),
		"cash_change_direction": direction,
		"estimated_fee_total":   decimal.New(t.Quantity*3, -2).StringFixed(2),
	})
}

// previewPrice is the limit, or the side of the quote the order would take.
func (s *snaptrade) previewPrice(t ticket) decimal.Decimal {
	if t.Limit != nil {
		return *t.Limit
	}
	c, err := parseOCC(t.Symbol)
	if err != nil {
		return decimal.Zero
	}
	q, _ := s.market.option(c)
	if t.Action == "BUY_TO_OPEN" || t.Action == "BUY_TO_CLOSE" {
		return dollars(q.Ask)
	}
	return dollars(q.Bid)
}

type orderID struct {
	ID string `json:"brokerage_order_id"`
}

func (s *snaptrade) cancelOrder(w http.ResponseWriter, r *http.Request) {
	var body orderID
	if !readBody(w, r, &body) || !s.tradable(w, accountOf(r)) {
		return
	}
	var fillsIn *time.Duration
	if fault, hit := s.faults.takeMode(faultFillAfterCancel, "snaptrade", r.Method+" "+r.URL.Path, accountOf(r)); hit {
		wait := time.Duration(orStatus(fault.DelayMs, 300)) * time.Millisecond
		fillsIn = &wait
	}
	if err := s.paper.cancel(accountOf(r), body.ID, fillsIn); err != nil {
		s.refused(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"brokerage_order_id": body.ID, "raw_response": nil})
}

// replaceForm is the body of POST …/trading/replace.
type replaceForm struct {
	ID        string           `json:"brokerage_order_id"`
	Action    string           `json:"action"`
	OrderType string           `json:"order_type"`
	TIF       string           `json:"time_in_force"`
	Price     *decimal.Decimal `json:"price"`
	Stop      *decimal.Decimal `json:"stop"`
	Symbol    string           `json:"symbol"`
	Units     *decimal.Decimal `json:"units"`
}

func (s *snaptrade) replaceOrder(w http.ResponseWriter, r *http.Request) {
	var form replaceForm
	if !readBody(w, r, &form) || !s.tradable(w, accountOf(r)) {
		return
	}
	a, _, _ := s.paper.account(accountOf(r))
	if b, _ := s.registry.brokerNamed(a.Broker); b.NoReplace {
		fail(w, http.StatusBadRequest, "1076", "Replacing orders is not supported for this brokerage")
		return
	}
	t := ticket{Type: form.OrderType, Limit: form.Price, Stop: form.Stop, TIF: form.TIF, ListIn: s.listedLate(r)}
	if form.Units != nil {
		if !form.Units.IsInteger() || !form.Units.IsPositive() {
			fail(w, http.StatusBadRequest, "1076", "units must be a whole number of contracts")
			return
		}
		t.Quantity = form.Units.IntPart()
	}
	o, err := s.paper.replace(accountOf(r), form.ID, t)
	if err != nil {
		s.refused(w, err)
		return
	}
	reply(w, http.StatusOK, view{paperOrder: o}.v1())
}

// afterTrade tells the application what a change of an order makes SnapTrade send.
func (s *snaptrade) afterTrade(o paperOrder, filled bool) {
	a, _, open := s.paper.account(o.Account)
	if !open {
		return
	}
	settings := s.hooks.current()
	b, _ := s.registry.brokerNamed(a.Broker)
	e := event{
		User: a.User, Connection: a.Connection, Account: a.ID, Broker: b.ID,
		Details: map[string]any{"orders": []any{view{paperOrder: o}.v2()}},
	}
	if settings.TradeUpdates && o.Via == viaSnapTrade {
		e.Type = "TRADE_UPDATE"
		s.hooks.send(e)
	}
	if settings.TradeDetection && filled {
		e.Type = "TRADE_DETECTION"
		s.hooks.send(e)
	}
	if filled && (settings.Holdings || o.Via == viaApp) {
		s.hooks.send(s.holdingsEvent(a))
	}
}
