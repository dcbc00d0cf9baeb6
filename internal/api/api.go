// Package api answers programs and pages in JSON and event streams.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"unicode"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/audit"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/internal/users"
)

// Options are the rooms the API speaks for.
type Options struct {
	Records  *record.Book
	Board    *leaderboard.Board
	Desk     *orders.Desk
	Rules    *risk.Rules
	Book     *positions.Book
	Results  *analytics.Reports
	Accounts *brokers.Accounts
	Market   *market.Market
	Copier   *copytrade.Copier
	Alerts   *alerts.Announcer
	Post     *delivery.Post
	Audit    *audit.Log
	Guard    *auth.Guard
	Users    *users.Directory
	Legal    *legal.Register
	Members  *billing.Members
	Hub      *live.Hub
	Status   *status.Recorder
	Inbox    *inbox.Inbox
	Budget   *snaptrade.Budget
	Allow    httpio.Allow    // counts what has its own small limit
	Seats    *httpio.Seats   // open event streams
	Streams  *httpio.Streams // which hold them; nil: each in its request

	Applications *users.Applications
	Account      *account.Accounts

	Party    func(integration string) string               // its other side, as the inbox names a provider
	Quota    func(integration string) (httpio.Quota, bool) // what its party said is left
	TryDoors func(context.Context) ([]inbox.Trial, error)  // sends our own webhooks a test
}

// API is the JSON door.
type API struct {
	desk     *orders.Desk
	records  *record.Book
	board    *leaderboard.Board
	rules    *risk.Rules
	book     *positions.Book
	results  *analytics.Reports
	accounts *brokers.Accounts
	market   *market.Market
	copier   *copytrade.Copier
	alerts   *alerts.Announcer
	post     *delivery.Post
	audit    *audit.Log
	guard    *auth.Guard
	users    *users.Directory
	legal    *legal.Register
	applying *users.Applications
	account  *account.Accounts
	members  *billing.Members
	hub      *live.Hub
	status   *status.Recorder
	inbox    *inbox.Inbox
	budget   *snaptrade.Budget
	allow    httpio.Allow
	seats    *httpio.Seats
	docs     func() ([]byte, error) // the page, made once
	party    func(integration string) string
	quota    func(integration string) (httpio.Quota, bool)
	tryDoors func(context.Context) ([]inbox.Trial, error)
	streams  *httpio.Streams
}

// New makes the API.
func New(o Options) *API {
	return &API{
		records: o.Records, board: o.Board, desk: o.Desk, rules: o.Rules, book: o.Book, results: o.Results, accounts: o.Accounts, market: o.Market, copier: o.Copier, alerts: o.Alerts, post: o.Post, audit: o.Audit,
		guard: o.Guard, users: o.Users, applying: o.Applications, account: o.Account, legal: o.Legal, members: o.Members, hub: o.Hub, status: o.Status, inbox: o.Inbox, budget: o.Budget, allow: o.Allow, seats: o.Seats, streams: o.Streams,
		docs: sync.OnceValues(renderDocs), party: o.Party, quota: o.Quota, tryDoors: o.TryDoors,
	}
}

// Routes are the API's lines of the route table.
func (a *API) Routes() []auth.Route {
	const (
		read  = auth.SignedIn
		trade = auth.SignedIn
		step  = auth.SignedIn | auth.StepUp
		open  = auth.SignedIn | auth.Agreed // what opens something
	)
	return []auth.Route{
		{Method: "GET", Pattern: "/api/brokers", Rule: read, Class: httpio.Feed, Handler: a.listBrokerages},
		{Method: "POST", Pattern: "/api/brokers/connect", Rule: step | open, Class: httpio.Feed, Handler: a.connectBroker},
		{Method: "GET", Pattern: "/api/brokers/connections", Rule: read, Class: httpio.Feed, Handler: a.listConnections},
		{Method: "POST", Pattern: "/api/brokers/connections/{id}/reconnect", Rule: step, Class: httpio.Feed, Handler: bare(a.reconnectBroker)},
		{Method: "GET", Pattern: "/api/brokers/accounts", Rule: read, Class: httpio.Vital, Handler: a.listAccounts},
		{Method: "POST", Pattern: "/api/brokers/accounts/{id}/select", Rule: trade, Class: httpio.Feed, Handler: bare(a.selectAccount)},
		{Method: "POST", Pattern: "/api/brokers/accounts/{id}/sync", Rule: trade, Class: httpio.Feed, Handler: bare(a.syncAccount)},
		{Method: "DELETE", Pattern: "/api/brokers/accounts/{id}", Rule: step, Class: httpio.Vital, Handler: bare(a.removeAccount)},

		{Method: "POST", Pattern: "/api/trading/orders/preview", Rule: trade | auth.ReadOnly, Class: httpio.EitherSide, Handler: a.previewOrder},
		{Method: "POST", Pattern: "/api/trading/orders", Rule: trade, Class: httpio.EitherSide, Handler: a.placeOrder},
		{Method: "GET", Pattern: "/api/trading/orders", Rule: read, Class: httpio.Vital, Handler: a.listOrders},
		{Method: "GET", Pattern: "/api/trading/orders/{id}", Rule: read, Class: httpio.Vital, Handler: a.getOrder},
		{Method: "PATCH", Pattern: "/api/trading/orders/{id}", Rule: trade, Class: httpio.EitherSide, Handler: a.replaceOrder},
		{Method: "DELETE", Pattern: "/api/trading/orders/{id}", Rule: trade, Class: httpio.Vital, Handler: bare(a.cancelOrder)},
		{Method: "POST", Pattern: "/api/trading/orders/{id}/refresh", Rule: trade, Class: httpio.Vital, Handler: bare(a.refreshOrder)},
		{Method: "GET", Pattern: "/api/trading/orders/{id}/copies", Rule: read, Class: httpio.Feed, Handler: a.orderCopies},
		{Method: "GET", Pattern: "/api/trading/halt", Rule: read, Class: httpio.Vital, Handler: a.getHalts},
		{Method: "POST", Pattern: "/api/trading/halt", Rule: trade, Class: httpio.Vital, Handler: a.stopTrading},
		{Method: "DELETE", Pattern: "/api/trading/halt", Rule: trade, Class: httpio.Vital, Handler: bare(a.resumeTrading)},
		{Method: "GET", Pattern: "/api/positions", Rule: read, Class: httpio.Vital, Handler: a.listPositions},
		{Method: "GET", Pattern: "/api/positions/{id}", Rule: read, Class: httpio.Vital, Handler: a.getPosition},
		{Method: "PATCH", Pattern: "/api/positions/{id}", Rule: trade, Class: httpio.Feed, Handler: a.writeAboutPosition},

		{Method: "GET", Pattern: "/api/analytics-v2/user-stats", Rule: read, Class: httpio.Feed, Handler: a.userStats},
		{Method: "GET", Pattern: "/api/analytics-v2/period-stats", Rule: read, Class: httpio.Feed, Handler: a.periodStats},
		{Method: "GET", Pattern: "/api/analytics-v2/closed-positions", Rule: read, Class: httpio.Feed, Handler: a.closedPositions},
		{Method: "GET", Pattern: "/api/analytics-v2/closed-positions/export", Rule: read, Class: httpio.Feed, Handler: a.exportClosed},
		{Method: "GET", Pattern: "/api/analytics-v2/open-positions", Rule: read, Class: httpio.Feed, Handler: a.openPositions},
		{Method: "GET", Pattern: "/api/analytics-v2/symbol-stats", Rule: read, Class: httpio.Feed, Handler: a.symbolStats},
		{Method: "GET", Pattern: "/api/analytics-v2/daily-stats", Rule: read, Class: httpio.Feed, Handler: a.dailyStats},
		{Method: "GET", Pattern: "/api/analytics-v2/heatmap", Rule: read, Class: httpio.Feed, Handler: a.heatmap},
		{Method: "GET", Pattern: "/api/analytics-v2/cumulative", Rule: read, Class: httpio.Feed, Handler: a.cumulative},

		{Method: "GET", Pattern: "/api/market/chain", Rule: read, Class: httpio.Feed, Handler: a.chain},
		{Method: "GET", Pattern: "/api/market/expirations", Rule: read, Class: httpio.Feed, Handler: a.expirations},
		{Method: "GET", Pattern: "/api/market/quotes", Rule: read, Class: httpio.Vital, Handler: a.quotes},
		{Method: "GET", Pattern: "/api/market/symbols", Rule: read, Class: httpio.Feed, Handler: a.symbols},
		{Method: "GET", Pattern: "/api/watchlist", Rule: read, Class: httpio.Feed, Handler: a.getWatchlist},
		{Method: "PUT", Pattern: "/api/watchlist", Rule: trade, Class: httpio.Feed, Handler: a.setWatchlist},

		{Method: "GET", Pattern: "/api/traders/{username}/record", Rule: auth.Public, Class: httpio.Anonymous, Handler: a.trackRecord},
		{Method: "GET", Pattern: "/api/leaderboard", Rule: auth.Public, Class: httpio.Feed, Handler: a.leaderboardOf},
		{Method: "GET", Pattern: "/api/copy-trading/traders", Rule: read, Class: httpio.Feed, Handler: a.listTraders},
		{Method: "GET", Pattern: "/api/copy-trading/capacity", Rule: read, Class: httpio.Feed, Handler: a.capacity},
		{Method: "GET", Pattern: "/api/copy-trading/late-brokers", Rule: read, Class: httpio.Feed, Handler: a.listLateBrokers},
		{Method: "GET", Pattern: "/api/copy-trading/subscribers", Rule: read, Class: httpio.Feed, Handler: a.listFollowers},
		{Method: "GET", Pattern: "/api/copy-trading/publishing", Rule: auth.TraderOnly, Class: httpio.Feed, Handler: a.getPublishing},
		{Method: "PUT", Pattern: "/api/copy-trading/publishing", Rule: auth.TraderOnly | auth.Agreed, Class: httpio.Entry, Handler: bare(a.publish)},
		{Method: "DELETE", Pattern: "/api/copy-trading/publishing", Rule: auth.TraderOnly, Class: httpio.Vital, Handler: bare(a.stopPublishing)},
		{Method: "POST", Pattern: "/api/copy-trading/subscribe", Rule: open, Class: httpio.Entry, Handler: a.subscribe},
		{Method: "GET", Pattern: "/api/copy-trading/subscriptions", Rule: read, Class: httpio.Vital, Handler: a.listSubscriptions},
		{Method: "PATCH", Pattern: "/api/copy-trading/subscription/{id}", Rule: trade, Class: httpio.Vital, Handler: a.changeSubscription},
		{Method: "DELETE", Pattern: "/api/copy-trading/subscription/{id}", Rule: trade, Class: httpio.Vital, Handler: bare(a.unsubscribe)},
		{Method: "POST", Pattern: "/api/copy-trading/subscription/{id}/stop", Rule: trade, Class: httpio.Vital, Handler: a.stopCopying},
		{Method: "POST", Pattern: "/api/copy-trading/subscription/{id}/mute", Rule: trade, Class: httpio.Feed, Handler: bare(a.mute)},
		{Method: "DELETE", Pattern: "/api/copy-trading/subscription/{id}/mute", Rule: trade | auth.Agreed, Class: httpio.Feed, Handler: bare(a.unmute)},
		{Method: "GET", Pattern: "/api/copy-trading/triggers", Rule: read, Class: httpio.Vital, Handler: a.listTriggers},
		{Method: "POST", Pattern: "/api/copy-trading/dry-run", Rule: trade | auth.ReadOnly, Class: httpio.Feed, Handler: a.dryRun},
		{Method: "GET", Pattern: "/api/copy-trading/paper", Rule: read, Class: httpio.Feed, Handler: a.listPaper},
		{Method: "GET", Pattern: "/api/copy-trading/holdings", Rule: read, Class: httpio.Vital, Handler: a.listCopiedHoldings},
		{Method: "GET", Pattern: "/api/copy-trading/drift", Rule: read, Class: httpio.Vital, Handler: a.listDrift},
		{Method: "POST", Pattern: "/api/copy-trading/drift/{id}/close", Rule: trade, Class: httpio.Vital, Handler: bare(a.closeDrift)},
		{Method: "POST", Pattern: "/api/copy-trading/drift/{id}/keep", Rule: trade, Class: httpio.Vital, Handler: bare(a.keepDrift)},
		{Method: "POST", Pattern: "/api/copy-trading/drift/{id}/ignore", Rule: trade, Class: httpio.Vital, Handler: bare(a.ignoreDrift)},
		{Method: "POST", Pattern: "/api/copy-trading/consent", Rule: step | open, Class: httpio.Entry, Handler: a.consent},
		{Method: "DELETE", Pattern: "/api/copy-trading/consent", Rule: trade, Class: httpio.Vital, Handler: bare(a.withdrawConsent)},
		{Method: "GET", Pattern: "/api/copy-trading/decisions", Rule: read, Class: httpio.Entry, Handler: a.listDecisions},
		{Method: "GET", Pattern: "/api/copy-trading/decisions/{id}/line", Rule: read, Class: httpio.Feed, Handler: a.decisionLine},
		{Method: "POST", Pattern: "/api/copy-trading/decisions/{id}/approve", Rule: open, Class: httpio.Entry, Handler: bare(a.approve)},
		{Method: "POST", Pattern: "/api/copy-trading/decisions/{id}/reject", Rule: trade, Class: httpio.Vital, Handler: bare(a.reject)},

		{Method: "GET", Pattern: "/api/feeds/timeline", Rule: read, Class: httpio.Feed, Handler: a.timeline},
		{Method: "GET", Pattern: "/api/feeds/global", Rule: read, Class: httpio.Feed, Handler: a.globalFeed},
		{Method: "GET", Pattern: "/api/feeds/trade/{username}", Rule: read, Class: httpio.Feed, Handler: a.tradeFeed},
		{Method: "GET", Pattern: "/api/notifications", Rule: read, Class: httpio.Feed, Handler: a.listNotifications},
		{Method: "POST", Pattern: "/api/notifications/read", Rule: trade, Class: httpio.Feed, Handler: a.markRead},
		{Method: "POST", Pattern: "/api/notifications/read-all", Rule: trade, Class: httpio.Feed, Handler: bare(a.markAllRead)},
		{Method: "GET", Pattern: "/api/notifications/preferences", Rule: read, Class: httpio.Feed, Handler: a.getPreferences},
		{Method: "PUT", Pattern: "/api/notifications/preferences", Rule: trade, Class: httpio.Feed, Handler: a.setPreferences},
		{Method: "POST", Pattern: "/api/notifications/test", Rule: trade, Class: httpio.Feed, Handler: a.testNotification},
		{Method: "GET", Pattern: "/api/notifications/{id}/receipts", Rule: read, Class: httpio.Feed, Handler: a.notificationReceipts},
		{Method: "GET", Pattern: "/api/alerts/{id}/receipts", Rule: read, Class: httpio.Feed, Handler: a.alertReceipts},
		{Method: "GET", Pattern: "/api/push/key", Rule: read, Class: httpio.Feed, Handler: a.pushKey},
		{Method: "POST", Pattern: "/api/push/subscriptions", Rule: trade, Class: httpio.Feed, Handler: a.addPush},
		{Method: "DELETE", Pattern: "/api/push/subscriptions", Rule: trade, Class: httpio.Feed, Handler: a.removePush},
		{Method: "GET", Pattern: "/api/settings/discord", Rule: read, Class: httpio.Feed, Handler: a.getDiscord},
		{Method: "PUT", Pattern: "/api/settings/discord", Rule: step, Class: httpio.Feed, Handler: a.setDiscord},
		{Method: "DELETE", Pattern: "/api/settings/discord", Rule: step, Class: httpio.Feed, Handler: bare(a.removeDiscord)},
		{Method: "POST", Pattern: "/api/settings/discord/test", Rule: trade, Class: httpio.Feed, Handler: bare(a.testDiscord)},
		{Method: "GET", Pattern: "/api/settings/email", Rule: read, Class: httpio.Feed, Handler: a.getMailbox},
		{Method: "POST", Pattern: "/api/settings/email/resume", Rule: trade, Class: httpio.Feed, Handler: bare(a.resumeMailbox)},
		{Method: "POST", Pattern: "/api/settings/email/test", Rule: trade, Class: httpio.Feed, Handler: bare(a.testMailbox)},
		{Method: "POST", Pattern: "/api/settings/email/confirm", Rule: trade, Class: httpio.Feed, Handler: bare(a.confirmMailbox)},
		{Method: "GET", Pattern: "/api/settings/telegram", Rule: read, Class: httpio.Feed, Handler: a.getChat},
		{Method: "DELETE", Pattern: "/api/settings/telegram", Rule: step, Class: httpio.Feed, Handler: bare(a.removeChat)},
		{Method: "POST", Pattern: "/api/settings/telegram/link", Rule: step, Class: httpio.Feed, Handler: bare(a.linkChat)},
		{Method: "DELETE", Pattern: "/api/settings/telegram/link", Rule: trade, Class: httpio.Feed, Handler: bare(a.declineChat)},
		{Method: "POST", Pattern: "/api/settings/telegram/confirm", Rule: step, Class: httpio.Feed, Handler: a.confirmChat},
		{Method: "POST", Pattern: "/api/settings/telegram/test", Rule: trade, Class: httpio.Feed, Handler: bare(a.testChat)},
		{Method: "GET", Pattern: "/api/settings/webhook", Rule: read, Class: httpio.Feed, Handler: a.getReceiver},
		{Method: "PUT", Pattern: "/api/settings/webhook", Rule: step, Class: httpio.Feed, Handler: a.setReceiver},
		{Method: "DELETE", Pattern: "/api/settings/webhook", Rule: step, Class: httpio.Feed, Handler: bare(a.removeReceiver)},
		{Method: "POST", Pattern: "/api/settings/webhook/rotate", Rule: step, Class: httpio.Feed, Handler: bare(a.rotateReceiver)},
		{Method: "POST", Pattern: "/api/settings/webhook/test", Rule: trade, Class: httpio.Feed, Handler: bare(a.testReceiver)},

		{Method: "GET", Pattern: "/api/settings", Rule: read, Class: httpio.Vital, Handler: a.getSettings},
		{Method: "PATCH", Pattern: "/api/settings", Rule: trade, Class: httpio.Vital, Handler: a.changeSettings},
		{Method: "GET", Pattern: "/api/admin/halts", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listHalts},
		{Method: "PUT", Pattern: "/api/admin/halts", Rule: auth.Operator, Class: httpio.Vital, Handler: a.halt},
		{Method: "DELETE", Pattern: "/api/admin/halts", Rule: auth.Operator, Class: httpio.Vital, Handler: a.unhalt},
		{Method: "GET", Pattern: "/api/admin/limits", Rule: auth.Operator, Class: httpio.Vital, Handler: a.userLimits},
		{Method: "PUT", Pattern: "/api/admin/limits", Rule: auth.Operator, Class: httpio.Vital, Handler: a.grantLimit},
		{Method: "GET", Pattern: "/api/admin/budget", Rule: auth.Operator, Class: httpio.Vital, Handler: a.requestBudget},
		{Method: "GET", Pattern: "/api/admin/channels", Rule: auth.Operator, Class: httpio.Vital, Handler: a.channelHealth},
		{Method: "GET", Pattern: "/api/admin/audit", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listAudit},
		{Method: "GET", Pattern: "/api/admin/dead-letters", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listDeadLetters},
		{Method: "GET", Pattern: "/api/admin/dead-letters/{id}", Rule: auth.Operator, Class: httpio.Vital, Handler: a.getDeadLetter},
		{Method: "POST", Pattern: "/api/admin/dead-letters/{id}/replay", Rule: auth.Operator, Class: httpio.Vital, Handler: bare(a.replayDeadLetter)},
		{Method: "POST", Pattern: "/api/admin/dead-letters/{id}/discard", Rule: auth.Operator, Class: httpio.Vital, Handler: bare(a.discardDeadLetter)},
		{Method: "GET", Pattern: "/api/admin/announcements", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listAnnouncements},
		{Method: "POST", Pattern: "/api/admin/announcements", Rule: auth.Operator, Class: httpio.Vital, Handler: a.announce},
		{Method: "GET", Pattern: "/api/admin/members", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listMembers},
		{Method: "GET", Pattern: "/api/admin/integrations", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listIntegrations},
		{Method: "POST", Pattern: "/api/admin/integrations/test", Rule: auth.Operator, Class: httpio.Vital, Handler: a.testWebhooks},
		{Method: "GET", Pattern: "/api/admin/webhooks", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listWebhooks},
		{Method: "POST", Pattern: "/api/admin/webhooks/{id}/replay", Rule: auth.Operator, Class: httpio.Vital, Handler: bare(a.replayWebhook)},
		{Method: "GET", Pattern: "/api/admin/users", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listUsers},
		{Method: "PATCH", Pattern: "/api/admin/users", Rule: auth.Operator, Class: httpio.Vital, Handler: a.changeUser},
		{Method: "GET", Pattern: "/api/admin/applications", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listApplications},
		{Method: "POST", Pattern: "/api/admin/applications/{id}/approve", Rule: auth.Operator, Class: httpio.Vital, Handler: bare(a.approveApplication)},
		{Method: "POST", Pattern: "/api/admin/applications/{id}/reject", Rule: auth.Operator, Class: httpio.Vital, Handler: a.rejectApplication},
		{Method: "GET", Pattern: "/api/admin/reviews", Rule: auth.Operator, Class: httpio.Vital, Handler: a.listReviews},
		{Method: "POST", Pattern: "/api/admin/orders/{id}/not-placed", Rule: auth.Operator, Class: httpio.Vital, Handler: a.recordNotPlaced},
		{Method: "GET", Pattern: "/api/legal", Rule: read, Class: httpio.Feed, Handler: a.listDocuments},
		{Method: "POST", Pattern: "/api/legal/accept", Rule: trade, Class: httpio.Entry, Handler: a.acceptDocuments},
		{Method: "GET", Pattern: "/api/profile", Rule: read, Class: httpio.Vital, Handler: a.profile},
		{Method: "PATCH", Pattern: "/api/profile", Rule: trade, Class: httpio.Feed, Handler: a.changeProfile},
		{Method: "GET", Pattern: "/api/profile/application", Rule: read, Class: httpio.Feed, Handler: a.getApplication},
		{Method: "POST", Pattern: "/api/profile/application", Rule: open, Class: httpio.Feed, Handler: a.applyAsTrader},
		{Method: "DELETE", Pattern: "/api/profile/application", Rule: trade, Class: httpio.Feed, Handler: bare(a.withdrawApplication)},
		{Method: "GET", Pattern: "/api/users/{username}", Rule: read, Class: httpio.Feed, Handler: a.findPerson},
		{Method: "POST", Pattern: "/api/users/{username}/follow", Rule: trade, Class: httpio.Feed, Handler: bare(a.followTrader)},
		{Method: "DELETE", Pattern: "/api/users/{username}/follow", Rule: trade, Class: httpio.Feed, Handler: bare(a.unfollowTrader)},
		{Method: "GET", Pattern: "/api/account/leaving", Rule: read, Class: httpio.Feed, Handler: a.leaving},
		{Method: "POST", Pattern: "/api/account/export", Rule: step, Class: httpio.Feed, Handler: bare(a.export)},
		{Method: "POST", Pattern: "/api/account/delete", Rule: step | auth.SessionOnly, Class: httpio.Feed, Handler: a.deleteAccount},
		{Method: "GET", Pattern: "/api/billing", Rule: read, Class: httpio.Feed, Handler: a.standing},
		{Method: "POST", Pattern: "/api/billing/redeem", Rule: trade, Class: httpio.Feed, Handler: a.redeem},
		{Method: "POST", Pattern: "/api/billing/checkout", Rule: trade, Class: httpio.Feed, Handler: a.checkout},
		{Method: "POST", Pattern: "/api/billing/cancel", Rule: trade, Class: httpio.Feed, Handler: a.cancelPlan},
		{Method: "GET", Pattern: "/api/tokens", Rule: read, Class: httpio.Feed, Handler: a.listTokens},
		{Method: "POST", Pattern: "/api/tokens", Rule: step | auth.SessionOnly, Class: httpio.Feed, Handler: a.makeToken},
		{Method: "DELETE", Pattern: "/api/tokens/{id}", Rule: trade, Class: httpio.Vital, Handler: bare(a.revokeToken)},
		{Method: "GET", Pattern: "/api/sessions", Rule: read, Class: httpio.Vital, Handler: a.listSessions},
		{Method: "DELETE", Pattern: "/api/sessions/{id}", Rule: trade, Class: httpio.Vital, Handler: bare(a.endSession)},
		{Method: "DELETE", Pattern: "/api/sessions", Rule: trade, Class: httpio.Vital, Handler: bare(a.signOutEverywhere)},
		{Method: "GET", Pattern: "/api/events", Rule: read, Class: httpio.Feed, Handler: a.events},
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

// page reads ?limit= and ?cursor= of a list.
func page(r *http.Request) (limit int, c *httpio.Cursor, err error) { return pageOf(r, 50) }

// pageOf is page for a list that has pages of another size where none is asked for.
func pageOf(r *http.Request, preset int) (limit int, c *httpio.Cursor, err error) {
	if limit, err = httpio.QueryLimit(r, preset, 200); err != nil {
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
