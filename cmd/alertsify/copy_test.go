package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// shownDecision is a decision as its follower reads it.
type shownDecision struct {
	ID, Side, Result, SourceOrderID string
	Reason, OrderID                 *string
	Quantity                        int
}

// decisions are a follower's, oldest first, as "BTO queued" or "STC skipped: no_copy_held".
func (s *show) decisions(user string) (list []shownDecision) {
	s.t.Helper()
	s.do(user, "GET", "/api/copy-trading/decisions", "").into(s.t, &list)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

func (s *show) decided(user string) string {
	s.t.Helper()
	var words []string
	for _, d := range s.decisions(user) {
		word := d.Side + " " + d.Result
		if d.Reason != nil {
			word += ": " + *d.Reason
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// becomes waits until a follower's decisions read so.
func (s *show) becomes(user, want string) {
	s.t.Helper()
	s.eventually(user+" has "+want, func() bool { return s.decided(user) == want })
}

// settings changes how a follower copies.
func (s *show) settings(user, change string) {
	s.t.Helper()
	var list []struct{ ID string }
	s.do(user, "GET", "/api/copy-trading/subscriptions", "").into(s.t, &list)
	if a := s.do(user, "PATCH", "/api/copy-trading/subscription/"+list[0].ID, change); a.status != http.StatusOK {
		s.t.Fatalf("change %s's settings: %d %s", user, a.status, a.body)
	}
}

// awaiting waits for the one question a follower has.
func (s *show) awaiting(user string) (id string) {
	s.t.Helper()
	s.eventually(user+" is asked", func() bool {
		var list []struct{ ID string }
		s.do(user, "GET", "/api/copy-trading/decisions?view=awaiting", "").into(s.t, &list)
		if len(list) == 1 {
			id = list[0].ID
		}
		return len(list) == 1
	})
	return id
}

func (s *show) approve(user, decision string) answer {
	s.t.Helper()
	return s.do(user, "POST", "/api/copy-trading/decisions/"+decision+"/approve", "{}", key())
}

// modeOf sets how the paper broker fills one person's orders.
func (s *show) modeOf(user, mode string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/broker/mode", map[string]string{"account": user, "mode": mode}, nil)
}

// fill fills further contracts of a working order.
func (s *show) fill(broker string, quantity int, price string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/broker/fill", map[string]any{"brokerOrderId": broker, "quantity": quantity, "price": price}, nil)
	s.look()
}

// look lets every account with an order be listed now.
func (s *show) look() {
	s.t.Helper()
	_, err := s.stage.db.Pool().Exec(s.t.Context(), `update account_looks set next_look_at = now(), listed_at = now() - interval '1 minute'`)
	if err != nil {
		s.t.Fatal(err)
	}
}

// sold are the quantities of a person's sells in the broker's book.
func (s *show) sold(user string) string {
	s.t.Helper()
	var list []string
	for _, o := range s.book(user) {
		if strings.HasPrefix(o.Action, "SELL") {
			list = append(list, o.Quantity.String())
		}
	}
	return strings.Join(list, " ")
}

// copied reads what is left of a follower's copies, and what their position holds.
func (s *show) copied(user string) (held, all int) {
	s.t.Helper()
	err := s.stage.db.Pool().QueryRow(s.t.Context(), `
		select coalesce((select sum(bought - sold) from copy_holdings where user_id = $1), 0)::int,
			coalesce((select sum(bought - sold) from positions where user_id = $1), 0)::int`, s.people[user]).Scan(&held, &all)
	if err != nil {
		s.t.Fatal(err)
	}
	return held, all
}

func TestExitsFollowStepByStepAndKeepTheFollowersOwn(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.settings("ben", `{"settings":{"scaling":{"mode":"factor","value":"0.5"}}}`)
	s.settings("cara", `{"status":"paused"}`)
	s.place("ava", "BTO 10 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO executed")
	own := s.place("ben", "BTO 7 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ben has his own", func() bool { return s.order("ben", own).State == "filled" })

	s.modeOf("ava", "manual")
	sell := s.place("ava", "STC 10 AAPL 200C "+expiry+" @ 3.45")
	s.eventually("ava's sell works", func() bool { return s.order("ava", sell).State == "accepted" })
	s.fill(s.order("ava", sell).BrokerOrderID, 4, "3.45")
	s.eventually("ben sells 2 of 5", func() bool { return s.sold("ben") == "2" })
	s.fill(s.order("ava", sell).BrokerOrderID, 6, "3.45")
	s.eventually("ben sells the other 3", func() bool { return s.sold("ben") == "2 3" })
	s.eventually("ben keeps his own 7", func() bool { held, all := s.copied("ben"); return held == 0 && all == 7 })
	s.becomes("ben", "BTO executed, STC executed")
	s.checkCopies()
}

func TestWhatAnEntryFillsAfterTheLeaderLeftIsSold(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.modeOf("ben", "manual")
	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	working := func() bool {
		return len(s.book("ben")) == 1 && contains(s.do("ben", "GET", "/api/trading/orders", "").body, `"state":"accepted"`)
	}
	s.eventually("ben's entry works", working)
	question := s.awaiting("cara")
	s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "snaptrade", "match": "cancel", "account": "ben", "mode": "fill_after_cancel", "count": 1, "delayMs": 500}, nil)
	s.modeOf("ava", "immediate")
	s.place("ava", "STC 4 AAPL 200C "+expiry+" @ 3.45")
	s.eventually("ben's entry is taken back", func() bool {
		return contains(s.do("ben", "GET", "/api/trading/orders", "").body, `"cancelRequestedAt":"`)
	})
	s.becomes("cara", "BTO skipped: leader_flat, STC skipped: no_copy_held")
	if a := s.approve("cara", question); a.status != http.StatusConflict || !contains(a.body, "Nothing was sent") {
		t.Errorf("approved what is over: %d %s", a.status, a.body)
	}
	s.eventually("it fills all the same and is sold", func() bool { s.look(); return s.sold("ben") == "4" })
	s.becomes("ben", "BTO executed, STC queued")
	book := s.book("ben")
	s.fill(book[len(book)-1].BrokerOrderID, 4, "3.40")
	s.becomes("ben", "BTO executed, STC executed")
	if held, all := s.copied("ben"); held != 0 || all != 0 {
		t.Errorf("ben holds %d, %d of it copied", all, held)
	}
	s.checkCopies()
}

func TestAWorkingEntryIsCancelledOnceTheLeaderIsFlat(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.modeOf("ben", "manual")
	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ben's entry works", func() bool {
		return contains(s.do("ben", "GET", "/api/trading/orders", "").body, `"state":"accepted"`)
	})
	s.place("ava", "STC 4 AAPL 200C "+expiry+" @ 3.45")
	s.eventually("ben's entry is cancelled", func() bool { s.look(); return s.book("ben")[0].Status == "CANCELED" })
	s.becomes("ben", "BTO failed: leader_flat, STC skipped: no_copy_held")
	s.checkCopies()
}

func TestHoweverOftenAnApprovalIsTappedItIsOneOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	bought := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	id := s.awaiting("cara")
	s.token("cara", "trade") // made before the taps
	statuses := make([]int, 6)
	var taps sync.WaitGroup
	for i := range statuses {
		taps.Go(func() { statuses[i] = s.approve("cara", id).status })
	}
	for range 4 {
		taps.Go(func() { _ = s.app.Copier().Execute(t.Context(), uuid.MustParse(bought)) }) // as a second process would; its answer does not matter
	}
	taps.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	if counts[http.StatusOK] != 1 || counts[http.StatusConflict] != 5 {
		t.Errorf("answers: %v", counts)
	}
	s.becomes("cara", "BTO executed")
	if book := s.book("cara"); len(book) != 1 || book[0].Quantity != json.Number("4") {
		t.Errorf("cara's book: %+v", book)
	}
	s.checkCopies()
}

func TestSayingNoSayingNothingAndSomebodyElse(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	id := s.awaiting("cara")
	for _, verb := range []string{"approve", "reject"} {
		foreign := s.do("ben", "POST", "/api/copy-trading/decisions/"+id+"/"+verb, "{}", key())
		missing := s.do("ben", "POST", "/api/copy-trading/decisions/"+uuid.NewString()+"/"+verb, "{}", key())
		if foreign.status != http.StatusNotFound || missing.status != http.StatusNotFound || foreign.code() != missing.code() {
			t.Errorf("%s somebody else's: %d %s, a missing one %d", verb, foreign.status, foreign.body, missing.status)
		}
	}
	for range 2 {
		if a := s.do("cara", "POST", "/api/copy-trading/decisions/"+id+"/reject", "{}", key()); a.status != http.StatusOK {
			t.Errorf("reject: %d %s", a.status, a.body)
		}
	}
	if a := s.approve("cara", id); a.status != http.StatusConflict {
		t.Errorf("approve what was rejected: %d %s", a.status, a.body)
	}

	s.settings("cara", `{"settings":{"maxDelaySeconds":5}}`)
	s.place("ava", "BTO 3 AAPL 200C "+expiry+" @ 3.50")
	id = s.awaiting("cara")
	s.becomes("cara", "BTO rejected: rejected, BTO expired: expired")
	if a := s.approve("cara", id); a.status != http.StatusConflict || !contains(a.body, "ago; nothing was sent") {
		t.Errorf("a late tap: %d %s", a.status, a.body)
	}
	if book := s.book("cara"); len(book) != 0 {
		t.Errorf("cara's book: %+v", book)
	}
	s.checkCopies()
}

func TestWhoPausedOrStoppedIsNotCopiedFor(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.settings("cara", `{"settings":{"maxDelaySeconds":900}}`) // so long she is asked
	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO executed")
	s.awaiting("cara")
	s.settings("ben", `{"status":"paused"}`)
	var list []struct{ ID string }
	s.do("cara", "GET", "/api/copy-trading/subscriptions", "").into(t, &list)
	if a := s.do("cara", "DELETE", "/api/copy-trading/subscription/"+list[0].ID, ""); a.status != http.StatusOK {
		t.Fatalf("stop copying: %d %s", a.status, a.body)
	}
	// One after the other: were the sell first, ava would be flat for a moment.
	for _, line := range []string{"BTO 3 AAPL 200C " + expiry + " @ 3.50", "STC 4 AAPL 200C " + expiry + " @ 3.45"} {
		id := s.place("ava", line)
		s.eventually("ava trades on", func() bool { return s.order("ava", id).State == "filled" })
		if err := s.app.Copier().OnOrder(t.Context(), uuid.MustParse(id)); err != nil {
			t.Errorf("decide: %v", err)
		}
	}
	if got := s.decided("ben") + "; " + s.decided("cara"); got != "BTO executed; BTO awaiting_approval" {
		t.Errorf("%s", got)
	}
	if held, _ := s.copied("ben"); held != 4 {
		t.Errorf("ben's open copy is %d, not his 4", held)
	}
	s.settings("ben", `{"status":"active"}`)
	s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO executed, BTO executed")
	s.checkCopies()
}

func TestTheDailyCapHoldsAndScalingInIsCopied(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.settings("cara", `{"status":"paused"}`)
	s.settings("ben", `{"settings":{"maxDailyTrades":2}}`)
	for i := range 4 {
		s.place("ava", fmt.Sprintf("BTO %d AAPL 200C "+expiry+" @ 3.50", i+1))
	}
	s.eventually("all four are decided", func() bool {
		got := s.decided("ben")
		return strings.Count(got, "BTO executed") == 2 && strings.Count(got, "BTO skipped: risk_daily_copies") == 2
	})
	if book := s.book("ben"); len(book) != 2 {
		t.Errorf("ben's book: %+v", book)
	}
	s.checkCopies()
}

// A follower's own sell takes their own contracts first, then copied ones.
func TestAFollowersSellTakesTheirOwnFirst(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.settings("cara", `{"status":"paused"}`)
	s.place("ava", "BTO 5 AAPL 200C "+expiry+" @ 3.50")
	s.becomes("ben", "BTO executed")
	own := s.place("ben", "BTO 3 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ben has his own", func() bool { return s.order("ben", own).State == "filled" })
	for _, step := range []struct{ sell, copied, all int }{{2, 5, 6}, {3, 3, 3}} {
		id := s.place("ben", fmt.Sprintf("STC %d AAPL 200C "+expiry+" @ 3.45", step.sell))
		s.eventually("ben sells", func() bool { return s.order("ben", id).State == "filled" })
		if held, all := s.copied("ben"); held != step.copied || all != step.all {
			t.Errorf("after %d: %d copied of %d, want %d of %d", step.sell, held, all, step.copied, step.all)
		}
	}
	s.place("ava", "STC 5 AAPL 200C "+expiry+" @ 3.45")
	s.eventually("the rest of the copy is sold", func() bool { held, all := s.copied("ben"); return held == 0 && all == 0 })
	if got := s.sold("ben"); got != "2 3 3" {
		t.Errorf("ben sold %q", got)
	}
	s.checkCopies()
}
