package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// tally is what every table holds: how many rows, and a sum over what is in them.
type tally map[string]string

// tally reads the tables at one moment. Left out is what moves by itself: the
// queue, the minutes of integrations, SnapTrade's budget, the log of security
// events. Of what background work refreshes in place only the number of rows counts.
func (s *show) tally() tally {
	s.t.Helper()
	pool, ctx := s.stage.db.Pool(), s.t.Context()
	rows, err := pool.Query(ctx, `
		select tablename from pg_tables where schemaname = 'public' and tablename not like 'river%' and tablename not like 'snaptrade_budget%'
		  and tablename not in ('integration_minutes', 'integration_days', 'instances', 'security_events', 'goose_db_version', 'market_clock', 'broker_prices', 'record_sweeps', 'leaderboard_refreshes', 'leaderboard_rows', 'achievements')`)
	if err != nil {
		s.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 25 {
		s.t.Fatalf("%d tables, %v", len(tables), err)
	}
	refreshed := []string{"accounts", "account_looks", "access_tokens", "portal_visits", "snaptrade_users", "connections"}
	var parts []string
	for _, table := range tables {
		content := "coalesce(sum(hashtextextended(t::text, 0)), 0)"
		if slices.Contains(refreshed, table) {
			content = "0"
		}
		parts = append(parts, fmt.Sprintf("select '%s' as name, count(*) || ' rows, ' || %s as held from %s t", table, content, pgx.Identifier{table}.Sanitize()))
	}
	rows, err = pool.Query(ctx, strings.Join(parts, " union all "))
	if err != nil {
		s.t.Fatal(err)
	}
	held := tally{}
	var name, text string
	if _, err := pgx.ForEachRow(rows, []any{&name, &text}, func() error { held[name] = text; return nil }); err != nil {
		s.t.Fatal(err)
	}
	return held
}

// settled waits until nothing is on its way any more and gives what there is.
func (s *show) settled() tally {
	s.t.Helper()
	before, still := s.tally(), 0
	s.eventually("everything comes to rest", func() bool {
		now := s.tally()
		if maps.Equal(before, now) && s.text(`select count(*)::text from river_job where state in ('available', 'running')`) == "0" {
			still++
		} else {
			before, still = now, 0
		}
		return still >= 20
	})
	return before
}

// wroteNothing compares with an earlier tally.
func (s *show) wroteNothing(t *testing.T, before tally) {
	t.Helper()
	for table, now := range s.tally() {
		if before[table] != now {
			t.Errorf("%s was written: %s, then %s", table, before[table], now)
		}
	}
}

// bad is a request and the refusal it must get.
type bad struct {
	name         string
	method, path string // POST /api/trading/orders unless given
	body         string
	headers      []string
	as           string // ava unless given; "nobody"
	status       int
	code         string
	details      string // a piece of the refusal's details
}

var line = `{"line":"BTO 1 AAPL 200C ` + expiry + ` @ 3.50"}`

// fieldsWith is an order of ava's made of fields, one of which is replaced.
func fieldsWith(name, value string) string {
	all := map[string]string{
		"side": `"BTO"`, "underlying": `"AAPL"`, "optionType": `"call"`, "strike": `"200"`, "expiration": `"` + expiryDate + `"`,
		"quantity": "1", "orderType": `"Limit"`, "limitPrice": `"3.50"`, "timeInForce": `"Day"`,
	}
	all[name] = value
	var parts []string
	for _, field := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, fmt.Sprintf("%q:%s", field, all[field]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func wrongJSON() []bad {
	var cases []bad
	for name, body := range map[string]string{
		"broken": `{"line":`, "a doubled key": `{"line":"a","line":"b"}`, "more after the end": line + ` {}`, "a list": `[` + line + `]`,
		"a text": `"BTO"`, "nothing": ` `, "an unknown field": `{"line":"x","lines":"y"}`, "other capitals": `{"Line":"x"}`,
		"quantity 5.0": fieldsWith("quantity", "5.0"), "quantity 1e9": fieldsWith("quantity", "1e9"), "quantity in quotes": fieldsWith("quantity", `"5"`),
		"quantity beyond all integers": fieldsWith("quantity", "99999999999999999999"), "a price as a number": fieldsWith("limitPrice", "3.50"),
		"a price with an exponent": fieldsWith("limitPrice", `"1e3"`), "a price that is none": fieldsWith("limitPrice", `"NaN"`),
		"a list for a text": fieldsWith("underlying", `["AAPL"]`), "half a surrogate": fieldsWith("underlying", `"\ud800"`),
		"no UTF-8": fieldsWith("underlying", "\"\xff\""), "too deep": strings.Repeat(`{"line":`, 40) + "1" + strings.Repeat("}", 40),
	} {
		cases = append(cases, bad{name: "JSON: " + name, body: body, headers: []string{key()}, status: 400, code: "invalid_json"})
	}
	return cases
}

func wrongKeys() []bad {
	id := randomID()
	var cases []bad
	for name, header := range map[string]string{
		"none": "", "15 characters": "Idempotency-Key: " + strings.Repeat("k", 15), "256 characters": "Idempotency-Key: " + strings.Repeat("k", 256),
		"not printable": "Idempotency-Key: 0123456789abcdef\x85", "a tab": "Idempotency-Key: 01234567\t89abcdef",
	} {
		var headers []string
		if header != "" {
			headers = []string{header}
		}
		for _, c := range []bad{
			{method: "POST", path: "/api/trading/orders", body: line},
			{method: "DELETE", path: "/api/trading/orders/" + id},
			{method: "POST", path: "/api/copy-trading/subscribe", body: `{"username":"ava"}`, as: "cara"},
			{method: "POST", path: "/api/copy-trading/decisions/" + id + "/approve", body: "{}"},
		} {
			c.name, c.headers, c.status, c.code = "key: "+name+": "+c.path, headers, 400, "idempotency_key_required"
			cases = append(cases, c)
		}
	}
	return cases
}

func wrongValues() []bad {
	cases := []bad{
		{name: "quantity 0", body: fieldsWith("quantity", "0"), code: "validation_failed", details: `"fields":{"quantity":`},
		{name: "quantity -1", body: fieldsWith("quantity", "-1"), code: "validation_failed", details: `"quantity":`},
		{name: "quantity 10,001", body: fieldsWith("quantity", "10001"), code: "validation_failed", details: `"quantity":`},
		{name: "quantity 101", body: fieldsWith("quantity", "101"), code: "risk_contracts", details: `"limit":100`},
		{name: "quantity 10,000", body: fieldsWith("quantity", "10000"), code: "risk_contracts"},
		{name: "more than $25,000", body: fieldsWith("quantity", "100"), code: "risk_premium"},
		{name: "no such strike", body: fieldsWith("strike", `"987"`), code: "risk_contract"},
		{name: "no such day", body: fieldsWith("expiration", `"`+sampleDay.AddDays(1).String()+`"`), code: "risk_contract"},
		{name: "an expired contract", body: fieldsWith("expiration", `"2020-01-17"`), code: "risk_contract"},
		{name: "a day that does not exist", body: fieldsWith("expiration", `"2027-02-30"`), code: "validation_failed", details: `"expiration":`},
		{name: "between ticks", body: fieldsWith("limitPrice", `"3.52"`), code: "risk_price", details: `"tick":"0.05"`},
		{name: "three decimals", body: fieldsWith("limitPrice", `"1.005"`), code: "risk_price"},
		{name: "price 0", body: fieldsWith("limitPrice", `"0"`), code: "validation_failed", details: `"limitPrice":`},
		{name: "price above all", body: fieldsWith("limitPrice", `"10000.05"`), code: "risk_price"},
		{name: "far above the ask", body: fieldsWith("limitPrice", `"9.00"`), code: "risk_collar"},
		{name: "another side", body: fieldsWith("side", `"buy"`), code: "validation_failed", details: `"side":`},
		{name: "a zero in a text", body: fieldsWith("underlying", `"A\u0000"`), code: "validation_failed"},
		{name: "an account that is no id", body: fieldsWith("accountId", `"x"`), code: "validation_failed", details: `"accountId":`},
		{name: "a line and fields", body: `{"line":"x","quantity":1}`, code: "validation_failed", details: `"line":`},
		{name: "a line with a wrong word", body: `{"line":"BTO five AAPL 200C ` + expiry + ` @ 3.50"}`, code: "validation_failed", details: `"line":`},
		{name: "nothing to do", body: `{}`, code: "validation_failed", details: `"side":`},
		{name: "limit", method: "GET", path: "/api/trading/orders?limit=201", code: "validation_failed", details: `"limit":`},
		{name: "cursor", method: "GET", path: "/api/trading/orders?cursor=x", code: "validation_failed", details: `"cursor":`},
		{name: "view", method: "GET", path: "/api/trading/orders?view=x", code: "validation_failed", details: `"view":`},
		{name: "ids", method: "POST", path: "/api/notifications/read", body: `{"ids":["x"]}`, code: "validation_failed", details: `"ids":`},
		{name: "a group that is none", method: "PUT", path: "/api/notifications/preferences", body: `{"groups":{"x":{"push":true}}}`, code: "validation_failed", details: `"groups.x":`},
		{name: "an hour that is none", method: "PUT", path: "/api/notifications/preferences", body: `{"quietHours":{"from":"24:00","to":"07:00","timeZone":"UTC"}}`, code: "validation_failed", details: `"quietHours.from":`},
		{name: "a muted trader who is none", method: "PUT", path: "/api/notifications/preferences", body: `{"mutedTraders":["a\u0000"]}`, code: "validation_failed", details: `"mutedTraders":`},
		{name: "a channel that is none", method: "POST", path: "/api/notifications/test", body: `{"channel":"pigeon"}`, code: "validation_failed", details: `"channel":`},
		{name: "a zero in a name", method: "PATCH", path: "/api/profile", body: `{"name":"a\u0000"}`, code: "validation_failed", details: `"name":`},
		{name: "a tag with a comma", method: "PATCH", path: "/api/positions/" + randomID(), body: `{"tags":["a,b"]}`, code: "validation_failed", details: `"tags":`},
		{name: "a zero in a note", method: "PATCH", path: "/api/positions/" + randomID(), body: `{"notes":"a\u0000"}`, code: "validation_failed", details: `"notes":`},
		{name: "oneself", method: "POST", path: "/api/copy-trading/subscribe", body: `{"username":"ava"}`, code: "validation_failed", details: `"username":`},
		{name: "settings", method: "POST", path: "/api/copy-trading/subscribe", body: `{"username":"ava","settings":{"maxDelaySeconds":4}}`, as: "root", code: "validation_failed", details: `"maxDelaySeconds":`},
		{name: "a device that is none", method: "POST", path: "/api/push/subscriptions", body: `{"endpoint":"http://127.0.0.1/","keys":{"p256dh":"x","auth":"y"}}`, code: "validation_failed", details: `"endpoint":`},
		{name: "a webhook that is none", method: "PUT", path: "/api/settings/discord", body: `{"url":"https://example.com/"}`, code: "validation_failed", details: `"url":`},
		{name: "back to another site", method: "POST", path: "/api/brokers/connect", body: `{"brokerId":"` + devBroker + `","redirectUri":"https://example.com/"}`, code: "validation_failed", details: `"redirectUri":`},
	}
	for i := range cases {
		cases[i].status = 422
		cases[i].name = "value: " + cases[i].name
		if cases[i].method != "GET" {
			cases[i].headers = []string{key()}
		}
	}
	return cases
}

func wrongDoors() []bad {
	id := randomID()
	return []bad{
		{name: "nobody", as: "nobody", body: line, headers: []string{key()}, status: 401, code: "unauthenticated"},
		{name: "a token that is none", as: "nobody", body: line, headers: []string{key(), "Authorization: Bearer alf_guess"}, status: 401, code: "unauthenticated"},
		{name: "another scheme", as: "nobody", body: line, headers: []string{key(), "Authorization: Basic YTpi"}, status: 401, code: "unauthenticated"},
		{name: "a token makes tokens", method: "POST", path: "/api/tokens", body: `{"name":"x","scope":"read"}`, status: 403, code: "forbidden"},
		{name: "an account that is not there", body: fieldsWith("accountId", `"`+id+`"`), headers: []string{key()}, status: 404, code: "not_found"},
		{name: "a position that is not there", body: `{"side":"STC","positionId":"` + id + `","quantity":1,"limitPrice":"3.50"}`, headers: []string{key()}, status: 404, code: "not_found"},
		{name: "an id that is none", method: "GET", path: "/api/trading/orders/1", status: 404, code: "not_found"},
		{name: "a name that is no text", method: "GET", path: "/api/users/%ff", status: 404, code: "not_found"},
		{name: "a name with a zero", method: "GET", path: "/api/feeds/trade/%00", status: 404, code: "not_found"},
		{name: "a trader with a zero", method: "POST", path: "/api/copy-trading/subscribe", body: `{"username":"\u0000"}`, headers: []string{key()}, status: 404, code: "not_found"},
		{name: "a trader who is none", method: "POST", path: "/api/copy-trading/subscribe", body: `{"username":"cara"}`, headers: []string{key()}, status: 404, code: "not_found"},
		{name: "no such path", method: "GET", path: "/api/nothing", status: 404, code: "not_found"},
		{name: "another method", method: "PUT", path: "/api/trading/orders", body: line, status: 405, code: "method_not_allowed"},
		{name: "a method nobody knows", method: "BREW", path: "/api/trading/orders", status: 405, code: "method_not_allowed"},
		{name: "65,537 bytes", body: line + strings.Repeat(" ", 64<<10+1-len(line)), headers: []string{key()}, status: 413, code: "body_too_large"},
		{name: "65,536 bytes", body: `{"line":"x"}` + strings.Repeat(" ", 64<<10-12), headers: []string{key()}, status: 422, code: "validation_failed"},
		{name: "too much for what needs nothing", method: "POST", path: "/api/notifications/read-all", body: "{" + strings.Repeat(" ", 64<<10), status: 413, code: "body_too_large"},
		{name: "something for what needs nothing", method: "POST", path: "/api/notifications/read-all", body: `{"all":true}`, status: 400, code: "invalid_json"},
		{name: "plain text", body: line, headers: []string{key(), "Content-Type: text/plain"}, status: 415, code: "unsupported_media_type"},
		{name: "a form", body: "line=x", headers: []string{key(), "Content-Type: application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type"},
		{name: "another charset", body: line, headers: []string{key(), "Content-Type: application/json; charset=utf-16"}, status: 415, code: "unsupported_media_type"},
		{name: "compressed", body: line, headers: []string{key(), "Content-Encoding: gzip"}, status: 415, code: "unsupported_media_type"},
		{name: "text for what needs nothing", method: "POST", path: "/api/notifications/read-all", body: "x", headers: []string{"Content-Type: text/plain"}, status: 415, code: "unsupported_media_type"},
	}
}

// What bad input gets is rule 17's table, and nothing is written (INV-35).
func TestBadInputGetsItsRefusalAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	s.quote(apple, "3.45", "3.50")
	for _, user := range []string{"ava", "cara", "root"} {
		s.token(user, "trade")
	}
	before := s.settled()
	for _, c := range slices.Concat(wrongJSON(), wrongKeys(), wrongValues(), wrongDoors()) {
		s.refused(t, c)
		if now := s.tally(); !maps.Equal(before, now) {
			t.Errorf("%s: something was written", c.name)
			s.wroteNothing(t, before)
			before = now
		}
	}
}

func (s *show) refused(t *testing.T, c bad) {
	t.Helper()
	if c.path == "" {
		c.method, c.path = http.MethodPost, "/api/trading/orders"
	}
	if c.as == "" {
		c.as = "ava"
	}
	a := s.do(strings.TrimPrefix(c.as, "nobody"), c.method, c.path, c.body, c.headers...)
	if a.status != c.status || a.code() != c.code {
		t.Errorf("%s: answered %d %s", c.name, a.status, a.body)
	}
	if !contains(a.body, `"request_id":"`+a.header.Get("X-Request-Id")+`"`) || !contains(a.body, c.details) {
		t.Errorf("%s: the refusal says %s", c.name, a.body)
	}
	if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") != "GET, POST" {
		t.Errorf("%s: Allow is %q", c.name, a.header.Get("Allow"))
	}
}

// A token does what its scope says, and nothing once it is revoked.
func TestBadInputTokensDoNoMoreThanTheyMay(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	s.quote(apple, "3.45", "3.50")
	trading := s.do("ava", "GET", "/api/tokens", "").ids(t)[0]
	reader := "Authorization: Bearer " + s.token("ava", "read")
	before := s.settled()
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/api/trading/orders", line}, {"DELETE", "/api/trading/orders/" + randomID(), ""}, {"DELETE", "/api/tokens/" + trading, ""},
		{"PATCH", "/api/copy-trading/subscription/" + randomID(), `{"status":"paused"}`}, {"POST", "/api/notifications/read-all", ""},
	} {
		if a := s.do("", c.method, c.path, c.body, reader, key()); a.status != http.StatusForbidden || a.code() != "forbidden" {
			t.Errorf("a read token's %s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
	s.do("", "POST", "/api/trading/orders/preview", line, reader).want(t, 200)
	s.do("", "POST", "/api/copy-trading/dry-run", `{"username":"ava"}`, reader).want(t, 422) // oneself
	s.wroteNothing(t, before)
	s.do("ava", "DELETE", "/api/tokens/"+trading, "").want(t, 200)
	before = s.settled()
	s.do("ava", "POST", "/api/trading/orders", line, key()).want(t, 401)
	s.wroteNothing(t, before)
}

// Only pages of our own may use the cookie, and what is unsafe never comes from elsewhere.
func TestBadInputFromOtherSitesIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	browser := s.signIn("ava")
	before := s.settled()
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://example.com", "Origin: null"} {
		a := s.send(browser, "POST", "/api/trading/orders", line, key(), header)
		if a.status != http.StatusForbidden || a.code() != "csrf_failed" {
			t.Errorf("%s: %d %s", header, a.status, a.body)
		}
	}
	s.wroteNothing(t, before)
	s.send(browser, "POST", "/api/notifications/read-all", "", "Sec-Fetch-Site: same-origin").want(t, 200)
}

// Headers may hold 32 KiB; net/http answers what is larger, before any of ours.
func TestBadInputHeadersHaveALimit(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.do("ava", "GET", "/api/billing", "", "X-Padding: "+strings.Repeat("x", 31<<10)).want(t, 200)
	s.do("ava", "GET", "/api/billing", "", "X-Padding: "+strings.Repeat("x", 40<<10)).want(t, 431)
}

// The same key with another body is another request, and refused as such; a
// refused request leaves its key free.
func TestBadInputAKeyIsForOneBody(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	k := key()
	s.do("ava", "POST", "/api/trading/orders", fieldsWith("quantity", "0"), k).want(t, 422)
	id := s.do("ava", "POST", "/api/trading/orders", line, k).want(t, 202).ids(t)[0]
	s.eventually("the order rests", func() bool { return s.order("ava", id).State == "accepted" })
	before := s.settled()
	for body, code := range map[string]string{fieldsWith("quantity", "2"): "idempotency_key_reused", line + " ": "idempotency_key_reused"} {
		if a := s.do("ava", "POST", "/api/trading/orders", body, k).want(t, 422); a.code() != code {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	again := s.do("ava", "POST", "/api/trading/orders", line, k).want(t, 202)
	if again.ids(t)[0] != id || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same again: %s", again.body)
	}
	s.wroteNothing(t, before)
	cancel := key()
	s.do("ava", "DELETE", "/api/trading/orders/"+id, "", cancel).want(t, 202)
	if a := s.do("ava", "DELETE", "/api/trading/orders/"+id, "{}", cancel).want(t, 202); a.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a cancel repeated with an empty object: %v", a.header)
	}
	s.eventually("it is cancelled", func() bool { return s.order("ava", id).State == "cancelled" })
	if a := s.do("ava", "DELETE", "/api/trading/orders/"+id, "", key()).want(t, 409); a.code() != "invalid_state" {
		t.Errorf("cancelling what has ended: %s", a.body)
	}
}
