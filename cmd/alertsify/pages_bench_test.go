package main

import (
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/orders"
)

// What somebody has who has traded for years: more than any page shows at once.
const (
	yearsPositions     = 100_000
	yearsOrders        = 100_000 // each with its fill and its alert, all of them published
	yearsNotifications = 10_000  // half of them unread
	yearsDecisions     = 10_000  // about what somebody else traded
	yearsFollowers     = 1000
	yearsDead          = 1000 // messages that never arrived
	yearsOpen          = 60

	pageAsked  = 50 // times, after pageWarm that plan and warm
	pageWarm   = 5
	pageBudget = 50 // ms of the server for a page, at the median
)

// BenchmarkPages asks every page, and every piece that a page renews by itself, for somebody
// who has traded for years, and the operators' for an operator: signed in, over HTTP, of a
// server process with everything on. They are those of the table of routes, so that a new
// one is not forgotten. One whose median is over its budget fails. Times are from the request
// until the last byte of the answer. One run is enough for all of it, so b.N is not looked at.
func BenchmarkPages(b *testing.B) {
	y := newYears(b)
	var report strings.Builder
	slowest := 0.0
	for _, path := range y.paths(b) {
		took, size := y.measure(b, path)
		slowest = max(slowest, took.at(50))
		fmt.Fprintf(&report, "%9.1f %9.1f %9d  %s\n", took.at(50), took.at(99), size, path)
		if took.at(50) > pageBudget {
			b.Errorf("%s: %.1f ms at the median, more than %d", path, took.at(50), pageBudget)
		}
	}
	b.Logf("\n   p50-ms    p99-ms     bytes  page\n%s", &report)
	b.ReportMetric(slowest, "slowest-p50-ms")
	b.ReportMetric(0, "ns/op")
}

// years are those of ava, who trades, is copied and copies; root operates.
type years struct {
	*crowd

	url       string
	ava, root *http.Client      // signed in
	known     map[string]string // what stands for the part of a pattern
}

func newYears(b *testing.B) *years {
	b.Helper()
	y := &years{crowd: newCrowd(b, 0)}
	people, err := y.stage.cast(b.Context(), y.app)
	if err != nil {
		b.Fatal(err)
	}
	ava, root := people["ava"], people["root"]
	y.url = startServer(b, built(b), y.stage.dir, append([]string{"SNAPTRADE_BUDGET=250"}, hurried...)...).url
	y.exec(b, `update subscriptions set status = 'paused', updated_at = now()`)
	y.control(http.MethodPost, "/_sandbox/market", map[string]any{"symbol": apple, "bid": "3.45", "ask": "3.50", "last": "3.45", "frozen": true})
	y.ava, y.root = y.signIn(b, "ava"), y.signIn(b, "root")
	y.mode("immediate")
	order := y.buys(b, ava, "3.50")
	y.until(b, "the order is announced", `select count(*) = 1 from alerts where order_id = $1`, order)
	y.mode("manual")
	working := y.buys(b, ava, "3.40")
	y.hold(b, ava)
	y.goBy(b, ava, root, order)
	y.known = map[string]string{
		"{symbol}": "AAPL", "{table}": "closed", "{username}": "ava", "{document}": "terms", "/orders/{id}": "/orders/" + working,
		"/positions/{id}":     "/positions/" + y.text(b, `select position_id::text from orders where id = $1`, order),
		"/subscriptions/{id}": "/subscriptions/" + y.text(b, `select id::text from subscriptions where follower_id = $1`, ava),
		"/brokers/{id}":       "/brokers/" + y.text(b, `select id::text from accounts where user_id = $1`, ava),
		"/dead-letters/{id}":  "/dead-letters/" + y.text(b, `select id::text from deliveries where state = 'dead' limit 1`),
		"/notifications/{id}": "/notifications/" + y.text(b, `select id::text from notifications where user_id = $1 limit 1`, ava),
	}
	return y
}

// signIn goes the way of a person through the sandbox's sign-in page.
func (y *years) signIn(b *testing.B, person string) *http.Client {
	b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	to := func(method, address string, form url.Values) *url.URL {
		r, err := http.NewRequestWithContext(b.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
		next, err := resp.Location()
		if err != nil {
			b.Fatalf("%s %s leads nowhere: %d", method, address, resp.StatusCode)
		}
		return next
	}
	page := to(http.MethodPost, y.url+"/auth/sandbox", url.Values{})
	form := page.Query()
	form.Set("person", person)
	page.RawQuery = ""
	back := to(http.MethodPost, page.String(), form)          // of APP_URL, which is not the server that we ask
	to(http.MethodGet, y.url+back.RequestURI(), url.Values{}) // to the dashboard
	return client
}

// buys lets somebody buy four contracts at a limit.
func (y *years) buys(b *testing.B, who uuid.UUID, limit string) (order string) {
	b.Helper()
	line := "BTO 4 AAPL 200C " + expiry + " @ " + limit
	if _, err := y.app.Desk().Place(b.Context(), who, orders.Key{Text: uuid.NewString(), Body: []byte(line)}, orders.Request{Line: line}); err != nil {
		b.Fatal(err)
	}
	return y.text(b, `select id::text from orders where user_id = $1 order by created_at desc limit 1`, who)
}

func (y *years) text(b *testing.B, sql string, args ...any) (text string) {
	b.Helper()
	if err := y.stage.db.Pool().QueryRow(b.Context(), sql, args...).Scan(&text); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
	return text
}

// until waits for a condition in the database.
func (y *years) until(b *testing.B, what, sql string, args ...any) {
	b.Helper()
	for end := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		if y.text(b, `select (`+sql+`)::text`, args...) == "true" {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("never: %s", what)
		}
	}
}

// hold lets ava buy many contracts in her broker's own app, and waits until we know.
func (y *years) hold(b *testing.B, ava uuid.UUID) {
	b.Helper()
	for i := range yearsOpen {
		symbol := fmt.Sprintf("AAPL  "+expiryCode+"%s%05d000", []string{"C", "P"}[i/30%2], crowdStrikes()[i%30])
		y.control(http.MethodPost, "/_sandbox/broker/trade", map[string]any{"account": "ava", "symbol": symbol, "side": "BTO", "quantity": 1, "price": "0.50"})
	}
	y.exec(b, `update account_looks set next_look_at = now(), listed_at = now() - interval '1 minute'`)
	y.until(b, "what she bought is known", `select count(*) >= $2 from positions where user_id = $1 and status = 'open' and bought > 0`, ava, yearsOpen)
}

// goBy lets the years go by, in sets: rows like those of one real order.
func (y *years) goBy(b *testing.B, ava, root uuid.UUID, order string) {
	b.Helper()
	if err := y.app.InventPositions(b.Context(), yearsPositions, "ava", mathrand.New(mathrand.NewPCG(yearsPositions, 1))); err != nil {
		b.Fatal(err)
	}
	if err := y.app.Invent(b.Context(), yearsFollowers, "ava", "paper", "years", connector(y.stage.env["SANDBOX_URL"])); err != nil {
		b.Fatal(err)
	}
	y.exec(b, `
		insert into orders select n.*
		from orders o, lateral (select * from positions where user_id = o.user_id and status = 'closed' order by closed_at desc limit $2) p,
			jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'position_id', p.id, 'broker_order_id', 'years-' || p.id, 'symbol', p.symbol,
				'underlying', p.underlying, 'trading_day', p.opened_at::date, 'created_at', p.opened_at, 'executed_at', p.opened_at, 'finished_at', p.opened_at)) n
		where o.id = $1`, order, yearsOrders)
	y.exec(b, `
		insert into fills select n.*
		from fills f, orders o, jsonb_populate_record(f, jsonb_build_object('order_id', o.id, 'position_id', o.position_id, 'executed_at', o.created_at, 'learnt_at', o.created_at)) n
		where f.order_id = $1 and o.broker_order_id like 'years-%'`, order)
	y.exec(b, `
		insert into alerts select n.*
		from alerts a, orders o, jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'order_id', o.id, 'position_id', o.position_id, 'symbol', o.symbol,
			'executed_at', o.created_at, 'learnt_at', o.created_at, 'created_at', o.created_at, 'updated_at', o.created_at)) n
		where a.order_id = $1 and o.broker_order_id like 'years-%'`, order)
	if _, err := y.stage.db.Pool().Exec(b.Context(), `
		insert into published_results (position_id, trader_id, paper, result, realized, cost, finished_at)
		select id, user_id, true, case when outcome in ('win', 'loss', 'breakeven') then outcome end, realized, cost_bought, closed_at
		from positions where user_id = $1 and outcome is not null and closed_at is not null on conflict do nothing`, ava); err != nil {
		b.Fatal(err)
	}
	y.exec(b, `
		insert into notifications (user_id, type, title, body, created_at, read_at)
		select who, 'order_filled', 'Bought 4 AAPL', 'At $3.50', at, case when i % 2 = 0 then at end
		from unnest($1::uuid[]) who, generate_series(1, $2::int) i, lateral (select now() - i * interval '1 hour' as at) t`, []uuid.UUID{ava, root}, yearsNotifications)
	y.exec(b, `insert into subscriptions (follower_id, trader_id) values ($1, $2)`, ava, root)
	y.exec(b, `
		insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity, result, reason, place, place_of, decided_at, expires_at)
		select s.id, s.follower_id, s.trader_id, o.id, 'BTO', o.symbol, 4, 3.5, 4, 'skipped', 'daily_trades', 1, 1, o.created_at, o.created_at
		from subscriptions s, (select * from orders where broker_order_id like 'years-%' limit $2) o where s.follower_id = $1`, ava, yearsDecisions)
	y.exec(b, `
		with hook as (insert into destinations (user_id, channel, address, removed_at) values ($1, 'webhook', 'https://years.example/', now()) returning id)
		insert into deliveries (destination_id, channel, user_id, notification_id, state, last_error, not_before, cutoff, created_at, updated_at)
		select hook.id, 'webhook', $1, n.id, 'dead', 'nobody there', now(), now(), n.created_at, n.created_at
		from hook, (select * from notifications where user_id = $1 limit $2) n`, ava, yearsDead)
	y.exec(b, `analyze`)
}

// exec runs a statement without triggers and without the pool's timeout.
func (y *years) exec(b *testing.B, sql string, args ...any) {
	b.Helper()
	conn, err := y.stage.db.Pool().Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(b.Context(), `set statement_timeout = 0; set session_replication_role = replica`); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(b.Context(), sql, args...); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
	if _, err := conn.Exec(b.Context(), `reset statement_timeout; reset session_replication_role`); err != nil {
		b.Fatal(err)
	}
}

// nobodysPages are not pages: what is loaded once and kept, what machines ask for, and what
// only leads on.
var nobodysPages = []string{
	"/api/", "/tables/{table}/csv", "/assets/", "/gallery", "/metrics", "/sw.js", "/manifest.webmanifest", "/u/", "/settings/billing/whop", auth.PasskeyPath, "/settings/brokers/return",
}

// moreOf are the tabs and orders of pages that read something else with each of them.
var moreOf = map[string][]string{
	"/dashboard":          {"?tab=copy", "?tab=positions", "?line=BTO+5+AAPL+200C+" + expiry + "+@+3.50"},
	"/positions":          {"?status=closed", "?status=closed&sort=pnl", "?status=closed&sort=held"},
	"/orders":             {"?view=today", "?view=history"},
	"/analytics":          {"?tab=trades", "?tab=open", "?tab=symbols", "?tab=calendar", "?tab=heatmap", "?tab=performance", "?source=copied"},
	"/feed":               {"?of=everybody"},
	"/traders":            {"?sort=winRate", "?sort=followers", "?q=av"},
	"/copy":               {"?tab=decisions"},
	"/partials/orders":    {"?view=today"},
	"/partials/positions": {"?status=closed"},
}

// paths are what is asked.
func (y *years) paths(b *testing.B) (paths []string) {
	b.Helper()
	for _, route := range y.app.Routes() {
		if route.Method != http.MethodGet || slices.ContainsFunc(nobodysPages, func(p string) bool { return strings.HasPrefix(route.Pattern, p) }) {
			continue
		}
		path := route.Pattern
		for part, stands := range y.known {
			path = strings.ReplaceAll(path, part, stands)
		}
		if strings.Contains(path, "{") {
			b.Fatalf("%s: nobody said what stands for its part", route.Pattern)
		}
		paths = append(paths, path)
		for _, more := range moreOf[route.Pattern] {
			paths = append(paths, path+more)
		}
	}
	return paths
}

// measure asks one page many times.
func (y *years) measure(b *testing.B, path string) (took latencies, size int) {
	b.Helper()
	who := y.ava
	if strings.HasPrefix(path, "/admin/") {
		who = y.root
	}
	for range pageWarm + pageAsked {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, y.url+path, nil)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		resp, err := who.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		took = append(took, time.Since(began))
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode >= http.StatusBadRequest {
			b.Errorf("%s: %d %v", path, resp.StatusCode, err)
			return latencies{0}, 0
		}
		size = len(body)
	}
	took = took[pageWarm:]
	slices.Sort(took)
	return took, size
}
