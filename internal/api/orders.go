package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/orders"
)

func (a *API) previewOrder(w http.ResponseWriter, r *http.Request) error {
	var in orders.Request
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := admitOrder(r.Context(), in); err != nil {
		return err
	}
	p, err := a.desk.Preview(r.Context(), user(r.Context()), in)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, p)
}

func (a *API) placeOrder(w http.ResponseWriter, r *http.Request) error {
	var in orders.Request
	key, body, err := keyed(r, &in)
	if err != nil {
		return err
	}
	if err := a.admitEntry(r.Context(), in); err != nil {
		return err
	}
	receipt, err := a.desk.Place(r.Context(), user(r.Context()), orders.Key{Text: key, Body: body}, in)
	if err != nil {
		return err
	}
	return told(w, http.StatusAccepted, receipt.Order, receipt.Replayed)
}

// admitOrder refuses an entry while entries go; an exit is never held up.
func admitOrder(ctx context.Context, in orders.Request) error {
	if !in.Entry() {
		return nil
	}
	return httpio.Admit(ctx, httpio.Entry)
}

// admitEntry is admitOrder for one that is to be sent: who buys has accepted the documents.
func (a *API) admitEntry(ctx context.Context, in orders.Request) error {
	if !in.Entry() {
		return nil
	}
	if err := httpio.Admit(ctx, httpio.Entry); err != nil {
		return err
	}
	return a.guard.Agreed(ctx)
}

// admitChange is admitEntry for the replacing of an order, whose side only its row
// knows: it is read when a refusal depends on it.
func (a *API) admitChange(ctx context.Context, id uuid.UUID) error {
	agreed := a.guard.Agreed(ctx)
	if agreed == nil && !httpio.Refused(ctx, httpio.Entry) {
		return nil
	}
	o, err := a.desk.Order(ctx, user(ctx), id)
	if err != nil || o.Side != orders.BTO {
		return err
	}
	if err := httpio.Admit(ctx, httpio.Entry); err != nil {
		return err
	}
	return agreed
}

func (a *API) listOrders(w http.ResponseWriter, r *http.Request) error {
	view, err := choice(r, "view", "all", "working", "today", "history", "all")
	if err != nil {
		return err
	}
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.desk.Orders(r.Context(), user(r.Context()), orders.Query{View: view, Limit: limit, Cursor: (*orders.Cursor)(cursor)})
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText((*httpio.Cursor)(next)))
}

func cursorText(c *httpio.Cursor) string {
	if c == nil {
		return ""
	}
	return c.String()
}

func (a *API) getOrder(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	o, err := a.desk.Order(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, o)
}

func (a *API) replaceOrder(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	var in orders.ChangeRequest
	key, body, err := keyed(r, &in)
	if err != nil {
		return err
	}
	if err := a.admitChange(r.Context(), id); err != nil {
		return err
	}
	receipt, err := a.desk.Replace(r.Context(), user(r.Context()), id, orders.Key{Text: key, Body: body}, in)
	if err != nil {
		return err
	}
	return told(w, http.StatusAccepted, receipt.Order, receipt.Replayed)
}

func (a *API) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	receipt, err := a.desk.Cancel(r.Context(), user(r.Context()), id, orders.Key{Text: key})
	if err != nil {
		return err
	}
	return told(w, http.StatusAccepted, receipt.Order, receipt.Replayed)
}

func (a *API) refreshOrder(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	o, err := a.desk.Refresh(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusAccepted, o)
}
