package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

const (
	whopPatience = 5 * time.Second        // for an answer; then the event counts as not delivered
	whopGather   = 150 * time.Millisecond // how long shuffled events wait for another
	whopPace     = 25 * time.Millisecond
	whopHistory  = 10_000
	whopFailures = 10             // failed deliveries, at least …
	whopFailTime = 72 * time.Hour // … and nothing but failures for so long: the endpoint is switched off
	whopHook     = "hook_sandbox"
)

// whopSchedule is how long an event waits for each repeat.
func whopSchedule() []time.Duration {
	waits := []time.Duration{30 * time.Second, 2 * time.Minute, 8 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour}
	for len(waits) < 12 {
		waits = append(waits, 12*time.Hour)
	}
	return waits
}

// whopEndpoint is the one webhook the account has.
type whopEndpoint struct {
	Enabled      bool
	FailingSince time.Time
	DisabledAt   time.Time
	failures     int
}

// whopMessage is an event on its way; a repeat has the same id and a fresh stamp.
type whopMessage struct {
	id, kind string
	body     []byte
	try      int
	due      time.Time
	at       time.Time
	done     chan<- int // told the first answer's status; nil if nobody asks
}

// tell queues an event about something that happened; the caller holds the lock.
func (s *whop) tell(kind string, data map[string]any) { s.tellAnd(kind, data, nil) }

func (s *whop) tellAnd(kind string, data map[string]any, done chan<- int) {
	if s.settings.Silent || s.url == "" {
		if done != nil {
			done <- 0
		}
		return
	}
	now := s.now()
	m := whopMessage{id: s.id("msg_"), kind: kind, at: now, due: now, done: done}
	account := WhopAccount
	if s.settings.Foreign {
		account = "biz_xxxxxxxxxxxxxx"
	}
	body := map[string]any{
		"id": m.id, "type": kind, "api_version": "v1", "api_version_date": "2026-09-29", "timestamp": whopTime(now), "account_id": account, "data": data,
	}
	if s.settings.Legacy {
		body = map[string]any{"action": kind, "data": data}
	}
	var err error
	if m.body, err = json.Marshal(body); err != nil {
		s.logger.Error("sandbox: write whop event", "error", err)
	}
	s.keep(m)
	if s.endpoint.Enabled {
		s.enqueue(m)
	}
}

func (s *whop) keep(m whopMessage) {
	m.done = nil
	s.history = append(s.history, m)
	if len(s.history) > whopHistory {
		s.history = slices.Delete(s.history, 0, len(s.history)-whopHistory)
	}
}

func (s *whop) enqueue(m whopMessage) {
	s.queue = append(s.queue, m)
	if s.settings.Shuffle { // what comes soon after the others goes with them
		for i := range s.queue {
			s.queue[i].due = s.now().Add(whopGather)
		}
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// run sends events until ctx ends.
func (s *whop) run(ctx context.Context) {
	ticker := time.NewTicker(whopPace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-ticker.C:
		}
		for _, m := range s.due() {
			s.deliver(ctx, m)
		}
	}
}

// due takes what is to be sent now: shuffled and doubled, if the settings say so.
func (s *whop) due() []whopMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var now, later []whopMessage
	for _, m := range s.queue {
		if m.due.After(s.now()) {
			later = append(later, m)
			continue
		}
		now = append(now, m)
		if m.try == 0 {
			twin := m
			twin.done = nil
			now = append(now, slices.Repeat([]whopMessage{twin}, s.settings.Duplicates)...)
		}
	}
	s.queue = later
	if s.settings.Shuffle {
		for i := len(now) - 1; i > 0; i-- {
			j := s.rand.Intn(i + 1)
			now[i], now[j] = now[j], now[i]
		}
	}
	return now
}

// deliver sends an event once, with the faults set for it, and plans its repeat.
func (s *whop) deliver(ctx context.Context, m whopMessage) {
	if !s.enabled() { // switched off since it was taken, as by the one before it
		if m.done != nil {
			m.done <- 0
		}
		return
	}
	at, secret := s.now(), s.secret
	call := "POST " + pathOf(s.url) + " " + m.kind
	if _, hit := s.faults.takeMode(faultStaleWebhook, "whop", call, ""); hit {
		at = at.Add(-staleBy)
	}
	if _, hit := s.faults.takeMode(faultBadSignature, "whop", call, ""); hit {
		secret += "-wrong"
	}
	_, twice := s.faults.takeMode(faultDuplicateWebhook, "whop", call, "")
	status := s.post(ctx, m, at, secret)
	if twice {
		status = s.post(ctx, m, at, secret)
	}
	if m.done != nil {
		m.done <- status
		m.done = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status >= 200 && status < 300 {
		s.endpoint.FailingSince, s.endpoint.failures = time.Time{}, 0
		return
	}
	s.undelivered(m)
}

func (s *whop) enabled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoint.Enabled
}

// undelivered plans the repeat, or switches an endpoint off that has failed for long.
func (s *whop) undelivered(m whopMessage) {
	now, factor := s.now(), max(s.settings.RetryFactor, 1)
	if s.endpoint.FailingSince.IsZero() {
		s.endpoint.FailingSince = now
	}
	s.endpoint.failures++
	if s.endpoint.failures >= whopFailures && now.Sub(s.endpoint.FailingSince) >= time.Duration(float64(whopFailTime)/factor) {
		s.endpoint.Enabled, s.endpoint.DisabledAt, s.queue = false, now, nil
		return
	}
	if waits := whopSchedule(); m.try < len(waits) {
		m.due = now.Add(time.Duration(float64(waits[m.try]) / factor))
		m.try++
		s.queue = append(s.queue, m)
	}
}

// post sends and logs; 0 means nobody answered.
func (s *whop) post(ctx context.Context, m whopMessage, at time.Time, secret string) (status int) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(m.body))
	if err != nil {
		return 0
	}
	mac := hmac.New(sha256.New, []byte(secret)) // all of the secret, as it is shown
	mac.Write([]byte(m.id + "." + stamp + "."))
	mac.Write(m.body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("webhook-id", m.id)
	request.Header.Set("webhook-timestamp", stamp)
	request.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	response, err := s.client.Do(request)
	if err == nil {
		status = response.StatusCode
		_ = response.Body.Close()
	}
	s.log.Add("whop", http.MethodPost, pathOf(s.url), status, whopWithoutLicense(m.body))
	return status
}

// whopWithoutLicense takes the license key out of what the log shows.
func whopWithoutLicense(body []byte) json.RawMessage {
	var event map[string]any
	if json.Unmarshal(body, &event) != nil {
		return body
	}
	if data, ok := event["data"].(map[string]any); ok && data["license_key"] != nil {
		data["license_key"] = "[redacted]"
	}
	shown, err := json.Marshal(event)
	if err != nil {
		return nil
	}
	return shown
}

func (s *whop) endpointView() map[string]any {
	view := map[string]any{
		"id": whopHook, "url": s.url, "enabled": s.endpoint.Enabled, "api_version_date": "2026-09-29",
		"disabled_reason": nil, "disabled_at": whopTime(s.endpoint.DisabledAt), "failing_since": whopTime(s.endpoint.FailingSince),
	}
	if !s.endpoint.Enabled {
		view["disabled_reason"] = "delivery_failures"
	}
	return view
}

func (s *whop) listEndpoints(c whopCall) whopAnswer {
	return whopList(c, []whopEndpoint{s.endpoint}, func(whopEndpoint) string { return whopHook }, func(whopEndpoint) map[string]any { return s.endpointView() })
}

// enableEndpoint switches it on again; what was missed is not sent by itself.
func (s *whop) enableEndpoint(c whopCall) whopAnswer {
	if chi.URLParam(c.r, "id") != whopHook {
		return whopMissing()
	}
	if on := string(c.body["enabled"]); on == "true" || on == "false" {
		s.endpoint = whopEndpoint{Enabled: on == "true"}
	}
	return whopAnswer{http.StatusOK, s.endpointView()}
}

// replay sends everything again that was to be sent after an instant.
func (s *whop) replay(c whopCall) whopAnswer {
	var after time.Time
	if chi.URLParam(c.r, "id") != whopHook {
		return whopMissing()
	}
	if err := json.Unmarshal(c.body["sent_after"], &after); err != nil {
		return whopRefuse(http.StatusUnprocessableEntity, "invalid_parameter", "sent_after")
	}
	n := 0
	for _, m := range s.history {
		if m.at.After(after) {
			m.try, m.due = 0, s.now()
			s.enqueue(m)
			n++
		}
	}
	return whopAnswer{http.StatusOK, map[string]any{"replayed": n}}
}

// control mounts what a test or a developer may look at and let happen.
func (s *whop) control(r chi.Router) {
	r.Get("/whop/memberships", s.controlMemberships)
	r.Post("/whop/settings", s.controlSettings)
	r.Post("/whop/event", handle(s.controlEvent))
}

func (s *whop) controlMemberships(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"data": append([]whopMembership{}, s.memberships...)})
}

func (s *whop) controlSettings(w http.ResponseWriter, r *http.Request) {
	in := whopSettings{PastDueAccess: true, RetryFactor: 1}
	if !playerInput(w, r, &in) {
		return
	}
	s.mu.Lock()
	s.settings = in
	s.mu.Unlock()
	reply(w, http.StatusOK, in)
}

// whopWanted is something that is to happen. Who is named by a username of ours bought
// through our checkout, which wrote who they are; "user_…" bought elsewhere.
type whopWanted struct {
	Type    string `json:"type"`    // membership.activated
	User    string `json:"user"`    // "ben", or "user_…"
	Product string `json:"product"` // default WhopProProduct
	Person  string `json:"person"`  // what the metadata says instead
}

// controlEvent changes the state, then sends the event about it, and answers what the
// application answered, unless events are shuffled.
func (s *whop) controlEvent(in whopWanted) (any, error) {
	if in.Type == "" || in.User == "" {
		return nil, badRequest("type and user are required")
	}
	if in.Product == "" {
		in.Product = WhopProProduct
	}
	person := in.Person
	if person == "" && !strings.HasPrefix(in.User, "user_") {
		person = s.named(in.User)
	}
	done := make(chan int, 1)
	s.mu.Lock()
	m, data := s.happen(in, person)
	s.tellAnd(in.Type, data, done)
	waiting := !s.settings.Shuffle && s.endpoint.Enabled
	s.mu.Unlock()
	answer := map[string]any{"membership": m.ID, "license": m.License, "status": 0}
	if !waiting {
		return answer, nil
	}
	select {
	case answer["status"] = <-done:
		return answer, nil
	case <-time.After(2 * whopPatience):
		return nil, badRequest("the application does not answer")
	}
}

// happen makes true what an event will say, and answers the data it says it with.
func (s *whop) happen(in whopWanted, person string) (whopMembership, map[string]any) {
	m := s.held(in, person)
	family, what, _ := strings.Cut(in.Type, ".")
	switch {
	case family == "membership":
		s.change(&m, what)
		s.saveMembership(m)
		return m, s.membershipView(m, false)
	case family == "payment" && what == "succeeded":
		m.Status, m.Start, m.End = "active", m.End, m.End.Add(whopPeriod)
		s.saveMembership(m)
		return m, s.paymentView(s.pay(m, "subscription_cycle"), false)
	case family == "payment" && what == "failed":
		m.Status = "past_due"
		s.saveMembership(m)
		return m, s.paymentView(s.attempt(m, "open", "failed", "insufficient_funds"), false)
	case family == "payment":
		return m, s.paymentView(s.attempt(m, "pending", "pending", ""), false)
	case family == "refund" || family == "dispute" || family == "dispute_alert":
		p := s.latest(m)
		prefix := "rf_"
		if family == "refund" {
			p.Substatus, p.Refunded = "refunded", p.Cents
		} else {
			p.Substatus, prefix = "dispute_needs_response", "dspt_"
		}
		s.savePayment(p)
		return m, map[string]any{"id": s.id(prefix), "payment_id": p.ID, "payment": map[string]string{"id": p.ID}, "account_id": WhopAccount, "status": "pending"}
	}
	return m, map[string]any{"id": s.id("obj_")}
}

// held is the membership that an event is about: the last of that user and product, or
// a new one.
func (s *whop) held(in whopWanted, person string) whopMembership {
	user := in.User
	if !strings.HasPrefix(user, "user_") {
		user = "user_" + user
	}
	for _, m := range slices.Backward(s.memberships) {
		over := m.Status == "canceled" || m.Status == "expired"
		if m.User == user && m.Product == in.Product && (!over || in.Type != "membership.activated") {
			return m
		}
	}
	metadata := map[string]string{}
	if person != "" {
		metadata["alertsify_user_id"] = person
	}
	m := s.begin(user, in.Product, metadata)
	s.saveMembership(m)
	return m
}

// change is what an event of memberships means.
func (s *whop) change(m *whopMembership, what string) {
	now := s.now().UTC()
	switch what {
	case "activated":
		m.Status = "active"
	case "deactivated":
		m.Status, m.Canceled = "canceled", now
	case "cancel_at_period_end_changed":
		m.CancelAtEnd = !m.CancelAtEnd
		m.Status, m.Canceled = "active", time.Time{}
		if m.CancelAtEnd {
			m.Status, m.Canceled = "canceling", now
		}
	case "trial_ending_soon":
		m.Status, m.End = "trialing", now.Add(72*time.Hour)
	}
}

// pay books a payment that came; attempt one that did not, or not yet.
func (s *whop) pay(m whopMembership, reason string) whopPayment {
	p := s.newPayment(m, "paid", "succeeded", reason)
	p.Paid = p.Created
	s.savePayment(p)
	return p
}

func (s *whop) attempt(m whopMembership, status, substatus, decline string) whopPayment {
	p := s.newPayment(m, status, substatus, "subscription_cycle")
	p.Decline = decline
	s.savePayment(p)
	return p
}

func (s *whop) newPayment(m whopMembership, status, substatus, reason string) whopPayment {
	_, cents := whopPlan(m.Product)
	return whopPayment{
		ID: s.id("pay_"), Membership: m.ID, User: m.User, Product: m.Product, Plan: m.Plan, Status: status, Substatus: substatus,
		Reason: reason, Cents: cents, Created: s.now().UTC().Truncate(time.Millisecond),
	}
}

// latest is a membership's last payment, or one made for it.
func (s *whop) latest(m whopMembership) whopPayment {
	for _, p := range slices.Backward(s.payments) {
		if p.Membership == m.ID {
			return p
		}
	}
	return s.pay(m, "subscription_create")
}
