package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// R14: what a follower holds of copies counts at its latest quote; once the day's
// loss is reached nothing more is copied.
func TestCopiesStopAtTheDaysLoss(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.settings("cara", `{"status":"paused"}`)
	s.quote(apple, "3.45", "3.50")
	s.place("ava", "BTO 5 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO executed")
	s.quote(apple, "1.00", "1.10") // the five are worth 1.05 now: some 1,225 lost
	s.exec(`insert into copy_results (user_id, trading_day, realized)
		select user_id, max(trading_day), 1000 from orders where user_id = $1 group by user_id`, s.people["ben"])
	s.place("ava", "BTO 1 AAPL 200C "+expiry+" @ 1.10")
	s.becomes("ben", "BTO executed, BTO executed")
	s.exec(`update copy_results set realized = 0 where user_id = $1`, s.people["ben"])
	s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 1.10")
	s.becomes("ben", "BTO executed, BTO executed, BTO skipped: risk_loss_stop")
	var list []struct{ ReasonText string }
	s.do("ben", "GET", "/api/copy-trading/decisions", "").into(t, &list)
	if !strings.Contains(list[0].ReasonText, "loss limit") {
		t.Errorf("the follower reads %q", list[0].ReasonText)
	}
}

// R18: five refusals in a row turn copies to an account off. The owner is told,
// goes on trading by hand, and turns them on again.
func TestRefusalsInARowTurnCopiesOffUntilTheOwnerResumes(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.settings("cara", `{"status":"paused"}`)
	s.quote(apple, "3.45", "3.50")
	s.fails("ben", placing, "error", "status", 400, "count", 5)
	for i := range 5 {
		s.reaches("ben", s.place("ben", fmt.Sprintf("BTO %d AAPL 200C "+expiry+" @ 3.50", i+1)), "rejected")
	}
	type stopped struct {
		Halted bool
		Halts  []struct{ Scope, Cause, Stops, Reason string }
	}
	var now stopped
	s.eventually("copies to ben's account are off", func() bool {
		s.do("ben", "GET", "/api/trading/halt", "").into(t, &now)
		return now.Halted
	})
	if len(now.Halts) != 1 || now.Halts[0].Scope != "account" || now.Halts[0].Cause != "breaker" || now.Halts[0].Stops != "copies" {
		t.Errorf("ben sees %+v", now)
	}
	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO skipped: risk_breaker")
	s.reaches("ben", s.place("ben", "BTO 6 AAPL 200C "+expiry+" @ 3.50"), "filled")
	if told := s.text(`select string_agg(title, ', ') from notifications where user_id = $1 and type = 'system'`, s.people["ben"]); told != "Copies to one of your accounts are off" {
		t.Errorf("ben is told %q", told)
	}
	if a := s.do("ben", "DELETE", "/api/trading/halt", ""); a.status != http.StatusOK {
		t.Fatalf("resume: %d %s", a.status, a.body)
	}
	s.settings("ben", `{"settings":{"sameContract":"add"}}`)
	s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO skipped: risk_breaker, BTO executed")
}

// The kill switch's third level sells what was copied, below the bid, and nothing
// of the follower's own; buys are stopped and taken back first.
func TestTheThirdLevelSellsCopiesAndNothingElse(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.settings("cara", `{"status":"paused"}`)
	s.quote(apple, "3.45", "3.50")
	s.place("ava", "BTO 5 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO executed")
	s.reaches("ben", s.place("ben", "BTO 3 AAPL 200C "+expiry+" @ 3.50"), "filled")
	s.modeOf("ben", "manual")
	resting := s.place("ben", "BTO 1 AAPL 200C "+expiry+" @ 3.40")
	s.reaches("ben", resting, "accepted")
	type stopped struct {
		Halted         bool
		Taken, Selling int
		Left           []string
	}
	stop := func() (done stopped) {
		s.do("ben", "POST", "/api/trading/halt", `{"level":"close"}`).into(t, &done)
		return done
	}
	if done := stop(); !done.Halted || done.Taken != 1 || done.Selling != 1 || len(done.Left) != 0 {
		t.Errorf("stopped %+v", done)
	}
	if done := stop(); done.Taken != 0 || done.Selling != 0 {
		t.Errorf("again: %+v", done)
	}
	sell := s.text(`select id::text from orders where user_id = $1 and side = 'STC'`, s.people["ben"])
	s.fill(s.reaches("ben", sell, "accepted").BrokerOrderID, 5, "3.45")
	s.eventually("five copied ones are sold, three own ones stay", func() bool { held, all := s.copied("ben"); return held == 0 && all == 3 })
	if limit := s.text(`select limit_price::text from orders where user_id = $1 and side = 'STC'`, s.people["ben"]); limit != "3.1500" {
		t.Errorf("sold at a limit of %s, want 10 %% below 3.45 up to the tick", limit)
	}
	s.reaches("ben", resting, "cancelled")
	if done := stop(); done.Selling != 0 || s.sold("ben") != "5" {
		t.Errorf("once more: %+v, sold %s", done, s.sold("ben"))
	}
	if a := s.do("ben", "POST", "/api/trading/orders", line, key()); a.code() != "trading_halted" {
		t.Errorf("a buy while stopped: %d %s", a.status, a.body)
	}
}

// Without a bid nothing can be priced: the stop holds all the same and says what
// could not be sold.
func TestTheThirdLevelSaysWhatItCouldNotSell(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.settings("cara", `{"status":"paused"}`)
	s.quote(apple, "3.45", "3.50")
	s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO executed")
	s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "alpaca", "match": "GET", "mode": "error", "status": 500, "count": 1000}, nil)
	<-time.After(1100 * time.Millisecond) // a quote read before answers for a second
	a := s.do("ben", "POST", "/api/trading/halt", `{"level":"close"}`)
	if !contains(a.body, `"halted":true`) || !contains(a.body, `"selling":0`) || !contains(a.body, "no fresh bid") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Lowering one's own limit is done at once and holds for the next order; raising
// it again, on the page and over the API, needs a fresh sign-in.
func TestOwnLimitsOnThePage(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.quote(apple, "3.45", "3.50")
	browser := s.signIn("ava")
	save := func(value string) answer {
		form := "manualContracts=" + value
		a := s.send(browser, "POST", "/settings/trading", form, "Content-Type: application/x-www-form-urlencoded")
		if to := a.header.Get("Location"); to != "" {
			return s.send(browser, "GET", to, "")
		}
		return a
	}
	if a := save("2"); a.status != http.StatusOK || !contains(a.body, "2 contracts") {
		t.Fatalf("lowering: %d %s", a.status, a.body)
	}
	a := s.do("ava", "POST", "/api/trading/orders", `{"line":"BTO 3 AAPL 200C `+expiry+` @ 3.50"}`, key())
	if a.code() != "risk_contracts" || !contains(a.body, `"limit":2`) {
		t.Errorf("three contracts: %d %s", a.status, a.body)
	}
	if a := save("101"); a.status != http.StatusUnprocessableEntity || !contains(a.body, "only an operator") {
		t.Errorf("beyond the most: %d", a.status)
	}
	s.ageSessions(20 * time.Minute)
	if a := save("3"); !contains(a.body, "Confirm that it is you") {
		t.Errorf("raising with a stale sign-in: %d", a.status)
	}
	if a := save("1"); a.status != http.StatusOK || !contains(a.body, "1 contracts") {
		t.Errorf("lowering with a stale sign-in: %d", a.status)
	}
}
