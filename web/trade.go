package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/web/ui"
)

// preview answers POST /orders/preview: what the order would do, and the button
// that sends it. With script it arrives as a dialog, without as a page.
func (s *Site) preview(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	req, wrong := readRequest(f)
	if len(wrong) > 0 {
		return s.ticketAgain(w, r, f, fault.Validation(wrong))
	}
	if err := s.admitOrder(r.Context(), req); err != nil {
		return err
	}
	c, err := s.confirmation(r.Context(), f, req, newKey())
	if err != nil {
		return s.ticketAgain(w, r, f, err)
	}
	if r.Header.Get("HX-Request") != "" {
		return s.show(w, r, http.StatusOK, ui.ConfirmationDialog(c))
	}
	return s.confirmAgain(w, r, http.StatusOK, c)
}

// place answers POST /orders: the confirmed order. The form's key makes a second
// click, a reload or a repeat after a lost answer the same order.
func (s *Site) place(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	key := f.Get("key")
	if _, err := uuid.Parse(key); err != nil {
		return errNoKey(err)
	}
	req, wrong := readRequest(f)
	if len(wrong) > 0 {
		return s.ticketAgain(w, r, f, fault.Validation(wrong))
	}
	if err := s.admitOrder(r.Context(), req); err != nil {
		return err
	}
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	_, err = s.desk.Place(r.Context(), me(r.Context()), orders.Key{Text: key, Body: body}, req)
	if err == nil {
		return back(w, "/dashboard", "order-taken")
	}
	return s.refused(w, r, f, req, key, err)
}

// admitOrder refuses an entry while the server is too busy for entries, and one of
// somebody who has not accepted the documents. It is the problem page and nothing more:
// drawing the ticket again would cost what is short. The way back from it leads to the
// form with the same key.
func (s *Site) admitOrder(ctx context.Context, req orders.Request) error {
	if !req.Entry() {
		return nil
	}
	if err := httpio.Admit(ctx, httpio.Entry); err != nil {
		return err
	}
	return s.guard.Agreed(ctx)
}

// refused shows the confirmation again with the reason. A refusal left nothing
// behind, so the next try is a new order with a new key; where it is not known
// whether the order was taken, the key stays, so that trying again cannot double it.
func (s *Site) refused(w http.ResponseWriter, r *http.Request, f url.Values, req orders.Request, key string, cause error) error {
	refusal := fault.Of(cause)
	if refusal.Status < http.StatusInternalServerError {
		key = newKey()
	}
	if refusal.Code == "internal" || refusal.Code == "idempotency_key_reused" || refusal.Code == "idempotency_in_progress" {
		return cause
	}
	c, err := s.confirmation(r.Context(), f, req, key)
	if err != nil {
		return s.ticketAgain(w, r, f, cause)
	}
	c.Problem = refusal.Public
	if refusal.Code == "duplicate_suspected" {
		c.Asks = append(c.Asks, ui.Ask{Name: "confirmDuplicate", Sentence: "I want the same order a second time."})
	}
	return s.confirmAgain(w, r, refusal.Status, c)
}

func (s *Site) confirmAgain(w http.ResponseWriter, r *http.Request, status int, c ui.Confirmation) error {
	p, err := s.shell(r, "Confirm", "/dashboard")
	if err != nil {
		return err
	}
	return s.show(w, r, status, confirmPage(p, c))
}

// ticketAgain shows the ticket as it was sent, with what is wrong with it.
func (s *Site) ticketAgain(w http.ResponseWriter, r *http.Request, f url.Values, cause error) error {
	refusal := fault.Of(cause)
	if refusal.Status >= http.StatusInternalServerError {
		return cause
	}
	ctx := r.Context()
	accounts, err := s.accounts.List(ctx, me(ctx))
	if err != nil {
		return err
	}
	t, err := s.ticket(ctx, f, accountViews(accounts))
	if err != nil {
		return err
	}
	t.Fields = fieldSentences(refusal)
	if len(t.Fields) == 0 {
		t.Problem = refusal.Public
	}
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Retarget", "#ticket")
		w.Header().Set("HX-Reswap", "outerMorph")
		// The script asked for a piece of page and gets one; a browser would report 422 as an error of the page.
		return s.show(w, r, http.StatusOK, ui.TicketPanel(t))
	}
	p, view, err := s.trading(r)
	if err != nil {
		return err
	}
	view.Ticket = t
	return s.show(w, r, refusal.Status, dashboardPage(p, view))
}

// fieldSentences are what is wrong with each field of the ticket. What names no
// field of it is about the whole.
func fieldSentences(f *fault.Error) map[string]string {
	fields, ok := f.Details["fields"].(map[string]any)
	if !ok {
		return nil
	}
	sentences := map[string]string{}
	for name, sentence := range fields {
		if name == "contract" {
			name = "strike"
		}
		if text, ok := sentence.(string); ok {
			sentences[name] = text
		}
	}
	return sentences
}

// readRequest turns the form into the order it means. Prices that the order type
// does not use are left out: their fields are only hidden.
func readRequest(f url.Values) (orders.Request, map[string]string) {
	wrong := map[string]string{}
	req := orders.Request{
		Side: orders.Side(f.Get("side")), OrderType: orders.Type(f.Get("orderType")), TimeInForce: orders.TimeInForce(f.Get("timeInForce")),
		AccountID: f.Get("accountId"), ConfirmDuplicate: f.Get("confirmDuplicate") == "true", ConfirmPrice: f.Get("confirmPrice") == "true",
	}
	quantity, ok := quantityOf(strings.TrimSpace(f.Get("quantity")))
	if !ok {
		wrong["quantity"] = "A whole number of contracts."
	}
	req.Quantity = quantity
	if req.OrderType == orders.Limit || req.OrderType == orders.StopLimit {
		req.LimitPrice = readPrice(wrong, f, "limitPrice")
	}
	if req.OrderType == orders.Stop || req.OrderType == orders.StopLimit {
		req.StopPrice = readPrice(wrong, f, "stopPrice")
	}
	if req.Side == orders.STC {
		req.PositionID, req.AccountID = f.Get("positionId"), "" // the position says which account
		return req, wrong
	}
	req.Underlying, req.OptionType = strings.ToUpper(strings.TrimSpace(f.Get("underlying"))), f.Get("optionType")
	req.Expiration, req.Strike = f.Get("expiration"), readPrice(wrong, f, "strike")
	return req, wrong
}

func readPrice(wrong map[string]string, f url.Values, name string) *money.Price {
	text := strings.TrimPrefix(strings.TrimSpace(f.Get(name)), "$")
	if text == "" {
		return nil
	}
	p, err := money.ParsePrice(text)
	if err != nil {
		wrong[name] = "A number like 3.50."
		return nil
	}
	return &p
}

// confirmation asks for the preview and puts it into words. A price far from the
// market is previewed all the same, with the question whether it is meant.
func (s *Site) confirmation(ctx context.Context, f url.Values, req orders.Request, key string) (ui.Confirmation, error) {
	p, err := s.desk.Preview(ctx, me(ctx), req)
	asks := []ui.Ask{}
	if sentence, ask := asksForPrice(err); ask {
		req.ConfirmPrice = true
		asks = append(asks, ui.Ask{Name: "confirmPrice", Sentence: sentence})
		p, err = s.desk.Preview(ctx, me(ctx), req)
	}
	if err != nil {
		return ui.Confirmation{}, err
	}
	account, err := s.accountFor(ctx, req)
	if err != nil {
		return ui.Confirmation{}, err
	}
	c := ui.Confirmation{
		Fields: carried(f), Key: key, Account: account, Side: string(req.Side), Contract: p.Contract, Quantity: *req.Quantity,
		OrderType: string(req.OrderType), Limit: req.LimitPrice, Stop: req.StopPrice, TimeInForce: string(req.TimeInForce),
		CashEffect: magnitude(p.CashEffect), Fees: p.Fees, BuyingPowerAfter: p.BuyingPowerAfter, BreakEven: p.BreakEven,
		MaxLoss: p.MaxLoss, Source: p.Source, Warnings: p.Warnings, Asks: asks, Back: ticketLink(f),
	}
	if percent := (market.Quote{Bid: p.Bid, Ask: p.Ask}).Spread(); req.OrderType == orders.Market && percent.Valid && percent.Decimal.GreaterThan(wide) {
		c.Asks = append(c.Asks, ui.Ask{Name: "wideSpread", Sentence: "The spread is " + percent.Decimal.String() + "% of mid. I take the price the market gives."})
	}
	return c, nil
}

// asksForPrice tells whether a refusal only wants the price confirmed.
func asksForPrice(err error) (sentence string, ask bool) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Details["confirm"] != "confirmPrice" {
		return "", false
	}
	return f.Public, true
}

// accountFor is the account the order goes to, for people to check.
func (s *Site) accountFor(ctx context.Context, req orders.Request) (ui.Account, error) {
	id := req.AccountID
	if req.Side == orders.STC {
		position, err := uuid.Parse(req.PositionID)
		if err != nil {
			return ui.Account{}, fault.NotFound()
		}
		p, err := s.book.Position(ctx, me(ctx), position)
		if err != nil {
			return ui.Account{}, err
		}
		id = p.AccountID.String()
	}
	list, err := s.accounts.List(ctx, me(ctx))
	if err != nil {
		return ui.Account{}, err
	}
	for _, a := range accountViews(list) {
		if a.ID == id || (id == "" && a.Selected) {
			return a, nil
		}
	}
	return ui.Account{}, fault.NotFound()
}

// The fields of an order, in the order they are carried from form to form.
var orderFields = []string{
	"side", "underlying", "optionType", "strike", "expiration", "positionId", "quantity", "orderType", "limitPrice", "stopPrice", "timeInForce", "accountId",
}

func carried(f url.Values) []ui.Field {
	fields := make([]ui.Field, 0, len(orderFields))
	for _, name := range orderFields {
		if value := f.Get(name); value != "" {
			fields = append(fields, ui.Field{Name: name, Value: value})
		}
	}
	return fields
}

// ticketLink is the ticket filled with what was sent.
func ticketLink(f url.Values) string {
	query := url.Values{}
	for _, field := range carried(f) {
		query.Set(field.Name, field.Value)
	}
	return "/dashboard?" + query.Encode() + "#ticket"
}

func magnitude(a *money.Amount) *money.Amount {
	if a == nil {
		return nil
	}
	return &money.Amount{Decimal: a.Abs()}
}
