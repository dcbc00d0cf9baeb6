package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheMarketClockTicksOnFromTheTimeSet(t *testing.T) {
	t.Parallel()
	told := make(chan ClockSetting, 10)
	w := openWorld(t, func(o *Options) { o.OnClock = func(c ClockSetting) { told <- c } })
	var view struct{ Data clockView }
	w.must(http.MethodGet, "/_sandbox/clock", "", &view)
	if view.Data.Set || !view.Data.InSession {
		t.Errorf("before: %+v", view.Data)
	}
	saturday := time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)
	w.must(http.MethodPost, "/_sandbox/clock", `{"now":"2026-11-21T17:00:00Z"}`, &view)
	if !view.Data.Set || view.Data.InSession || view.Data.Now.Sub(saturday) > time.Minute {
		t.Errorf("on a Saturday: %+v", view.Data)
	}
	setting := <-told
	if later := setting.At(setting.SetAt.Add(time.Hour)); !later.Equal(saturday.Add(time.Hour)) {
		t.Errorf("an hour later the market reads %s", later)
	}
	w.must(http.MethodDelete, "/_sandbox/clock", "", &view)
	if cleared := <-told; cleared.IsSet() || view.Data.Set {
		t.Errorf("cleared: %+v", cleared)
	}
}

func TestTheMarketClockIsToldAgainAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openWorld(t, func(o *Options) { o.Dir = dir })
	first.must(http.MethodPost, "/_sandbox/clock", `{"now":"2026-12-24T17:00:00Z"}`, nil)
	told := make(chan ClockSetting, 1)
	openWorld(t, func(o *Options) {
		o.Dir = dir
		o.OnClock = func(c ClockSetting) { told <- c }
	})
	if setting := <-told; setting.Now.Day() != 24 {
		t.Errorf("setting %+v", setting)
	}
}

func TestTheLogIsOrderedFilteredAndRedacted(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.snap(http.MethodPost, "/snapTrade/resetUserSecret", nil, map[string]string{"userId": testUser, "userSecret": w.secret}, http.StatusOK, nil)
	var all struct{ Data []Received }
	w.must(http.MethodGet, "/_sandbox/log?target=snaptrade", "", &all)
	if len(all.Data) != 2 || all.Data[0].Path != "/snaptrade/snapTrade/registerUser" || all.Data[1].Seq <= all.Data[0].Seq {
		t.Fatalf("log %+v", all.Data)
	}
	if text := string(all.Data[1].Body); strings.Contains(text, w.secret) || !strings.Contains(text, "[redacted]") {
		t.Errorf("body %s", text)
	}
	var later struct{ Data []Received }
	w.must(http.MethodGet, "/_sandbox/log?target=snaptrade&after="+jsonNumber(all.Data[0].Seq), "", &later)
	if len(later.Data) != 1 || later.Data[0].Seq != all.Data[1].Seq {
		t.Errorf("later %+v", later.Data)
	}
	eventually(t, "webhooks are logged", func() bool { return len(w.deps.log.List("webhook", 0)) == 6 })
	w.must(http.MethodDelete, "/_sandbox/log", "", nil)
	w.must(http.MethodGet, "/_sandbox/log", "", &later)
	if len(later.Data) != 0 {
		t.Errorf("after emptying: %+v", later.Data)
	}
	if _, page := w.plain(http.MethodGet, "/_sandbox/", ""); !strings.Contains(string(page), "Broker&#39;s book") && !strings.Contains(string(page), "Broker's book") {
		t.Errorf("page of account %s: %s", account, page)
	}
}

func jsonNumber(n int64) string { return string(asJSON(n)) }

func TestAnnouncedNamesOpenTheBook(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.must(http.MethodPost, "/_sandbox/people", `{"username":"ava","userId":"`+testUser+`"}`, nil)
	w.place(account, "BUY_TO_OPEN", 1, "0.05")
	if rows := w.book("ava"); len(rows) != 1 || rows[0].User != "ava" || rows[0].Account != account {
		t.Errorf("book of ava: %+v", rows)
	}
	if rows := w.book("ben"); len(rows) != 0 {
		t.Errorf("book of a stranger: %+v", rows)
	}
	if status, _ := w.plain(http.MethodPost, "/_sandbox/connect", `{"user":"ben","broker":"WEBULL"}`); status != http.StatusNotFound {
		t.Errorf("connecting a stranger: %d", status)
	}
}

func TestConnectFinishesTheVisitThatIsOpen(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	broken := w.snaptrade.registry.connectionsOf(testUser)[0]
	w.snap(http.MethodPost, "/authorizations/"+broken.ID+"/disable", nil, nil, http.StatusOK, nil)
	w.openPortal(map[string]any{"reconnect": broken.ID, "connectionType": "trade"})
	var made struct{ Data struct{ ConnectionID string } }
	w.must(http.MethodPost, "/_sandbox/connect", `{"user":"`+testUser+`"}`, &made)
	mended, _ := w.snaptrade.registry.connection(broken.ID)
	if made.Data.ConnectionID != broken.ID || mended.Disabled != nil {
		t.Errorf("connected %q, account %s still broken: %v", made.Data.ConnectionID, account, mended.Disabled != nil)
	}
}

func TestQuotesAreSetAndFrozen(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	var q struct {
		Data struct{ Bid, Ask, Last string }
	}
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.40","ask":3.5,"frozen":true}`, &q)
	if q.Data.Bid != "3.40" || q.Data.Ask != "3.50" || q.Data.Last != "3.45" {
		t.Errorf("quote %+v", q.Data)
	}
	w.must(http.MethodPost, "/_sandbox/market", `{"frozen":false}`, nil)
	for range 50 {
		w.market.step(time.Minute)
	}
	w.must(http.MethodGet, "/_sandbox/market?symbol=AAPL270115C00200000", "", &q)
	if q.Data.Bid != "3.40" {
		t.Errorf("a frozen quote moved: %+v", q.Data)
	}
	for _, body := range []string{
		`{"symbol":"AAPL  270115C00200001","bid":"1"}`, `{"symbol":"AAPL","bid":"2","ask":"1"}`, `{"symbol":"` + testOption + `","bid":"-1"}`, `{"symbol":"nonsense"}`,
	} {
		if status, raw := w.plain(http.MethodPost, "/_sandbox/market", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, status, raw)
		}
	}
}

// The same seed walks the same way.
func TestTheWalkFollowsTheSeed(t *testing.T) {
	t.Parallel()
	walked := func(seed int64) float64 {
		w := openWorld(t, func(o *Options) { o.Seed = seed })
		m := &market{
			listed: w.market.listed, order: w.market.order, clock: w.clock, rand: newDice(seed),
			state: marketState{Still: map[string]bool{}, Spots: map[string]float64{}},
		}
		for symbol, u := range m.listed {
			m.state.Spots[symbol] = u.Start
		}
		for range 100 {
			m.step(time.Second)
		}
		return m.state.Spots["AAPL"]
	}
	if walked(1) != walked(1) || walked(1) == walked(2) || walked(1) == underlyingNamed("AAPL").Start {
		t.Errorf("seed 1: %v and %v, seed 2: %v", walked(1), walked(1), walked(2))
	}
}

// Every party is mounted behind its faults.
func TestEveryPartyCanFail(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	for target, path := range map[string]string{
		"snaptrade": "/snaptrade/", "alpaca": "/alpaca/v2/clock", "discord": "/discord/api/v10/webhooks/1/x",
		"push": "/push/1", "getstream": "/getstream/api/v1.0/activities/", "openid": "/openid/jwks",
		"signin": "/signin/discord/api/v10/users/@me",
	} {
		w.fault(Fault{Target: target, Mode: faultError, Status: http.StatusTeapot, Count: 1})
		if status, _ := w.plain(http.MethodGet, path, ""); status != http.StatusTeapot {
			t.Errorf("%s: %d", target, status)
		}
		if status, _ := w.plain(http.MethodGet, path, ""); status == http.StatusTeapot {
			t.Errorf("%s: the fault was not used up", target)
		}
	}
}
