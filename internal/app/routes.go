package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/api"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/internal/telegram"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/internal/webhook"
	"github.com/alertsify/alertsify/internal/whop"
	"github.com/alertsify/alertsify/web"
)

// openDoors builds the doors and hangs every route into one table.
func (a *App) openDoors(context.Context) (err error) {
	a.load = httpio.NewLoad(httpio.LoadOptions{Bound: a.cfg.BusyRequests, Logger: a.log, Refused: a.meter.shed})
	a.streams = httpio.NewStreams(httpio.StreamOptions{})
	a.onClose(a.streams.Close)
	if err := a.boundConnections(); err != nil {
		return err
	}
	a.meter.watch(a.load, a.streams, a.conns, newPools(a.db.Load, a.redis.Load))
	a.guard, err = auth.New(auth.Options{
		DB: a.db, Users: a.users, Legal: a.legal, Alerts: a.alerts, AppURL: a.cfg.AppURL, Production: a.cfg.Env == Production, Providers: a.providers(),
		Allow: a.allow, SignInsPerMinute: a.signInsPerMinute(), AnonymousPerMinute: a.cfg.RateAnon, Load: a.load, Logger: a.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	a.account = account.New(account.Options{
		DB: a.db, Queue: a.adder, Users: a.users, Guard: a.guard, Rules: a.rules, Brokers: a.accounts, Copier: a.copier, Alerts: a.alerts, Post: a.post,
		Members: a.members, Logger: a.log, Now: time.Now,
	})
	a.api = api.New(api.Options{
		Records: a.records, Board: a.board,
		Desk: a.desk, Rules: a.rules, Book: a.book, Results: a.results, Accounts: a.accounts, Market: a.market, Copier: a.copier, Alerts: a.alerts, Post: a.post, Audit: a.audit,
		Guard: a.guard, Users: a.users, Applications: a.applying, Account: a.account, Legal: a.legal, Members: a.members, Hub: a.hub, Status: a.status, Inbox: a.inbox, Budget: a.budget, Allow: a.allow, Party: partyOf, Quota: a.quota, TryDoors: a.TryDoors,
		Seats: httpio.NewSeats(streamsPerProcess, a.cfg.StreamsPerUser, a.cfg.StreamsPerAddress), Streams: a.streams,
	})
	resend, err := webhook.ParseSecrets(a.cfg.ResendWebhookSecret)
	if err != nil {
		return fmt.Errorf("RESEND_WEBHOOK_SECRET %w", err)
	}
	a.hooks = hooks.New(hooks.Options{
		Inbox: a.inbox, Snaptrade: a.broker, Resend: resend, Telegram: a.cfg.TelegramSecret, TelegramBot: telegram.BotID(a.cfg.TelegramToken),
		Whop: whop.Keys(a.cfg.WhopWebhookSecrets), Cron: a.cfg.CronSecret, Ask: a.askFor,
		Refused: a.allow, Crash: crashPoint(a.cfg.CrashAt, a.log),
	})
	a.site, err = web.New(web.Options{
		Records: a.records, Board: a.board,
		Guard: a.guard, Users: a.users, Applications: a.applying, Account: a.account, Legal: a.legal, Accounts: a.accounts, Market: a.market, Desk: a.desk, Book: a.book, Results: a.results, Copier: a.copier,
		Alerts: a.alerts, Post: a.post, Audit: a.audit, Allow: a.allow, Rules: a.rules, Budget: a.budget, Members: a.members, Hub: a.hub, Status: a.status, Jobs: status.NewJobs(a.db, a.adder), Inbox: a.inbox, Remedies: a.remedies(), Quota: a.quota, TryDoors: a.TryDoors, Clock: a.clock, Cache: a.redis, Logger: a.log, Now: time.Now, AppURL: a.cfg.AppURL,
		Dev: a.cfg.Env == Development, ReadOnly: a.db.ReadOnly,
	})
	if err != nil {
		return fmt.Errorf("read the built assets: %w", err)
	}
	if a.cfg.Part.works() {
		if a.worker, err = a.newWorker(); err != nil {
			return err
		}
	}
	a.handler, err = a.router()
	return err
}

// proxies are those whose word on who asks is believed.
func (a *App) proxies() ([]netip.Prefix, error) {
	proxies, err := httpio.ParseProxies(a.cfg.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("TRUSTED_PROXIES: %w", err)
	}
	return proxies, nil
}

// boundConnections leaves a quarter of what the process may have open to everything else:
// streams, the database, calls outside.
func (a *App) boundConnections() error {
	proxies, err := a.proxies()
	if err != nil {
		return err
	}
	total := a.cfg.Connections
	if most := openFilesMax(); most > 0 {
		total = min(total, most/4*3)
	}
	a.conns = httpio.NewConnections(httpio.ConnectionOptions{
		Total: total, PerAddress: shareOf(total, a.cfg), Proxies: proxies, Logger: a.log, Refused: a.meter.hungUp,
	})
	return nil
}

// shareOf is how many of all connections one address may have: as set, and in production no
// more than a twentieth, so that a small machine is not one address's.
func shareOf(total int, cfg Config) int {
	if cfg.Env != Production {
		return cfg.ConnectionsPerAddress
	}
	return min(cfg.ConnectionsPerAddress, max(1, total/20))
}

const streamsPerProcess = 5000

// signInsPerMinute follows the other rates where development raises them.
func (a *App) signInsPerMinute() int {
	if a.cfg.Env == Production {
		return 10
	}
	return 1000
}

// Routes is the table of everything the program answers: method, path, who may
// call it, when it goes under overload, handler.
func (a *App) Routes() []auth.Route {
	if !a.cfg.Part.answers() {
		return a.vitals()
	}
	routes := append(a.vitals(), []auth.Route{
		{Method: "GET", Pattern: "/api/cron/{job}", Rule: auth.Open, Class: httpio.Vital, Handler: a.hooks.Cron},
		{Method: "GET", Pattern: "/api/openapi.json", Rule: auth.Open, Class: httpio.Anonymous, Handler: api.Specification},
		{Method: "GET", Pattern: "/api/docs", Rule: auth.Open, Class: httpio.Anonymous, Handler: a.api.Docs},
		{Method: "GET", Pattern: "/api/docs.css", Rule: auth.Open, Class: httpio.Anonymous, Handler: api.DocsStyle},
		{Method: "POST", Pattern: "/api/webhooks/snaptrade", Rule: auth.Webhook, Class: httpio.Vital, Handler: a.hooks.Snaptrade},
		{Method: "POST", Pattern: "/api/snaptrade/webhook", Rule: auth.Webhook, Class: httpio.Vital, Handler: a.hooks.Snaptrade},
		{Method: "POST", Pattern: "/api/webhooks/resend", Rule: auth.Webhook, Class: httpio.Vital, Handler: a.hooks.Resend},
		{Method: "POST", Pattern: "/api/webhooks/telegram", Rule: auth.Webhook, Class: httpio.Vital, Handler: a.hooks.Telegram},
		{Method: "POST", Pattern: "/api/webhooks/whop", Rule: auth.Webhook, Class: httpio.Vital, Handler: a.hooks.Whop},
		{Method: "POST", Pattern: "/auth/{provider}", Rule: auth.Public, Class: httpio.Entry, Handler: a.guard.Begin},
		{Method: "GET", Pattern: "/api/auth/callback/{provider}", Rule: auth.Public, Class: httpio.Entry, Handler: a.guard.Callback},
		{Method: "POST", Pattern: "/auth/logout", Rule: auth.Public, Class: httpio.Vital, Handler: a.guard.SignOut},
	}...)
	routes = append(routes, limited(a.api.Routes(), httpio.RateLimit(a.allow, a.rate))...)
	vital, others := split(a.site.Routes())
	return slices.Concat(routes, vital, limited(others, httpio.RateLimit(a.allow, a.pageRate)))
}

// limited puts a rate before each handler.
func limited(routes []auth.Route, limit func(http.Handler) http.Handler) []auth.Route {
	for i := range routes {
		next := limit(routes[i].Handler)
		routes[i].Handler = func(w http.ResponseWriter, r *http.Request) error {
			next.ServeHTTP(w, r)
			return nil
		}
	}
	return routes
}

// rate counts by user; nobody known is counted by the guard that refuses them.
func (a *App) rate(r *http.Request) (key string, perMinute int) {
	p, known := auth.From(r.Context())
	if !known {
		return "", 0
	}
	key = "user:" + p.User.ID.String()
	plan, err := a.gate.Plan(r.Context(), p.User.ID)
	if err == nil && plan.Paying() && p.User.Role.Reaches(users.Subscriber) {
		return key, a.cfg.RateAPIPaying
	}
	return key, a.cfg.RateAPI
}

// split sets apart the pages that no rate may keep from anybody: those that lead out of a
// position, and what they are drawn with.
func split(routes []auth.Route) (vital, others []auth.Route) {
	for _, route := range routes {
		if route.Class >= httpio.EitherSide {
			vital = append(vital, route)
		} else {
			others = append(others, route)
		}
	}
	return vital, others
}

// pageRates are of the API's: a page fetches its pieces by itself whenever something happens,
// and an address may be that of a whole office.
const pageRates = 10

// pageRate counts by user, and by address of who is not known.
func (a *App) pageRate(r *http.Request) (key string, perMinute int) {
	if p, known := auth.From(r.Context()); known {
		return "pages:" + p.User.ID.String(), pageRates * a.cfg.RateAPI
	}
	return "pages:" + httpio.AddressKey(httpio.Address(r.Context())), pageRates * a.cfg.RateAnon
}

// allow counts in Redis; the limiter itself falls back to this process when Redis is away.
func (a *App) allow(ctx context.Context, key string, perMinute int) (httpio.Decision, error) {
	v := a.redis.Allow(ctx, key, redis.Rate{Limit: perMinute, Per: time.Minute})
	return httpio.Decision{Allowed: v.Allowed, Remaining: v.Remaining, Reset: time.Now().Add(v.Reset)}, nil
}

// mayPreview lets each user have twice as many previews from the broker as they may send orders.
func (a *App) mayPreview(ctx context.Context, user uuid.UUID) bool {
	return a.redis.Allow(ctx, "impact:"+user.String(), redis.Rate{Limit: 2 * a.cfg.RateOrders, Per: time.Minute}).Allowed
}

func (a *App) router() (http.Handler, error) {
	r := chi.NewRouter()
	if err := a.guard.Mount(r, a.Routes()); err != nil {
		return nil, err
	}
	r.NotFound(httpio.NotFound().ServeHTTP)
	r.MethodNotAllowed(httpio.MethodNotAllowed(r).ServeHTTP)
	proxies, err := a.proxies()
	if err != nil {
		return nil, err
	}
	front, err := httpio.Front(httpio.FrontOptions{
		AppURL: a.cfg.AppURL, TrustedProxies: proxies, FormTargets: a.formTargets(), Images: users.PictureSources(), Logger: a.log,
		Explain: explain, Page: a.site.Problem, Observe: a.meter.request, Failed: a.requestFailed, Tracer: a.traces.Tracer(),
	})
	if err != nil {
		return nil, err
	}
	return front(a.refuseWrites(r)), nil
}

// formTargets are where our forms may lead: the providers of sign-in and the
// broker portal.
func (a *App) formTargets() []string {
	targets := append(a.guard.FormTargets(), "https://app.snaptrade.com")
	if u, err := url.Parse(a.cfg.SnapTradeURL); err == nil && a.cfg.Env != Production {
		targets = append(targets, u.Scheme+"://"+u.Host)
	}
	if a.gate.Selling() {
		targets = append(targets, "https://whop.com", "https://api.whop.com") // the checkout, the sign-in
	}
	return targets
}

// explain turns the storage's errors into faults. What is a fault already stays
// one: its cause may look like a lost connection, as the end of half a body does.
func explain(err error) error {
	switch {
	case errors.As(err, new(*fault.Error)):
		return err
	case postgres.IsUnavailable(err):
		return fault.Unavailable(err)
	case postgres.IsReadOnly(err):
		return readOnlyFault(err)
	case errors.Is(err, postgres.ErrKeyReused):
		return fault.New(http.StatusUnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key came before with another request.")
	case errors.Is(err, postgres.ErrInProgress):
		return fault.Conflict("idempotency_in_progress", "The same request is being worked on.")
	case postgres.IsLockTimeout(err):
		return fault.Unavailable(err)
	}
	return err
}

func constantEqual(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
