package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	hookTimeout = 10 * time.Second
	hookIdle    = 90 * time.Second // how long an unused connection stays
	staleBy     = 10 * time.Minute // how old a stale_webhook claims to be
	reorderHold = 2 * time.Second  // how long a held webhook waits for a later one
)

// retryAfter is when an undelivered webhook is sent again.
func retryAfter() []time.Duration {
	return []time.Duration{30 * time.Minute, 60 * time.Minute, 120 * time.Minute}
}

// event is one webhook before it is written down. Empty ids are left out.
type event struct {
	Type          string
	User          string
	Account       string
	Connection    string
	Broker        string
	AttemptResult string
	Details       any
}

// hookSettings decide what is sent and how re-sends behave.
type hookSettings struct {
	TradeUpdates   bool    `json:"tradeUpdates"`   // TRADE_UPDATE, off at SnapTrade by default
	TradeDetection bool    `json:"tradeDetection"` // TRADE_DETECTION
	Holdings       bool    `json:"holdings"`       // ACCOUNT_HOLDINGS_UPDATED after every fill, not only the app's own
	RetryScale     float64 `json:"retryScale"`     // 1 = 30, 60, 120 minutes
	NewTimestamp   bool    `json:"newTimestamp"`   // re-sends carry a new eventTimestamp
}

// delivery is one webhook on its way.
type delivery struct {
	event     event
	id        string
	body      []byte
	signature *string // nil: signed when sent
	attempt   int
	due       time.Time
	done      chan<- int // told the first answer's status; nil if nobody asks
}

// webhooks sends SnapTrade's events to the application, one after the other, and
// again when they were not delivered.
type webhooks struct {
	deps
	clientID    string
	consumerKey string
	client      *http.Client
	wake        chan struct{} // holds one token while something waits

	mu       sync.Mutex
	waiting  []delivery
	url      string
	settings hookSettings
	held     []delivery // reordered: wait for a later one
	retries  []delivery
}

func newWebhooks(d deps, o Options) *webhooks {
	h := &webhooks{
		deps: d, clientID: o.ClientID, consumerKey: o.ConsumerKey, url: o.WebhookURL,
		client: hookClient(hookTimeout), wake: make(chan struct{}, 1),
		settings: hookSettings{RetryScale: 1},
	}
	d.journal.On("webhooks", replayInto(func(s hookSettings) { h.settings = s }))
	return h
}

// hookClient calls the application over connections of its own. Those of
// http.DefaultTransport are everybody's in the process: a test server that closes
// takes them along, and with them an answer without a body that has just come.
func hookClient(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: hookIdle}}
}

func (h *webhooks) current() hookSettings {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settings
}

func (h *webhooks) change(s hookSettings) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.journal.Append("webhooks", s); err != nil {
		return err
	}
	h.settings = s
	return nil
}

func (h *webhooks) setURL(url string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.url = url
}

func (h *webhooks) address() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.url
}

// send queues an event.
func (h *webhooks) send(e event) { h.enqueue(delivery{event: e}) }

func (h *webhooks) enqueue(d delivery) {
	h.mu.Lock()
	h.waiting = append(h.waiting, d)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
}

func (h *webhooks) takeWaiting() []delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := h.waiting
	h.waiting = nil
	return taken
}

// run sends until ctx ends.
func (h *webhooks) run(ctx context.Context) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
			for _, d := range h.takeWaiting() {
				h.first(ctx, d)
			}
		case <-ticker.C:
			h.sendDue(ctx)
		}
	}
}

// first sends a delivery for the first time, with the faults set for it.
func (h *webhooks) first(ctx context.Context, d delivery) {
	if d.body == nil {
		if h.fault(faultReorderWebhooks, d.event) {
			d.due = h.now().Add(reorderHold)
			h.hold(d)
			return
		}
		if !h.write(&d) {
			return
		}
	}
	// Decided before the first is out: a fault set when the first has been seen is for the next.
	twice := h.fault(faultDuplicateWebhook, d.event)
	h.attempt(ctx, d)
	if twice {
		twin := d
		twin.done = nil
		h.attempt(ctx, twin)
	}
	h.sendHeld(ctx, time.Time{})
}

// fault asks for a webhook fault under both names a caller may use.
func (h *webhooks) fault(mode string, e event) bool {
	call := "POST " + pathOf(h.address()) + " " + e.Type
	about := e.Account
	if about == "" {
		about = e.User
	}
	for _, name := range []string{"webhook", "snaptrade"} {
		if _, hit := h.faults.takeMode(mode, name, call, about); hit {
			return true
		}
	}
	return false
}

// write makes the body and, for a bad signature, signs it wrongly.
func (h *webhooks) write(d *delivery) bool {
	d.id = h.rand.UUID()
	at := h.now()
	if h.fault(faultStaleWebhook, d.event) {
		at = at.Add(-staleBy)
	}
	if !h.compose(d, at) {
		return false
	}
	if h.fault(faultBadSignature, d.event) {
		d.signature = h.sign(d.body, h.consumerKey+"-wrong")
	}
	return true
}

func (h *webhooks) compose(d *delivery, at time.Time) bool {
	body, err := d.event.body(d.id, h.clientID, at)
	if err != nil {
		h.logger.Error("sandbox: write webhook", "type", d.event.Type, "error", err)
		return false
	}
	d.body = body
	return true
}

func (h *webhooks) sign(body []byte, key string) *string {
	text, err := canonical(body)
	if err != nil {
		return nil
	}
	made := signature(key, text)
	return &made
}

func (h *webhooks) hold(d delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = append(h.held, d)
}

// sendHeld sends the held deliveries due by an instant.
func (h *webhooks) sendHeld(ctx context.Context, by time.Time) {
	for _, d := range h.takeHeld(by) {
		if h.write(&d) {
			h.attempt(ctx, d)
		}
	}
}

// takeHeld takes the held deliveries due by an instant; the zero time takes all.
func (h *webhooks) takeHeld(by time.Time) []delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	due, rest := split(h.held, by)
	h.held = rest
	return due
}

func split(list []delivery, by time.Time) (due, rest []delivery) {
	for _, d := range list {
		if by.IsZero() || !d.due.After(by) {
			due = append(due, d)
		} else {
			rest = append(rest, d)
		}
	}
	return due, rest
}

// sendDue sends held webhooks nobody overtook, and re-sends what is due.
func (h *webhooks) sendDue(ctx context.Context) {
	h.sendHeld(ctx, h.now())
	h.mu.Lock()
	due, rest := split(h.retries, h.now())
	h.retries = rest
	h.mu.Unlock()
	for _, d := range due {
		if h.current().NewTimestamp && !h.compose(&d, h.now()) {
			continue
		}
		h.attempt(ctx, d)
	}
}

// attempt posts once; anything but 200, 201, 202, 204 is tried again later.
func (h *webhooks) attempt(ctx context.Context, d delivery) {
	status := h.post(ctx, d)
	if d.done != nil {
		d.done <- status
		d.done = nil
	}
	waits := retryAfter()
	if delivered(status) || d.attempt >= len(waits) || h.address() == "" {
		return
	}
	wait := time.Duration(float64(waits[d.attempt]) * h.current().RetryScale)
	d.attempt++
	d.due = h.now().Add(wait)
	h.mu.Lock()
	h.retries = append(h.retries, d)
	h.mu.Unlock()
}

func delivered(status int) bool {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return true
	default:
		return false
	}
}

// post sends the webhook and logs it; 0 means nobody answered.
func (h *webhooks) post(ctx context.Context, d delivery) int {
	address := h.address()
	status := 0
	if address != "" {
		status = h.call(ctx, address, d)
	}
	h.log.Add("webhook", http.MethodPost, pathOf(address), status, json.RawMessage(d.body))
	return status
}

func (h *webhooks) call(ctx context.Context, address string, d delivery) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(d.body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	mark := d.signature
	if mark == nil {
		mark = h.sign(d.body, h.consumerKey)
	}
	if mark != nil && *mark != "" {
		request.Header.Set("Signature", *mark)
	}
	response, err := h.client.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func pathOf(address string) string {
	if parsed, err := url.Parse(address); err == nil {
		return parsed.Path
	}
	return ""
}
