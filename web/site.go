// Package web is the pages people see: handlers and templates side by side.
package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
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
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/web/ui"
)

// Options are the rooms the pages speak for.
type Options struct {
	Guard    *auth.Guard
	Users    *users.Directory
	Legal    *legal.Register
	Accounts *brokers.Accounts
	Market   *market.Market
	Desk     *orders.Desk
	Book     *positions.Book
	Results  *analytics.Reports
	Copier   *copytrade.Copier
	Records  *record.Book
	Board    *leaderboard.Board
	Alerts   *alerts.Announcer
	Post     *delivery.Post
	Audit    *audit.Log
	Allow    httpio.Allow // counts what has its own small limit
	Rules    *risk.Rules
	Budget   *snaptrade.Budget
	Members  *billing.Members
	Hub      *live.Hub
	Status   *status.Recorder
	Jobs     *status.Jobs
	Inbox    *inbox.Inbox
	Remedies map[string]string                             // what to do about each check, by its name
	Quota    func(integration string) (httpio.Quota, bool) // what its party said is left
	TryDoors func(context.Context) ([]inbox.Trial, error)  // sends our own webhooks a test
	Clock    *exchange.Clock
	Cache    *redis.Client // keeps pictures that were drawn before
	Logger   *slog.Logger
	Now      func() time.Time
	AppURL   string      // origin; https makes cookies secure
	Dev      bool        // shows the gallery
	ReadOnly func() bool // nothing can be changed at the moment

	Applications *users.Applications
	Account      *account.Accounts
}

// Site draws the pages.
type Site struct {
	guard    *auth.Guard
	users    *users.Directory
	legal    *legal.Register
	applying *users.Applications
	account  *account.Accounts
	accounts *brokers.Accounts
	market   *market.Market
	desk     *orders.Desk
	book     *positions.Book
	results  *analytics.Reports
	copier   *copytrade.Copier
	records  *record.Book
	board    *leaderboard.Board
	alerts   *alerts.Announcer
	post     *delivery.Post
	audit    *audit.Log
	allow    httpio.Allow
	rules    *risk.Rules
	budget   *snaptrade.Budget
	members  *billing.Members
	hub      *live.Hub
	status   *status.Recorder
	jobs     *status.Jobs
	shown    shownStatus
	webhooks *inbox.Inbox
	remedies map[string]string
	quota    func(integration string) (httpio.Quota, bool)
	tryDoors func(context.Context) ([]inbox.Trial, error)
	clock    *exchange.Clock
	cache    *redis.Client
	drawing  chan struct{} // one for each picture in work
	log      *slog.Logger
	now      func() time.Time
	origin   string // of every address that is handed on
	https    bool
	dev      bool
	readOnly func() bool // nil: never
	assets   *assets
}

// New reads the built assets and makes the site. Without them it works all the
// same, as plain forms; AssetsBuilt tells.
func New(o Options) (*Site, error) {
	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	return &Site{
		guard: o.Guard, users: o.Users, applying: o.Applications, account: o.Account, legal: o.Legal, accounts: o.Accounts, market: o.Market, desk: o.Desk, book: o.Book, results: o.Results, copier: o.Copier, records: o.Records, board: o.Board,
		alerts: o.Alerts, post: o.Post, audit: o.Audit, allow: o.Allow, rules: o.Rules, budget: o.Budget, members: o.Members, hub: o.Hub, status: o.Status, jobs: o.Jobs, webhooks: o.Inbox, remedies: o.Remedies, quota: o.Quota, tryDoors: o.TryDoors, clock: o.Clock, log: o.Logger, now: o.Now,
		cache: o.Cache, drawing: make(chan struct{}, drawnAtOnce), origin: strings.TrimRight(o.AppURL, "/"),
		https: strings.HasPrefix(o.AppURL, "https://"), dev: o.Dev, readOnly: o.ReadOnly, assets: files,
	}, nil
}

// show draws a page into memory first, so that a template that fails answers as
// an error and never as half a page.
func (s *Site) show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	ctx := ui.WithViewer(r.Context(), ui.Viewer{Zone: zone(r.Context()), Now: s.now(), Private: isPrivate(r)})
	var b bytes.Buffer
	if err := c.Render(ctx, &b); err != nil {
		return fmt.Errorf("draw %s: %w", r.URL.Path, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := b.WriteTo(w)
	return err
}

// zone is where the viewer's clock stands; it decides how times look and nothing else.
func zone(ctx context.Context) *time.Location {
	p, ok := auth.From(ctx)
	if !ok {
		return exchange.NewYork
	}
	place, err := time.LoadLocation(p.User.TimeZone)
	if err != nil {
		return exchange.NewYork
	}
	return place
}

// me is who is asking; the route's rule has made sure that somebody is.
func me(ctx context.Context) uuid.UUID {
	p, _ := auth.From(ctx)
	return p.User.ID
}
