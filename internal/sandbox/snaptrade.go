package sandbox

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

const (
	clockSkew    = 300 * time.Second // how far off a request's timestamp may be
	maxBody      = 1 << 20           // bytes of a request body
	defaultRate  = 250               // requests a client id may send in rateWindow
	rateWindow   = 60 * time.Second
	linkLifetime = 5 * time.Minute // of a connection portal link
)

// snaptrade plays SnapTrade: its API over the registry and the paper broker.
type snaptrade struct {
	deps
	clientID    string
	consumerKey string
	rate        *rateLimit
	registry    *registry
	paper       *paper
	market      *market
	portal      *portal
	hooks       *webhooks
}

// routes mounts the API; paths begin where SnapTrade's own begin.
func (s *snaptrade) routes(r chi.Router) {
	r.Use(s.record)
	r.Get("/", s.status)
	r.Group(func(r chi.Router) {
		r.Use(s.signed)
		s.partnerRoutes(r)
		r.Group(func(r chi.Router) {
			r.Use(s.asUser)
			s.userRoutes(r)
		})
		r.Route("/accounts/{account}", func(r chi.Router) {
			r.Use(s.asUser, s.ownAccount)
			s.accountRoutes(r)
		})
	})
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "1011", "Not found") })
}

func (s *snaptrade) partnerRoutes(r chi.Router) {
	r.Post("/snapTrade/registerUser", s.registerUser)
	r.Get("/snapTrade/listUsers", s.listUsers)
	r.Delete("/snapTrade/deleteUser", s.deleteUser)
	r.Post("/snapTrade/resetUserSecret", s.resetSecret)
	r.Get("/snapTrade/partners", s.partners)
	r.Get("/brokerages", s.brokerages)
	r.Get("/brokerages/{slug}/instruments", s.instruments)
	r.Post("/symbols", s.searchSymbols)
	r.Get("/symbols/{query}", s.oneSymbol)
	r.Get("/snapTrade/tradeDetection/subscriptions", s.listSubscriptions)
	r.Post("/snapTrade/tradeDetection/subscriptions/cancel", s.cancelSubscription)
}

func (s *snaptrade) userRoutes(r chi.Router) {
	r.Post("/snapTrade/login", s.login)
	r.Post("/snapTrade/tradeDetection/subscriptions", s.subscribe)
	r.Get("/authorizations", s.listConnections)
	r.Get("/authorizations/{connection}", s.oneConnection)
	r.Get("/authorizations/{connection}/accounts", s.connectionAccounts)
	r.Post("/authorizations/{connection}/refresh", s.refreshConnection)
	r.Post("/authorizations/{connection}/disable", s.disableConnection)
	r.Delete("/connection/{connection}", s.deleteConnection)
	r.Get("/accounts", s.listAccounts)
	r.Post("/trade/place", s.placeByTrade)
}

func (s *snaptrade) accountRoutes(r chi.Router) {
	r.Get("/", s.oneAccount)
	r.Get("/balances", s.balances)
	r.Get("/positions/all", s.positions)
	r.Get("/holdings", s.holdingsGone)
	r.Get("/activities", s.activities)
	r.Get("/quotes", s.equityQuotes)
	r.Get("/quotes/options", s.optionQuoteGone)
	r.Post("/symbols", s.searchSymbols)
	r.Get("/orders", s.ordersV1)
	r.Get("/orders/v2", s.ordersV2)
	r.Get("/recentOrders", s.recentV1)
	r.Get("/recentOrders/v2", s.recentV2)
	r.Post("/orders/details", s.detailsV1)
	r.Get("/orders/details/v2/{order}", s.detailsV2)
	r.Post("/trading/options", s.placeOption)
	r.Post("/trading/options/impact", s.previewOption)
	r.Post("/trading/cancel", s.cancelOrder)
	r.Post("/trading/replace", s.replaceOrder)
}

// record holds the answer back until the request stands in the log.
func (s *snaptrade) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			fail(w, http.StatusBadRequest, "1076", "Unable to read the body")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		held := newAnswer()
		held.Header().Set("X-Request-ID", s.rand.UUID())
		next.ServeHTTP(held, r)
		s.log.Add("snaptrade", r.Method, r.URL.Path, orStatus(held.status, http.StatusOK), withoutSecret(body))
		held.send(w)
	})
}

// withoutSecret shows a body in the log without the user's secret.
func withoutSecret(body []byte) json.RawMessage {
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		return json.RawMessage(body)
	}
	if _, has := object["userSecret"]; !has {
		return json.RawMessage(body)
	}
	object["userSecret"] = "[redacted]"
	return asJSON(object)
}

// signed checks client id, timestamp and signature, and counts the call.
func (s *snaptrade) signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.rate.take(w.Header(), s.now()) {
			throttled(w)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || !s.signatureHolds(r, body) {
			fail(w, http.StatusUnauthorized, "1076", "Unable to verify signature sent")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func (s *snaptrade) signatureHolds(r *http.Request, body []byte) bool {
	query := r.URL.Query()
	seconds, err := strconv.ParseInt(query.Get("timestamp"), 10, 64)
	if err != nil || query.Get("clientId") != s.clientID {
		return false
	}
	if age := s.now().Sub(time.Unix(seconds, 0)); age > clockSkew || age < -clockSkew {
		return false
	}
	text, err := requestText(body, wirePath(r), r.URL.RawQuery)
	if err != nil {
		return false
	}
	want := signature(s.consumerKey, text)
	return hmac.Equal([]byte(want), []byte(r.Header.Get("Signature")))
}

// wirePath is the path as it was requested, escapes untouched.
func wirePath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if absolute, err := url.Parse(path); err == nil && absolute.IsAbs() {
		return absolute.EscapedPath()
	}
	return path
}

// asUser checks userId and userSecret of the query.
func (s *snaptrade) asUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		user, known := s.registry.user(query.Get("userId"))
		if !known || !hmac.Equal([]byte(user.Secret), []byte(query.Get("userSecret"))) {
			fail(w, http.StatusUnauthorized, "0000", "User not found")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func userOf(r *http.Request) string { return r.URL.Query().Get("userId") }

// about names the account or user a request is about, for faults.
func (s *snaptrade) about(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/snaptrade/"), "/")
	if len(parts) > 1 && parts[0] == "accounts" {
		return parts[1]
	}
	return userOf(r)
}

func (s *snaptrade) status(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"version": 153, "timestamp": stamp(s.now()), "online": true})
}

// fail answers an error in the shape SnapTrade uses for its status.
func fail(w http.ResponseWriter, status int, code, detail string) {
	switch status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		reply(w, status, map[string]any{"default_detail": detail, "default_code": code, "detail": detail, "code": code, "status_code": status})
	case http.StatusNotImplemented:
		reply(w, status, map[string]any{"error": detail})
	default:
		reply(w, status, map[string]any{"detail": detail, "status_code": status, "code": code})
	}
}

// failAs is how SnapTrade fails on demand.
func (s *snaptrade) failAs(w http.ResponseWriter, _ *http.Request, status int) {
	codes := map[int][2]string{
		http.StatusBadRequest:          {"1076", "Unable to verify data sent"},
		http.StatusUnauthorized:        {"0000", "User not found"},
		http.StatusPaymentRequired:     {"3003", "Unable to sync with brokerage account because the connection is disabled."},
		http.StatusForbidden:           {"1066", "You do not have permission to perform this action"},
		http.StatusNotFound:            {"1011", "Not found"},
		http.StatusTooEarly:            {"3012", "Data is still being loaded"},
		http.StatusServiceUnavailable:  {"3002", "The brokerage could not be reached"},
		http.StatusInternalServerError: {"1000", "An unexpected error occurred"},
		http.StatusNotImplemented:      {"", "The endpoint is not yet implemented for this brokerage"},
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("X-RateLimit-Limit", strconv.Itoa(s.rate.limit))
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", "1")
		throttled(w)
		return
	}
	known, has := codes[status]
	if !has {
		known = codes[http.StatusInternalServerError]
	}
	fail(w, status, known[0], known[1])
}

func throttled(w http.ResponseWriter) {
	seconds := w.Header().Get("X-RateLimit-Reset")
	fail(w, http.StatusTooManyRequests, "0000", "Request was throttled. Expected available in "+seconds+" seconds.")
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(asJSON(body))
}

// readBody decodes a JSON body, false after answering 400.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		fail(w, http.StatusBadRequest, "1076", "Unable to verify data sent")
		return false
	}
	return true
}

// stamp prints an instant as SnapTrade does in orders.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// rateLimit counts the calls of a client id in a rolling window.
type rateLimit struct {
	mu    sync.Mutex
	limit int
	calls []time.Time
}

// take counts one call and writes the three rate headers; false when the window
// is full.
func (l *rateLimit) take(header http.Header, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := 0
	for old < len(l.calls) && now.Sub(l.calls[old]) >= rateWindow {
		old++
	}
	l.calls = l.calls[old:]
	allowed := len(l.calls) < l.limit
	if allowed {
		l.calls = append(l.calls, now)
	}
	reset := rateWindow
	if len(l.calls) > 0 {
		reset = rateWindow - now.Sub(l.calls[0])
	}
	header.Set("X-RateLimit-Limit", strconv.Itoa(l.limit))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(l.limit-len(l.calls)))
	header.Set("X-RateLimit-Reset", strconv.Itoa(int((reset+time.Second-1)/time.Second)))
	return allowed
}
