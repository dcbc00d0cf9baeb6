// Package api answers programs and pages in JSON and event streams.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/users"
)

// Options are the rooms the API speaks for.
type Options struct {
	Desk     *orders.Desk
	Rules    *risk.Rules
	Book     *positions.Book
	Accounts *brokers.Accounts
	Market   *market.Market
	Copier   *copytrade.Copier
	Alerts   *alerts.Announcer
	Post     *delivery.Post
	Guard    *auth.Guard
	Users    *users.Directory
	Gate     *billing.Gate
	Hub      *live.Hub
	Budget   *snaptrade.Budget
	Allow    httpio.Allow  // counts what has its own small limit
	Seats    *httpio.Seats // open event streams
}

// API is the JSON door.
type API struct {
	desk     *orders.Desk
	rules    *risk.Rules
	book     *positions.Book
	accounts *brokers.Accounts
	market   *market.Market
	copier   *copytrade.Copier
	alerts   *alerts.Announcer
	post     *delivery.Post
	guard    *auth.Guard
	users    *users.Directory
	gate     *billing.Gate
	hub      *live.Hub
	budget   *snaptrade.Budget
	allow    httpio.Allow
	seats    *httpio.Seats
	docs     func() ([]byte, error) // the page, made once
	check    time.Duration          // how often a stream asks whether it may go on; httpio's when zero
}

// New makes the API.
func New(o Options) *API {
	return &API{
		desk: o.Desk, rules: o.Rules, book: o.Book, accounts: o.Accounts, market: o.Market, copier: o.Copier, alerts: o.Alerts, post: o.Post,
		guard: o.Guard, users: o.Users, gate: o.Gate, hub: o.Hub, budget: o.Budget, allow: o.Allow, seats: o.Seats,
		docs: sync.OnceValues(renderDocs),
	}
}

// Routes are the API's lines of the route table.
func (a *API) Routes() []auth.Route {
	const (
		read  = auth.SignedIn
		trade = auth.SignedIn
		step  = auth.SignedIn | auth.StepUp
	)
	return []auth.Route{
		{Method: "GET", Pattern: "/api/brokers", Rule: read, Handler: a.listBrokerages},
		{Method: "POST", Pattern: "/api/brokers/connect", Rule: step, Handler: a.connectBroker},
		{Method: "GET", Pattern: "/api/brokers/connections", Rule: read, Handler: a.listConnections},
		{Method: "POST", Pattern: "/api/brokers/connections/{id}/reconnect", Rule: step, Handler: bare(a.reconnectBroker)},
		{Method: "GET", Pattern: "/api/brokers/accounts", Rule: read, Handler: a.listAccounts},
		{Method: "POST", Pattern: "/api/brokers/accounts/{id}/select", Rule: trade, Handler: bare(a.selectAccount)},
		{Method: "POST", Pattern: "/api/brokers/accounts/{id}/sync", Rule: trade, Handler: bare(a.syncAccount)},
		{Method: "DELETE", Pattern: "/api/brokers/accounts/{id}", Rule: step, Handler: bare(a.removeAccount)},

		{Method: "POST", Pattern: "/api/trading/orders/preview", Rule: trade | auth.ReadOnly, Handler: a.previewOrder},
		{Method: "POST", Pattern: "/api/trading/orders", Rule: trade, Handler: a.placeOrder},
		{Method: "GET", Pattern: "/api/trading/orders", Rule: read, Handler: a.listOrders},
		{Method: "GET", Pattern: "/api/trading/orders/{id}", Rule: read, Handler: a.getOrder},
		{Method: "PATCH", Pattern: "/api/trading/orders/{id}", Rule: trade, Handler: a.replaceOrder},
		{Method: "DELETE", Pattern: "/api/trading/orders/{id}", Rule: trade, Handler: bare(a.cancelOrder)},
		{Method: "POST", Pattern: "/api/trading/orders/{id}/refresh", Rule: trade, Handler: bare(a.refreshOrder)},
		{Method: "GET", Pattern: "/api/trading/orders/{id}/copies", Rule: read, Handler: a.orderCopies},
		{Method: "GET", Pattern: "/api/trading/halt", Rule: read, Handler: a.getHalts},
		{Method: "POST", Pattern: "/api/trading/halt", Rule: trade, Handler: a.stopTrading},
		{Method: "DELETE", Pattern: "/api/trading/halt", Rule: trade, Handler: bare(a.resumeTrading)},
		{Method: "GET", Pattern: "/api/positions", Rule: read, Handler: a.listPositions},
		{Method: "GET", Pattern: "/api/positions/{id}", Rule: read, Handler: a.getPosition},
		{Method: "PATCH", Pattern: "/api/positions/{id}", Rule: trade, Handler: a.writeAboutPosition},

		{Method: "GET", Pattern: "/api/market/chain", Rule: read, Handler: a.chain},
		{Method: "GET", Pattern: "/api/market/expirations", Rule: read, Handler: a.expirations},
		{Method: "GET", Pattern: "/api/market/quotes", Rule: read, Handler: a.quotes},
		{Method: "GET", Pattern: "/api/market/symbols", Rule: read, Handler: a.symbols},
		{Method: "GET", Pattern: "/api/watchlist", Rule: read, Handler: a.getWatchlist},
		{Method: "PUT", Pattern: "/api/watchlist", Rule: trade, Handler: a.setWatchlist},

		{Method: "GET", Pattern: "/api/copy-trading/traders", Rule: read, Handler: a.listTraders},
		{Method: "GET", Pattern: "/api/copy-trading/capacity", Rule: read, Handler: a.capacity},
		{Method: "GET", Pattern: "/api/copy-trading/late-brokers", Rule: read, Handler: a.listLateBrokers},
		{Method: "GET", Pattern: "/api/copy-trading/subscribers", Rule: read, Handler: a.listFollowers},
		{Method: "GET", Pattern: "/api/copy-trading/publishing", Rule: auth.TraderOnly, Handler: a.getPublishing},
		{Method: "PUT", Pattern: "/api/copy-trading/publishing", Rule: auth.TraderOnly, Handler: bare(a.publish)},
		{Method: "DELETE", Pattern: "/api/copy-trading/publishing", Rule: auth.TraderOnly, Handler: bare(a.stopPublishing)},
		{Method: "POST", Pattern: "/api/copy-trading/subscribe", Rule: trade, Handler: a.subscribe},
		{Method: "GET", Pattern: "/api/copy-trading/subscriptions", Rule: read, Handler: a.listSubscriptions},
		{Method: "PATCH", Pattern: "/api/copy-trading/subscription/{id}", Rule: trade, Handler: a.changeSubscription},
		{Method: "DELETE", Pattern: "/api/copy-trading/subscription/{id}", Rule: trade, Handler: bare(a.unsubscribe)},
		{Method: "POST", Pattern: "/api/copy-trading/subscription/{id}/stop", Rule: trade, Handler: a.stopCopying},
		{Method: "POST", Pattern: "/api/copy-trading/subscription/{id}/mute", Rule: trade, Handler: bare(a.mute)},
		{Method: "DELETE", Pattern: "/api/copy-trading/subscription/{id}/mute", Rule: trade, Handler: bare(a.unmute)},
		{Method: "GET", Pattern: "/api/copy-trading/triggers", Rule: read, Handler: a.listTriggers},
		{Method: "POST", Pattern: "/api/copy-trading/dry-run", Rule: trade | auth.ReadOnly, Handler: a.dryRun},
		{Method: "GET", Pattern: "/api/copy-trading/paper", Rule: read, Handler: a.listPaper},
		{Method: "GET", Pattern: "/api/copy-trading/holdings", Rule: read, Handler: a.listCopiedHoldings},
		{Method: "GET", Pattern: "/api/copy-trading/drift", Rule: read, Handler: a.listDrift},
		{Method: "POST", Pattern: "/api/copy-trading/drift/{id}/close", Rule: trade, Handler: bare(a.closeDrift)},
		{Method: "POST", Pattern: "/api/copy-trading/drift/{id}/keep", Rule: trade, Handler: bare(a.keepDrift)},
		{Method: "POST", Pattern: "/api/copy-trading/drift/{id}/ignore", Rule: trade, Handler: bare(a.ignoreDrift)},
		{Method: "POST", Pattern: "/api/copy-trading/consent", Rule: step, Handler: a.consent},
		{Method: "DELETE", Pattern: "/api/copy-trading/consent", Rule: trade, Handler: bare(a.withdrawConsent)},
		{Method: "GET", Pattern: "/api/copy-trading/decisions", Rule: read, Handler: a.listDecisions},
		{Method: "GET", Pattern: "/api/copy-trading/decisions/{id}/line", Rule: read, Handler: a.decisionLine},
		{Method: "POST", Pattern: "/api/copy-trading/decisions/{id}/approve", Rule: trade, Handler: bare(a.approve)},
		{Method: "POST", Pattern: "/api/copy-trading/decisions/{id}/reject", Rule: trade, Handler: bare(a.reject)},

		{Method: "GET", Pattern: "/api/feeds/timeline", Rule: read, Handler: a.timeline},
		{Method: "GET", Pattern: "/api/feeds/global", Rule: read, Handler: a.globalFeed},
		{Method: "GET", Pattern: "/api/feeds/trade/{username}", Rule: read, Handler: a.tradeFeed},
		{Method: "GET", Pattern: "/api/notifications", Rule: read, Handler: a.listNotifications},
		{Method: "POST", Pattern: "/api/notifications/read", Rule: trade, Handler: a.markRead},
		{Method: "POST", Pattern: "/api/notifications/read-all", Rule: trade, Handler: bare(a.markAllRead)},
		{Method: "GET", Pattern: "/api/push/key", Rule: read, Handler: a.pushKey},
		{Method: "POST", Pattern: "/api/push/subscriptions", Rule: trade, Handler: a.addPush},
		{Method: "DELETE", Pattern: "/api/push/subscriptions", Rule: trade, Handler: a.removePush},
		{Method: "GET", Pattern: "/api/settings/discord", Rule: read, Handler: a.getDiscord},
		{Method: "PUT", Pattern: "/api/settings/discord", Rule: step, Handler: a.setDiscord},
		{Method: "DELETE", Pattern: "/api/settings/discord", Rule: step, Handler: bare(a.removeDiscord)},
		{Method: "POST", Pattern: "/api/settings/discord/test", Rule: trade, Handler: bare(a.testDiscord)},

		{Method: "GET", Pattern: "/api/settings", Rule: read, Handler: a.getSettings},
		{Method: "PATCH", Pattern: "/api/settings", Rule: trade, Handler: a.changeSettings},
		{Method: "GET", Pattern: "/api/admin/halts", Rule: auth.Operator, Handler: a.listHalts},
		{Method: "PUT", Pattern: "/api/admin/halts", Rule: auth.Operator, Handler: a.halt},
		{Method: "DELETE", Pattern: "/api/admin/halts", Rule: auth.Operator, Handler: a.unhalt},
		{Method: "GET", Pattern: "/api/admin/limits", Rule: auth.Operator, Handler: a.userLimits},
		{Method: "PUT", Pattern: "/api/admin/limits", Rule: auth.Operator, Handler: a.grantLimit},
		{Method: "GET", Pattern: "/api/admin/budget", Rule: auth.Operator, Handler: a.requestBudget},
		{Method: "GET", Pattern: "/api/admin/reviews", Rule: auth.Operator, Handler: a.listReviews},
		{Method: "POST", Pattern: "/api/admin/orders/{id}/not-placed", Rule: auth.Operator, Handler: a.recordNotPlaced},
		{Method: "GET", Pattern: "/api/profile", Rule: read, Handler: a.profile},
		{Method: "PATCH", Pattern: "/api/profile", Rule: trade, Handler: a.changeProfile},
		{Method: "GET", Pattern: "/api/users/{username}", Rule: read, Handler: a.findPerson},
		{Method: "POST", Pattern: "/api/users/{username}/follow", Rule: trade, Handler: bare(a.followTrader)},
		{Method: "DELETE", Pattern: "/api/users/{username}/follow", Rule: trade, Handler: bare(a.unfollowTrader)},
		{Method: "GET", Pattern: "/api/billing", Rule: read, Handler: a.plan},
		{Method: "GET", Pattern: "/api/tokens", Rule: read, Handler: a.listTokens},
		{Method: "POST", Pattern: "/api/tokens", Rule: step | auth.SessionOnly, Handler: a.makeToken},
		{Method: "DELETE", Pattern: "/api/tokens/{id}", Rule: trade, Handler: bare(a.revokeToken)},
		{Method: "GET", Pattern: "/api/sessions", Rule: read, Handler: a.listSessions},
		{Method: "DELETE", Pattern: "/api/sessions/{id}", Rule: trade, Handler: bare(a.endSession)},
		{Method: "DELETE", Pattern: "/api/sessions", Rule: trade, Handler: bare(a.signOutEverywhere)},
		{Method: "GET", Pattern: "/api/events", Rule: read, Handler: a.events},
	}
}

// user is who is asking; the route's rule has made sure that somebody is.
func user(ctx context.Context) uuid.UUID {
	p, _ := auth.From(ctx)
	return p.User.ID
}

// An Idempotency-Key has 16 to 255 printable characters.
const keyMin, keyMax = 16, 255

func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) < keyMin || len(key) > keyMax {
		return "", fault.KeyRequired()
	}
	for _, c := range key {
		if c > unicode.MaxASCII || !unicode.IsPrint(c) {
			return "", fault.KeyRequired()
		}
	}
	return key, nil
}

// keyed reads the key and the body of a request that may be repeated. The same
// key means the same request only with the same bytes.
func keyed(r *http.Request, into any) (key string, body []byte, err error) {
	if key, err = idempotencyKey(r); err != nil {
		return "", nil, err
	}
	if body, err = httpio.Body(r); err != nil {
		return "", nil, err
	}
	return key, body, httpio.DecodeBytes(body, into)
}

// bare lets requests through that say everything by their path: without a body,
// or with an empty JSON object, which some clients cannot leave out. What else
// they carry is refused, because it would have no effect.
func bare(next httpio.Handler) httpio.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		first := make([]byte, 1)
		n, err := io.ReadFull(r.Body, first)
		if n == 0 && errors.Is(err, io.EOF) {
			return next(w, r)
		}
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(first[:n]), r.Body))
		if err := httpio.Decode(r, &struct{}{}); err != nil {
			return err
		}
		return next(w, r)
	}
}

// told answers with JSON that was stored with its effect.
func told(w http.ResponseWriter, status int, stored json.RawMessage, replayed bool) error {
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return httpio.Answer(w, status, stored)
}

// storable tells whether the database can hold the text at all: a name that is no
// UTF-8, or has a zero in it, is nobody's.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// page reads ?limit= and ?cursor= of a list.
func page(r *http.Request) (limit int, c *httpio.Cursor, err error) {
	if limit, err = httpio.QueryLimit(r, 50, 200); err != nil {
		return 0, nil, err
	}
	at, ok, err := httpio.ParseCursor(r.URL.Query().Get("cursor"))
	if err != nil || !ok {
		return limit, nil, err
	}
	return limit, &at, nil
}

// choice reads a query parameter that has a few words.
func choice(r *http.Request, name, preset string, words ...string) (string, error) {
	given := r.URL.Query().Get(name)
	if given == "" {
		return preset, nil
	}
	for _, w := range words {
		if given == w {
			return given, nil
		}
	}
	return "", fault.Field(name, "Not one of the known words.").With("allowed", words)
}
