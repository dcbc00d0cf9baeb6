package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/web/ui"
)

// askReplace answers GET /orders/{id}/replace: the form for another price or
// quantity. With script it arrives as a dialog, without as a page.
func (s *Site) askReplace(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	v, err := s.replacing(r, id, r.URL.Query().Get("return_to"))
	if err != nil {
		return err
	}
	if v.Order.Limit != nil {
		v.LimitPrice = v.Order.Limit.String()
	}
	v.Quantity = strconv.Itoa(v.Order.Quantity)
	if !v.Order.Replaceable {
		v.Problem = "This order cannot be replaced now: " + v.Order.Label + "."
	}
	if r.Header.Get("HX-Request") != "" {
		return s.show(w, r, http.StatusOK, ui.ReplaceDialog(v))
	}
	return s.replaceAgain(w, r, http.StatusOK, v)
}

// replaceOrder answers POST /orders/{id}/replace.
func (s *Site) replaceOrder(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	key, err := keyOf(f)
	if err != nil {
		return err
	}
	req, wrong := readChange(f)
	if len(wrong) > 0 {
		return s.replaceRefused(w, r, id, f, fault.Validation(wrong))
	}
	if err := s.admitChange(r.Context(), id); err != nil {
		return err
	}
	if _, err := s.desk.Replace(r.Context(), me(r.Context()), id, key, req); err != nil {
		return s.replaceRefused(w, r, id, f, err)
	}
	return back(w, f.Get("return_to"), "replace-asked")
}

// admitChange is admitOrder for an order whose side only its row knows: it is read
// when a refusal depends on it.
func (s *Site) admitChange(ctx context.Context, id uuid.UUID) error {
	agreed := s.guard.Agreed(ctx)
	if agreed == nil && !httpio.Refused(ctx, httpio.Entry) {
		return nil
	}
	o, err := s.desk.Order(ctx, me(ctx), id)
	if err != nil || o.Side != orders.BTO {
		return err
	}
	if err := httpio.Admit(ctx, httpio.Entry); err != nil {
		return err
	}
	return agreed
}

func readChange(f url.Values) (orders.ChangeRequest, map[string]string) {
	wrong := map[string]string{}
	quantity, ok := quantityOf(strings.TrimSpace(f.Get("quantity")))
	if !ok {
		wrong["quantity"] = "A whole number of contracts."
	}
	return orders.ChangeRequest{
		LimitPrice: readPrice(wrong, f, "limitPrice"), Quantity: quantity, ConfirmPrice: f.Get("confirmPrice") == "true",
	}, wrong
}

// replaceRefused shows the form again with the reason. What cannot be corrected in
// it, such as an order that has ended or is not there, is a page of its own.
func (s *Site) replaceRefused(w http.ResponseWriter, r *http.Request, id uuid.UUID, f url.Values, cause error) error {
	refusal := fault.Of(cause)
	if refusal.Status != http.StatusUnprocessableEntity && refusal.Status != http.StatusConflict && refusal.Status != http.StatusTooManyRequests ||
		strings.HasPrefix(refusal.Code, "idempotency") {
		return cause
	}
	v, err := s.replacing(r, id, f.Get("return_to"))
	if err != nil {
		return err
	}
	v.LimitPrice, v.Quantity = f.Get("limitPrice"), f.Get("quantity")
	v.Fields = fieldSentences(refusal)
	if v.Fields["limitPrice"]+v.Fields["quantity"] == "" { // nothing that this form could correct
		v.Problem = refusal.Public
	}
	if sentence, ask := asksForPrice(cause); ask {
		v.Problem, v.Asks = "", []ui.Ask{{Name: "confirmPrice", Sentence: sentence}}
	}
	return s.replaceAgain(w, r, refusal.Status, v)
}

// replacing reads the order behind the form.
func (s *Site) replacing(r *http.Request, id uuid.UUID, returnTo string) (ui.Replacing, error) {
	ctx := r.Context()
	o, err := s.desk.Order(ctx, me(ctx), id)
	if err != nil {
		return ui.Replacing{}, err
	}
	names, err := s.names(ctx)
	if err != nil {
		return ui.Replacing{}, err
	}
	if returnTo == "" {
		returnTo = "/orders"
	}
	return ui.Replacing{
		Order: orderRow(o, names), Key: newKey(), ReturnTo: auth.LocalPath(returnTo),
		Tick: o.Contract.Tick(money.MustPrice("1")).StringFixed(2), TickHigh: o.Contract.Tick(money.MustPrice("3")).StringFixed(2),
	}, nil
}

func (s *Site) replaceAgain(w http.ResponseWriter, r *http.Request, status int, v ui.Replacing) error {
	p, err := s.shell(r, "Replace", "/orders")
	if err != nil {
		return err
	}
	return s.show(w, r, status, replacePage(p, v))
}
