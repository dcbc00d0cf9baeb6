package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/legal"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
	"github.com/alertsify/alertsify/web"
)

// openChecked raises a show whose requests and answers are held against the document.
func openChecked(t *testing.T, settings ...string) (*show, *checker) {
	t.Helper()
	s, c := open(t, settings...), newChecker(t)
	s.client = &http.Client{Transport: c}
	return s, c
}

// browser is a client with cookies that does not follow redirects.
func (s *show) browser() *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{
		Jar: jar, Transport: s.client.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// signIn goes through the sandbox's sign-in page, as a person does.
func (s *show) signIn(person string) *http.Client {
	s.t.Helper()
	b := s.browser()
	if a := s.send(b, "GET", s.consent(b, person), ""); a.status != http.StatusSeeOther {
		s.t.Fatalf("sign in: %d %s", a.status, a.body)
	}
	return b
}

// consent begins a sign-in in a browser, says yes at the provider, and is the path of the
// callback that it leads to.
func (s *show) consent(b *http.Client, person string) string {
	s.t.Helper()
	post := func(address string, form url.Values) string {
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
		if err != nil {
			s.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := b.Do(r)
		if err != nil {
			s.t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.Header.Get("Location")
	}
	page, err := url.Parse(post(s.url+"/auth/sandbox", url.Values{}))
	if err != nil || page.Host == "" {
		s.t.Fatalf("sign in: no way to the provider: %v, %v", page, err)
	}
	form := page.Query()
	form.Set("person", person)
	page.RawQuery = ""
	back, err := url.Parse(post(page.String(), form)) // the product's address, which leads to this server where people come
	if err != nil {
		s.t.Fatalf("sign in: no way back from the provider: %v", err)
	}
	return back.RequestURI()
}

// want fails the test unless the answer has the status, and gives it back.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("answered %d, not %d: %s", a.status, status, a.body)
	}
	return a
}

// ids are the ids of a list or the one id of an object.
func (a answer) ids(t *testing.T) []string {
	t.Helper()
	var list []struct{ ID string }
	if strings.HasPrefix(string(a.body), `{"data":[`) {
		a.into(t, &list)
	} else {
		list = append(list, struct{ ID string }{})
		a.into(t, &list[0])
	}
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	return ids
}

// Every operation of the document is carried out once for real; requests and
// answers are held against it. What the document has and this test does not
// reach, fails it.
func TestAPIAnswersAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	s, c := openChecked(t, "CRON_SECRET="+cronSecret)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	session := s.signIn("ava")
	s.walkOperations(t)
	s.walkBrokers(t)
	s.walkMarket(t)
	s.walkOrders(t)
	s.walkAnalytics(t)
	s.walkHalt(t)
	s.walkConsole(t)
	s.walkCopying(t)
	s.walkTables(t, session)
	s.walkAlerts(t)
	s.walkBilling(t)
	s.walkGuide(t)
	s.walkAccount(t, session)
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			if !c.seen[method+" "+path] {
				t.Errorf("%s %s was never answered with success", method, path)
			}
		}
	}
}

func (s *show) walkOperations(t *testing.T) {
	for _, path := range []string{"/api/health", "/api/health/ready", "/api/openapi.json", "/api/docs", "/api/docs.css"} {
		s.do("", "GET", path, "").want(t, 200)
	}
	for _, path := range []string{"/api/webhooks/snaptrade", "/api/snaptrade/webhook"} {
		body := s.event("ACCOUNT_HOLDINGS_UPDATED", nil)
		s.do("", "POST", path, body, s.signature(body)).want(t, 200)
	}
	keys, err := webhook.ParseSecrets(secret.New(s.stage.env["RESEND_WEBHOOK_SECRET"]))
	if err != nil {
		t.Fatal(err)
	}
	now, event := time.Now(), `{"type":"email.sent","created_at":"2026-11-23T15:04:06.000Z","data":{"email_id":"of nobody"}}`
	s.do("", "POST", "/api/webhooks/resend", event, "svix-id: msg_1", "svix-timestamp: "+strconv.FormatInt(now.Unix(), 10),
		"svix-signature: "+keys[0].Sign("msg_1", now, []byte(event))).want(t, 200)
	s.do("", "POST", "/api/webhooks/telegram", `{"update_id":1000000}`, "X-Telegram-Bot-Api-Secret-Token: "+s.stage.env["TELEGRAM_WEBHOOK_SECRET"]).want(t, 200)
}

// walkBilling buys, redeems and cancels.
func (s *show) walkBilling(t *testing.T) {
	event, stamp := `{"type":"membership.updated","data":{"id":"mem_of_nobody"}}`, strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(s.stage.env["WHOP_WEBHOOK_SECRETS"]))
	mac.Write([]byte("msg_1." + stamp + "." + event))
	s.do("", "POST", "/api/webhooks/whop", event, "webhook-id: msg_1", "webhook-timestamp: "+stamp,
		"webhook-signature: v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))).want(t, 200)
	var gift struct {
		Data struct{ Membership, License string }
	}
	s.sandbox("POST", "/_sandbox/whop/event", map[string]string{"type": "membership.activated", "user": "user_gift"}, &gift)
	if a := s.do("cara", "POST", "/api/billing/redeem", `{"licenseKey":"`+gift.Data.License+`"}`).want(t, 200); !contains(a.body, `"plan":"pro"`) {
		t.Errorf("redeemed: %s", a.body)
	}
	if a := s.do("cara", "POST", "/api/billing/checkout", `{"plan":"trader"}`).want(t, 200); !contains(a.body, "/checkout/ch_") {
		t.Errorf("checkout: %s", a.body)
	}
	if a := s.do("cara", "POST", "/api/billing/cancel", `{"membershipId":"`+gift.Data.Membership+`"}`).want(t, 200); !contains(a.body, `"cancelAtPeriodEnd":true`) {
		t.Errorf("cancelled: %s", a.body)
	}
	list := s.send(s.client, "GET", "/api/admin/members", "", "Authorization: Bearer "+s.token("root", "admin")).want(t, 200)
	if !contains(list.body, `"username":"cara"`) {
		t.Errorf("members: %s", list.body)
	}
}

func (s *show) walkBrokers(t *testing.T) {
	s.do("ava", "GET", "/api/brokers", "").want(t, 200)
	s.do("ava", "POST", "/api/brokers/connect", `{"brokerId":"`+devBroker+`"}`).want(t, 200)
	connection := s.do("ava", "GET", "/api/brokers/connections", "").want(t, 200).ids(t)[0]
	s.do("ava", "POST", "/api/brokers/connections/"+connection+"/reconnect", "").want(t, 200)
	account := s.do("ava", "GET", "/api/brokers/accounts", "").want(t, 200).ids(t)[0]
	s.do("ava", "POST", "/api/brokers/accounts/"+account+"/select", "{}").want(t, 200)
	s.do("ava", "POST", "/api/brokers/accounts/"+account+"/sync", "").want(t, 200)
	s.do("cara", "DELETE", "/api/brokers/accounts/"+s.do("cara", "GET", "/api/brokers/accounts", "").ids(t)[0], "").want(t, 200)
	if left := s.do("cara", "GET", "/api/brokers/accounts", "").ids(t); len(left) > 0 {
		t.Errorf("cara still has %v", left)
	}
}

func (s *show) walkMarket(t *testing.T) {
	s.do("ava", "GET", "/api/market/symbols?q=aap", "").want(t, 200)
	s.do("ava", "GET", "/api/market/expirations?symbol=AAPL", "").want(t, 200)
	a := s.do("ava", "GET", "/api/market/chain?symbol=AAPL&expiration="+expiryDate+"&near=3", "").want(t, 200)
	if !contains(a.body, `"strike":"200"`) && !contains(a.body, `"strikes":[{`) {
		t.Errorf("chain: %s", a.body)
	}
	a = s.do("ava", "GET", "/api/market/quotes?symbols="+url.QueryEscape(apple), "").want(t, 200)
	if !contains(a.body, `"bid":"3.45"`) {
		t.Errorf("quotes: %s", a.body)
	}
	s.do("ava", "PUT", "/api/watchlist", `{"rows":[{"underlying":"AAPL","optionType":"call","expiration":"`+expiryDate+`"},{"underlying":"SPY","optionType":"put","expiration":null,"near":3}]}`).want(t, 200)
	if a := s.do("ava", "GET", "/api/watchlist", "").want(t, 200); !contains(a.body, `"near":5`) || !contains(a.body, `"SPY"`) {
		t.Errorf("watchlist: %s", a.body)
	}
}

func (s *show) walkOrders(t *testing.T) {
	fields := `{"side":"BTO","underlying":"AAPL","optionType":"call","strike":"200","expiration":"` + expiryDate + `","quantity":5,
		"orderType":"Limit","limitPrice":"3.50","timeInForce":"Day"}`
	a := s.do("ava", "POST", "/api/trading/orders/preview", fields).want(t, 200)
	if !contains(a.body, `"cashEffect":"-1750.00"`) || !contains(a.body, `"warnings":[]`) {
		t.Errorf("preview: %s", a.body)
	}
	again := key()
	first := s.do("ava", "POST", "/api/trading/orders", fields, again).want(t, 202)
	second := s.do("ava", "POST", "/api/trading/orders", fields, again).want(t, 202)
	if string(first.body) != string(second.body) || second.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the same key twice: %s then %s", first.body, second.body)
	}
	id := first.ids(t)[0]
	s.eventually("the order fills", func() bool { return s.order("ava", id).State == "filled" })
	position := s.order("ava", id).PositionID
	s.do("ava", "PATCH", "/api/positions/"+position, `{"notes":"on earnings","tags":["swing"]}`).want(t, 200)
	detail := s.do("ava", "GET", "/api/positions/"+position, "").want(t, 200)
	if !contains(detail.body, `"fills":[{`) || !contains(detail.body, `"orders":[{`) || !contains(detail.body, `"averageEntry":"3.50"`) {
		t.Errorf("position: %s", detail.body)
	}
	s.do("ava", "POST", "/api/trading/orders", `{"side":"STC","positionId":"`+position+`","quantity":2,"orderType":"Limit","limitPrice":"3.45"}`, key()).want(t, 202)
	s.do("ava", "POST", "/api/trading/orders/"+id+"/refresh", "").want(t, 202)
	s.mode("manual")
	resting := s.place("ava", "BTO 1 AAPL 200C "+expiry+" @ 3.40")
	s.eventually("the order rests", func() bool { return s.order("ava", resting).State == "accepted" })
	s.do("ava", "PATCH", "/api/trading/orders/"+resting, `{"limitPrice":"3.30"}`, key()).want(t, 202)
	s.eventually("it is replaced", func() bool {
		return contains(s.do("ava", "GET", "/api/trading/orders/"+resting, "").want(t, 200).body, `"limitPrice":"3.30"`)
	})
	s.do("ava", "DELETE", "/api/trading/orders/"+resting, "", key()).want(t, 202)
	s.eventually("it is cancelled", func() bool { return s.order("ava", resting).State == "cancelled" })
	s.mode("immediate")
	if page := s.do("ava", "GET", "/api/trading/orders?view=today&limit=1", "").want(t, 200); contains(page.body, `"nextCursor":null`) {
		t.Errorf("one of three orders is the last page: %s", page.body)
	}
	if list := s.do("ava", "GET", "/api/positions?status=open", "").want(t, 200).ids(t); len(list) != 1 || list[0] != position {
		t.Errorf("open positions: %v", list)
	}
}

func (s *show) walkHalt(t *testing.T) {
	s.mode("manual")
	resting := s.place("ava", "BTO 1 AAPL 200C "+expiry+" @ 3.35")
	s.eventually("the order rests", func() bool { return s.order("ava", resting).State == "accepted" })
	if a := s.do("ava", "POST", "/api/trading/halt", `{"level":"cancel"}`).want(t, 200); !contains(a.body, `"taken":1`) {
		t.Errorf("stop: %s", a.body)
	}
	if a := s.do("ava", "GET", "/api/trading/halt", "").want(t, 200); !contains(a.body, `"halted":true`) || !contains(a.body, `"scope":"self"`) {
		t.Errorf("halts: %s", a.body)
	}
	if a := s.do("ava", "POST", "/api/trading/orders", line, key()).want(t, 409); a.code() != "trading_halted" {
		t.Errorf("a buy while stopped: %s", a.body)
	}
	s.eventually("what rested is cancelled", func() bool { return s.order("ava", resting).State == "cancelled" })
	if a := s.do("ava", "DELETE", "/api/trading/halt", "").want(t, 200); !contains(a.body, `{"halted":false,"halts":[]}`) {
		t.Errorf("resume: %s", a.body)
	}
	s.mode("immediate")
}

func (s *show) walkConsole(t *testing.T) {
	bearer := "Authorization: Bearer " + s.token("root", "admin")
	console := func(method, path, body string) answer {
		return s.send(s.client, method, path, body, bearer).want(t, 200)
	}
	a := console("PUT", "/api/admin/halts", `{"scope":"leader","key":"ava","reason":"Asked by the trader."}`)
	if !contains(a.body, `"name":"@ava"`) || !contains(a.body, `"stops":"copies"`) || !contains(a.body, `"by":"root"`) {
		t.Errorf("halt: %s", a.body)
	}
	if a := s.do("ben", "GET", "/api/trading/halt", "").want(t, 200); !contains(a.body, `"scope":"leader"`) || !contains(a.body, `"key":"ava"`) {
		t.Errorf("a follower sees %s", a.body)
	}
	console("GET", "/api/admin/halts", "")
	if a := console("DELETE", "/api/admin/halts", `{"scope":"leader","key":"ava"}`); !contains(a.body, `"data":[]`) {
		t.Errorf("resume: %s", a.body)
	}
	a = console("PUT", "/api/admin/limits", `{"username":"ava","limit":"manualPremium","value":"40000"}`)
	if !contains(a.body, `"inForce":"40000.00","default":"25000.00","most":"40000.00"`) {
		t.Errorf("grant: %s", a.body)
	}
	console("PUT", "/api/admin/limits", `{"username":"ava","limit":"manualPremium","value":null}`)
	console("GET", "/api/admin/limits?username=ava", "")
	if a := console("GET", "/api/admin/budget", ""); !contains(a.body, `"class":"exit"`) || !contains(a.body, `{"seconds":900,`) {
		t.Errorf("budget: %s", a.body)
	}
	s.walkPeople(t, console)
	s.walkReviews(t, console)
	s.walkWebhooks(t, console)
	s.walkDoors(t, console)
	s.walkCron(t)
	s.walkDeliveries(t, console)
	a = s.do("ava", "PATCH", "/api/settings", `{"timeZone":"Europe/Berlin","announcesDetected":false,"limits":{"manualContracts":"50"}}`).want(t, 200)
	if !contains(a.body, `"timeZone":"Europe/Berlin"`) || !contains(a.body, `"own":"50.00"`) {
		t.Errorf("settings: %s", a.body)
	}
	s.do("ava", "PATCH", "/api/settings", `{"limits":{"manualContracts":null}}`).want(t, 200)
	a = console("GET", "/api/admin/audit?user=ava&kind=risk_limits", "").want(t, 200)
	if !contains(a.body, `"own":[50`) || !contains(a.body, `"by":"ava","actor":"user","origin":"access token `) {
		t.Errorf("the audit log: %s", a.body)
	}
	s.do("ava", "GET", "/api/settings", "").want(t, 200)
}

// walkReviews records what became of an order of root's that nobody can look for.
func (s *show) walkReviews(t *testing.T, console func(method, path, body string) answer) {
	s.linkWithoutLists("root")
	s.fails("root", placing, "drop_before")
	id := s.place("root", "BTO 1 AAPL 200C "+expiry+" @ 3.40")
	s.eventually("nobody knows", func() bool { return s.order("root", id).State == "unknown" })
	s.exec(`update orders set sent_at = sent_at - interval '2 days', deadline = deadline - interval '2 days' where id = $1`, id)
	s.eventually("it may be recorded", func() bool {
		return contains(console("GET", "/api/admin/reviews", "").body, `"mayRecordNotPlaced":true`)
	})
	path, body := "/api/admin/orders/"+id+"/not-placed", `{"evidence":"Called the broker: they never got it."}`
	if a := console("POST", path, body); !contains(a.body, `"state":"not_placed"`) {
		t.Errorf("recorded: %s", a.body)
	}
	again := s.send(s.client, "POST", path, body, "Authorization: Bearer "+s.token("root", "admin")).want(t, 409)
	if again.code() != "invalid_state" {
		t.Errorf("recorded twice: %s", again.body)
	}
}

// walkDoors sends our own webhook endpoints a test, through the address that people see: what
// is rightly signed arrives and changes nothing, what is not is refused.
func (s *show) walkDoors(t *testing.T, console func(method, path, body string) answer) {
	t.Helper()
	const others = `select concat_ws(' ', (select count(*) from users), (select count(*) from telegram_links), (select count(*) from memberships),
		(select count(*) from mail_optouts), (select count(*) from security_events))`
	before := s.text(others)
	var trials []struct {
		Provider, Problem string
		OK                bool
	}
	console("POST", "/api/admin/integrations/test", "").into(t, &trials)
	if len(trials) != 4 {
		t.Errorf("%d doors were tried", len(trials))
	}
	for _, d := range trials {
		if !d.OK {
			t.Errorf("%s: %s", d.Provider, d.Problem)
		}
	}
	stored := s.text(`select count(*) || ' ' || count(*) filter (where state = 'done' and reason = '') from inbound_webhooks where event_type = 'alertsify.test'`)
	if after := s.text(others); stored != "4 4" || after != before {
		t.Errorf("stored and ended: %s; before %s, after %s", stored, before, after)
	}
	s.eventually("each stands with its integration, whatever its sender is called, and what is left too", func() bool {
		a := console("GET", "/api/admin/integrations", "")
		return bytes.Count(a.body, []byte(`"type":"alertsify.test"`)) == len(trials) && contains(a.body, `"remaining":`)
	})
}

// walkCron asks for a job as an outside scheduler does.
func (s *show) walkCron(t *testing.T) {
	t.Helper()
	const path = "/api/cron/warm-cache"
	s.do("", "GET", path, "").want(t, 401)
	s.do("", "GET", "/api/cron/nothing", "", "Authorization: Bearer "+cronSecret).want(t, 404)
	for range 2 { // the second is the first
		a := s.do("", "GET", path, "", "Authorization: Bearer "+cronSecret).want(t, 202)
		if !contains(a.body, `"kind":"warm_cache"`) {
			t.Errorf("asked for a job: %s", a.body)
		}
	}
	s.eventually("it was worked", func() bool {
		return s.text(`select count(*)::text from river_job where kind = 'warm_cache' and state = 'completed'`) != "0"
	})
}

const cronSecret = "the outside scheduler's word"

// walkWebhooks finds a webhook that came in, and has it worked once more.
func (s *show) walkWebhooks(t *testing.T, console func(method, path, body string) answer) {
	t.Helper()
	s.eventually("every integration was asked", func() bool {
		return contains(console("GET", "/api/admin/integrations", "").body, `"name":"whop","state":"ok"`)
	})
	var log []struct{ ID, Provider, State string }
	worked := -1
	s.eventually("a webhook was worked", func() bool {
		console("GET", "/api/admin/webhooks?limit=200", "").into(t, &log)
		worked = slices.IndexFunc(log, func(e struct{ ID, Provider, State string }) bool {
			return e.Provider == "snaptrade" && e.State == "done"
		})
		return worked >= 0
	})
	path := "/api/admin/webhooks/" + log[worked].ID + "/replay"
	if a := console("POST", path, ""); !contains(a.body, `"state":"new"`) {
		t.Errorf("replayed: %s", a.body)
	}
	console("GET", "/api/admin/webhooks?state=parked", "")
}

// walkDeliveries looks at the channels, and works two dead letters of ben's.
func (s *show) walkDeliveries(t *testing.T, console func(method, path, body string) answer) {
	console("GET", "/api/admin/channels", "")
	var device json.RawMessage
	s.sandbox("POST", "/_sandbox/push/subscriptions", map[string]string{}, &device)
	browser := s.do("ben", "POST", "/api/push/subscriptions", string(device)).want(t, 201).ids(t)[0]
	s.exec(`
		with said as (insert into notifications (user_id, type, title) select $1, 'order_filled', 'Filled ' || i from generate_series(1, 2) i returning id)
		insert into deliveries (destination_id, channel, user_id, notification_id, state, last_error, not_before, cutoff, created_at, updated_at)
		select $2::uuid, 'push', $1, id, 'dead', 'made so', now(), now() + interval '1 hour', now(), now() from said`, s.people["ben"], browser)
	const path = "/api/admin/dead-letters"
	dead := console("GET", path+"?channel=push", "").ids(t)
	if len(dead) != 2 {
		t.Fatalf("dead letters: %v", dead)
	}
	if a := console("GET", path+"/"+dead[0], ""); !contains(a.body, `"reason":"made so"`) {
		t.Errorf("dead letter: %s", a.body)
	}
	if a := console("POST", path+"/"+dead[0]+"/replay", ""); !contains(a.body, `"act":"replayed"`) {
		t.Errorf("replayed: %s", a.body)
	}
	if a := console("POST", path+"/"+dead[1]+"/discard", "{}"); !contains(a.body, `"act":"discarded"`) {
		t.Errorf("discarded: %s", a.body)
	}
	said := s.send(s.client, "POST", "/api/admin/announcements", `{"title":"Maintenance","body":"Tonight.","confirm":true}`, key(), "Authorization: Bearer "+s.token("root", "admin")).want(t, 202)
	s.eventually("everybody is told", func() bool {
		return contains(console("GET", "/api/admin/announcements", "").body, `"id":"`+said.ids(t)[0]+`"`) &&
			contains(s.do("cara", "GET", "/api/notifications", "").body, `"title":"Maintenance"`)
	})
}

func (s *show) walkCopying(t *testing.T) {
	list := s.do("ben", "GET", "/api/copy-trading/subscriptions", "").want(t, 200).ids(t)
	path := "/api/copy-trading/subscription/" + list[0]
	s.do("ben", "DELETE", path, "").want(t, 200)
	s.do("ben", "DELETE", "/api/copy-trading/consent", "").want(t, 200)
	s.do("ben", "POST", "/api/copy-trading/consent", `{"version":"2026-11"}`).want(t, 200)
	made := s.do("ben", "POST", "/api/copy-trading/subscribe", `{"username":"ava","settings":{"sameContract":"add","maxDelaySeconds":900,"scaling":{"mode":"factor","value":"1"}}}`, key()).want(t, 201)
	own := "/api/copy-trading/subscription/" + made.ids(t)[0]
	s.do("ben", "PATCH", own, `{"status":"active","settings":{"maxPositionSize":3}}`).want(t, 200)
	if a := s.do("ben", "POST", own+"/mute", "").want(t, 200); !contains(a.body, `"mutedOn":"20`) {
		t.Errorf("mute: %s", a.body)
	}
	s.do("ben", "DELETE", own+"/mute", "").want(t, 200)
	s.do("ben", "GET", "/api/copy-trading/late-brokers", "").want(t, 200)
	if a := s.do("ava", "GET", "/api/copy-trading/subscribers", "").want(t, 200); !contains(a.body, `"username":"ben"`) {
		t.Errorf("followers: %s", a.body)
	}
	if a := s.do("ava", "DELETE", "/api/copy-trading/publishing", "").want(t, 200); !contains(a.body, `"publishing":false`) {
		t.Errorf("stop publishing: %s", a.body)
	}
	if a := s.do("ben", "GET", "/api/trading/halt", "").want(t, 200); !contains(a.body, `"scope":"publishing","key":"ava","cause":"owner"`) {
		t.Errorf("a follower sees %s", a.body)
	}
	s.do("ava", "PUT", "/api/copy-trading/publishing", "").want(t, 200)
	if a := s.do("ava", "GET", "/api/copy-trading/publishing", "").want(t, 200); !contains(a.body, `{"publishing":true,"stoppedAt":null,"followers":2}`) {
		t.Errorf("publishing: %s", a.body)
	}
	s.do("ben", "GET", "/api/copy-trading/triggers", "").want(t, 200)
	if a := s.do("ben", "GET", "/api/copy-trading/traders?sort=followers&period=weekly&q=av", "").want(t, 200); !contains(a.body, `"username":"ava"`) {
		t.Errorf("traders: %s", a.body)
	}
	if a := s.do("", "GET", "/api/leaderboard?metric=winRate&period=all&limit=10", "").want(t, 200); !contains(a.body, `"minimumTrades":20`) || !contains(a.body, `"own":null`) {
		t.Errorf("leaderboard: %s", a.body)
	}
	s.eventually("the first leaderboard is made", func() bool {
		return contains(s.do("ava", "GET", "/api/leaderboard?metric=followers", "").want(t, 200).body, `"own":{"rank":`)
	})
	s.do("", "GET", "/api/leaderboard?metric=luck", "").want(t, 422)
	s.do("", "GET", "/api/leaderboard?period=yearly", "").want(t, 422)
	s.do("", "GET", "/api/leaderboard?cursor=x", "").want(t, 422)
	s.do("ben", "POST", "/api/users/ava/follow", "").want(t, 200)
	if a := s.do("ben", "GET", "/api/users/ava", "").want(t, 200); !contains(a.body, `"followers":2`) || !contains(a.body, `"following":true`) || !contains(a.body, made.ids(t)[0]) {
		t.Errorf("ava: %s", a.body)
	}
	s.do("ben", "DELETE", "/api/users/ava/follow", "").want(t, 200)
	if a := s.do("ava", "GET", "/api/copy-trading/capacity", "").want(t, 200); !contains(a.body, `{"seconds":60,`) {
		t.Errorf("capacity: %s", a.body)
	}
	s.do("root", "POST", "/api/copy-trading/subscribe", `{"username":"ava","settings":{"paper":true,"autoExecute":true,"maxDelaySeconds":900}}`, key()).want(t, 201)
	var waiting []string
	for _, decision := range []string{"approve", "reject"} {
		s.quote(apple, "3.45", "3.50") // copies want a price of the last seconds
		order := s.place("ava", map[string]string{"approve": "BTO 2 AAPL 200C " + expiry + " @ 3.50", "reject": "BTO 3 AAPL 200C " + expiry + " @ 3.50"}[decision])
		s.eventually("ben is asked", func() bool {
			waiting = s.do("ben", "GET", "/api/copy-trading/decisions?view=awaiting", "").want(t, 200).ids(t)
			return len(waiting) == 1
		})
		if a := s.do("ava", "GET", "/api/trading/orders/"+order+"/copies", "").want(t, 200); !contains(a.body, `"awaitingApproval":1`) {
			t.Errorf("copies: %s", a.body)
		}
		if a := s.do("ben", "GET", "/api/copy-trading/decisions/"+waiting[0]+"/line", "").want(t, 200); !contains(a.body, `"placeOf":2`) { // cara stands in it too
			t.Errorf("line: %s", a.body)
		}
		s.do("ben", "POST", "/api/copy-trading/decisions/"+waiting[0]+"/"+decision, "{}", key()).want(t, 200)
		if decision == "approve" {
			s.walkDrift(t, order)
		}
	}
	s.eventually("root copies on paper", func() bool {
		return contains(s.do("root", "GET", "/api/copy-trading/paper", "").want(t, 200).body, `"averageEntry":"3.50"`)
	})
	onPaper := s.do("root", "GET", "/api/copy-trading/subscriptions", "").want(t, 200).ids(t)[0]
	s.eventually("what root holds on paper is sold", func() bool {
		s.quote(apple, "3.45", "3.50")
		a := s.do("root", "POST", "/api/copy-trading/subscription/"+onPaper+"/stop", `{"level":"close","pause":true}`).want(t, 200)
		return contains(a.body, `"left":[]`) && contains(a.body, `"status":"paused"`)
	})
	dry := s.do("ben", "POST", "/api/copy-trading/dry-run", `{"username":"ava","settings":{"paper":true,"maxPositionSize":1,"maxDailyTrades":100}}`).want(t, 200)
	if !contains(dry.body, `"sourceQuantity":3`) || !contains(dry.body, `"quantity":1`) {
		t.Errorf("dry run: %s", dry.body)
	}
}

// walkDrift answers what stands between ben and ava. She still holds, so a drift
// may be settled before it is answered: then it comes apart again.
func (s *show) walkDrift(t *testing.T, order string) {
	s.eventually("ben has his copy of it", func() (held bool) {
		err := s.stage.db.Pool().QueryRow(t.Context(), `
			select exists (select 1 from copy_decisions c join orders e on e.id = c.order_id where c.leader_order_id = $1 and c.user_id = $2 and e.cum > 0)`,
			order, s.people["ben"]).Scan(&held)
		return err == nil && held
	})
	for verb, status := range map[string]int{"keep": 200, "ignore": 200, "close": 202} {
		s.eventually("it is answered with "+verb, func() bool {
			s.quote(apple, "3.45", "3.50")
			id := s.driftOf(t, order)
			s.do("ben", "GET", "/api/copy-trading/drift", "").want(t, 200)
			s.do("ben", "GET", "/api/copy-trading/holdings", "").want(t, 200)
			return s.do("ben", "POST", "/api/copy-trading/drift/"+id+"/"+verb, "{}", key()).status == status
		})
	}
}

func (s *show) walkAlerts(t *testing.T) {
	if record := s.do("", "GET", "/api/traders/ava/record", "").want(t, 200); !contains(record.body, `{"format":"alertsify-record-1"`) {
		t.Errorf("record: %s", record.body)
	}
	s.do("", "GET", "/api/traders/nobody_at_all/record", "").want(t, 404)
	for _, path := range []string{"/traders/ava/card.png", "/leaderboard/card.png?metric=pnl&period=all", "/status/card.png"} {
		if card := s.do("", "GET", path, "").want(t, 200); !bytes.HasPrefix(card.body, []byte("\x89PNG")) {
			t.Errorf("%s is no picture: %.60q", path, card.body)
		}
	}
	for _, path := range []string{"/api/feeds/timeline", "/api/feeds/global", "/api/feeds/trade/ava"} {
		if a := s.do("ben", "GET", path, "").want(t, 200); !contains(a.body, `"username":"ava"`) || contains(a.body, "orderId") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	inbox := s.do("ava", "GET", "/api/notifications?limit=1", "").want(t, 200).ids(t)
	s.do("ava", "GET", "/api/notifications/"+inbox[0]+"/receipts", "").want(t, 200)
	alert := s.text(`select id::text from alerts where user_id = $1 order by created_at limit 1`, s.people["ava"])
	if a := s.do("ava", "GET", "/api/alerts/"+alert+"/receipts", "").want(t, 200); !contains(a.body, `"channel":"discord"`) {
		t.Errorf("receipts: %s", a.body)
	}
	s.do("ava", "POST", "/api/notifications/read", `{"ids":["`+inbox[0]+`"]}`).want(t, 200)
	if a := s.do("ava", "POST", "/api/notifications/read-all", "").want(t, 200); !contains(a.body, `{"unread":0}`) {
		t.Errorf("read all: %s", a.body)
	}
	s.do("ava", "GET", "/api/push/key", "").want(t, 200)
	var device json.RawMessage
	s.sandbox("POST", "/_sandbox/push/subscriptions", map[string]string{}, &device)
	var where struct{ Endpoint string }
	if err := json.Unmarshal(device, &where); err != nil {
		t.Fatal(err)
	}
	s.do("ava", "POST", "/api/push/subscriptions", string(device), "User-Agent: "+strings.Repeat("é", 3000)).want(t, 201)
	s.do("ava", "POST", "/api/notifications/test", `{"channel":"push"}`).want(t, 202)
	s.do("ava", "DELETE", "/api/push/subscriptions", `{"endpoint":"`+where.Endpoint+`"}`).want(t, 200)
	s.walkPreferences(t)
	var channel struct{ URL string }
	s.sandbox("POST", "/_sandbox/discord/webhooks", map[string]string{"name": "Mine"}, &channel)
	s.do("ava", "PUT", "/api/settings/discord", `{"url":"`+channel.URL+`"}`).want(t, 200)
	s.do("ava", "GET", "/api/settings/discord", "").want(t, 200)
	s.do("ava", "POST", "/api/settings/discord/test", "").want(t, 200)
	s.do("ava", "DELETE", "/api/settings/discord", "").want(t, 200)
	s.walkMail(t)
	s.walkReceiver(t)
	s.walkTelegram(t)
}

// walkTelegram goes the whole way: the program has told the sandbox where to send, ava
// presses Start, says that it was her, gets a test, and sends /stop.
func (s *show) walkTelegram(t *testing.T) {
	says := func(text string) {
		t.Helper()
		var answer struct{ Data struct{ Status int } }
		s.sandbox("POST", "/_sandbox/telegram/message", map[string]any{"text": text, "from": 4001, "username": "ava_tg"}, &answer)
		if answer.Data.Status != 200 {
			t.Fatalf("the webhook answered %d", answer.Data.Status)
		}
	}
	s.eventually("Telegram knows our address", func() bool {
		var hook struct{ URL string }
		s.sandbox("GET", "/_sandbox/telegram/webhook", nil, &hook)
		return hook.URL == s.stage.env["APP_URL"]+"/api/webhooks/telegram"
	})
	s.do("ava", "POST", "/api/settings/telegram/link", "").want(t, 200)
	s.do("ava", "DELETE", "/api/settings/telegram/link", "").want(t, 200)
	var link struct{ URL string }
	s.do("ava", "POST", "/api/settings/telegram/link", "").want(t, 200).into(t, &link)
	_, code, _ := strings.Cut(link.URL, "?start=")
	says("/start " + code)
	var chat struct{ Pending *struct{ ID, Name string } }
	s.eventually("somebody has pressed Start", func() bool {
		s.do("ava", "GET", "/api/settings/telegram", "").want(t, 200).into(t, &chat)
		return chat.Pending != nil
	})
	a := s.do("ava", "POST", "/api/settings/telegram/confirm", `{"id":"`+chat.Pending.ID+`"}`).want(t, 200)
	if !contains(a.body, `"name":"@ava_tg"`) {
		t.Errorf("connected as %s", a.body)
	}
	s.do("ava", "POST", "/api/settings/telegram/confirm", `{"id":"`+chat.Pending.ID+`"}`).want(t, 409)
	s.do("ava", "POST", "/api/settings/telegram/test", "").want(t, 200)
	says("/stop")
	s.eventually("her chat has ended", func() bool {
		return contains(s.do("ava", "GET", "/api/settings/telegram", "").want(t, 200).body, `"disabledReason":"you sent /stop to our bot"`)
	})
	s.do("ava", "DELETE", "/api/settings/telegram", "").want(t, 200)
	s.do("ava", "POST", "/api/settings/telegram/test", "").want(t, 404)
}

func (s *show) walkReceiver(t *testing.T) {
	var made struct{ ID, URL string }
	s.sandbox("POST", "/_sandbox/webhook/receivers", map[string]string{}, &made)
	var shown struct{ Secret string }
	s.do("ava", "PUT", "/api/settings/webhook", `{"url":"`+made.URL+`"}`).want(t, 200).into(t, &shown)
	s.do("ava", "GET", "/api/settings/webhook", "").want(t, 200)
	s.sandbox("POST", "/_sandbox/webhook/receivers/"+made.ID, map[string]string{"secret": shown.Secret}, nil)
	s.do("ava", "POST", "/api/settings/webhook/rotate", "").want(t, 200)
	s.do("ava", "POST", "/api/settings/webhook/test", "").want(t, 200)
	s.do("ava", "DELETE", "/api/settings/webhook", "").want(t, 200)
	s.do("ava", "POST", "/api/settings/webhook/test", "").want(t, 404)
}

// walkMail goes the way of a mailbox that dies: signed by the sandbox, told to its owner,
// used again once it is confirmed.
func (s *show) walkMail(t *testing.T) {
	state := func(want string) func() bool {
		return func() bool {
			return contains(s.do("ava", "GET", "/api/settings/email", "").want(t, 200).body, `"state":"`+want+`"`)
		}
	}
	s.eventually("ava's address is in use", state("ok"))
	s.do("ava", "POST", "/api/settings/email/resume", "").want(t, 200) // of nothing: it is in use
	s.do("ava", "POST", "/api/settings/email/test", "").want(t, 200)
	s.sandbox("POST", "/_sandbox/resend/event", map[string]string{"type": "email.bounced", "to": "ava@example.com"}, nil)
	s.eventually("ava's address is known to be dead", state("bounced"))
	s.do("ava", "POST", "/api/settings/email/test", "").want(t, 409)
	s.do("ava", "POST", "/api/settings/email/confirm", "").want(t, 200)
	var mails struct{ Data []struct{ Text string } }
	s.sandbox("GET", "/_sandbox/resend/mails?to=ava@example.com", nil, &mails)
	_, link, _ := strings.Cut(mails.Data[len(mails.Data)-1].Text, s.stage.env["APP_URL"])
	link, _, _ = strings.Cut(link, "\n")
	s.do("", "GET", link, "").want(t, 200)
	if !state("bounced")() {
		t.Error("looking at a link used it")
	}
	a := s.do("", "POST", link, "List-Unsubscribe=One-Click", "Content-Type: application/x-www-form-urlencoded").want(t, 200)
	if !state("ok")() {
		t.Errorf("confirmed, and still not in use: %s", a.body)
	}
}

func (s *show) walkPreferences(t *testing.T) {
	const path = "/api/notifications/preferences"
	a := s.do("ben", "PUT", path, `{"groups":{"fills":{"push":false}},"quietHours":{"from":"22:00","to":"07:00","timeZone":"Asia/Tokyo","urgentThrough":true},"mutedTraders":["ava"]}`).want(t, 200)
	if !contains(a.body, `"types":["order_filled"],"inApp":true,"channels":{"email":false,"push":false`) || !contains(a.body, `"username":"ava"`) {
		t.Errorf("preferences: %s", a.body)
	}
	if a := s.do("ben", "GET", path, "").want(t, 200); !contains(a.body, `"timeZone":"Asia/Tokyo"`) {
		t.Errorf("preferences: %s", a.body)
	}
	s.do("ben", "PUT", path, `{}`).want(t, 200)
}

// walkPeople asks for cara to become a trader, four times: withdrawn, declined, granted, and undone.
func (s *show) walkPeople(t *testing.T, console func(method, path, body string) answer) {
	apply := func() string {
		return s.do("cara", "POST", "/api/profile/application", `{"text":"Weeklies on large caps, since 2020."}`).want(t, 201).ids(t)[0]
	}
	apply()
	s.do("cara", "DELETE", "/api/profile/application", "").want(t, 200)
	console("POST", "/api/admin/applications/"+apply()+"/reject", `{"reason":"Not yet."}`)
	if a := s.do("cara", "GET", "/api/profile/application", "").want(t, 200); !contains(a.body, `"reason":"Not yet."`) {
		t.Errorf("declined: %s", a.body)
	}
	id := apply()
	if a := console("GET", "/api/admin/applications", ""); !contains(a.body, id) {
		t.Errorf("applications: %s", a.body)
	}
	console("POST", "/api/admin/applications/"+id+"/approve", "")
	if a := console("GET", "/api/admin/users?q=ca&role=trader", ""); !contains(a.body, `"username":"cara"`) {
		t.Errorf("users: %s", a.body)
	}
	if a := console("PATCH", "/api/admin/users", `{"username":"cara","role":"subscriber"}`); !contains(a.body, `"role":"subscriber"`) {
		t.Errorf("role: %s", a.body)
	}
	for _, refused := range []string{`{"username":"root","role":"trader"}`, `{"username":"root","status":"suspended"}`} {
		admin := "Authorization: Bearer " + s.token("root", "admin")
		if a := s.send(s.client, "PATCH", "/api/admin/users", refused, admin).want(t, 409); a.code() != "invalid_state" {
			t.Errorf("the last admin: %s", a.body)
		}
	}
}

func (s *show) walkAccount(t *testing.T, session *http.Client) {
	s.do("ava", "PATCH", "/api/profile", `{"bio":"Options."}`).want(t, 200)
	for _, path := range []string{"/api/profile", "/api/users/ava"} {
		if a := s.do("ava", "GET", path, "").want(t, 200); !contains(a.body, `"bio":"Options."`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	s.do("ava", "POST", "/api/legal/accept", `{"documents":[{"document":"terms","version":"`+legal.Documents()[0].Version+`"}]}`).want(t, 200)
	if a := s.do("ava", "GET", "/api/legal", "").want(t, 200); contains(a.body, `"acceptedAt":null`) { // sample people have
		t.Errorf("documents: %s", a.body)
	}
	s.do("ava", "GET", "/api/billing", "").want(t, 200)
	made := s.send(session, "POST", "/api/tokens", `{"name":"script","scope":"read"}`).want(t, 201)
	if a := s.do("ava", "GET", "/api/tokens", "").want(t, 200); contains(a.body, "alf_") || !contains(a.body, `"name":"script"`) {
		t.Errorf("tokens: %s", a.body)
	}
	s.do("ava", "DELETE", "/api/tokens/"+made.ids(t)[0], "").want(t, 200)
	const form = "Content-Type: application/x-www-form-urlencoded"
	s.do("ava", "POST", "/settings/tokens", "name=script&scope=read&days=7", form).want(t, 403) // no token makes another
	s.send(session, "POST", "/settings/tokens", "name=&scope=read&days=7", form).want(t, 422)
	if a := s.send(session, "POST", "/settings/tokens", "name=a+week&scope=read&days=7", form).want(t, 200); !contains(a.body, `data-testid="token">alf_`) {
		t.Error("the page does not show the token it made")
	}
	if a := s.send(session, "GET", "/settings/tokens", "").want(t, 200); contains(a.body, "alf_") || !contains(a.body, "a week") {
		t.Error("the page shows a token more than once, or none")
	}
	a := s.send(session, "GET", "/api/sessions", "").want(t, 200)
	if !contains(a.body, `"current":true`) {
		t.Errorf("sessions: %s", a.body)
	}
	s.listen("ava", "").close()
	type signedIn struct {
		ID      string
		Current bool
	}
	var sessions []signedIn
	a.into(t, &sessions)
	own := slices.IndexFunc(sessions, func(one signedIn) bool { return one.Current })
	s.send(session, "DELETE", "/api/sessions/"+sessions[own].ID, "").want(t, 200)
	s.send(session, "GET", "/api/profile", "").want(t, 401)
	s.do("ava", "DELETE", "/api/sessions", "").want(t, 200)
	s.walkEmail(t)
	if a := s.do("ava", "POST", "/api/account/export", "").want(t, 200); !bytes.HasPrefix(a.body, []byte("PK")) {
		t.Errorf("export: %.40q", a.body)
	}
	s.do("cara", "GET", "/api/account/leaving", "").want(t, 200)
	s.eventually("cara may leave", func() bool {
		return s.send(s.signIn("cara"), "POST", "/api/account/delete", `{"username":"cara"}`).status == 200
	})
}

// walkEmail gives ava another address on the pages, and takes it back from the old mailbox.
func (s *show) walkEmail(t *testing.T) {
	const form, page = "Content-Type: application/x-www-form-urlencoded", "/settings/account"
	address := func() string { return s.text(`select email from users where username = 'ava'`) }
	last := func(to string) (subject, text string) {
		var mails struct {
			Data []struct{ Subject, Text string }
		}
		s.sandbox("GET", "/_sandbox/resend/mails?to="+to, nil, &mails)
		if len(mails.Data) == 0 {
			return "", ""
		}
		return mails.Data[len(mails.Data)-1].Subject, mails.Data[len(mails.Data)-1].Text
	}
	b := s.signIn("ava")
	s.do("ava", "POST", page+"/email", "email=token%40example.com", form).want(t, 403)
	s.send(b, "POST", page+"/email", "email=nobody", form).want(t, 422)
	s.send(b, "POST", page+"/email", "email=new%40example.com", form).want(t, 303)
	subject, _ := last("new@example.com")
	code, _, _ := strings.Cut(subject, " ")
	if a := s.send(b, "GET", page+"?code="+code, "").want(t, 200); !contains(a.body, `value="`+code+`"`) || !contains(a.body, "new@example.com") {
		t.Error("the page does not wait for the code")
	}
	s.send(b, "POST", page+"/email/confirm", "code=1", form).want(t, 422)
	s.send(b, "POST", page+"/email/confirm", "code="+code, form).want(t, 303)
	s.send(b, "GET", "/api/profile", "").want(t, 401)
	s.eventually("the old mailbox is told", func() bool {
		subject, _ := last("ava@example.com")
		return address() == "new@example.com" && subject == "The e-mail address of your Alertsify account was changed"
	})
	_, text := last("ava@example.com")
	_, link, _ := strings.Cut(text, s.stage.env["APP_URL"])
	link, _, _ = strings.Cut(link, "\n")
	s.do("", "GET", link, "").want(t, 200)
	if address() != "new@example.com" {
		t.Error("looking at a link took the change back")
	}
	for range 2 {
		s.do("", "POST", link, "List-Unsubscribe=One-Click", form).want(t, 200)
	}
	if address() != "ava@example.com" {
		t.Errorf("taken back, the address is %s", address())
	}
}

// Somebody who has nothing gets lists that are empty, and never null.
func TestAPIListsOfNothingAreEmpty(t *testing.T) {
	t.Parallel()
	s, c := openChecked(t)
	bearer := "Authorization: Bearer " + s.token("root", "admin")
	var lists int
	for path, item := range c.doc.Paths.Map() {
		if item.Get == nil || strings.Contains(path, "{") || !c.isList(item.Get) || strings.HasPrefix(path, "/api/market/") ||
			path == "/api/legal" || path == "/api/admin/users" || path == "/api/analytics-v2/closed-positions" || path == "/api/admin/limits" || path == "/api/admin/channels" || path == "/api/admin/integrations" || path == "/api/admin/webhooks" || path == "/api/admin/audit" || path == "/api/copy-trading/traders" || path == "/api/leaderboard" || path == "/api/copy-trading/capacity" { // which everybody has
			continue
		}
		lists++
		a := s.send(s.client, "GET", path, "", bearer).want(t, 200)
		if empty := contains(a.body, `{"data":[],"nextCursor":null}`); !empty && path != "/api/brokers" && path != "/api/tokens" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if lists < 10 {
		t.Errorf("only %d lists", lists)
	}
	none := `{"data":[],"pagination":{"total":0,"limit":50,"offset":0,"hasMore":false},"nextCursor":null}`
	if a := s.send(s.client, "GET", "/api/analytics-v2/closed-positions", "", bearer).want(t, 200); !contains(a.body, none) {
		t.Errorf("finished positions: %s", a.body)
	}
}

// Liveness, readiness and metrics have the shapes that outside tools read.
func TestAPIHealthHasItsShapes(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	if a := s.do("", "GET", "/api/health", "").want(t, 200); strings.TrimSpace(string(a.body)) != `{"status":"ok"}` {
		t.Errorf("health: %s", a.body)
	}
	var ready struct {
		Status    string
		Checks    map[string]string
		LatencyMs map[string]int64
	}
	s.do("", "GET", "/api/health/ready", "").want(t, 200).into(t, &ready)
	for _, name := range []string{"database", "redis", "snaptrade", "getstream", "discord", "push", "market", "email", "telegram"} {
		if _, timed := ready.LatencyMs[name]; ready.Checks[name] != "ok" || !timed {
			t.Errorf("%s is %q, timed %v", name, ready.Checks[name], timed)
		}
	}
	if ready.Status != "ready" {
		t.Errorf("the program is %s: %v", ready.Status, ready.Checks)
	}
	for name := range ready.Checks { // what is not the operators' business stands on the public page
		public := slices.ContainsFunc(web.PublicServices, func(s web.PublicService) bool { return s.Check == name })
		if operators := slices.Contains([]string{"instances", "calendar", "push", "sign-in", "budget", "writes", "operators", "sentry", "traces", "metrics", "cron"}, name); public == operators {
			t.Errorf("the check %s stands on /status: %v", name, public)
		}
	}
	a := s.do("", "GET", "/metrics", "").want(t, 200)
	if !contains(a.body, `alertsify_http_request_seconds_count{method="GET",route="/api/health",status="200"} 1`) {
		t.Errorf("metrics: %.2000s", a.body)
	}
}

// Every answer of a known person tells the rate; what is over it gets 429 and
// when to come back. Nobody known is counted by address.
func TestAPIRatesAreToldAndHold(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t, "RATE_API=3", "RATE_API_PAYING=3", "RATE_ANON=4")
	for left := 2; left >= 0; left-- {
		a := s.do("ben", "GET", "/api/billing", "").want(t, 200)
		if a.header.Get("X-RateLimit-Limit") != "3" || a.header.Get("X-RateLimit-Remaining") != string(rune('0'+left)) {
			t.Errorf("with %d left the headers say %v", left, a.header)
		}
	}
	if a := s.do("ben", "GET", "/api/billing", "").want(t, 429); a.code() != "rate_limited" || a.header.Get("Retry-After") == "" {
		t.Errorf("the fourth of three: %s %v", a.body, a.header)
	}
	s.do("cara", "GET", "/api/billing", "").want(t, 200)
	for range 4 {
		s.do("", "GET", "/api/billing", "").want(t, 401)
	}
	s.do("", "GET", "/api/billing", "", "Authorization: Bearer alf_guess").want(t, 429)
	s.do("", "GET", "/api/health", "").want(t, 200)
}

// An automatic copy and a higher limit need a fresh sign-in in a browser; the
// other changes do not.
func TestAPIAsksForAFreshSignInToLoosenCopying(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	browser := s.signIn("cara")
	path := "/api/copy-trading/subscription/" + s.do("cara", "GET", "/api/copy-trading/subscriptions", "").ids(t)[0]
	s.do("cara", "POST", "/api/copy-trading/consent", `{"version":"2026-11"}`).want(t, 200)
	s.send(browser, "PATCH", path, `{"settings":{"maxPositionSize":11}}`).want(t, 200)
	s.ageSessions(16 * time.Minute)
	for body, status := range map[string]int{
		`{"settings":{"maxPositionSize":12}}`:                        403,
		`{"settings":{"autoExecute":true}}`:                          403,
		`{"settings":{"scaling":{"mode":"dollars","value":"1"}}}`:    403,
		`{"settings":{"orderType":"market"}}`:                        403,
		`{"settings":{"maxSlippagePercent":"5.01"}}`:                 403,
		`{"settings":{"maxPositionSize":11,"autoExecute":false}}`:    200,
		`{"settings":{"maxSlippagePercent":"5","maxDailyTrades":5}}`: 200,
		`{"status":"paused"}`:                                        200,
		`{"settings":{"sameContract":"skip","orderType":"limit"}}`:   200,
	} {
		if a := s.send(browser, "PATCH", path, body); a.status != status || status == 403 && a.code() != "reauth_required" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	s.do("cara", "PATCH", path, `{"settings":{"maxPositionSize":5}}`).want(t, 200) // a trade token passed it when it was made
	s.send(browser, "PUT", "/api/settings/discord", `{"url":"x"}`).want(t, 403)
	s.send(browser, "POST", "/api/tokens", `{"name":"x","scope":"read"}`).want(t, 403)
}

// ageSessions makes every browser's sign-in that much older.
func (s *show) ageSessions(by time.Duration) {
	s.t.Helper()
	pool := s.stage.db.Pool()
	rows, err := pool.Query(s.t.Context(), "select token_hash, data from sessions")
	if err != nil {
		s.t.Fatal(err)
	}
	type row struct {
		Token string
		Data  []byte
	}
	sessions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil || len(sessions) == 0 {
		s.t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	for _, one := range sessions {
		deadline, values, err := scs.GobCodec{}.Decode(one.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, name := range []string{"auth_time", "shown_at"} {
			if at, ok := values[name].(int64); ok {
				values[name] = at - int64(by.Seconds())
			}
		}
		data, err := scs.GobCodec{}.Encode(deadline, values)
		if err == nil {
			_, err = pool.Exec(s.t.Context(), "update sessions set data = $2 where token_hash = $1", one.Token, data)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}
