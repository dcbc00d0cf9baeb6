package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
)

// control is the sandbox's own door, /_sandbox/: what was received, the broker's
// book, and everything that can be told to happen.
func (w *World) control(r chi.Router) {
	r.Use(sameOrigin)
	r.Get("/", w.console)
	r.Get("/log", w.showLog)
	r.Delete("/log", w.clearLog)
	r.Get("/broker/orders", w.showBook)
	r.Get("/broker/accounts", w.showAccounts)
	r.Post("/broker/mode", handle(w.setMode))
	r.Post("/broker/fee", handle(w.setFee))
	r.Post("/broker/fill", handle(w.fillOrder))
	r.Post("/broker/trade", handle(w.tradeInApp))
	r.Post("/broker/replace", handle(w.replaceInApp))
	r.Post("/broker/hold", handle(w.hold))
	r.Post("/broker/rename", handle(w.rename))
	r.Get("/market", w.showQuote)
	r.Post("/market", handle(w.setMarket))
	r.Get("/faults", w.showFaults)
	r.Post("/faults", handle(w.addFault))
	r.Delete("/faults", w.clearFaults)
	r.Post("/people", handle(w.announce))
	r.Post("/connect", handle(w.connectNow))
	r.Post("/crowd", handle(w.gather))
	r.Post("/snaptrade/event", handle(w.sendEvent))
	r.Get("/webhooks", w.showHooks)
	r.Post("/webhooks", handle(w.setHooks))
	r.Get("/clock", w.showClock)
	r.Post("/clock", handle(w.setClock))
	r.Delete("/clock", w.clearClock)
	w.discord.control(r)
	w.push.control(r)
	w.getstream.control(r)
	w.resend.control(r)
	w.telegram.control(r)
	w.whop.control(r)
	w.receivers.control(r)
}

// problem is a refused control call: its status and a sentence.
type problem struct {
	status int
	text   string
}

// Error is the sentence.
func (p problem) Error() string { return p.text }

func badRequest(format string, args ...any) error {
	return problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// handle decodes a JSON body, unknown keys refused, and answers {"data": …}.
func handle[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body T
		decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
			respond(w, nil, badRequest("body: %v", err))
			return
		}
		data, err := do(body)
		respond(w, data, err)
	}
}

func respond(w http.ResponseWriter, data any, err error) {
	if err == nil {
		reply(w, http.StatusOK, map[string]any{"data": data})
		return
	}
	status := http.StatusInternalServerError
	var known problem
	switch {
	case errors.As(err, &known):
		status = known.status
	case errors.Is(err, errNoOrder), errors.Is(err, errNoAccount):
		status = http.StatusNotFound
	case errors.Is(err, errNotOpen), errors.Is(err, errTooMuch):
		status = http.StatusConflict
	case errors.Is(err, errTicket):
		status = http.StatusUnprocessableEntity
	}
	reply(w, status, map[string]any{"error": err.Error()})
}

// sameOrigin refuses pages of other sites.
func sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			http.Error(w, "the sandbox takes no orders from other sites", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (w *World) showLog(rw http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0
	}
	respond(rw, w.deps.log.List(r.URL.Query().Get("target"), after), nil)
}

func (w *World) clearLog(rw http.ResponseWriter, _ *http.Request) {
	w.deps.log.Clear()
	respond(rw, []any{}, nil)
}

func (w *World) showFaults(rw http.ResponseWriter, _ *http.Request) {
	respond(rw, w.deps.faults.List(), nil)
}

func (w *World) addFault(f Fault) (any, error) {
	domain := []string{
		faultLateListing, faultIncompleteListing, faultLowerCum, faultNullFill, faultFillAfterCancel, faultDuplicateWebhook,
		faultReorderWebhooks, faultStaleWebhook, faultBadSignature, faultBrokenConnection,
	}
	if !slices.Contains(httpFaults, f.Mode) && !slices.Contains(domain, f.Mode) {
		return nil, badRequest("unknown mode %q", f.Mode)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return nil, badRequest("status %d is not an answer", f.Status)
	}
	w.deps.faults.Add(f)
	return w.deps.faults.List(), nil
}

func (w *World) clearFaults(rw http.ResponseWriter, _ *http.Request) {
	w.deps.faults.Clear()
	respond(rw, []Fault{}, nil)
}

func (w *World) announce(n announcedName) (any, error) {
	if n.Username == "" || n.UserID == "" {
		return nil, badRequest("username and userId are required")
	}
	return n, w.Name(n.UserID, n.Username)
}

func (w *World) showHooks(rw http.ResponseWriter, _ *http.Request) {
	respond(rw, w.hooks.current(), nil)
}

// hookChange changes only what it names.
type hookChange struct {
	TradeUpdates   *bool    `json:"tradeUpdates"`
	TradeDetection *bool    `json:"tradeDetection"`
	Holdings       *bool    `json:"holdings"`
	RetryScale     *float64 `json:"retryScale"`
	NewTimestamp   *bool    `json:"newTimestamp"`
	URL            *string  `json:"url"`
}

func (w *World) setHooks(c hookChange) (any, error) {
	s := w.hooks.current()
	if c.TradeUpdates != nil {
		s.TradeUpdates, s.TradeDetection = *c.TradeUpdates, *c.TradeUpdates
	}
	for _, field := range []struct{ from, to *bool }{
		{c.TradeDetection, &s.TradeDetection}, {c.Holdings, &s.Holdings}, {c.NewTimestamp, &s.NewTimestamp},
	} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	if c.RetryScale != nil {
		if *c.RetryScale < 0 {
			return nil, badRequest("retryScale is negative")
		}
		s.RetryScale = *c.RetryScale
	}
	if c.URL != nil {
		w.SetWebhookURL(*c.URL)
	}
	return s, w.hooks.change(s)
}

// clockView is GET /_sandbox/clock: market time now, and whether it was set.
type clockView struct {
	Now       time.Time `json:"now"`
	Set       bool      `json:"set"`
	InSession bool      `json:"inSession"`
}

func (w *World) clockNow() clockView {
	return clockView{w.clock.marketNow(), w.clock.current().IsSet(), w.clock.inSession()}
}

func (w *World) showClock(rw http.ResponseWriter, _ *http.Request) { respond(rw, w.clockNow(), nil) }

func (w *World) setClock(body struct {
	Now time.Time `json:"now"`
}) (any, error) {
	if body.Now.IsZero() {
		return nil, badRequest("now is required, RFC 3339")
	}
	if err := w.clock.set(body.Now); err != nil {
		return nil, err
	}
	return w.clockNow(), nil
}

func (w *World) clearClock(rw http.ResponseWriter, _ *http.Request) {
	err := w.clock.set(time.Time{})
	respond(rw, w.clockNow(), err)
}
