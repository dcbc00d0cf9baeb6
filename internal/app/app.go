// Package app puts the program together, runs it, takes it apart, and can examine itself.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/api"
	"github.com/alertsify/alertsify/internal/audit"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/otlp"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/sentry"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/web"
)

// App is the whole program, built and ready to run.
type App struct {
	cfg   Config
	log   *slog.Logger
	clock *exchange.Clock
	meter *meter
	// errors of the log for the operators' channel; nil without one
	reports *reports
	traces  *otlp.Exporter // nil: off
	sentry  *sentry.Client // nil: off

	db       *postgres.DB
	redis    *redis.Client
	ring     *secret.Ring
	hub      *live.Hub
	streams  *httpio.Streams
	inbox    *inbox.Inbox
	broker   *snaptrade.Client // nil without SnapTrade's keys
	budget   *snaptrade.Budget
	market   *market.Market
	users    *users.Directory
	legal    *legal.Register
	applying *users.Applications
	guard    *auth.Guard
	gate     *billing.Gate
	members  *billing.Members
	alerts   *alerts.Announcer
	post     *delivery.Post
	audit    *audit.Log
	accounts *brokers.Accounts
	rules    *risk.Rules
	book     *positions.Book
	results  *analytics.Reports
	records  *record.Book
	desk     *orders.Desk
	copier   *copytrade.Copier
	board    *leaderboard.Board
	account  *account.Accounts
	status   *status.Recorder
	adder    *river.Client[pgx.Tx]
	worker   *river.Client[pgx.Tx]
	api      *api.API
	hooks    *hooks.Hooks
	site     *web.Site

	outside  outside
	quotas   httpio.Quotas // what each party said was left
	handler  http.Handler
	load     *httpio.Load
	conns    *httpio.Connections
	self     status.Instance // this process
	beside   string          // who ran of another protocol at the last beat
	listener net.Listener
	ending   context.Context //nolint:containedctx // the program's own life: over once stopping begins
	end      context.CancelFunc
	telling  atomic.Bool // Telegram is about to be told where to send, for the first time in this process
	probe    probe
	closers  []func()
}

// New builds the program in the order its parts need each other: storage,
// connectors, rooms, doors. Nothing works yet; Run starts it. The error names
// everything that is wrong with the settings at once.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*App, error) {
	reports, err := newReports(cfg, log)
	if err != nil {
		return nil, err
	}
	log = reports.logger(log)
	a := &App{cfg: cfg, log: log, reports: reports, clock: exchange.NewClock(time.Now), meter: newMeter()}
	a.ending, a.end = context.WithCancel(context.Background())
	a.self = status.Instance{ID: uuid.New(), Version: cmp.Or(cfg.Version, "unknown"), Protocol: cmp.Or(cfg.Protocol, risk.Protocol), Part: string(cmp.Or(cfg.Part, All))}
	for _, w := range cfg.Warnings {
		log.Warn("about the settings", "warning", w)
	}
	for _, step := range []func(context.Context) error{a.openStorage, a.openConnectors, a.openRooms, a.openDoors} {
		if err := step(ctx); err != nil {
			a.Close()
			return nil, err
		}
	}
	return a, nil
}

// Close releases what New opened, last first.
func (a *App) Close() {
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i]()
	}
	a.closers = nil
}

func (a *App) onClose(f func()) { a.closers = append(a.closers, f) }

func (a *App) openStorage(ctx context.Context) (err error) {
	if err := errors.Join(a.openTraces(), a.openSentry()); err != nil {
		return err
	}
	a.db, err = postgres.Open(ctx, postgres.Options{
		URL: a.cfg.DatabaseURL, Direct: a.cfg.DirectURL, MaxConns: int32(a.cfg.DatabaseConnections), Logger: a.log,
		AppName: "alertsify", RestrictRole: postgres.Member, ReadOnly: a.cfg.ReadOnly, Tracer: a.traces.Tracer(),
	})
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	a.onClose(a.db.Close)
	a.redis, err = redis.Open(ctx, redis.Options{URL: a.cfg.RedisURL, InProcess: a.cfg.RedisURL == "", Logger: a.log, Trace: a.traces.Tracer().On()})
	if err != nil {
		return fmt.Errorf("open redis: %w", err)
	}
	a.onClose(func() { _ = a.redis.Close() })
	if a.adder, err = postgres.NewQueue(a.db); err != nil {
		return err
	}
	a.hub, err = live.NewHub(ctx, live.Options{DB: a.db, Redis: a.redis, Logger: a.log, PerUser: a.cfg.StreamsPerUser})
	if err != nil {
		return fmt.Errorf("start live events: %w", err)
	}
	a.onClose(a.hub.Close)
	a.inbox = inbox.New(inbox.Options{DB: a.db, Logger: a.log})
	a.onClose(a.inbox.Close)
	a.status = status.NewRecorder(a.db)
	return a.readClock(ctx)
}

func (a *App) openRooms(ctx context.Context) (err error) {
	if a.ring, err = secret.ParseRing(a.cfg.EncryptionKeys); err != nil {
		return fmt.Errorf("ENCRYPTION_KEYS: %w", err)
	}
	crash := crashPoint(a.cfg.CrashAt, a.log)
	a.users, a.legal, a.audit = users.New(a.db), legal.New(a.db), audit.New(a.db)
	a.alerts = alerts.New(alerts.Options{DB: a.db, AppURL: a.cfg.AppURL, Now: time.Now, Logger: a.log})
	a.applying = users.NewApplications(a.db, a.alerts, time.Now)
	if err := a.openBilling(); err != nil {
		return err
	}
	a.post = delivery.New(delivery.Options{
		DB: a.db, Ring: a.ring, Compose: a.alerts.Compose, Gather: a.alerts.Gather, Tell: a.alerts.TellLost, Manners: alerts.Manners(a.clock.Today),
		Limits: a.messageLimits(), Process: a.self.ID, Discord: a.outside.discord, Push: a.outside.push, Feed: a.outside.feed,
		Email: a.outside.email, Unsubscribe: a.alerts.Unsubscribe, Telegram: a.outside.telegram, Hooks: a.outside.hooks,
		Now: time.Now, Observe: a.meter.delivery, ObserveHop: a.meter.alertHop, ObserveMail: a.meter.mailEvent, Logger: a.log, Crash: crash,
	})
	a.accounts, err = brokers.New(brokers.Options{
		DB: a.db, Client: a.broker, Ring: a.ring, Alerts: a.alerts, AppURL: a.cfg.AppURL, Now: time.Now, Logger: a.log,
	})
	if err != nil {
		return err
	}
	limits := risk.Defaults()
	limits.EntriesPerMinute, limits.ExitsPerMinute = a.cfg.RateOrders, 3*a.cfg.RateOrders
	a.rules = risk.New(a.db, a.clock, limits, time.Now)
	a.book = positions.New(a.db)
	a.records = record.New(a.db)
	a.results = analytics.New(analytics.Options{DB: a.db, Book: a.book, Clock: a.clock, Now: time.Now})
	a.desk = orders.New(orders.Options{
		DB: a.db, Queue: a.adder, Rules: a.rules, Accounts: a.accounts, Market: a.market, Broker: a.broker, Alerts: a.alerts,
		Gate: a.gate, Clock: a.clock, Now: time.Now, Logger: a.log, Crash: crash, Alarm: a.meter.alarm, Observe: a.meter.orderHop,
		MayAsk: a.mayPreview,
	})
	a.copier = copytrade.New(copytrade.Options{
		DB: a.db, Queue: a.adder, Desk: a.desk, Rules: a.rules, Market: a.market, Alerts: a.alerts, Gate: a.gate, Clock: a.clock,
		Now: time.Now, Logger: a.log, Crash: crash, Count: a.meter.guard, Forecast: a.budget.Forecast,
		PaperCounts: a.cfg.Env == Development,
	})
	a.board = leaderboard.New(leaderboard.Options{DB: a.db, Alerts: a.alerts, Clock: a.clock, Now: time.Now, PaperCounts: a.cfg.Env == Development})
	if a.db.ReadOnly() {
		return nil
	}
	return a.ensureDestinations(ctx)
}

// openBilling sells plans where there is a key for Whop; else everybody has the default.
func (a *App) openBilling() (err error) {
	options := billing.Options{DefaultPlan: billing.Plan(a.cfg.DefaultPlan), DB: a.db}
	if a.outside.whop != nil {
		if options.Products, err = billing.ParseProducts(a.cfg.WhopProducts); err != nil {
			return fmt.Errorf("WHOP_PRODUCT_PLANS %w", err)
		}
	}
	if a.gate, err = billing.New(options); err != nil {
		return err
	}
	a.members = billing.NewMembers(billing.MembersOptions{
		DB: a.db, Gate: a.gate, Whop: a.outside.whop, SignIn: a.outside.signIn, Alerts: a.alerts, AppURL: a.cfg.AppURL, Now: time.Now, Logger: a.log, Alarm: a.meter.alarm,
	})
	return nil
}

// ensureDestinations makes the platform's own destinations those of the settings.
func (a *App) ensureDestinations(ctx context.Context) error {
	either := func(first, second secret.Text) string {
		if !first.IsZero() {
			return first.Reveal()
		}
		return second.Reveal()
	}
	bto, stc := either(a.cfg.DiscordBTO, a.cfg.DiscordWebhook), either(a.cfg.DiscordSTC, a.cfg.DiscordWebhook)
	return errors.Join(a.post.PlatformDiscord(ctx, bto, stc), a.post.EnsureFeed(ctx))
}

// Guard signs people in; development's sample people are made with it.
func (a *App) Guard() *auth.Guard { return a.guard }

// Post brings messages to their destinations.
func (a *App) Post() *delivery.Post { return a.post }

// Accounts are the linked broker accounts.
func (a *App) Accounts() *brokers.Accounts { return a.accounts }

// Desk takes orders and follows them to their end.
func (a *App) Desk() *orders.Desk { return a.desk }

// Account ends accounts and hands out what is in them.
func (a *App) Account() *account.Accounts { return a.account }

// Copier is copy trading.
func (a *App) Copier() *copytrade.Copier { return a.copier }
