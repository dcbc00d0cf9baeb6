package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/status"
)

// Check examines one integration. Ask is nil where the integration is not set
// up; Remedy says what to do about either.
type Check struct {
	Name   string
	Remedy string
	Ask    func(context.Context) error
}

// checkTime bounds one question to an outside party.
const checkTime = 10 * time.Second

// DatabaseRemedy is what to do about a database that cannot be asked, also where that keeps the
// program from being there at all.
const DatabaseRemedy = "check DATABASE_URL and that PostgreSQL runs; `alertsify migrate up` when the schema is behind"

// Checks is the list that readiness, the status record and `alertsify doctor` share.
func (a *App) Checks() []Check {
	return []Check{
		{"database", DatabaseRemedy, a.askDatabase},
		{"writes", "end the move: start without READ_ONLY, or promote the database; until then everything is read and nothing changed", a.askWrites},
		{"instances", "let the deploy end, or stop what is left of the other version (exits of copies and manual orders go on); where nobody works the jobs, start one with --only-jobs", a.askInstances},
		{"placing", "wait until the accounts are listed, or set this machine's clock by NTP; selling at the broker itself is always possible", a.desk.Placing},
		{"calendar", "install a release whose exchange calendar covers the coming month; until then copies count the exchange as closed", a.askCalendar},
		{"redis", "check REDIS_URL and that Redis runs; without it rates are kept per process", a.redis.Ping},
		{"snaptrade", "set SNAPTRADE_CLIENT_ID and SNAPTRADE_CONSUMER_KEY from the SnapTrade dashboard", a.askSnapTrade()},
		{"market", "set ALPACA_API_KEY and ALPACA_API_SECRET from Alpaca's dashboard", a.askMarket()},
		{"getstream", "set GETSTREAM_API_KEY and GETSTREAM_API_SECRET; create the flat groups trade, timeline, global, signals, position, admin and the notification group notification", a.askStreams()},
		{"discord", "set DISCORD_WEBHOOK_URL to a webhook of the alerts channel", a.askDiscord()},
		{"push", "run `alertsify vapid` and set VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY, VAPID_SUBJECT", a.askPush()},
		{"email", "set RESEND_API_KEY (one that may only send) and EMAIL_FROM, whose domain is verified at Resend", a.askEmail()},
		{"telegram", "set TELEGRAM_BOT_TOKEN, from @BotFather, and TELEGRAM_WEBHOOK_SECRET; the webhook is set when the program starts", a.askTelegram()},
		{"whop", "set WHOP_API_KEY, WHOP_ACCOUNT_ID, WHOP_PRODUCT_PLANS and WHOP_WEBHOOK_SECRETS; without them everybody has DEFAULT_PLAN", a.askWhop()},
		{"sign-in", "set a pair such as GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET", a.askSignIn()},
		{"budget", "see who uses it on the page Budget; raise SNAPTRADE_BUDGET if SnapTrade allows more", a.askBudget()},
		{"operators", "set DISCORD_ADMIN_WEBHOOK_URL to a webhook of the operators' channel, where errors are told", a.askOperators()},
		{"sentry", "set SENTRY_DSN from the project's settings at Sentry", a.askSentry()},
		{"traces", "set OTEL_EXPORTER_OTLP_ENDPOINT to a receiver of OpenTelemetry's protocol over HTTP, usually on port 4318", a.askTraces()},
		{"metrics", "set METRICS_TOKEN where Prometheus does not come from this machine or its private network", askSet(!a.cfg.MetricsToken.IsZero())},
		{"cron", "set CRON_SECRET where an outside scheduler asks for jobs; they run by themselves too", askSet(!a.cfg.CronSecret.IsZero())},
	}
}

// remedies says by a check's name what to do about it.
func (a *App) remedies() map[string]string {
	named := map[string]string{}
	for _, c := range a.Checks() {
		named[c.Name] = c.Remedy
	}
	return named
}

func (a *App) askDatabase(ctx context.Context) error {
	return postgres.SchemaKnown(ctx, a.db)
}

// askCalendar says in time that the exchange's calendar ends: a year it does not
// know counts as closed.
func (a *App) askCalendar(context.Context) error {
	for _, day := range []exchange.Date{a.clock.Today(), a.clock.Today().AddDays(30)} {
		if !exchange.Known(day) {
			return fmt.Errorf("the exchange's calendar does not know %d", day.Year)
		}
	}
	return nil
}

func (a *App) askSnapTrade() func(context.Context) error {
	if a.broker == nil {
		return nil
	}
	return func(ctx context.Context) error {
		_, err := a.broker.Brokerages(ctx) // signed: proves the keys, not only the host
		return err
	}
}

func (a *App) askMarket() func(context.Context) error {
	if a.market.Off() != nil {
		return nil
	}
	return func(ctx context.Context) error {
		_, err := a.market.Spot(ctx, "SPY")
		return err
	}
}

func (a *App) askStreams() func(context.Context) error {
	if a.outside.streams == nil {
		return nil
	}
	return a.outside.streams.Check
}

func (a *App) askDiscord() func(context.Context) error {
	if a.cfg.DiscordWebhook.IsZero() && a.cfg.DiscordBTO.IsZero() && a.cfg.DiscordSTC.IsZero() {
		return nil
	}
	return a.post.CheckPlatform
}

func (a *App) askEmail() func(context.Context) error {
	if a.outside.email == nil {
		return nil
	}
	return a.post.CheckMail
}

// askWhop proves the key; without a webhook's secret a change would wait for the night.
func (a *App) askWhop() func(context.Context) error {
	if a.outside.whop == nil {
		return nil
	}
	return func(ctx context.Context) error {
		if a.cfg.WhopWebhookSecrets.IsZero() {
			return errors.New("WHOP_WEBHOOK_SECRETS is empty: events are refused, and changes are seen once a day")
		}
		return a.members.Check(ctx)
	}
}

func (a *App) askPush() func(context.Context) error {
	if a.outside.push == nil {
		return nil
	}
	return func(context.Context) error { return nil } // the keys were checked against each other at start
}

func (a *App) askSignIn() func(context.Context) error {
	if len(a.guard.Providers()) == 0 {
		return nil
	}
	return func(context.Context) error { return nil }
}

// Result is what a check came to.
type Result struct {
	Name, Remedy string
	State        status.State
	Took         time.Duration
	Err          error
}

// Examine asks one check now.
func (c Check) Examine(ctx context.Context) Result {
	r := Result{Name: c.Name, Remedy: c.Remedy, State: status.Disabled}
	if c.Ask == nil {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	began := time.Now()
	r.Err = c.Ask(ctx)
	r.Took, r.State = time.Since(began), status.OK
	if r.Err != nil {
		r.State = status.Error
	}
	return r
}

// Line is what `alertsify doctor` prints.
func (r Result) Line() string {
	switch r.State {
	case status.OK:
		return fmt.Sprintf("%-10s ok (%d ms)", r.Name, r.Took.Milliseconds())
	case status.Disabled:
		return fmt.Sprintf("%-10s disabled: %s", r.Name, r.Remedy)
	}
	return fmt.Sprintf("%-10s error: %v; %s", r.Name, r.Err, r.Remedy)
}

// probe keeps what the background found out about the outside parties, so that
// readiness never asks them during a request.
type probe struct {
	mu     sync.Mutex
	latest map[string]Result
}

func (p *probe) set(r Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest == nil {
		p.latest = map[string]Result{}
	}
	p.latest[r.Name] = r
}

func (p *probe) get(name string) (Result, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.latest[name]
	return r, ok
}

const probeEvery = time.Minute

// runProbe examines every integration once a minute, all at the same time, so that several
// that hang do not cost the others their minute.
func (a *App) runProbe(ctx context.Context) error {
	for _, c := range a.Checks() {
		a.meter.alarms.WithLabelValues("check_" + c.Name) // from zero
	}
	return every(ctx, probeEvery, func(ctx context.Context) {
		var round sync.WaitGroup
		for _, c := range a.Checks() {
			round.Go(func() { a.probeOne(ctx, c) })
		}
		round.Wait()
	})
}

// probeOne examines an integration and records its state.
func (a *App) probeOne(ctx context.Context, c Check) {
	r := c.Examine(ctx)
	if ctx.Err() != nil {
		return
	}
	a.probe.set(r)
	detail := ""
	if r.Err != nil {
		detail = r.Err.Error()
		a.log.WarnContext(ctx, "integration check failed", "integration", r.Name, "err", r.Err)
		a.meter.alarm("check_" + r.Name)
	}
	if a.db.ReadOnly() {
		return
	}
	if err := a.status.Record(ctx, r.Name, r.State, r.Took, detail); err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "record integration status", "err", err)
	}
}

func (a *App) health(w http.ResponseWriter, _ *http.Request) error {
	return plain(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness is the answer of /api/health/ready.
type readiness struct {
	Status    string           `json:"status"`
	Checks    map[string]any   `json:"checks"`
	LatencyMs map[string]int64 `json:"latencyMs"`
}

// ready answers 200 while the database is reachable with a schema we know and
// the process is not stopping. Redis and providers degrade it, but do not fail it.
func (a *App) ready(w http.ResponseWriter, r *http.Request) error {
	answer := readiness{Status: "ready", Checks: map[string]any{}, LatencyMs: map[string]int64{}}
	code := http.StatusOK
	for _, c := range a.Checks() {
		result := a.readyOne(r.Context(), c)
		answer.Checks[c.Name] = result.State
		if result.State != status.Disabled {
			answer.LatencyMs[c.Name] = result.Took.Milliseconds()
		}
		if result.State == status.Error {
			answer.Status = "degraded"
		}
		if c.Name == "database" && result.State == status.Error {
			code = http.StatusServiceUnavailable
		}
	}
	if a.ending.Err() != nil {
		answer.Status, code = "degraded", http.StatusServiceUnavailable
	}
	return plain(w, code, answer)
}

// readyOne asks our own storage now and takes the background's word for the rest.
// Before the first probe an outside party counts as well as its settings do.
func (a *App) readyOne(ctx context.Context, c Check) Result {
	if c.Name == "database" || c.Name == "redis" {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return c.Examine(ctx)
	}
	if r, known := a.probe.get(c.Name); known {
		return r
	}
	if c.Ask == nil {
		return Result{Name: c.Name, State: status.Disabled}
	}
	return Result{Name: c.Name, State: status.OK}
}

// plain writes an answer without the data envelope, as health has it.
func plain(w http.ResponseWriter, code int, v any) error {
	body, err := httpio.Marshal(v)
	if err != nil {
		return errors.Join(errors.New("encode health"), err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, err = w.Write(append(body, '\n'))
	return err
}
