// Package hooks answers machines: provider webhooks, cron ticks, health checks.
package hooks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/webhook"
)

// RefusedPerMinute is how many refused webhooks one address may send; after that
// what fails gets 429. Verified ones are never limited (rule 17).
const RefusedPerMinute = 600

// Options say what Hooks works with.
type Options struct {
	Inbox     *inbox.Inbox
	Snaptrade *snaptrade.Client // nil: its webhooks are answered with 503
	Whop      []webhook.Key     // of Whop's webhooks; none: they are answered with 503
	Resend    []webhook.Key     // of its webhooks; none: they are answered with 503
	Telegram  secret.Text       // the word its webhooks carry; empty: they are answered with 503
	Cron      secret.Text       // what outside schedulers carry; empty: they are answered with 503
	Ask       Ask               // puts a job into the queue for them
	Refused   httpio.Allow      // counts refused webhooks by address; nil: nobody counts
	// TelegramBot is the number of the bot whose updates these are.
	TelegramBot string
	PerMinute   int                // refused webhooks an address may send; RefusedPerMinute when zero
	Crash       func(point string) // development and tests: may end the process at a named point; nil does nothing
}

// Hooks are the doors for machines.
type Hooks struct {
	inbox       *inbox.Inbox
	whop        []webhook.Key
	snaptrade   *snaptrade.Client
	resend      []webhook.Key
	telegram    secret.Text
	telegramBot string
	cron        secret.Text
	ask         Ask
	refused     httpio.Allow
	perMinute   int
	crash       func(point string)
	buffers     sync.Pool // of *bytes.Buffer: bodies are read once and forgotten
}

// New makes Hooks.
func New(o Options) *Hooks {
	h := &Hooks{
		inbox: o.Inbox, snaptrade: o.Snaptrade, resend: o.Resend, telegram: o.Telegram, telegramBot: o.TelegramBot, whop: o.Whop,
		cron: o.Cron, ask: o.Ask, refused: o.Refused, perMinute: o.PerMinute, crash: o.Crash,
	}
	if h.crash == nil {
		h.crash = func(string) {}
	}
	if h.refused == nil {
		h.refused = func(context.Context, string, int) (httpio.Decision, error) {
			return httpio.Decision{Allowed: true}, nil
		}
	}
	if h.perMinute == 0 {
		h.perMinute = RefusedPerMinute
	}
	return h
}

// received is the answer to every webhook that is stored, new or repeated.
const received = `{"data":{"received":true}}` + "\n"

func thank(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(received)))
	// A write fails only when the sender is gone; it will repeat what is stored already. The
	// answer leaves before the log line about it is written.
	_, _ = io.WriteString(w, received)
	_ = http.NewResponseController(w).Flush()
	return nil
}

// bodyMax bounds, in bytes, what anybody but SnapTrade may send (rule 11.1).
const bodyMax = 1 << 20

// readBody reads such a body, once, and gives the refusals that come before any look
// at what it says. ready tells whether the secret that verifies it is set.
func (h *Hooks) readBody(w http.ResponseWriter, r *http.Request, ready bool, setting string) ([]byte, error) {
	if r.ContentLength > bodyMax {
		return nil, h.refuse(r, fault.TooLarge())
	}
	body, err := httpio.ReadBounded(http.MaxBytesReader(w, r.Body, bodyMax+1), bodyMax)
	if errors.Is(err, httpio.ErrAnswerTooLarge) || errors.As(err, new(*http.MaxBytesError)) {
		return nil, h.refuse(r, fault.TooLarge())
	}
	if err != nil {
		return nil, h.refuse(r, fault.InvalidJSON("The body could not be read.").Because(err))
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, h.refuse(r, fault.NotJSON())
	}
	if !ready {
		return nil, fault.Unavailable(errors.New(setting + " is not set"))
	}
	return body, nil
}

// refuse is the fault, or 429 for an address that has sent too many refused ones.
// A counter that is away refuses nobody.
func (h *Hooks) refuse(r *http.Request, f *fault.Error) error {
	key := "webhook:" + httpio.AddressKey(httpio.Address(r.Context()))
	decision, err := h.refused(r.Context(), key, h.perMinute)
	if err == nil && !decision.Allowed {
		return fault.RateLimited(retryAfter(decision))
	}
	return f
}
