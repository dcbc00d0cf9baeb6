package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// R14: what a follower holds of copies counts at its latest quote; once the day's
// loss is reached nothing more is copied.
func TestCopiesStopAtTheDaysLoss(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.settings("cara", `{"status":"paused"}`)
	s.quote(apple, "3.45", "3.50")
	s.place("ava", "BTO 5 AAPL 200C 1/15/27 @ 3.50")
	s.becomes("ben", "BTO executed")
	s.quote(apple, "1.00", "1.10") // the five are worth 1.05 now: some 1,225 lost
	s.exec(`insert into copy_results (user_id, trading_day, realized)
		select user_id, max(trading_day), 1000 from orders where user_id = $1 group by user_id`, s.people["ben"])
	s.place("ava", "BTO 1 AAPL 200C 1/15/27 @ 1.10")
	s.becomes("ben", "BTO executed, BTO executed")
	s.exec(`update copy_results set realized = 0 where user_id = $1`, s.people["ben"])
	s.place("ava", "BTO 2 AAPL 200C 1/15/27 @ 1.10")
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
		s.reaches("ben", s.place("ben", fmt.Sprintf("BTO %d AAPL 200C 1/15/27 @ 3.50", i+1)), "rejected")
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
	s.place("ava", "BTO 4 AAPL 200C 1/15/27 @ 3.50")
	s.becomes("ben", "BTO skipped: risk_breaker")
	s.reaches("ben", s.place("ben", "BTO 6 AAPL 200C 1/15/27 @ 3.50"), "filled")
	if told := s.text(`select string_agg(title, ', ') from notifications where user_id = $1 and type = 'system'`, s.people["ben"]); told != "Copies to one of your accounts are off" {
		t.Errorf("ben is told %q", told)
	}
	if a := s.do("ben", "DELETE", "/api/trading/halt", ""); a.status != http.StatusOK {
		t.Fatalf("resume: %d %s", a.status, a.body)
	}
	s.settings("ben", `{"settings":{"sameContract":"add"}}`)
	s.place("ava", "BTO 2 AAPL 200C 1/15/27 @ 3.50")
	s.becomes("ben", "BTO skipped: risk_breaker, BTO executed")
}
