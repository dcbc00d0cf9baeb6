package app

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// good is the least a production server starts with.
func good(t *testing.T) map[string]string {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return map[string]string{
		"APP_URL":         "https://alertsify.example",
		"DATABASE_URL":    "postgres://db/alertsify",
		"REDIS_URL":       "redis://cache:6379",
		"SESSION_SECRET":  strings.Repeat("s", 32),
		"ENCRYPTION_KEYS": "k1:" + base64.StdEncoding.EncodeToString(key),
	}
}

func with(base map[string]string, pairs ...string) map[string]string {
	m := maps.Clone(base)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestTheLeastProductionStartsWith(t *testing.T) {
	t.Parallel()
	c, err := Load(Production, Map(good(t)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Env != Production || c.RateOrders != 10 || c.SnapTradeBudget != 250 || c.DefaultPlan != "trader" {
		t.Errorf("defaults are not production's: %+v", c)
	}
}

func TestSellingPlansNeedsWhatSaysWhichIsWhich(t *testing.T) {
	t.Parallel()
	selling := with(good(t), "WHOP_API_KEY", "key", "WHOP_ACCOUNT_ID", "biz_1", "WHOP_PRODUCT_PLANS", "prod_a=pro", "WHOP_WEBHOOK_SECRET", "ws_1")
	c, err := Load(Production, Map(selling))
	if err != nil || c.DefaultPlan != "free" || c.WhopWebhookSecrets.Reveal() != "ws_1" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := Load(Production, Map(with(selling, "DEFAULT_PLAN", "pro"))); err != nil || c.DefaultPlan != "pro" {
		t.Errorf("the default that was set is %q, %v", c.DefaultPlan, err)
	}
	for name, set := range map[string][]string{
		"WHOP_PRODUCT_PLANS is empty": {"WHOP_PRODUCT_PLANS", ""}, "WHOP_PRODUCT_PLANS has": {"WHOP_PRODUCT_PLANS", "prod_a=gold"},
		"WHOP_ACCOUNT_ID": {"WHOP_ACCOUNT_ID", ""}, "WHOP_CLIENT_ID and": {"WHOP_CLIENT_ID", "app_1"}, "WHOP_BASE_URL must be https": {"WHOP_BASE_URL", "http://whop.example"},
	} {
		if _, err := Load(Production, Map(with(selling, set...))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v, want a word about %s", set, err, name)
		}
	}
}

// exampleLine is one setting of .env.example with the comment above it.
type exampleLine struct{ comment, name, value string }

func example(t *testing.T) []exampleLine {
	t.Helper()
	body, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	var lines []exampleLine
	above := ""
	for _, line := range strings.Split(string(body), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			lines = append(lines, exampleLine{above, name, value})
		}
		above = line
	}
	return lines
}

func TestTheExampleHoldsEverySettingWithItsNames(t *testing.T) {
	t.Parallel()
	names := regexp.MustCompile(`\[([A-Z0-9_, ]+)\]$`)
	shown := map[string]exampleLine{}
	for _, line := range example(t) {
		if _, twice := shown[line.name]; twice {
			t.Errorf("%s stands in .env.example twice", line.name)
		}
		if !strings.HasPrefix(line.comment, "# ") {
			t.Errorf("%s has no line of explanation above it", line.name)
		}
		shown[line.name] = line
	}
	c := Config{}
	for _, s := range c.settings() {
		line, ok := shown[s.Name]
		if !ok {
			t.Errorf("%s is missing in .env.example", s.Name)
			continue
		}
		delete(shown, s.Name)
		var aliases []string
		if found := names.FindStringSubmatch(line.comment); found != nil {
			aliases = strings.Split(found[1], ", ")
		}
		if !slices.Equal(aliases, s.Aliases) {
			t.Errorf("%s: .env.example names %v as accepted too, the program %v", s.Name, aliases, s.Aliases)
		}
	}
	for name := range shown {
		t.Errorf("%s stands in .env.example but is no setting", name)
	}
}

func TestTheExampleShowsEveryDefaultAndNothingElse(t *testing.T) {
	t.Parallel()
	shown := Config{}
	for _, s := range shown.settings() {
		for _, line := range example(t) {
			if line.name == s.Name && line.value != "" {
				if err := s.set(line.value); err != nil {
					t.Errorf("%s=%s: %v", s.Name, line.value, err)
				}
			}
		}
	}
	want := Defaults(Production)
	want.Env = "" // unset: each command has its own
	if !reflect.DeepEqual(shown, want) {
		t.Errorf(".env.example shows\n%+v\nthe defaults are\n%+v", shown, want)
	}
}

func TestEveryProblemIsToldInOneMessage(t *testing.T) {
	t.Parallel()
	_, err := Load(Production, Map(map[string]string{
		"APP_URL": "alertsify.example/login", "RATE_API": "many", "RATE_ORDERS": "0", "SESSION_SECRET": "short",
		"ENCRYPTION_KEYS": "k1:short", "SNAPTRADE_CLIENT_ID": "me", "GETSTREAM_API_SECRET": "s",
		"ALPACA_API_KEY": "k", "VAPID_PUBLIC_KEY": "p", "CRASH_AT": "C7",
	}))
	if err == nil {
		t.Fatal("started")
	}
	for _, name := range []string{
		"APP_URL", "RATE_API", "RATE_ORDERS", "DATABASE_URL", "REDIS_URL", "SESSION_SECRET", "ENCRYPTION_KEYS",
		"SNAPTRADE_CONSUMER_KEY", "GETSTREAM_API_KEY", "ALPACA_API_SECRET", "VAPID_PRIVATE_KEY", "VAPID_SUBJECT", "CRASH_AT",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the message does not name %s:\n%v", name, err)
		}
	}
}

func TestAMessageNeverShowsASecret(t *testing.T) {
	t.Parallel()
	const hush = "hush-hush"
	env := with(good(t), "SESSION_SECRET", hush, "ENCRYPTION_KEYS", "k1:"+hush, "SNAPTRADE_CONSUMER_KEY", hush,
		"GETSTREAM_API_SECRET", hush, "ALPACA_API_SECRET", hush, "VAPID_PRIVATE_KEY", hush, "RATE_API", "no number")
	_, err := Load(Production, Map(env))
	if err == nil || strings.Contains(err.Error(), hush) {
		t.Errorf("err = %v", err)
	}
}

// The address a provider's page shows first is its HTTP one, which is no Redis.
func TestAnHTTPAddressAloneIsNotRedis(t *testing.T) {
	t.Parallel()
	env := with(good(t), "REDIS_URL", "", "KV_REST_API_URL", "https://kv.example")
	_, err := Load(Production, Map(env))
	if err == nil || !strings.Contains(err.Error(), "KV_REST_API_URL") || !strings.Contains(err.Error(), "redis://") {
		t.Errorf("err = %v, want a sentence that says where the redis:// address stands", err)
	}
	env["KV_URL"] = "rediss://kv.example:6379"
	if c, err := Load(Production, Map(env)); err != nil || c.RedisURL != "rediss://kv.example:6379" {
		t.Errorf("beside KV_URL: %q, %v", c.RedisURL, err)
	}
}

func TestProductionRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"plain http":                    {"APP_URL", "http://alertsify.example"},
		"a plain SnapTrade":             {"SNAPTRADE_BASE_URL", "http://127.0.0.1:1/snaptrade"},
		"a plain Discord":               {"DISCORD_BASE_URL", "http://127.0.0.1:1/discord"},
		"a plain Alpaca":                {"ALPACA_BASE_URL", "http://127.0.0.1:1/alpaca"},
		"a plain GetStream":             {"GETSTREAM_BASE_URL", "http://127.0.0.1:1/getstream"},
		"a plain Resend":                {"RESEND_BASE_URL", "http://127.0.0.1:1/resend"},
		"a plain Telegram":              {"TELEGRAM_BASE_URL", "http://127.0.0.1:1/telegram"},
		"a bot without a word":          {"TELEGRAM_WEBHOOK_SECRET", "", "TELEGRAM_BOT_TOKEN", "1:x"},
		"a word without a bot":          {"TELEGRAM_BOT_TOKEN", "", "TELEGRAM_WEBHOOK_SECRET", "0123456789abcdef"},
		"a token that is none":          {"TELEGRAM_BOT_TOKEN", "bot", "TELEGRAM_WEBHOOK_SECRET", "0123456789abcdef"},
		"a word that is short":          {"TELEGRAM_WEBHOOK_SECRET", "0123456789", "TELEGRAM_BOT_TOKEN", "1:x"},
		"a word that Telegram refuses":  {"TELEGRAM_WEBHOOK_SECRET", "0123456789abcde!", "TELEGRAM_BOT_TOKEN", "1:x"},
		"mail without a sender":         {"EMAIL_FROM", "", "RESEND_API_KEY", "re_x"},
		"a sender that is no address":   {"EMAIL_FROM", "nobody", "RESEND_API_KEY", "re_x"},
		"replies to no address":         {"EMAIL_REPLY_TO", "nobody"},
		"a webhook secret that is none": {"RESEND_WEBHOOK_SECRET", "secret"},
		"the sandbox's identities":      {"OPENID_BASE_URL", "http://127.0.0.1:1/openid"},
		"a Sentry without TLS":          {"SENTRY_DSN", "http://k@sentry.example:443/1"},
		"a Sentry at another port":      {"SENTRY_DSN", "https://k@sentry.example:9000/1"},
		"crash points":                  {"CRASH_AT", "C7"},
		"push to this machine":          {"PUSH_EXTRA_HOSTS", "push.example,127.0.0.1:9"},
		"push to localhost":             {"PUSH_EXTRA_HOSTS", "localhost"},
		"an unknown environment":        {"ENV", "staging"},
		"a short session secret":        {"SESSION_SECRET", strings.Repeat("s", 31)},
		"no database":                   {"DATABASE_URL", ""},
		"more connections than it has":  {"DATABASE_CONNECTIONS", "10001"},
		"a share above all":             {"OTEL_TRACES_SAMPLER_ARG", "1.1"},
		"a share that is no number":     {"OTEL_TRACES_SAMPLER_ARG", "NaN"},
		"no Redis":                      {"REDIS_URL", ""},
		"no keys for encryption":        {"ENCRYPTION_KEYS", ""},
		"an address that is no origin":  {"APP_URL", "https://alertsify.example/app"},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Production, Map(with(good(t), change...)))
			if err == nil || !strings.Contains(err.Error(), change[0]) {
				t.Errorf("err = %v, want one naming %s", err, change[0])
			}
		})
	}
}

func TestDevelopmentTakesWhatProductionRefuses(t *testing.T) {
	t.Parallel()
	env := with(good(t), "APP_URL", "http://localhost:8080", "SNAPTRADE_BASE_URL", "http://127.0.0.1:1/snaptrade",
		"OPENID_BASE_URL", "http://127.0.0.1:1/openid", "CRASH_AT", "C7", "PUSH_EXTRA_HOSTS", "127.0.0.1:1", "REDIS_URL", "")
	c, err := Load(Development, Map(env))
	if err != nil {
		t.Fatal(err)
	}
	if c.RateAPI != 10_000 || c.RateOrders != 1000 || c.StreamsPerUser != 500 || c.LogFormat != "text" {
		t.Errorf("development starts at 100 times the rates: %+v", c)
	}
}

func TestENVOverridesTheCommandsOwn(t *testing.T) {
	t.Parallel()
	if _, err := Load(Development, Map(with(good(t), "ENV", Production, "CRASH_AT", "C7"))); err == nil {
		t.Error("ENV=production did not make it production")
	}
}

func TestOldNamesAreAccepted(t *testing.T) {
	t.Parallel()
	const value = "https://value.example"
	base := Config{}
	for _, s := range base.settings() {
		for _, alias := range s.Aliases {
			byName, _ := Load(Development, Map(map[string]string{s.Name: value})) // what else is missing is of no interest
			byAlias, _ := Load(Development, Map(map[string]string{alias: value}))
			nothing, _ := Load(Development, Map(nil))
			if !reflect.DeepEqual(byName, byAlias) || reflect.DeepEqual(byName, nothing) {
				t.Errorf("%s does not do what %s does", alias, s.Name)
			}
			both, _ := Load(Development, Map(map[string]string{s.Name: value, alias: "https://old.example"}))
			if !reflect.DeepEqual(byName, both) {
				t.Errorf("%s wins over %s", alias, s.Name)
			}
		}
	}
}

func TestTheDeprecatedWebhookSecretOnlyWarns(t *testing.T) {
	t.Parallel()
	c, err := Load(Production, Map(with(good(t), "SNAPTRADE_WEBHOOK_SECRET", "hush")))
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "SNAPTRADE_WEBHOOK_SECRET") {
		t.Errorf("warnings = %q, err = %v", c.Warnings, err)
	}
}

func TestEmptyAndBlankMeanUnset(t *testing.T) {
	t.Parallel()
	c, err := Load(Production, Map(with(good(t), "RATE_API", "  ", "LOG_LEVEL", "", "ADDR", " :9 ")))
	if err != nil || c.RateAPI != 100 || c.LogLevel != "info" || c.Addr != ":9" {
		t.Errorf("rate %d, level %q, addr %q, err %v", c.RateAPI, c.LogLevel, c.Addr, err)
	}
}

func TestTheFirstLayerThatHasANameWins(t *testing.T) {
	t.Parallel()
	lookup := Layered(Map(map[string]string{"A": "1", "B": ""}), Map(map[string]string{"A": "2", "B": "3"}))
	for name, want := range map[string]string{"A": "1", "B": "3", "C": ""} {
		if got, ok := lookup(name); got != want || ok != (want != "") {
			t.Errorf("%s = %q %t, want %q", name, got, ok, want)
		}
	}
}

func TestAnEnvFileIsNameValueLines(t *testing.T) {
	t.Parallel()
	got, err := ReadEnvFile(strings.NewReader("# a comment\n\nA=1\n B = two words \nC=\"quoted\"\nD=a=b\nE=\n"))
	want := map[string]string{"A": "1", "B": "two words", "C": "quoted", "D": "a=b", "E": ""}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := ReadEnvFile(strings.NewReader("no equals sign")); err == nil {
		t.Error("a line without = was read")
	}
}

// Each provider with keys has its button; the sandbox has one only where none has.
func TestTheWaysToSignInAreThoseWithKeys(t *testing.T) {
	t.Parallel()
	sandbox := Config{Env: Development, OpenIDURL: "http://127.0.0.1:1/openid", OpenIDClientID: "x"}
	keyed := sandbox
	keyed.GitHubID, keyed.DiscordID = "x", "y"
	live := Config{Env: Production, OpenIDURL: sandbox.OpenIDURL}
	for want, c := range map[string]Config{"sandbox": sandbox, "discord github": keyed, "": live} {
		var names []string
		for _, p := range (&App{cfg: c}).providers() {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("offered %q, want %q", got, want)
		}
	}
}
