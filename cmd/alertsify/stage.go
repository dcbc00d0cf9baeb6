package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/webpush"
)

const (
	devEnvName = "dev.env"
	devBroker  = "ALPACA-PAPER"
)

// samplePeople are who the sandbox's sign-in page offers.
func samplePeople() []sandbox.Person {
	return []sandbox.Person{
		{Subject: "ava", Username: "ava", Name: "Ava Stone", Email: "ava@example.com", EmailVerified: true, Role: "trader"},
		{Subject: "ben", Username: "ben", Name: "Ben Ortiz", Email: "ben@example.com", EmailVerified: true, Role: "subscriber"},
		{Subject: "cara", Username: "cara", Name: "Cara Lindqvist", Email: "cara@example.com", EmailVerified: true, Role: "subscriber"},
		{Subject: "root", Username: "root", Name: "Root Admin", Email: "root@example.com", EmailVerified: true, Role: "admin"},
	}
}

// stage is everything around the program that development embeds: a private
// Postgres, a Redis in this process, and the sandbox that plays every provider.
type stage struct {
	dir      string
	env      map[string]string // what dev.env says
	listener net.Listener
	world    *sandbox.World
	db       *postgres.DB // for turning the market clock
	log      *slog.Logger
	closers  []func()
	serving  sync.WaitGroup
}

// stageOptions say where the stage stands.
type stageOptions struct {
	Dir, Addr, SandboxAddr string
	Throwaway              bool // the database need not survive this process
	Budget                 int  // calls to SnapTrade in a minute, ours and the sandbox's; 0 is SnapTrade's own limit
	Env                    func(string) (string, bool)
	Log                    *slog.Logger
}

// raise builds the stage, or takes over what a killed one left in the folder.
func raise(ctx context.Context, o stageOptions) (*stage, error) {
	s := &stage{dir: o.Dir, log: o.Log}
	if err := s.build(ctx, o); err != nil {
		s.strike()
		return nil, err
	}
	return s, nil
}

func (s *stage) build(ctx context.Context, o stageOptions) error {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil { //nolint:gosec // the database's own user has to pass through
		return fmt.Errorf("make the data folder: %w", err)
	}
	s.env = s.remembered()
	for _, step := range []func(context.Context, stageOptions) error{s.listen, s.startPostgres, s.startRedis, s.makeSecrets, s.startSandbox, s.makeDiscord} {
		if err := step(ctx, o); err != nil {
			return err
		}
	}
	return s.writeEnv()
}

// strike takes the stage down, last part first.
func (s *stage) strike() {
	for _, c := range slices.Backward(s.closers) {
		c()
	}
	s.serving.Wait()
}

// remembered is what an earlier run left: secrets and ports stay the same, so
// that what is stored keeps opening.
func (s *stage) remembered() map[string]string {
	known, err := devEnv(s.dir)
	if err != nil {
		return map[string]string{}
	}
	return known
}

// listen takes the program's address first, because everything else is told it.
func (s *stage) listen(ctx context.Context, o stageOptions) error {
	addr := o.Addr
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr // development is for this machine
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s (choose another with --addr): %w", addr, err)
	}
	s.listener = l
	s.closers = append(s.closers, func() { _ = l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	s.env["APP_URL"], s.env["ADDR"], s.env["ENV"] = "http://localhost:"+port, l.Addr().String(), app.Development
	return nil
}

func (s *stage) startPostgres(ctx context.Context, o stageOptions) error {
	if given, _ := o.Env("DATABASE_URL"); given != "" {
		s.env["DATABASE_URL"] = given
	} else {
		private, err := startPrivate(ctx, o)
		if err != nil {
			return fmt.Errorf("start a private PostgreSQL: %w", err)
		}
		s.closers = append(s.closers, func() { stopPrivate(private, o.Log) })
		if err := private.EnsureDatabase(ctx, "alertsify"); err != nil {
			return err
		}
		s.env["DATABASE_URL"] = private.URL("alertsify")
	}
	address := s.env["DATABASE_URL"]
	if direct, _ := o.Env("DIRECT_URL"); direct != "" {
		s.env["DIRECT_URL"], address = direct, direct
	}
	if err := migrateUp(ctx, address, s.env["DATABASE_URL"]); err != nil {
		return err
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: address, MaxConns: 2, Logger: o.Log, AppName: "alertsify-dev"})
	if err != nil {
		return err
	}
	s.db = db
	s.closers = append(s.closers, db.Close)
	return nil
}

// leavingTime is how long a dev that was told to stop may take to leave its
// database to the next one.
const leavingTime = 15 * time.Second

func startPrivate(ctx context.Context, o stageOptions) (*postgres.Private, error) {
	options := postgres.PrivateOptions{Dir: filepath.Join(o.Dir, "postgres"), Throwaway: o.Throwaway, Logger: o.Log}
	for deadline := time.Now().Add(leavingTime); ; {
		private, err := postgres.StartPrivate(ctx, options)
		if !errors.Is(err, postgres.ErrPrivateInUse) || time.Now().After(deadline) {
			return private, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func stopPrivate(p *postgres.Private, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		log.Warn("stop the private PostgreSQL", "err", err)
	}
}

func (s *stage) startRedis(_ context.Context, o stageOptions) error {
	if given, _ := o.Env("REDIS_URL"); given != "" {
		s.env["REDIS_URL"] = given
		return nil
	}
	address, stop, err := redis.StartInProcess()
	if err != nil {
		return err
	}
	s.env["REDIS_URL"] = address
	s.closers = append(s.closers, stop)
	return nil
}

// makeSecrets fills in what is missing; what an earlier run made is kept.
func (s *stage) makeSecrets(_ context.Context, o stageOptions) error {
	if s.env["VAPID_PUBLIC_KEY"] == "" {
		public, private, err := webpush.GenerateKeys()
		if err != nil {
			return err
		}
		s.env["VAPID_PUBLIC_KEY"], s.env["VAPID_PRIVATE_KEY"] = public, private.Reveal()
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	s.preset("ENCRYPTION_KEYS", "k1:"+base64.StdEncoding.EncodeToString(key))
	s.preset("SESSION_SECRET", rand.Text()+rand.Text())
	s.preset("SNAPTRADE_CLIENT_ID", "ALERTSIFY-DEV")
	s.preset("SNAPTRADE_CONSUMER_KEY", "ck_"+rand.Text())
	s.preset("ALPACA_API_KEY", "AK"+rand.Text())
	s.preset("ALPACA_API_SECRET", rand.Text())
	s.preset("VAPID_SUBJECT", "mailto:dev@alertsify.example")
	s.preset("RESEND_WEBHOOK_SECRET", "whsec_"+base64.StdEncoding.EncodeToString([]byte(rand.Text())))
	s.preset("TELEGRAM_WEBHOOK_SECRET", rand.Text())
	s.env["TELEGRAM_BOT_TOKEN"] = sandbox.TelegramToken
	s.env["RESEND_API_KEY"], s.env["EMAIL_FROM"] = sandbox.ResendKey, "Alertsify <alerts@"+sandbox.ResendDomain+">"
	s.preset("WHOP_WEBHOOK_SECRETS", "ws_"+strings.ToLower(rand.Text()+rand.Text()))
	s.env["WHOP_API_KEY"], s.env["WHOP_ACCOUNT_ID"] = sandbox.WhopKey, sandbox.WhopAccount
	s.env["WHOP_PRODUCT_PLANS"] = sandbox.WhopProProduct + "=pro," + sandbox.WhopTraderProduct + "=trader"
	s.env["WHOP_CLIENT_ID"], s.env["WHOP_CLIENT_SECRET"] = sandbox.WhopClientID, sandbox.WhopClientSecret
	s.env["DEFAULT_PLAN"] = "trader" // who bought nothing may try everything here
	s.env["GETSTREAM_API_KEY"], s.env["GETSTREAM_API_SECRET"] = sandbox.GetStreamKey, sandbox.GetStreamSecret
	s.env["OPENID_CLIENT_ID"], s.env["OPENID_CLIENT_SECRET"] = "alertsify-dev", rand.Text()
	if o.Budget > 0 {
		s.env["SNAPTRADE_BUDGET"] = strconv.Itoa(o.Budget)
	}
	return nil
}

func (s *stage) preset(name, value string) {
	if s.env[name] == "" {
		s.env[name] = value
	}
}

func (s *stage) startSandbox(_ context.Context, o stageOptions) error {
	addr := o.SandboxAddr
	if addr == "" || addr == "127.0.0.1:0" { // the earlier port, if it is still free: stored webhooks and endpoints name it
		addr = s.env["SANDBOX_ADDR"]
	}
	world, err := s.openWorld(o, addr)
	if err != nil && addr != o.SandboxAddr {
		world, err = s.openWorld(o, o.SandboxAddr)
	}
	if err != nil {
		return err
	}
	s.world = world
	serving, stop := context.WithCancel(context.Background())
	s.serving.Go(func() {
		if err := world.Serve(serving); err != nil && !errors.Is(err, http.ErrServerClosed) && serving.Err() == nil {
			o.Log.Error("sandbox stopped", "err", err)
		}
	})
	s.closers = append(s.closers, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stop()
		_ = world.Close(ctx)
	})
	s.pointAt(world.URL())
	return nil
}

func (s *stage) openWorld(o stageOptions, addr string) (*sandbox.World, error) {
	return sandbox.Open(sandbox.Options{
		Dir: filepath.Join(o.Dir, "sandbox"), Addr: addr,
		ClientID: s.env["SNAPTRADE_CLIENT_ID"], ConsumerKey: s.env["SNAPTRADE_CONSUMER_KEY"],
		WebhookURL:     s.env["APP_URL"] + "/api/webhooks/snaptrade",
		OpenIDClientID: s.env["OPENID_CLIENT_ID"], OpenIDClientSecret: s.env["OPENID_CLIENT_SECRET"],
		RedirectURIs: []string{s.env["APP_URL"] + "/api/auth/callback/sandbox"}, People: samplePeople(),
		AlpacaKey: s.env["ALPACA_API_KEY"], AlpacaSecret: s.env["ALPACA_API_SECRET"], Seed: 1, OnClock: s.turnClock, Logger: o.Log,
		ResendWebhookURL: s.env["APP_URL"] + "/api/webhooks/resend", ResendWebhookSecret: s.env["RESEND_WEBHOOK_SECRET"],
		WhopWebhookURL: s.env["APP_URL"] + "/api/webhooks/whop", WhopWebhookSecret: s.env["WHOP_WEBHOOK_SECRETS"],
		RatePerMinute: o.Budget,
	})
}

// turnClock lets every process follow the sandbox's market clock.
func (s *stage) turnClock(c sandbox.ClockSetting) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	at := c.Now
	if !c.IsSet() {
		at = time.Time{}
	}
	if err := app.SetMarketClock(ctx, s.db, c.SetAt, at); err != nil {
		s.log.Warn("turn the market clock", "err", err)
	}
}

// pointAt makes the sandbox every provider of the program.
func (s *stage) pointAt(base string) {
	host := strings.TrimPrefix(base, "http://")
	for name, value := range map[string]string{
		"SANDBOX_URL": base, "SANDBOX_ADDR": host, "PUSH_EXTRA_HOSTS": host, "SNAPTRADE_BASE_URL": base + "/snaptrade",
		"ALPACA_BASE_URL": base + "/alpaca", "DISCORD_BASE_URL": base + "/discord", "GETSTREAM_BASE_URL": base + "/getstream",
		"OPENID_BASE_URL": base + "/openid", "RESEND_BASE_URL": base + "/resend",
		"TELEGRAM_BASE_URL": base + "/telegram",
		"WHOP_BASE_URL":     base + "/whop/api/v1",
	} {
		s.env[name] = value
	}
}

// makeDiscord gives the platform a channel that the sandbox plays.
func (s *stage) makeDiscord(ctx context.Context, _ stageOptions) error {
	if s.env["DISCORD_WEBHOOK_URL"] != "" {
		return nil
	}
	var made struct {
		URL string `json:"url"`
	}
	if err := s.control(ctx, http.MethodPost, "/_sandbox/discord/webhooks", map[string]string{"name": "Alerts"}, &made); err != nil {
		return fmt.Errorf("make a Discord channel in the sandbox: %w", err)
	}
	s.env["DISCORD_WEBHOOK_URL"] = made.URL
	return nil
}

// control calls the sandbox's control door.
func (s *stage) control(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return call(ctx, method, s.env["SANDBOX_URL"]+path, nil, body, out)
}

// callMost bounds an answer: the simulated broker's book of many thousand orders.
const callMost = 64 << 20

// call is one bounded JSON request to a server on this machine.
func call(ctx context.Context, method, address string, header http.Header, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, callMost))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, r.URL.Path, resp.StatusCode, bytes.TrimSpace(answer))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// writeEnv leaves the settings for other commands to join by, readable by the owner only.
func (s *stage) writeEnv() error {
	names := make([]string, 0, len(s.env))
	for name := range s.env {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("# Written by `alertsify dev`; other commands read it with --data.\n")
	for _, name := range names {
		fmt.Fprintf(&b, "%s=%s\n", name, s.env[name])
	}
	temporary := filepath.Join(s.dir, devEnvName+".new")
	if err := os.WriteFile(temporary, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("leave the settings of dev: %w", err)
	}
	return os.Rename(temporary, filepath.Join(s.dir, devEnvName))
}

// settings are the product's on this stage.
func (s *stage) settings(o stageOptions) (app.Config, error) {
	cfg, err := app.Load(app.Development, app.Layered(onlyTuning(o.Env), app.Map(s.env)))
	if err != nil {
		return app.Config{}, fmt.Errorf("the settings need attention:\n%w", err)
	}
	cfg.Version = version
	return cfg, nil
}

// program builds the product on the stage: the same code as `serve`.
func (s *stage) program(ctx context.Context, o stageOptions) (*app.App, error) {
	cfg, err := s.settings(o)
	if err != nil {
		return nil, err
	}
	a, err := app.New(ctx, cfg, s.log)
	if err != nil {
		return nil, err
	}
	a.Use(s.listener)
	return a, nil
}

// onlyTuning lets the environment turn knobs of a stage, but not point it at
// other providers: a developer's shell may hold real keys.
func onlyTuning(env func(string) (string, bool)) func(string) (string, bool) {
	allowed := []string{
		"RATE_API", "RATE_API_PAYING", "RATE_ORDERS", "RATE_ANON", "RATE_DISCORD", "RATE_PUSH", "STREAMS_PER_USER", "STREAMS_PER_ADDRESS", "BUSY_REQUESTS", "CONNECTIONS", "CONNECTIONS_PER_ADDRESS", "STOP_DELAY",
		"DEFAULT_PLAN", "LOG_LEVEL", "LOG_FORMAT", "CRASH_AT", "METRICS_TOKEN", "CRON_SECRET",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER_ARG",
	}
	return func(name string) (string, bool) {
		if !slices.Contains(allowed, name) {
			return "", false
		}
		return env(name)
	}
}
