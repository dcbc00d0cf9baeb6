package sandbox

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// whopVersions are the dates the API knows; without one it speaks its original shapes.
var whopVersions = []string{"2025-01-01", "2026-06-08", "2026-06-09", "2026-08-14", "2026-09-02-1", "2026-09-23", "2026-09-29", "2026-10-07-2"}

type whopAnswer struct {
	status int
	body   any
}

// whopKept is the stored answer of an idempotency key.
type whopKept struct {
	request string
	answer  whopAnswer
}

func whopProblem(kind, message string) map[string]any {
	return map[string]any{"error": map[string]string{"type": kind, "message": message}}
}

func whopRefuse(status int, kind, message string) whopAnswer {
	return whopAnswer{status, whopProblem(kind, message)}
}

// whopCall is one request: what was asked, in which shapes to answer.
type whopCall struct {
	r        *http.Request
	body     map[string]json.RawMessage
	original bool
}

func (s *whop) api(r chi.Router) {
	r.Get("/memberships", s.call(s.listMemberships))
	r.Get("/memberships/{id}", s.call(s.showMembership))
	r.Patch("/memberships/{id}", s.call(s.patchMembership))
	r.Post("/memberships/{id}/cancel", s.call(s.cancelMembership))
	r.Get("/users/{user}/access/{product}", s.call(s.access))
	r.Get("/payments", s.call(s.listPayments))
	r.Get("/payments/{id}", s.call(s.showPayment))
	r.Get("/plans", s.call(s.listPlans))
	r.Post("/checkout_configurations", s.call(s.makeCheckout))
	r.Get("/webhooks", s.call(s.listEndpoints))
	r.Patch("/webhooks/{id}", s.call(s.enableEndpoint))
	r.Post("/webhooks/{id}/replay", s.call(s.replay))
	r.NotFound(s.call(func(whopCall) whopAnswer { return whopRefuse(http.StatusNotFound, "not_found", "no such path") }))
}

// call checks key, version and idempotency key, answers, and notes what was asked.
func (s *whop) call(do func(whopCall) whopAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		a := whopRefuse(http.StatusBadRequest, "bad_request", "the body cannot be read")
		if err == nil {
			a = s.answer(w.Header(), r, body, do)
		}
		s.log.Add("whop", r.Method, whopPath(r), a.status, json.RawMessage(body))
		reply(w, a.status, a.body)
	}
}

func (s *whop) answer(h http.Header, r *http.Request, body []byte, do func(whopCall) whopAnswer) whopAnswer {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || bearer != s.key {
		return whopRefuse(http.StatusUnauthorized, "unauthorized", "The API key is missing or wrong")
	}
	version := r.Header.Get("Api-Version-Date")
	if version != "" && !slices.Contains(whopVersions, version) {
		return whopRefuse(http.StatusBadRequest, "invalid_version", "Supported: "+strings.Join(whopVersions, ", "))
	}
	c := whopCall{r: r, original: version == "" || version == whopVersions[0]}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Unmarshal(body, &c.body); err != nil {
			return whopRefuse(http.StatusBadRequest, "bad_request", "the body is no JSON object")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" {
		return do(c)
	}
	request := r.Method + " " + r.URL.String() + " " + version + " " + string(body)
	if kept, used := s.keys[key]; used {
		if kept.request != request {
			return whopRefuse(http.StatusBadRequest, "idempotency_error", "The key was used with another request")
		}
		h.Set("Idempotent-Replayed", "true")
		return kept.answer
	}
	a := do(c)
	s.keys[key] = whopKept{request, a}
	return a
}

// whopList answers one page of rows that are found.
func whopList[T any](c whopCall, all []T, id func(T) string, show func(T) map[string]any) whopAnswer {
	first, err := strconv.Atoi(c.r.URL.Query().Get("first"))
	if err != nil || first < 1 {
		first = 20
	}
	first = min(first, 100)
	if after := c.r.URL.Query().Get("after"); after != "" {
		at := slices.IndexFunc(all, func(v T) bool { return id(v) == after })
		if at < 0 {
			return whopRefuse(http.StatusBadRequest, "bad_request", "the cursor is unknown")
		}
		all = all[at+1:]
	}
	more := len(all) > first
	all = all[:min(len(all), first)]
	rows, end := make([]map[string]any, 0, len(all)), any(nil)
	for _, v := range all {
		rows, end = append(rows, show(v)), id(v)
	}
	return whopAnswer{http.StatusOK, map[string]any{
		"data": rows, "page_info": map[string]any{"end_cursor": end, "has_next_page": more, "start_cursor": nil, "has_previous_page": false},
	}}
}

// wants tells whether a row is what a list's filter asks for, under both names of it.
func (c whopCall) wants(name, value string) bool {
	q := c.r.URL.Query()
	asked := slices.Concat(q[name], q[name+"s[]"])
	return len(asked) == 0 || slices.Contains(asked, value)
}

// ours tells whether a list is asked of the account there is.
func (c whopCall) ours() bool {
	q := c.r.URL.Query()
	return q.Get("account_id") == WhopAccount || c.original && q.Get("company_id") == WhopAccount
}

func (s *whop) listMemberships(c whopCall) whopAnswer {
	var found []whopMembership
	for _, m := range s.memberships {
		if c.ours() && c.wants("user_id", m.User) && c.wants("product_id", m.Product) && c.wants("status", m.Status) {
			found = append(found, m)
		}
	}
	return whopList(c, found, func(m whopMembership) string { return m.ID }, func(m whopMembership) map[string]any { return s.membershipView(m, c.original) })
}

// find is a membership by its id or license key.
func (s *whop) find(c whopCall) (whopMembership, bool) {
	id := chi.URLParam(c.r, "id")
	i := slices.IndexFunc(s.memberships, func(m whopMembership) bool { return m.ID == id || m.License == id })
	if i < 0 {
		return whopMembership{}, false
	}
	return s.memberships[i], true
}

func whopMissing() whopAnswer { return whopRefuse(http.StatusNotFound, "not_found", "not found") }

func (s *whop) showMembership(c whopCall) whopAnswer {
	m, ok := s.find(c)
	if !ok {
		return whopMissing()
	}
	return whopAnswer{http.StatusOK, s.membershipView(m, c.original)}
}

func (s *whop) patchMembership(c whopCall) whopAnswer {
	m, ok := s.find(c)
	if !ok {
		return whopMissing()
	}
	var given map[string]string
	if raw, has := c.body["metadata"]; has {
		if err := json.Unmarshal(raw, &given); err != nil {
			return whopRefuse(http.StatusUnprocessableEntity, "invalid_parameter", "metadata")
		}
		merged := map[string]string{}
		if len(given) > 0 {
			for name, value := range m.Metadata {
				merged[name] = value
			}
		}
		for name, value := range given {
			merged[name] = value
		}
		m.Metadata = merged
	}
	s.saveMembership(m)
	return whopAnswer{http.StatusOK, s.membershipView(m, c.original)}
}

// cancelMembership has the trap of the real one: without an explicit true it ends
// access at once.
func (s *whop) cancelMembership(c whopCall) whopAnswer {
	m, ok := s.find(c)
	if !ok {
		return whopMissing()
	}
	kind := "membership.deactivated"
	if string(c.body["cancel_at_period_end"]) == "true" {
		m.Status, m.CancelAtEnd, m.Canceled = "canceling", true, s.now().UTC()
		kind = "membership.cancel_at_period_end_changed"
	} else {
		m.Status, m.Canceled = "canceled", s.now().UTC()
	}
	s.saveMembership(m)
	s.tell(kind, s.membershipView(m, false))
	return whopAnswer{http.StatusOK, s.membershipView(m, c.original)}
}

func (s *whop) access(c whopCall) whopAnswer {
	level := "no_access"
	for _, m := range s.memberships {
		if m.User == chi.URLParam(c.r, "user") && m.Product == chi.URLParam(c.r, "product") && s.grants(m) {
			level = "customer"
		}
	}
	return whopAnswer{http.StatusOK, map[string]any{"has_access": level != "no_access", "access_level": level}}
}

func (s *whop) listPayments(c whopCall) whopAnswer {
	var found []whopPayment
	for _, p := range s.payments {
		if c.ours() && c.wants("membership_id", p.Membership) && c.wants("user_id", p.User) && c.wants("status", p.Status) {
			found = append(found, p)
		}
	}
	return whopList(c, found, func(p whopPayment) string { return p.ID }, func(p whopPayment) map[string]any { return s.paymentView(p, c.original) })
}

func (s *whop) showPayment(c whopCall) whopAnswer {
	i := slices.IndexFunc(s.payments, func(p whopPayment) bool { return p.ID == chi.URLParam(c.r, "id") })
	if i < 0 {
		return whopMissing()
	}
	return whopAnswer{http.StatusOK, s.paymentView(s.payments[i], c.original)}
}

func (s *whop) listPlans(c whopCall) whopAnswer {
	var found []whopOffer
	for _, o := range whopOffers() {
		if c.ours() && c.wants("product_id", o.product) {
			found = append(found, o)
		}
	}
	return whopList(c, found, func(o whopOffer) string { return o.plan }, func(o whopOffer) map[string]any {
		view := map[string]any{"id": o.plan, "plan_type": "renewal", "visibility": "visible", "billing_period": 30, "currency": "usd"}
		if c.original {
			view["product"], view["renewal_price"] = map[string]string{"id": o.product}, json.Number(whopDecimal(o.cents))
		} else {
			view["product_id"], view["renewal_price"] = o.product, whopAmount(o.cents)
		}
		return view
	})
}

func (s *whop) makeCheckout(c whopCall) whopAnswer {
	var in struct {
		plan, account, back string
		metadata            map[string]string
	}
	for name, to := range map[string]any{"plan_id": &in.plan, "account_id": &in.account, "redirect_url": &in.back, "metadata": &in.metadata} {
		if raw, has := c.body[name]; has && json.Unmarshal(raw, to) != nil {
			return whopRefuse(http.StatusUnprocessableEntity, "invalid_parameter", name)
		}
	}
	known := slices.ContainsFunc(whopOffers(), func(o whopOffer) bool { return o.plan == in.plan })
	if !known || in.account != WhopAccount {
		return whopRefuse(http.StatusNotFound, "not_found", "no such plan")
	}
	made := whopCheckout{ID: s.id("ch_"), Plan: in.plan, Back: in.back, Metadata: in.metadata}
	s.write("whop.checkout", made)
	s.checkouts = append(s.checkouts, made)
	return whopAnswer{http.StatusOK, map[string]any{
		"id": made.ID, "purchase_url": s.base() + "/whop/checkout/" + made.ID + "/", "metadata": made.Metadata, "redirect_url": made.Back,
	}}
}

func whopTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// membershipView is a membership as the API and the events show it.
func (s *whop) membershipView(m whopMembership, original bool) map[string]any {
	view := map[string]any{
		"id": m.ID, "status": m.Status, "created_at": whopTime(m.Created), "cancel_at_period_end": m.CancelAtEnd,
		"canceled_at": whopTime(m.Canceled), "cancellation_reason": nil, "license_key": m.License,
		"manage_url": s.base() + "/whop/manage/" + m.ID, "metadata": m.Metadata, "phone_number": nil,
	}
	if original {
		view["company"] = map[string]string{"id": WhopAccount, "title": "Alertsify"}
		view["product"], view["plan"] = map[string]string{"id": m.Product}, map[string]string{"id": m.Plan}
		view["user"] = map[string]string{"id": m.User, "username": strings.TrimPrefix(m.User, "user_"), "email": "somebody@example.com"}
		view["renewal_period_start"], view["renewal_period_end"] = whopTime(m.Start), whopTime(m.End)
		view["updated_at"] = whopTime(m.Created)
		return s.seen(view)
	}
	view["account"] = map[string]string{"id": WhopAccount, "title": "Alertsify", "route": "alertsify"}
	view["user_id"], view["product_id"], view["plan_id"] = m.User, m.Product, m.Plan
	view["current_period_start"], view["current_period_end"], view["billing_period_days"] = whopTime(m.Start), whopTime(m.End), 30
	view["member"] = map[string]any{"access_level": "customer", "last_accessed_at": nil, "position": nil}
	return s.seen(view)
}

// seen takes out what a key without the permissions does not see.
func (s *whop) seen(view map[string]any) map[string]any {
	if !s.settings.Blank {
		return view
	}
	for _, name := range []string{"user_id", "user", "member", "metadata", "customer_email", "license_key"} {
		if _, has := view[name]; has {
			view[name] = nil
		}
	}
	return view
}

func whopDecimal(cents int64) string {
	return strconv.FormatInt(cents/100, 10) + "." + strconv.FormatInt(100+cents%100, 10)[1:]
}

func whopAmount(cents int64) map[string]any {
	return map[string]any{"amount": whopDecimal(cents), "currency": "usd", "decimals": 2, "display_decimals": 2}
}

func (s *whop) paymentView(p whopPayment, original bool) map[string]any {
	view := map[string]any{
		"id": p.ID, "status": p.Status, "substatus": p.Substatus, "billing_reason": p.Reason, "currency": "usd",
		"created_at": whopTime(p.Created), "paid_at": whopTime(p.Paid), "decline_code": nil, "customer_email": "somebody@example.com",
		"payments_failed": 0, "retryable": false, "user": map[string]any{"id": p.User, "name": "Somebody"},
	}
	if p.Decline != "" {
		view["decline_code"] = p.Decline
	}
	if original {
		view["company"], view["product"] = map[string]string{"id": WhopAccount}, map[string]string{"id": p.Product}
		view["plan"], view["membership"] = map[string]string{"id": p.Plan}, map[string]string{"id": p.Membership}
		view["total"], view["refunded_amount"] = json.Number(whopDecimal(p.Cents)), json.Number(whopDecimal(p.Refunded))
		return s.seen(view)
	}
	view["account_id"], view["product_id"], view["plan_id"], view["membership_id"] = WhopAccount, p.Product, p.Plan, p.Membership
	view["total"], view["refunded_amount"] = whopAmount(p.Cents), whopAmount(p.Refunded)
	return s.seen(view)
}

// whopPage is the checkout of a plan.
func whopPage(plan string) string {
	return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Checkout</title>
<meta name="viewport" content="width=device-width"><h1>Simulated checkout</h1><p>` + html.EscapeString(plan) + `, paid with a card that always works.</p>
<form method="post"><button>Pay</button></form></html>`
}

func (s *whop) checkout(r *http.Request) (whopCheckout, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.checkouts, func(c whopCheckout) bool { return c.ID == chi.URLParam(r, "id") })
	if i < 0 {
		return whopCheckout{}, false
	}
	return s.checkouts[i], true
}

func (s *whop) showCheckout(w http.ResponseWriter, r *http.Request) {
	c, known := s.checkout(r)
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, whopPage(c.Plan))
}

// buy pays, and sends the buyer back where they came from.
func (s *whop) buy(w http.ResponseWriter, r *http.Request) {
	c, known := s.checkout(r)
	if !known {
		http.NotFound(w, r)
		return
	}
	product := ""
	for _, o := range whopOffers() {
		if o.plan == c.Plan {
			product = o.product
		}
	}
	buyer := "user_guest"
	if person := c.Metadata["alertsify_user_id"]; person != "" {
		buyer = "user_" + strings.ReplaceAll(person, "-", "")[:min(12, len(person))]
	}
	s.mu.Lock()
	m := s.begin(buyer, product, c.Metadata)
	s.saveMembership(m)
	p := s.pay(m, "subscription_create")
	s.tell("payment.succeeded", s.paymentView(p, false))
	s.tell("membership.activated", s.membershipView(m, false))
	s.mu.Unlock()
	s.log.Add("whop", r.Method, r.URL.Path, http.StatusSeeOther, nil)
	http.Redirect(w, r, c.Back, http.StatusSeeOther)
}
