package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/otlp"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/sentry"
	"github.com/alertsify/alertsify/internal/telegram"
	"github.com/alertsify/alertsify/internal/webhook"
	"github.com/alertsify/alertsify/internal/whop"
)

// Environments.
const (
	Production  = "production"
	Development = "development"
	Test        = "test"
)

// Config is everything that can be set from outside. A test compares its names
// with .env.example.
type Config struct {
	AppURL, Addr, Env string

	RateAPI, RateAPIPaying, RateOrders, RateAnon int
	RateDiscord, RatePush                        int // messages a minute to one destination
	StreamsPerUser, StreamsPerAddress            int
	BusyRequests                                 int
	Connections, ConnectionsPerAddress           int
	StopDelay                                    int // seconds
	TrustedProxies                               string

	DatabaseURL, DirectURL string
	DatabaseConnections    int
	ReadOnly               bool // nothing is written
	RedisURL               string

	SessionSecret  secret.Text
	EncryptionKeys secret.Text

	GoogleID, DiscordID, GitHubID             string
	GoogleSecret, DiscordSecret, GitHubSecret secret.Text
	OpenIDURL, OpenIDClientID                 string // development only: the sandbox's identity provider
	OpenIDClientSecret                        secret.Text

	SnapTradeURL, SnapTradeClientID string
	SnapTradeConsumerKey            secret.Text
	SnapTradeConsumerKeyOld         secret.Text // verifies webhooks during a rotation
	SnapTradeBudget                 int

	GetStreamURL, GetStreamKey, GetStreamAppID string
	GetStreamSecret                            secret.Text

	DiscordURL                                            string
	DiscordWebhook, DiscordBTO, DiscordSTC, DiscordErrors secret.Text

	VAPIDPublic, VAPIDSubject string
	VAPIDPrivate              secret.Text
	PushExtraHosts            string

	ResendURL, EmailFrom, EmailReplyTo string
	ResendKey                          secret.Text
	ResendWebhookSecret                secret.Text // several, separated by commas, during a rotation

	TelegramURL    string
	TelegramToken  secret.Text
	TelegramSecret secret.Text // the word its webhooks carry

	WhopURL, WhopAccount, WhopVersion, WhopProducts string
	WhopClientID                                    string
	WhopKey, WhopClientSecret                       secret.Text
	WhopWebhookSecrets                              secret.Text // several, separated by commas, during a rotation

	AlpacaURL, AlpacaKey, AlpacaFeed string
	AlpacaSecret                     secret.Text

	DefaultPlan  string
	MetricsToken secret.Text
	CronSecret   secret.Text
	SentryDSN    secret.Text
	TraceURL     string
	TraceHeaders secret.Text
	TraceShare   string // of traces that are kept, 0 to 1

	LogLevel, LogFormat string
	CrashAt             string // development and tests only

	Version  string   // of the program, set by its command
	Part     Part     // of the program that this process does, set by its command; All when empty
	Protocol int      // of the order engine, set by tests that play another release; risk.Protocol when 0
	Warnings []string // said once at start
}

// Setting is one variable: its name, its older names, and where it goes.
type Setting struct {
	Name    string
	Aliases []string
	set     func(value string) error
}

// settings is the one table of names. A setting that is absent or empty keeps
// its default.
func (c *Config) settings() []Setting {
	return []Setting{
		{"APP_URL", []string{"NEXTAUTH_URL", "AUTH_URL", "NEXT_PUBLIC_APP_URL"}, text(&c.AppURL)},
		{"ADDR", nil, text(&c.Addr)},
		{"ENV", nil, text(&c.Env)},
		{"RATE_API", nil, number(&c.RateAPI)},
		{"RATE_API_PAYING", nil, number(&c.RateAPIPaying)},
		{"RATE_ORDERS", nil, number(&c.RateOrders)},
		{"RATE_ANON", nil, number(&c.RateAnon)},
		{"RATE_DISCORD", nil, number(&c.RateDiscord)},
		{"RATE_PUSH", nil, number(&c.RatePush)},
		{"STREAMS_PER_USER", nil, number(&c.StreamsPerUser)},
		{"STREAMS_PER_ADDRESS", nil, number(&c.StreamsPerAddress)},
		{"BUSY_REQUESTS", nil, number(&c.BusyRequests)},
		{"CONNECTIONS", nil, number(&c.Connections)},
		{"CONNECTIONS_PER_ADDRESS", nil, number(&c.ConnectionsPerAddress)},
		{"STOP_DELAY", nil, number(&c.StopDelay)},
		{"TRUSTED_PROXIES", nil, text(&c.TrustedProxies)},
		{"DATABASE_URL", nil, text(&c.DatabaseURL)},
		{"DIRECT_URL", nil, text(&c.DirectURL)},
		{"DATABASE_CONNECTIONS", nil, number(&c.DatabaseConnections)},
		{"READ_ONLY", nil, truth(&c.ReadOnly)},
		{"REDIS_URL", []string{"KV_URL"}, text(&c.RedisURL)},
		{"SESSION_SECRET", []string{"NEXTAUTH_SECRET", "AUTH_SECRET"}, hidden(&c.SessionSecret)},
		{"ENCRYPTION_KEYS", nil, hidden(&c.EncryptionKeys)},
		{"GOOGLE_CLIENT_ID", []string{"AUTH_GOOGLE_ID"}, text(&c.GoogleID)},
		{"GOOGLE_CLIENT_SECRET", []string{"AUTH_GOOGLE_SECRET"}, hidden(&c.GoogleSecret)},
		{"DISCORD_CLIENT_ID", []string{"AUTH_DISCORD_ID"}, text(&c.DiscordID)},
		{"DISCORD_CLIENT_SECRET", []string{"AUTH_DISCORD_SECRET"}, hidden(&c.DiscordSecret)},
		{"GITHUB_CLIENT_ID", []string{"AUTH_GITHUB_ID"}, text(&c.GitHubID)},
		{"GITHUB_CLIENT_SECRET", []string{"AUTH_GITHUB_SECRET"}, hidden(&c.GitHubSecret)},
		{"OPENID_BASE_URL", nil, text(&c.OpenIDURL)},
		{"OPENID_CLIENT_ID", nil, text(&c.OpenIDClientID)},
		{"OPENID_CLIENT_SECRET", nil, hidden(&c.OpenIDClientSecret)},
		{"SNAPTRADE_BASE_URL", nil, text(&c.SnapTradeURL)},
		{"SNAPTRADE_CLIENT_ID", nil, text(&c.SnapTradeClientID)},
		{"SNAPTRADE_CONSUMER_KEY", []string{"SNAPTRADE_CONSUMER_SECRET"}, hidden(&c.SnapTradeConsumerKey)},
		{"SNAPTRADE_CONSUMER_KEY_OLD", nil, hidden(&c.SnapTradeConsumerKeyOld)},
		{"SNAPTRADE_BUDGET", nil, number(&c.SnapTradeBudget)},
		{"SNAPTRADE_WEBHOOK_SECRET", nil, c.ignored("SNAPTRADE_WEBHOOK_SECRET is deprecated by SnapTrade and ignored; webhooks are verified with the consumer key")},
		{"GETSTREAM_BASE_URL", nil, text(&c.GetStreamURL)},
		{"GETSTREAM_API_KEY", []string{"NEXT_PUBLIC_GETSTREAM_KEY"}, text(&c.GetStreamKey)},
		{"GETSTREAM_API_SECRET", nil, hidden(&c.GetStreamSecret)},
		{"GETSTREAM_APP_ID", []string{"NEXT_PUBLIC_GETSTREAM_APP_ID"}, text(&c.GetStreamAppID)},
		{"DISCORD_BASE_URL", nil, text(&c.DiscordURL)},
		{"DISCORD_WEBHOOK_URL", nil, hidden(&c.DiscordWebhook)},
		{"DISCORD_BTO_WEBHOOK_URL", nil, hidden(&c.DiscordBTO)},
		{"DISCORD_STC_WEBHOOK_URL", nil, hidden(&c.DiscordSTC)},
		{"DISCORD_ADMIN_WEBHOOK_URL", nil, hidden(&c.DiscordErrors)},
		{"VAPID_PUBLIC_KEY", []string{"NEXT_PUBLIC_VAPID_PUBLIC_KEY"}, text(&c.VAPIDPublic)},
		{"VAPID_PRIVATE_KEY", nil, hidden(&c.VAPIDPrivate)},
		{"VAPID_SUBJECT", nil, text(&c.VAPIDSubject)},
		{"PUSH_EXTRA_HOSTS", nil, text(&c.PushExtraHosts)},
		{"RESEND_BASE_URL", nil, text(&c.ResendURL)},
		{"RESEND_API_KEY", nil, hidden(&c.ResendKey)},
		{"RESEND_WEBHOOK_SECRET", nil, hidden(&c.ResendWebhookSecret)},
		{"EMAIL_FROM", nil, text(&c.EmailFrom)},
		{"EMAIL_REPLY_TO", nil, text(&c.EmailReplyTo)},
		{"TELEGRAM_BASE_URL", nil, text(&c.TelegramURL)},
		{"TELEGRAM_BOT_TOKEN", nil, hidden(&c.TelegramToken)},
		{"TELEGRAM_WEBHOOK_SECRET", nil, hidden(&c.TelegramSecret)},
		{"ALPACA_BASE_URL", nil, text(&c.AlpacaURL)},
		{"ALPACA_API_KEY", nil, text(&c.AlpacaKey)},
		{"ALPACA_API_SECRET", nil, hidden(&c.AlpacaSecret)},
		{"ALPACA_OPTIONS_FEED", nil, text(&c.AlpacaFeed)},
		{"DEFAULT_PLAN", nil, text(&c.DefaultPlan)},
		{"WHOP_BASE_URL", []string{"WHOP_API_BASE"}, text(&c.WhopURL)},
		{"WHOP_API_KEY", nil, hidden(&c.WhopKey)},
		{"WHOP_ACCOUNT_ID", nil, text(&c.WhopAccount)},
		{"WHOP_PRODUCT_PLANS", nil, text(&c.WhopProducts)},
		{"WHOP_WEBHOOK_SECRETS", []string{"WHOP_WEBHOOK_SECRET"}, hidden(&c.WhopWebhookSecrets)},
		{"WHOP_API_VERSION_DATE", nil, text(&c.WhopVersion)},
		{"WHOP_CLIENT_ID", nil, text(&c.WhopClientID)},
		{"WHOP_CLIENT_SECRET", nil, hidden(&c.WhopClientSecret)},
		{"METRICS_TOKEN", nil, hidden(&c.MetricsToken)},
		{"CRON_SECRET", nil, hidden(&c.CronSecret)},
		{"SENTRY_DSN", nil, hidden(&c.SentryDSN)},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", nil, text(&c.TraceURL)},
		{"OTEL_EXPORTER_OTLP_HEADERS", nil, hidden(&c.TraceHeaders)},
		{"OTEL_TRACES_SAMPLER_ARG", nil, text(&c.TraceShare)},
		{"LOG_LEVEL", nil, text(&c.LogLevel)},
		{"LOG_FORMAT", nil, text(&c.LogFormat)},
		{"CRASH_AT", nil, text(&c.CrashAt)},
	}
}

func text(to *string) func(string) error {
	return func(v string) error { *to = v; return nil }
}

func hidden(to *secret.Text) func(string) error {
	return func(v string) error { *to = secret.New(v); return nil }
}

func number(to *int) func(string) error {
	return func(v string) (err error) {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return errors.New("is not a whole number above 0")
		}
		*to = n
		return nil
	}
}

func truth(to *bool) func(string) error {
	return func(v string) (err error) {
		if *to, err = strconv.ParseBool(v); err != nil {
			return errors.New("is neither true nor false")
		}
		return nil
	}
}

func (c *Config) ignored(warning string) func(string) error {
	return func(string) error { c.Warnings = append(c.Warnings, warning); return nil }
}

// busyRequests is about thirty for each connection to the database. Requests take
// milliseconds there, so that many at once wait most of a second: people notice, and
// nothing is lost yet.
const busyRequests = 1000

// stopDelay lets a proxy that asks every second see that we stop, before we do; stopDelayMax
// leaves a send in flight its 45 seconds within the minute that a stop may take.
const (
	stopDelay    = 5
	stopDelayMax = 10
)

// databaseConnections are those of one process for requests and for what jobs do; the queue
// itself and what listens have ten of their own. More than databaseConnectionsMax no server has.
const (
	databaseConnections    = 34
	databaseConnectionsMax = 10_000
)

// Defaults are the settings of an environment before anything is set.
func Defaults(env string) Config {
	c := Config{
		AppURL: "http://localhost:8080", Addr: ":8080", Env: env,
		RateAPI: 100, RateAPIPaying: 500, RateOrders: 10, RateAnon: 60, StreamsPerUser: 5, StreamsPerAddress: 20,
		RateDiscord: 5, RatePush: 10,
		BusyRequests: busyRequests, StopDelay: stopDelay, DatabaseConnections: databaseConnections,
		Connections: 20_000, ConnectionsPerAddress: 200,
		SnapTradeURL: "https://api.snaptrade.com", SnapTradeBudget: 250,
		DiscordURL: "https://discord.com", AlpacaFeed: "indicative",
		WhopVersion: whop.DefaultVersion, LogLevel: "info", LogFormat: "json", TraceShare: "1",
	}
	if env != Production { // rates are for strangers; development is measured, clicked and tested in a hurry
		c.RateAPI, c.RateAPIPaying, c.RateOrders, c.RateAnon = 100*c.RateAPI, 100*c.RateAPIPaying, 100*c.RateOrders, 100*c.RateAnon
		c.RateDiscord, c.RatePush = 100*c.RateDiscord, 100*c.RatePush
		c.StreamsPerUser, c.StreamsPerAddress, c.ConnectionsPerAddress = 100*c.StreamsPerUser, 100*c.StreamsPerAddress, 100*c.ConnectionsPerAddress
		c.LogFormat, c.StopDelay = "text", 0
	}
	return c
}

// Load reads settings over the environment's defaults and validates them. The
// error names every problem at once.
func Load(env string, lookup func(string) (string, bool)) (Config, error) {
	if given, ok := lookup("ENV"); ok && given != "" {
		env = given
	}
	c := Defaults(env)
	var errs []error
	for _, s := range c.settings() {
		name, value := s.find(lookup)
		if value == "" {
			continue
		}
		if err := s.set(value); err != nil {
			errs = append(errs, fmt.Errorf("%s %w", name, err))
		}
	}
	if value, _ := lookup("KV_REST_API_URL"); value != "" && c.RedisURL == "" {
		errs = append(errs, errors.New("KV_REST_API_URL is an HTTP address; set REDIS_URL to the redis:// address that stands beside it on the provider's page"))
	}
	if c.DefaultPlan == "" {
		c.DefaultPlan = string(billing.Unset(!c.WhopKey.IsZero()))
	}
	return c, errors.Join(append(errs, c.check()...)...)
}

func (s Setting) find(lookup func(string) (string, bool)) (name, value string) {
	for _, n := range append([]string{s.Name}, s.Aliases...) {
		if v, ok := lookup(n); ok && strings.TrimSpace(v) != "" {
			return n, strings.TrimSpace(v)
		}
	}
	return s.Name, ""
}

// check finds what is missing or cannot be, all of it.
func (c Config) check() []error {
	var errs []error
	add := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(slices.Contains([]string{Production, Development, Test}, c.Env), "ENV is %q; it must be production, development or test", c.Env)
	u, err := url.Parse(c.AppURL)
	add(err == nil && u.Host != "" && (u.Path == "" || u.Path == "/") && (u.Scheme == "http" || u.Scheme == "https"),
		"APP_URL is %q; it must be an origin like https://app.example", c.AppURL)
	add(c.StopDelay <= stopDelayMax, "STOP_DELAY is %d; at most %d seconds leave sends in flight their time", c.StopDelay, stopDelayMax)
	add(c.DatabaseConnections <= databaseConnectionsMax, "DATABASE_CONNECTIONS is %d; at most %d make sense", c.DatabaseConnections, databaseConnectionsMax)
	add(c.DatabaseURL != "", "DATABASE_URL is empty; give the postgres:// address, or use `alertsify dev`")
	add(c.Env != Production || c.RedisURL != "", "REDIS_URL is empty; give the redis:// address")
	add(len(c.SessionSecret.Reveal()) >= 32, "SESSION_SECRET has %d bytes; it needs at least 32", len(c.SessionSecret.Reveal()))
	if _, err := secret.ParseRing(c.EncryptionKeys); err != nil {
		errs = append(errs, fmt.Errorf("ENCRYPTION_KEYS: %w", err))
	}
	add((c.SnapTradeClientID == "") == c.SnapTradeConsumerKey.IsZero(), "SNAPTRADE_CLIENT_ID and SNAPTRADE_CONSUMER_KEY go together")
	add((c.GetStreamKey == "") == c.GetStreamSecret.IsZero(), "GETSTREAM_API_KEY and GETSTREAM_API_SECRET go together")
	add((c.AlpacaKey == "") == c.AlpacaSecret.IsZero(), "ALPACA_API_KEY and ALPACA_API_SECRET go together")
	add((c.VAPIDPublic == "") == c.VAPIDPrivate.IsZero(), "VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY go together; `alertsify vapid` makes a pair")
	add(c.VAPIDPublic == "" || c.VAPIDSubject != "", "VAPID_SUBJECT is empty; give mailto: and an address that works")
	add(c.ResendKey.IsZero() == (c.EmailFrom == ""), "RESEND_API_KEY and EMAIL_FROM go together")
	if _, err := mail.ParseAddress(c.EmailFrom); c.EmailFrom != "" && err != nil {
		errs = append(errs, fmt.Errorf("EMAIL_FROM is %q; it must be an address like Alertsify <alerts@mail.example>", c.EmailFrom))
	}
	if _, err := mail.ParseAddress(c.EmailReplyTo); c.EmailReplyTo != "" && err != nil {
		errs = append(errs, fmt.Errorf("EMAIL_REPLY_TO is %q; it must be an address like support@mail.example", c.EmailReplyTo))
	}
	if _, err := webhook.ParseSecrets(c.ResendWebhookSecret); err != nil {
		errs = append(errs, fmt.Errorf("RESEND_WEBHOOK_SECRET %w", err))
	}
	add(c.CronSecret.IsZero() || len(c.CronSecret.Reveal()) >= 16, "CRON_SECRET has %d bytes; it needs at least 16", len(c.CronSecret.Reveal()))
	errs = append(errs, c.checkTraces()...)
	if dsn, err := sentry.ParseDSN(c.SentryDSN); !c.SentryDSN.IsZero() {
		add(err == nil, "SENTRY_DSN %w", err)
		add(err != nil || c.Env != Production || dsn.Secure(), "SENTRY_DSN must be https in production")
		add(err != nil || dsn.Local() || dsn.Port() == "443", "SENTRY_DSN leads to port %s; this program calls others at port 443 only", dsn.Port())
	}
	errs = append(errs, c.checkTelegram()...)
	errs = append(errs, c.checkWhop()...)
	if c.Env == Production {
		errs = append(errs, c.checkProduction(u)...)
	}
	return errs
}

// checkTraces finds what would keep traces from being sent.
func (c Config) checkTraces() (errs []error) {
	if _, err := otlp.ParseEndpoint(c.TraceURL); c.TraceURL != "" && err != nil {
		errs = append(errs, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT %w", err))
	}
	if _, err := otlp.ParseHeaders(c.TraceHeaders); err != nil {
		errs = append(errs, fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS %w", err))
	}
	if _, err := otlp.ParseShare(c.TraceShare); err != nil {
		errs = append(errs, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG %w", err))
	}
	return errs
}

// checkTelegram: without the word anybody could speak for any chat, so that the bot does
// not go without one.
func (c Config) checkTelegram() []error {
	if c.TelegramToken.IsZero() != c.TelegramSecret.IsZero() {
		return []error{errors.New("TELEGRAM_BOT_TOKEN and TELEGRAM_WEBHOOK_SECRET go together")}
	}
	if c.TelegramToken.IsZero() {
		return nil
	}
	var errs []error
	if telegram.BotID(c.TelegramToken) == "" {
		errs = append(errs, errors.New("TELEGRAM_BOT_TOKEN is no token of a bot, such as 123456:ABC"))
	}
	if err := telegram.ParseSecret(c.TelegramSecret); err != nil {
		errs = append(errs, fmt.Errorf("TELEGRAM_WEBHOOK_SECRET %w", err))
	}
	return errs
}

// checkWhop finds what keeps plans from being sold.
func (c Config) checkWhop() []error {
	products, err := billing.ParseProducts(c.WhopProducts)
	if err != nil {
		return []error{fmt.Errorf("WHOP_PRODUCT_PLANS %w", err)}
	}
	var errs []error
	if (c.WhopClientID == "") != c.WhopClientSecret.IsZero() {
		errs = append(errs, errors.New("WHOP_CLIENT_ID and WHOP_CLIENT_SECRET go together"))
	}
	if c.WhopKey.IsZero() {
		return errs
	}
	if len(products) == 0 {
		errs = append(errs, errors.New("WHOP_PRODUCT_PLANS is empty; with WHOP_API_KEY it says which product is which plan: prod_a=pro,prod_b=trader"))
	}
	if !strings.HasPrefix(c.WhopAccount, "biz_") {
		errs = append(errs, fmt.Errorf("WHOP_ACCOUNT_ID is %q; with WHOP_API_KEY it names your account at Whop, biz_…", c.WhopAccount))
	}
	return errs
}

// checkProduction holds what only development may bend.
func (c Config) checkProduction(app *url.URL) []error {
	var errs []error
	if app != nil && app.Scheme != "https" {
		errs = append(errs, errors.New("APP_URL must be https in production"))
	}
	for name, address := range map[string]string{
		"SNAPTRADE_BASE_URL": c.SnapTradeURL, "DISCORD_BASE_URL": c.DiscordURL, "ALPACA_BASE_URL": c.AlpacaURL, "GETSTREAM_BASE_URL": c.GetStreamURL,
		"RESEND_BASE_URL": c.ResendURL, "TELEGRAM_BASE_URL": c.TelegramURL, "WHOP_BASE_URL": c.WhopURL,
	} {
		if address != "" && !strings.HasPrefix(address, "https://") {
			errs = append(errs, fmt.Errorf("%s must be https in production", name))
		}
	}
	if c.OpenIDURL != "" {
		errs = append(errs, errors.New("OPENID_BASE_URL is the sandbox's; production does not start with it"))
	}
	if c.CrashAt != "" {
		errs = append(errs, errors.New("CRASH_AT is for tests; production does not start with it"))
	}
	if strings.Contains(c.PushExtraHosts, "127.0.0.1") || strings.Contains(c.PushExtraHosts, "localhost") {
		errs = append(errs, errors.New("PUSH_EXTRA_HOSTS names this machine; production does not start with it"))
	}
	return errs
}

// Layered looks a name up in each layer, the first that has it wins.
func Layered(layers ...func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, lookup := range layers {
			if v, ok := lookup(name); ok && v != "" {
				return v, true
			}
		}
		return "", false
	}
}

// Map looks settings up in a map.
func Map(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// ReadEnvFile reads NAME=value lines, as dev.env holds them.
func ReadEnvFile(r io.Reader) (map[string]string, error) {
	m := map[string]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not NAME=value", line)
		}
		m[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return m, lines.Err()
}
