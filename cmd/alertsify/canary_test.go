package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/alertsify/alertsify/internal/secret"
)

// canaries are secrets by name: those of the settings, and those that are made while the
// product runs.
type canaries map[string]string

// spellings are the forms in which a secret would be found again.
func (c canaries) spellings() map[string]string {
	forms := map[string]string{}
	for name, value := range c {
		quoted, _ := json.Marshal(value)
		for _, form := range []string{
			value, url.QueryEscape(value), url.PathEscape(value), strings.Trim(string(quoted), `"`), hex.EncodeToString([]byte(value)),
			base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		} {
			forms[form] = name
		}
	}
	return forms
}

// of the settings, by what they are called.
var secretSetting = regexp.MustCompile(`SECRET|_KEY|KEYS|TOKEN|DISCORD_WEBHOOK_URL`)

func (s *show) settingsCanaries() canaries {
	c := canaries{}
	for name, value := range s.stage.env {
		if !secretSetting.MatchString(name) || strings.Contains(name, "PUBLIC") || name == "ALPACA_API_KEY" || name == "GETSTREAM_API_KEY" {
			continue
		}
		if _, key, ok := strings.Cut(value, ":"); ok && name == "ENCRYPTION_KEYS" {
			value = key
		}
		if name == "DISCORD_WEBHOOK_URL" {
			value = value[strings.LastIndexByte(value, '/')+1:]
		}
		if _, token, ok := strings.Cut(value, ":"); ok && name == "TELEGRAM_BOT_TOKEN" {
			value = token
		}
		c[name] = strings.TrimPrefix(value, "whsec_")
	}
	return c
}

// recorder keeps what was answered to programs and pages.
type recorder struct {
	way http.RoundTripper // to the program, where it records answers
	mu  sync.Mutex
	all bytes.Buffer
}

// Write keeps what a log says.
func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Write(b)
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.String()
}

// shownOnce are the answers whose purpose is to show a secret, this once.
var shownOnce = regexp.MustCompile(`^(POST /api/tokens|PUT /api/settings/webhook|POST /api/settings/webhook/rotate|POST /api/brokers/connect.*|POST /api/settings/telegram/link|POST /auth/sandbox|GET /api/auth/callback/.*)$`)

// RoundTrip makes a recorder the way to the program.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.way.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode < 400 && shownOnce.MatchString(req.Method+" "+req.URL.Path) || strings.HasPrefix(req.URL.Path, "/openid") || req.URL.Path == "/auth/sandbox" {
		return resp, err
	}
	fmt.Fprintf(r, "%s %s: %d %v %s\n", req.Method, req.URL.Path, resp.StatusCode, resp.Header, body)
	return resp, err
}

// stored is every row of every table, jobs included, as a plain dump has them.
func (s *show) stored() map[string]string {
	s.t.Helper()
	rows, err := s.stage.db.Pool().Query(s.t.Context(), `select tablename from pg_tables where schemaname = 'public' order by 1`)
	if err != nil {
		s.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 50 {
		s.t.Fatalf("%d tables, %v", len(tables), err)
	}
	dump := map[string]string{}
	for _, table := range tables {
		dump["table "+table] = s.text(`select coalesce(string_agg(t::text, E'\n'), '') from ` + pgx.Identifier{table}.Sanitize() + ` t`)
	}
	return dump
}

// kept is every key of Redis with its value.
func (s *show) kept() string {
	s.t.Helper()
	o, err := goredis.ParseURL(s.stage.env["REDIS_URL"])
	if err != nil {
		s.t.Fatal(err)
	}
	rdb := goredis.NewClient(o)
	defer rdb.Close()
	ctx := s.t.Context()
	keys, err := rdb.Keys(ctx, "*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	for _, k := range keys {
		value := rdb.Get(ctx, k).Val() + fmt.Sprint(rdb.HGetAll(ctx, k).Val(), rdb.LRange(ctx, k, 0, -1).Val(), rdb.SMembers(ctx, k).Val(), rdb.ZRange(ctx, k, 0, -1).Val())
		b.WriteString(k + " = " + value + "\n")
	}
	return b.String()
}

// flown names every canary that is in one of the texts, and where.
func (c canaries) flown(places map[string]string) []string {
	var found []string
	forms := c.spellings()
	for _, place := range slices.Sorted(maps.Keys(places)) {
		text := places[place]
		for form, name := range forms {
			if at := strings.Index(text, form); at >= 0 {
				found = append(found, fmt.Sprintf("%s in %s: …%.200q", name, place, text[max(at-100, 0):at]))
			}
		}
	}
	return found
}

// Secrets through the whole product, with every provider answering badly and repeating
// what it was asked: none is found in the log, in an answer, in the metrics, in a job, in
// Redis, in a trace or in a plain dump of the database (INV-42). What it was traced and
// measured by is held against the way it went.
func TestCanariesAreFoundNowhere(t *testing.T) {
	t.Parallel()
	connections := new(http.Transport)
	t.Cleanup(connections.CloseIdleConnections)
	log, answers := recorder{}, recorder{way: connections}
	traces := newTraceReceiver(t)
	s := openLogged(t, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+traces.url, "OTEL_EXPORTER_OTLP_HEADERS=x-key=otlp-header-canary", "CRON_SECRET=cron-secret-canary")
	s.client = &http.Client{Transport: &answers}
	c := s.settingsCanaries()
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.hatch(t, c)
	if len(c) < 20 {
		t.Fatalf("only %d canaries: %v", len(c), slices.Sorted(maps.Keys(c)))
	}
	s.liveBadly(t)
	s.oneTraceFromClickToAlert(t, traces)
	s.everyHopIsMeasured(t)
	places := func() map[string]string {
		all := s.stored()
		all["the log"], all["the answers"], all["Redis"], all["the traces"] = log.text(), answers.text(), s.kept(), traces.text()
		all["the metrics"] = string(s.do("", "GET", "/metrics", "").want(t, 200).body)
		return all
	}
	for place, text := range places() {
		if text == "" && !strings.HasPrefix(place, "table") {
			t.Errorf("%s is empty: nothing was looked at", place)
		}
	}
	for _, found := range c.flown(places()) {
		t.Error(found)
	}
	s.plantIsFound(t, c, &log, places)
}

// hatch makes the secrets that come with people: a session, a token, SnapTrade's, a
// webhook of Discord's, a browser's keys, a receiver's secret.
func (s *show) hatch(t *testing.T, c canaries) {
	t.Helper()
	browser := s.signIn("ava")
	address, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	c["session cookie"] = browser.Jar.Cookies(address)[0].Value
	var made struct{ Token string }
	s.send(browser, "POST", "/api/tokens", `{"name":"canary","scope":"read"}`).want(t, 201).into(t, &made)
	c["access token"] = made.Token
	s.send(s.client, "GET", "/api/positions", "", "Authorization: Bearer "+made.Token).want(t, 200)
	c["trade token"] = s.token("ava", "trade")

	ring, err := secret.ParseRing(secret.New(s.stage.env["ENCRYPTION_KEYS"]))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := ring.Open("snaptrade_users", "user_secret", s.people["ava"].String(), s.text(`select user_secret from snaptrade_users where user_id = $1`, s.people["ava"]))
	if err != nil {
		t.Fatal(err)
	}
	c["SnapTrade user secret"] = opened.Reveal()
	var portal struct{ ConnectionURL string }
	s.do("ava", "POST", "/api/brokers/connect", `{"brokerId":"`+devBroker+`"}`).want(t, 200).into(t, &portal)
	c["portal address"] = portal.ConnectionURL[strings.LastIndexAny(portal.ConnectionURL, "/=")+1:]

	var channel struct{ URL string }
	s.sandbox("POST", "/_sandbox/discord/webhooks", map[string]string{"name": "Mine"}, &channel)
	s.do("ava", "PUT", "/api/settings/discord", `{"url":"`+channel.URL+`"}`).want(t, 200)
	c["Discord webhook token"] = channel.URL[strings.LastIndexByte(channel.URL, '/')+1:]

	var device struct {
		Endpoint string `json:"endpoint"`
		Keys     struct {
			P256dh string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	s.sandbox("POST", "/_sandbox/push/subscriptions", map[string]string{}, &device)
	subscription, err := json.Marshal(device)
	if err != nil {
		t.Fatal(err)
	}
	s.do("ava", "POST", "/api/push/subscriptions", string(subscription)).want(t, 201)
	c["push auth"], c["push p256dh"] = device.Keys.Auth, device.Keys.P256dh
	c["push endpoint"] = device.Endpoint[strings.LastIndexByte(device.Endpoint, '/')+1:]

	var receiver struct{ ID, URL string }
	s.sandbox("POST", "/_sandbox/webhook/receivers", map[string]string{}, &receiver)
	var shown struct{ Secret string }
	s.do("ava", "PUT", "/api/settings/webhook", `{"url":"`+receiver.URL+`"}`).want(t, 200).into(t, &shown)
	s.sandbox("POST", "/_sandbox/webhook/receivers/"+receiver.ID, map[string]string{"secret": shown.Secret}, nil)
	c["receiver secret"] = strings.TrimPrefix(shown.Secret, "whsec_")
	for name, value := range c {
		if len(value) < 12 {
			t.Errorf("the canary %s is only %q", name, value)
		}
	}
}

// liveBadly goes through the main journey twice: once as it should be, once while every
// provider fails in every way, and repeats in its answers what it was asked.
func (s *show) liveBadly(t *testing.T) {
	t.Helper()
	bought := s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ava has it and ben has a copy", func() bool {
		return s.order("ava", bought).State == "filled" && contains(s.do("ben", "GET", "/api/copy-trading/decisions", "").body, `"result":"executed"`)
	})
	for _, f := range []struct {
		target, mode string
		status       int
	}{
		{"snaptrade", "echo", 400}, {"snaptrade", "echo", 500}, {"snaptrade", "drop_before", 0}, {"snaptrade", "accept_then_garbage", 0},
		{"discord", "echo", 500}, {"discord", "echo", 400}, {"discord", "drop_before", 0}, {"push", "echo", 500}, {"push", "drop_before", 0},
		{"getstream", "echo", 500}, {"resend", "echo", 500}, {"telegram", "echo", 500}, {"whop", "echo", 500}, {"whop", "echo", 400}, {"whop", "drop_before", 0},
		{"alpaca", "echo", 500}, {"receiver", "echo", 500},
	} {
		s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": f.target, "match": "*", "mode": f.mode, "status": f.status, "count": 1}, nil)
	}
	key1, key2 := key(), key()
	for _, c := range []struct{ method, path, body, header string }{
		{"POST", "/api/trading/orders", `{"line":"BTO 1 AAPL 200C ` + expiry + ` @ 3.45","confirmDuplicate":true}`, key1},
		{"POST", "/api/brokers/connect", `{"brokerId":"` + devBroker + `"}`, ""},
		{"POST", "/api/trading/orders/preview", `{"line":"BTO 1 AAPL 200C ` + expiry + ` @ 3.50"}`, ""},
		{"POST", "/api/settings/discord/test", "", ""}, {"POST", "/api/settings/webhook/test", "", ""}, {"POST", "/api/notifications/test", `{"channel":"push"}`, ""},
		{"POST", "/api/billing/checkout", `{"plan":"pro"}`, ""}, {"POST", "/api/billing/redeem", `{"licenseKey":"AAAA-BBBB"}`, ""},
		{"GET", "/api/market/chain?symbol=AAPL&expiration=" + expiryDate + "&near=3", "", ""},
		{"POST", "/api/trading/orders", `{"line":"STC 1 AAPL 200C ` + expiry + ` @ 3.45"}`, key2},
	} {
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		s.do("ava", c.method, c.path, c.body, headers...)
	}
	accounts := s.do("ava", "GET", "/api/brokers/accounts", "").ids(t)
	s.do("ava", "POST", "/api/brokers/accounts/"+accounts[0]+"/sync", "")
	s.badSignIn()
	for _, path := range []string{"/dashboard", "/settings/brokers", "/settings/notifications", "/orders", "/nowhere", "/api/tokens", "/api/settings/discord", "/api/settings/webhook"} {
		s.do("ava", "GET", path, "")
	}
	body := s.event("TRADE_UPDATE", map[string]any{"userId": s.people["ava"].String(), "webhookSecret": s.stage.env["SNAPTRADE_CONSUMER_KEY"]})
	s.do("", "POST", hook, body, s.signature(body)).want(t, 200)
	s.sandbox("POST", "/_sandbox/whop/event", map[string]string{"type": "membership.activated", "user": "user_gift"}, nil)
	var left string
	s.eventually("every failure has been met", func() bool {
		if now := s.faultsLeft(); now != left {
			left = now
			t.Log("left: " + left)
		}
		return left == ""
	})
	s.settled()
}

// faultsLeft names the failures that nobody has met yet.
func (s *show) faultsLeft() string {
	s.t.Helper()
	var left struct {
		Data []struct {
			Target, Mode string
			Status       int
		}
	}
	s.sandbox("GET", "/_sandbox/faults", nil, &left)
	names := make([]string, len(left.Data))
	for i, f := range left.Data {
		names[i] = fmt.Sprintf("%s %s %d", f.Target, f.Mode, f.Status)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// badSignIn lets the provider fail in the middle of a sign-in: the code that it gave is
// answered with an error that repeats it.
func (s *show) badSignIn() {
	s.t.Helper()
	b := s.browser()
	callback := s.consent(b, "ava")
	s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "openid", "match": "token", "mode": "echo", "status": 500, "count": 1}, nil)
	a := s.send(b, "GET", callback, "")
	if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "problem=failed") {
		s.t.Errorf("a sign-in whose provider fails = %d %q", a.status, a.header.Get("Location"))
	}
	if left := s.faultsLeft(); strings.Contains(left, "openid") {
		s.t.Errorf("the exchange was never asked for: %s", left)
	}
}

// plantIsFound shows that the search can fail: a canary in each of the places is found.
func (s *show) plantIsFound(t *testing.T, c canaries, log *recorder, places func() map[string]string) {
	t.Helper()
	planted := c["SnapTrade user secret"]
	_, _ = log.Write([]byte("level=ERROR err=" + url.QueryEscape(planted)))
	s.exec(`insert into river_job (kind, args, max_attempts, queue, priority, state) values ('planted', jsonb_build_object('secret', $1::text), 1, 'nowhere', 1, 'available')`, planted)
	s.exec(`update users set bio = encode($1::bytea, 'base64') where id = $2`, []byte(planted), s.people["cara"])
	o, err := goredis.ParseURL(s.stage.env["REDIS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	rdb := goredis.NewClient(o)
	defer rdb.Close()
	if err := rdb.Set(t.Context(), "planted:"+hex.EncodeToString([]byte(planted)), "x", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	found := strings.Join(c.flown(places()), "\n")
	for _, place := range []string{"the log", "Redis", "table river_job", "table users"} {
		if !strings.Contains(found, "SnapTrade user secret in "+place+":") {
			t.Errorf("what was planted in %s is not found:\n%s", place, found)
		}
	}
	s.exec(`delete from river_job where kind = 'planted'`)
	s.exec(`update users set bio = '' where id = $1`, s.people["cara"])
}
