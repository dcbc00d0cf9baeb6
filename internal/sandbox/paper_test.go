package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

func TestMarketOrdersFillAtTheQuote(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.40","ask":"3.50","frozen":true}`, nil)
	bought := w.place(account, "BUY_TO_OPEN", 5, "")
	if bought.Status != statusExecuted || bought.Action != "BUY_OPEN" || bought.Filled != "5.000000000" || *bought.Price != "3.5000" {
		t.Errorf("bought %+v", bought)
	}
	sold := w.place(account, "SELL_TO_CLOSE", 2, "")
	if sold.Action != "SELL_CLOSE" || *sold.Price != "3.4000" {
		t.Errorf("sold %+v", sold)
	}
	var cash []struct{ Cash decimal.Decimal }
	w.snap(http.MethodGet, "/accounts/"+account+"/balances", nil, nil, http.StatusOK, &cash)
	if want := decimal.NewFromInt(100_000 - 1750 + 680); !cash[0].Cash.Equal(want) {
		t.Errorf("cash %s, want %s", cash[0].Cash, want)
	}
	var held struct {
		Results []struct{ Units, CostBasis string }
	}
	w.snap(http.MethodGet, "/accounts/"+account+"/positions/all", nil, nil, http.StatusOK, &held)
	if len(held.Results) != 1 || held.Results[0].Units != "3" {
		t.Errorf("positions %+v", held)
	}
}

func TestLimitOrdersWaitForTheirPrice(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.40","ask":"3.50","frozen":true}`, nil)
	waiting := w.place(account, "BUY_TO_OPEN", 1, "3.45")
	if waiting.Status != statusPending {
		t.Fatalf("order %+v", waiting)
	}
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.30","ask":"3.40"}`, nil)
	if got := w.detail(account, waiting.ID); got.Status != statusExecuted || *got.Price != "3.4000" {
		t.Errorf("order %+v", got)
	}
}

func TestTheSameBodyTwiceIsTwoOrders(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	first, second := w.place(account, "BUY_TO_OPEN", 1, "1.00"), w.place(account, "BUY_TO_OPEN", 1, "1.00")
	if first.ID == second.ID || len(w.book(account)) != 2 {
		t.Errorf("%s and %s, book %d", first.ID, second.ID, len(w.book(account)))
	}
}

// A repeated client_order_id is refused by some brokers and ignored by others.
func TestARepeatedClientOrderID(t *testing.T) {
	t.Parallel()
	for broker, want := range map[string]int{"TASTYTRADE": http.StatusBadRequest, "WEBULL": http.StatusOK} {
		w := openWorld(t)
		w.register()
		account := w.connectBroker(broker)
		body := map[string]any{
			"account_id": account, "action": "BUY_TO_OPEN", "symbol": testOption, "order_type": "Limit", "time_in_force": "Day",
			"price": 1.25, "units": 1, "client_order_id": "0b0c1a77-0000-4000-8000-00000000c0de",
		}
		w.snap(http.MethodPost, "/trade/place", nil, body, http.StatusOK, nil)
		w.snap(http.MethodPost, "/trade/place", nil, body, want, nil)
	}
}

func TestBrokerModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]struct {
		first, later, filled string
	}{
		modeImmediate: {statusExecuted, statusExecuted, "5.000000000"},
		modeManual:    {statusPending, statusPending, "0.000000000"},
		modePartial:   {statusPartial, statusPartial, "2.000000000"},
		modeReject:    {statusPending, statusRejected, "0.000000000"},
		modeExpire:    {statusPending, statusExpired, "0.000000000"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w, account := readyWorld(t)
			w.mode(account, mode)
			first := w.place(account, "BUY_TO_OPEN", 5, "1.00")
			later := w.detail(account, first.ID)
			if first.Status != want.first || later.Status != want.later || later.Filled != want.filled {
				t.Errorf("first %s, later %s with %s filled; want %+v", first.Status, later.Status, later.Filled, want)
			}
		})
	}
}

func TestAModeForEveryoneAndForOneUser(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	if err := w.Name(testUser, "ava"); err != nil {
		t.Fatal(err)
	}
	w.mode("*", modeManual)
	if got := w.place(account, "BUY_TO_OPEN", 1, ""); got.Status != statusPending {
		t.Errorf("manual for all: %s", got.Status)
	}
	w.mode("ava", modeImmediate)
	if got := w.place(account, "BUY_TO_OPEN", 1, "1.00"); got.Status != statusExecuted {
		t.Errorf("immediate for ava: %s", got.Status)
	}
}

func TestFillsByHandComeInSteps(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeManual)
	o := w.place(account, "BUY_TO_OPEN", 5, "3.00")
	w.must(http.MethodPost, "/_sandbox/broker/fill", `{"brokerOrderId":"`+o.ID+`","quantity":2,"price":"2.90"}`, nil)
	if got := w.detail(account, o.ID); got.Status != statusPartial || got.Filled != "2.000000000" || got.Open != "3.000000000" {
		t.Errorf("after two: %+v", got)
	}
	w.must(http.MethodPost, "/_sandbox/broker/fill", `{"brokerOrderId":"`+o.ID+`","quantity":3,"price":"3.00"}`, nil)
	if got := w.detail(account, o.ID); got.Status != statusExecuted || *got.Price != "2.9600" {
		t.Errorf("after five: %+v", got)
	}
	if status, _ := w.plain(http.MethodPost, "/_sandbox/broker/fill", `{"brokerOrderId":"`+o.ID+`","quantity":1}`); status != http.StatusConflict {
		t.Errorf("a sixth contract: %d, want 409", status)
	}
}

func TestALateFillOfACancelledOrderIsReported(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeManual)
	o := w.place(account, "BUY_TO_OPEN", 5, "3.00")
	w.snap(http.MethodPost, "/accounts/"+account+"/trading/cancel", nil, map[string]string{"brokerage_order_id": o.ID}, http.StatusOK, nil)
	if got := w.detail(account, o.ID); got.Status != statusCanceled || got.Canceled != "5.000000000" {
		t.Errorf("cancelled: %+v", got)
	}
	w.must(http.MethodPost, "/_sandbox/broker/fill", `{"brokerOrderId":"`+o.ID+`","quantity":2,"price":"2.90"}`, nil)
	if got := w.detail(account, o.ID); got.Status != statusPartCanceled || got.Filled != "2.000000000" || got.Canceled != "3.000000000" {
		t.Errorf("late fill: %+v", got)
	}
}

func TestWhatTheAccountCannotCarryIsRejected(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeManual)
	if got := w.place(account, "SELL_TO_CLOSE", 1, "1.00"); got.Status != statusRejected {
		t.Errorf("selling what is not held: %s", got.Status)
	}
	if got := w.place(account, "BUY_TO_OPEN", 1000, "2.00"); got.Status != statusRejected {
		t.Errorf("buying for 200,000: %s", got.Status)
	}
	w.place(account, "BUY_TO_OPEN", 400, "2.00")
	if got := w.place(account, "BUY_TO_OPEN", 101, "2.00"); got.Status != statusRejected {
		t.Errorf("buying what the first order ties up: %s", got.Status)
	}
	held := w.place(account, "BUY_TO_OPEN", 2, "2.00")
	w.must(http.MethodPost, "/_sandbox/broker/fill", `{"brokerOrderId":"`+held.ID+`"}`, nil)
	if got := w.place(account, "SELL_TO_CLOSE", 2, "9.00"); got.Status != statusPending {
		t.Errorf("selling both: %s", got.Status)
	}
	if got := w.place(account, "SELL_TO_CLOSE", 1, "9.00"); got.Status != statusRejected {
		t.Errorf("selling a third: %s", got.Status)
	}
}

func TestNonsenseIsRefusedWith400(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	for name, change := range map[string]func(map[string]any){
		"no units":        func(b map[string]any) { leg(b)["units"] = 0 },
		"half a contract": func(b map[string]any) { leg(b)["units"] = 1.5 },
		"unlisted strike": func(b map[string]any) { leg(b)["instrument"] = instrument("AAPL  270115C00200001") },
		"unlisted date":   func(b map[string]any) { leg(b)["instrument"] = instrument("AAPL  270116C00200000") },
		"unpadded symbol": func(b map[string]any) { leg(b)["instrument"] = instrument("AAPL270115C00200000") },
		"adjusted root":   func(b map[string]any) { leg(b)["instrument"] = instrument("AAPL1 270115C00200000") },
		"no limit":        func(b map[string]any) { delete(b, "limit_price") },
		"wrong type":      func(b map[string]any) { b["order_type"] = "Limit" },
		"wrong tif":       func(b map[string]any) { b["time_in_force"] = "DAY" },
		"no legs":         func(b map[string]any) { b["legs"] = []any{} },
	} {
		body := optionBody("BUY_TO_OPEN", 1, "1.00")
		change(body)
		response, raw, err := w.trySnap(http.MethodPost, "/accounts/"+account+"/trading/options", nil, body)
		if err != nil || response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %v %s", name, err, raw)
		}
	}
	if len(w.book(account)) != 0 {
		t.Error("a refused order stands in the book")
	}
}

func leg(body map[string]any) map[string]any { return body["legs"].([]any)[0].(map[string]any) }

func instrument(symbol string) map[string]any {
	return map[string]any{"symbol": symbol, "instrument_type": "OPTION"}
}

func TestReplacingMakesANewOrder(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeManual)
	old := w.place(account, "BUY_TO_OPEN", 5, "3.00")
	w.must(http.MethodPost, "/_sandbox/broker/fill", `{"brokerOrderId":"`+old.ID+`","quantity":2}`, nil)
	var next orderV1
	w.snap(http.MethodPost, "/accounts/"+account+"/trading/replace", nil, map[string]any{
		"brokerage_order_id": old.ID, "action": "BUY_TO_OPEN", "order_type": "Limit", "time_in_force": "Day",
		"price": 3.2, "symbol": testOption, "units": 3,
	}, http.StatusOK, &next)
	if next.ID == old.ID || next.Total != "3.000000000" || next.Filled != "0.000000000" {
		t.Errorf("successor %+v", next)
	}
	if got := w.detail(account, old.ID); got.Status != statusReplaced || got.Filled != "2.000000000" {
		t.Errorf("replaced %+v", got)
	}
}

func TestTradesInTheBrokersAppAreListedButNotDetailed(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.must(http.MethodPost, "/_sandbox/broker/trade", `{"account":"`+testUser+`","symbol":"`+testOption+`","side":"BTO","quantity":3,"price":"2.00"}`, nil)
	list := w.recent(account)
	if len(list) != 1 || list[0].Status != statusExecuted || list[0].Filled != "3.000000000" {
		t.Fatalf("list %+v", list)
	}
	w.snap(http.MethodPost, "/accounts/"+account+"/orders/details", nil, map[string]string{"brokerage_order_id": list[0].ID}, http.StatusNotFound, nil)
	if rows := w.book(testUser); len(rows) != 1 || rows[0].Via != viaApp {
		t.Errorf("book %+v", rows)
	}
	eventually(t, "a holdings hint", func() bool {
		got := w.hooks.events()
		return len(got) > 6 && last(got) == "ACCOUNT_HOLDINGS_UPDATED"
	})
}

func TestRecentOrdersShowExecutedOnesUnlessAsked(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeManual)
	w.place(account, "BUY_TO_OPEN", 1, "1.00")
	var list struct{ Orders []orderV1 }
	w.snap(http.MethodGet, "/accounts/"+account+"/recentOrders", nil, nil, http.StatusOK, &list)
	if len(list.Orders) != 0 || len(w.recent(account)) != 1 {
		t.Errorf("executed only: %+v", list)
	}
}

func TestDayOrdersEndWithTheSession(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	clock := func(now string) { w.must(http.MethodPost, "/_sandbox/clock", `{"now":"`+now+`"}`, nil) }
	clock("2026-11-18T20:59:00Z")
	day := w.place(account, "BUY_TO_OPEN", 1, "0.50")
	clock("2026-11-18T21:00:01Z")
	eventually(t, "the day order expires", func() bool { return w.detail(account, day.ID).Status == statusExpired })

	overnight := w.place(account, "BUY_TO_OPEN", 1, "")
	if overnight.Status != statusPending {
		t.Fatalf("a market order traded after the close: %+v", overnight)
	}
	clock("2026-11-19T14:31:00Z")
	eventually(t, "it fills at the next opening", func() bool { return w.detail(account, overnight.ID).Status == statusExecuted })
}

func TestExpiredContractsAreSettled(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeImmediate)
	w.place(account, "BUY_TO_OPEN", 2, "1.00")
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"AAPL","last":"210","frozen":true}`, nil)
	w.must(http.MethodPost, "/_sandbox/clock", `{"now":"2027-01-15T21:00:30Z"}`, nil)
	eventually(t, "the position is gone", func() bool {
		var held struct{ Results []any }
		w.snap(http.MethodGet, "/accounts/"+account+"/positions/all", nil, nil, http.StatusOK, &held)
		return len(held.Results) == 0
	})
	var past struct{ Data []struct{ Type string } }
	w.snap(http.MethodGet, "/accounts/"+account+"/activities", nil, nil, http.StatusOK, &past)
	if len(past.Data) != 2 || past.Data[0].Type != "OPTIONEXERCISE" {
		t.Errorf("activities %+v", past)
	}
}

// What an account holds can change without any order.
func TestHoldingsChangeOutsideOfOrders(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	type held struct {
		Instrument struct{ Symbol string }
		Units      string
		CostBasis  string `json:"cost_basis"`
	}
	is := func(want ...held) {
		t.Helper()
		var got struct{ Results []held }
		w.snap(http.MethodGet, "/accounts/"+account+"/positions/all", nil, nil, http.StatusOK, &got)
		if !slices.Equal(got.Results, want) {
			t.Errorf("%+v, want %+v", got.Results, want)
		}
	}
	of := func(symbol, units, cost string) (h held) {
		h.Instrument.Symbol, h.Units, h.CostBasis = symbol, units, cost
		return h
	}
	w.must(http.MethodPost, "/_sandbox/broker/hold", `{"account":"`+account+`","symbol":"AAPL270115C00200000","quantity":4,"cost":"3"}`, nil)
	is(of("AAPL  270115C00200000", "4", "3"))
	w.must(http.MethodPost, "/_sandbox/broker/hold", `{"account":"`+account+`","symbol":"AAPL270115C00200000","quantity":3}`, nil)
	is(of("AAPL  270115C00200000", "3", "3"))
	w.must(http.MethodPost, "/_sandbox/broker/rename", `{"account":"`+account+`","symbol":"AAPL270115C00200000","to":"AAPL270115C00100000","quantity":6}`, nil)
	is(of("AAPL  270115C00100000", "6", "1.5"))
	w.must(http.MethodPost, "/_sandbox/broker/hold", `{"account":"`+account+`","symbol":"AAPL270115C00100000"}`, nil)
	is()
	if status, _ := w.plain(http.MethodPost, "/_sandbox/broker/rename", `{"account":"`+account+`","symbol":"AAPL270115C00100000","to":"AAPL270115C00200000"}`); status != http.StatusBadRequest {
		t.Errorf("renaming what is not held: %d", status)
	}
}

// The referee survives kill -9: a second world on the same folder, the first
// never closed, has the same book, log, users, modes and market.
func TestTheBookSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inDir := func(o *Options) { o.Dir = dir }
	first, account := readyWorld(t, inDir)
	if err := first.Name(testUser, "ava"); err != nil {
		t.Fatal(err)
	}
	first.mode(account, modePartial)
	first.place(account, "BUY_TO_OPEN", 5, "3.00")
	before, logged := first.book("ava"), first.deps.log.List("snaptrade", 0)

	second := openWorld(t, inDir)
	second.secret = first.secret
	after := second.book("ava")
	if len(after) != 1 || after[0].BrokerOrderID != before[0].BrokerOrderID || after[0].Filled != 2 || after[0].Status != statusPartial {
		t.Errorf("book after the kill: %+v, before: %+v", after, before)
	}
	if got := second.deps.log.List("snaptrade", 0); len(got) != len(logged) {
		t.Errorf("log has %d entries, had %d", len(got), len(logged))
	}
	again := second.place(account, "BUY_TO_OPEN", 5, "3.00")
	if again.ID == before[0].BrokerOrderID || again.Status != statusPartial {
		t.Errorf("an order after the kill: %+v", again)
	}
	var cash []struct{ Cash decimal.Decimal }
	second.snap(http.MethodGet, "/accounts/"+account+"/balances", nil, nil, http.StatusOK, &cash)
	if want := decimal.NewFromInt(100_000 - 4*300); !cash[0].Cash.Equal(want) {
		t.Errorf("cash %s, want %s", cash[0].Cash, want)
	}
}

func TestCalendarKnowsHolidaysAndHalfDays(t *testing.T) {
	t.Parallel()
	closed := []string{"2026-01-01", "2026-04-03", "2026-06-19", "2026-07-03", "2026-11-26", "2027-03-26", "2027-06-18", "2027-12-24", "2028-04-14", "2026-11-21"}
	half := []string{"2026-11-27", "2026-12-24", "2025-07-03", "2028-07-03"}
	open := []string{"2027-12-31", "2026-11-18", "2028-12-22"}
	parse := func(text string) civilDate {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return dateOf(day)
	}
	for _, text := range closed {
		if isTradingDay(parse(text)) {
			t.Errorf("%s is a trading day", text)
		}
	}
	for _, text := range half {
		if !isHalfDay(parse(text)) {
			t.Errorf("%s is no half day", text)
		}
	}
	for _, text := range open {
		if !isTradingDay(parse(text)) || isHalfDay(parse(text)) {
			t.Errorf("%s is not a full trading day", text)
		}
	}
}

func TestListedExpirations(t *testing.T) {
	t.Parallel()
	u := underlyingNamed("AAPL")
	dates := []string{}
	for _, d := range u.expirations(civilDate{2026, 11, 21}) {
		dates = append(dates, d.String())
	}
	for _, want := range []string{"2026-11-27", "2026-12-18", "2027-01-15", "2027-11-19", "2028-01-21", "2029-01-19"} {
		if !slices.Contains(dates, want) {
			t.Errorf("%s is not listed: %s", want, strings.Join(dates, " "))
		}
	}
}
