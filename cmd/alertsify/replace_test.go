package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// replacing is the request that must never be made twice for one change.
const replacing = "/trading/replace"

// replaced is an order as the API shows it while and after it is replaced.
type replaced struct {
	ID, PositionID, State, BrokerOrderID string
	LimitPrice, AveragePrice             *string
	Quantity, FilledQuantity             int
	ReviewReason                         *string
	Change                               *struct {
		State, Reason string
		Quantity      int
		LimitPrice    string
	}
}

func (s *show) replaced(person, id string) (o replaced) {
	s.t.Helper()
	s.do(person, "GET", "/api/trading/orders/"+id, "").into(s.t, &o)
	return o
}

// change is where the order's last replacing stands.
func (s *show) change(person, id string) string {
	if o := s.replaced(person, id); o.Change != nil {
		return o.Change.State
	}
	return ""
}

// replace asks for it and wants it taken on.
func (s *show) replace(person, id, body string) replaced {
	s.t.Helper()
	a := s.do(person, "PATCH", "/api/trading/orders/"+id, body, key())
	if a.status != http.StatusAccepted {
		s.t.Fatalf("replace: %d %s", a.status, a.body)
	}
	var o replaced
	a.into(s.t, &o)
	return o
}

// replacements counts the requests to replace that SnapTrade got for a person.
func (s *show) replacements(person string) (n int) {
	s.t.Helper()
	account := s.text(`select broker_account_id from accounts where user_id = $1 order by created_at limit 1`, s.people[person])
	for _, r := range s.received("snaptrade") {
		if r.Method == "POST" && strings.HasSuffix(r.Path, replacing) && strings.Contains(r.Path, account) {
			n++
		}
	}
	return n
}

// successors are the orders of a person's book that took another's place.
func (s *show) successors(person, of string) (list []bookOrder) {
	s.t.Helper()
	for _, o := range s.book(person) {
		if o.Replaces == of {
			list = append(list, o)
		}
	}
	return list
}

// working is an order that its broker works, filled only by hand.
func (s *show) working(person, line string) shownOrder {
	s.t.Helper()
	s.fills(person, "manual")
	return s.reaches(person, s.place(person, line), "accepted")
}

func (s *show) fillBy(brokerID string, quantity int, price string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/broker/fill", map[string]any{"brokerOrderId": brokerID, "quantity": quantity, "price": price}, nil)
}

// A working order that filled in part is replaced: the broker has one successor for
// what is left, what filled stays filled, and the order's average is that of both.
func TestAReplacedOrderKeepsWhatItFilled(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	o := s.working("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.40")
	first := o.BrokerOrderID
	s.fillBy(first, 1, "3.40")
	s.soon("ava", o.ID, "partial")

	same := key()
	a := s.do("ava", "PATCH", "/api/trading/orders/"+o.ID, `{"limitPrice":"3.45","quantity":6}`, same)
	var told replaced
	a.into(t, &told)
	if a.status != 202 || told.State != "partial" || told.Quantity != 4 || told.Change == nil || told.Change.State != "queued" || told.Change.Quantity != 6 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if again := s.do("ava", "PATCH", "/api/trading/orders/"+o.ID, `{"limitPrice":"3.45","quantity":6}`, same); again.status != 202 ||
		string(again.body) != string(a.body) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same key again: %d %s", again.status, again.body)
	}
	if other := s.do("ava", "PATCH", "/api/trading/orders/"+o.ID, `{"quantity":5}`, same); other.status != 422 || other.code() != "idempotency_key_reused" {
		t.Errorf("the same key for something else: %d %s", other.status, other.body)
	}
	s.eventually("the change is made", func() bool { return s.change("ava", o.ID) == "done" })
	now := s.replaced("ava", o.ID)
	if now.BrokerOrderID == first || now.Quantity != 6 || now.FilledQuantity != 1 || *now.LimitPrice != "3.45" || now.State != "partial" {
		t.Errorf("the order is %+v", now)
	}
	if list := s.successors("ava", first); len(list) != 1 || list[0].Quantity != "5" || s.replacements("ava") != 1 {
		t.Errorf("%d requests, the broker has %+v", s.replacements("ava"), list)
	}
	s.fillBy(now.BrokerOrderID, 5, "3.45")
	s.soon("ava", o.ID, "filled")
	if now = s.replaced("ava", o.ID); now.FilledQuantity != 6 || *now.AveragePrice != "3.4417" {
		t.Errorf("the order is %+v", now)
	}
	s.holds("ava", 6, 0)
	if used := s.text(`select used::text from day_counters where user_id = $1 and kind = 'premium'`, s.people["ava"]); used != "2065.0000" {
		t.Errorf("the day has %s used", used)
	}
}

// What may not be replaced says why, and leaves nothing behind.
func TestWhatCannotBeReplaced(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	o := s.working("ava", buyFour)
	s.fillBy(o.BrokerOrderID, 2, "3.50")
	s.soon("ava", o.ID, "partial")
	path := "/api/trading/orders/" + o.ID
	before := s.settled() // the fill's alert is on its way
	for body, want := range map[string]string{
		`{}`:                                    "422 validation_failed",
		`{"limitPrice":"3.50"}`:                 "422 validation_failed",
		`{"limitPrice":"3.50","quantity":4}`:    "422 validation_failed",
		`{"quantity":2}`:                        "422 validation_failed",
		`{"quantity":1}`:                        "422 validation_failed",
		`{"quantity":0}`:                        "422 validation_failed",
		`{"limitPrice":"-1.00"}`:                "422 validation_failed",
		`{"limitPrice":"3.521"}`:                "422 risk_price",
		`{"limitPrice":"9.00"}`:                 "422 risk_collar",
		`{"quantity":101}`:                      "422 risk_contracts",
		`{"quantity":1e2}`:                      "400 invalid_json",
		`{"limitPrice":3.4}`:                    "400 invalid_json",
		`{"limitPrice":"3.45","stopPrice":"1"}`: "400 invalid_json",
	} {
		if a := s.do("ava", "PATCH", path, body, key()); fmt.Sprint(a.status, " ", a.code()) != want {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, want)
		}
	}
	if a := s.do("ava", "PATCH", path, `{"limitPrice":"3.45"}`); a.status != 400 || a.code() != "idempotency_key_required" {
		t.Errorf("without a key: %d %s", a.status, a.body)
	}
	if a := s.do("ben", "PATCH", path, `{"limitPrice":"3.45"}`, key()); a.status != 404 {
		t.Errorf("somebody else's: %d %s", a.status, a.body)
	}
	s.wroteNothing(t, before)

	s.do("ava", "DELETE", path, "", key()).want(t, 202)
	if a := s.do("ava", "PATCH", path, `{"limitPrice":"3.45"}`, key()); a.status != 409 || a.code() != "invalid_state" {
		t.Errorf("while it is being cancelled: %d %s", a.status, a.body)
	}
	s.soon("ava", o.ID, "cancelled")
	if a := s.do("ava", "PATCH", path, `{"limitPrice":"3.45"}`, key()); a.status != 409 || a.code() != "invalid_state" {
		t.Errorf("after its end: %d %s", a.status, a.body)
	}
	if n := s.replacements("ava"); n != 0 {
		t.Errorf("the broker was asked %d times", n)
	}
}

// A sell that grows holds the larger quantity until it is known what became of the
// change; the answer lost after the broker has replaced it is looked for, not asked
// for again, and the successor is found in the list.
func TestALostAnswerToReplacingASellIsLookedFor(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.reaches("ava", s.place("ava", buyFour), "filled")
	o := s.working("ava", "STC 2 AAPL 200C "+expiry+" @ 3.90")
	s.listed("ava", 0) // no list tells what became of the change before it was asked about
	s.fails("ava", replacing, "accept_then_drop")
	s.replace("ava", o.ID, `{"quantity":3,"limitPrice":"3.80"}`)
	if p := s.positions("ava"); p[0].Available != 1 {
		t.Errorf("%d available while 2 may become 3 of 4", p[0].Available)
	}
	if a := s.do("ava", "PATCH", "/api/trading/orders/"+o.ID, `{"quantity":4}`, key()); a.status != 409 || a.code() != "invalid_state" {
		t.Errorf("a second change: %d %s", a.status, a.body)
	}
	if a := s.do("ava", "POST", "/api/trading/orders", `{"side":"STC","positionId":"`+o.PositionID+`","quantity":2,"limitPrice":"3.85"}`, key()); a.status != 409 {
		t.Errorf("a sell of more than is left: %d %s", a.status, a.body)
	}
	s.hurried("the successor is found", func() bool { return s.change("ava", o.ID) == "done" })
	now := s.replaced("ava", o.ID)
	if now.Quantity != 3 || *now.LimitPrice != "3.80" || now.State != "accepted" || now.BrokerOrderID == o.BrokerOrderID || now.ReviewReason != nil {
		t.Errorf("the order is %+v", now)
	}
	if list := s.successors("ava", o.BrokerOrderID); len(list) != 1 || s.replacements("ava") != 1 {
		t.Errorf("%d requests, the broker has %+v", s.replacements("ava"), list)
	}
	if n := s.text(`select count(*)::text from orders where source = 'detected'`); n != "0" {
		t.Errorf("%s orders were taken for somebody else's", n)
	}
	s.fillBy(now.BrokerOrderID, 3, "3.80")
	s.soon("ava", o.ID, "filled")
	s.holds("ava", 4, 3)
}

// Lost before the broker saw it: the order works on unchanged, is found so, and
// after the time to give up its owner is told.
func TestAChangeThatNeverArrivedIsGivenUp(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.reaches("ava", s.place("ava", buyFour), "filled")
	o := s.working("ava", "STC 2 AAPL 200C "+expiry+" @ 3.90")
	s.fails("ava", replacing, "drop_before")
	s.replace("ava", o.ID, `{"quantity":4}`)
	s.hurried("nobody knows what became of it", func() bool { return s.change("ava", o.ID) == "unknown" })
	s.exec(`update order_changes set sent_at = sent_at - interval '5 minutes', deadline = deadline - interval '5 minutes',
		created_at = created_at - interval '5 minutes', send_before = send_before - interval '5 minutes', complete_looks = 3 where order_id = $1`, o.ID)
	if p := s.positions("ava"); p[0].Available != 0 {
		t.Errorf("%d available while 2 may become 4 of 4", p[0].Available)
	}
	s.hurried("it is given up", func() bool { return s.change("ava", o.ID) == "failed" })
	now := s.replaced("ava", o.ID)
	if now.State != "accepted" || now.Quantity != 2 || now.BrokerOrderID != o.BrokerOrderID || !strings.Contains(now.Change.Reason, "did not make the change") {
		t.Errorf("the order is %+v", now)
	}
	if p := s.positions("ava"); p[0].Available != 2 {
		t.Errorf("%d available afterwards", p[0].Available)
	}
	if !contains(s.do("ava", "GET", "/api/notifications", "").body, "Order not replaced") {
		t.Error("nobody told ava")
	}
	if len(s.successors("ava", o.BrokerOrderID)) != 0 || s.replacements("ava") != 1 {
		t.Errorf("%d requests", s.replacements("ava"))
	}
}

// A broker that cannot replace says so, the order stays as it was, and what the
// change counted is given back. One that throttles is asked again, once.
func TestABrokerThatCannotReplace(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	o := s.working("ava", buyFour)
	used := func() string {
		return s.text(`select used::text from day_counters where user_id = $1 and kind = 'premium'`, s.people["ava"])
	}
	counted := used()
	s.fails("ava", replacing, "error", "status", 400)
	s.replace("ava", o.ID, `{"quantity":5}`)
	s.eventually("the change is refused", func() bool { return s.change("ava", o.ID) == "failed" })
	now := s.replaced("ava", o.ID)
	if now.State != "accepted" || now.Quantity != 4 || now.Change.Reason == "" || used() != counted {
		t.Errorf("the order is %+v, the day has %s used", now, used())
	}
	s.fails("ava", replacing, "throttle")
	s.replace("ava", o.ID, `{"quantity":5}`)
	s.eventually("the second try is made", func() bool { return s.change("ava", o.ID) == "done" })
	if list := s.successors("ava", o.BrokerOrderID); len(list) != 1 || list[0].Quantity != json.Number("5") {
		t.Errorf("the broker has %+v", list)
	}
}

// Replaced in the broker's own app: the order follows its successor.
func TestAnOrderReplacedInTheBrokersAppIsFollowed(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	o := s.working("ava", buyFour)
	s.sandbox("POST", "/_sandbox/broker/replace", map[string]any{"brokerOrderId": o.BrokerOrderID, "quantity": 2, "price": "3.30"}, nil)
	s.hurried("the order is followed", func() bool { return s.replaced("ava", o.ID).BrokerOrderID != o.BrokerOrderID })
	now := s.replaced("ava", o.ID)
	if now.State != "accepted" || now.Quantity != 2 || *now.LimitPrice != "3.30" || now.ReviewReason != nil {
		t.Errorf("the order is %+v", now)
	}
	s.fillBy(now.BrokerOrderID, 2, "3.30")
	s.soon("ava", o.ID, "filled")
	s.holds("ava", 2, 0)
	if n := s.text(`select count(*)::text from orders`); n != "1" {
		t.Errorf("%s orders", n)
	}
}
