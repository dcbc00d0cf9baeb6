package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// inApp is a trade a person makes in the broker's own app.
func (s *show) inApp(person, side string, quantity int, price string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/broker/trade", map[string]any{
		"account": person, "symbol": apple, "side": side, "quantity": quantity, "price": price,
	}, nil)
}

// muted stops SnapTrade's own webhooks.
func (s *show) muted() {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/webhooks", map[string]any{"url": ""}, nil)
}

// Bought and sold in the broker's own app, seen in one list: one position,
// closed, with its profit. Then an order of ours whose twin from the app comes
// into the list before it, while its answer is on its way: both are booked, once
// each, and an operator hears. A third's order has a twin beside it.
func TestTradesMadeElsewhereAreBookedOnce(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.muted()
	for _, person := range []string{"ava", "ben", "cara"} {
		s.quiet(person)
	}
	s.inApp("ava", "BTO", 3, "3.50")
	s.inApp("ava", "STC", 3, "4.00")

	s.listed("ben", 0)                                  // no list before the trade in the app stands beside the order
	s.fails("ben", placing, "delay", "delayMs", 12_000) // well after the first look, on a busy machine too
	s.fails("ben", placing, "late_listing", "delayMs", 14_000)
	slow := s.place("ben", buyFour)
	s.eventually("it is at the broker", func() bool { return len(s.book("ben")) == 1 })
	s.inApp("ben", "BTO", 4, "3.50")
	s.exec(`update account_looks set listed_at = null where user_id = $1`, s.people["ben"])

	s.listed("cara", 0)
	s.fails("cara", placing, "accept_then_drop")
	beside := s.place("cara", buyFour)
	s.eventually("it is at the broker", func() bool { return len(s.book("cara")) == 1 })
	s.inApp("cara", "BTO", 4, "3.50")
	s.exec(`update account_looks set listed_at = null where user_id = $1`, s.people["cara"])

	s.exec(`update account_looks set next_look_at = now() where user_id = $1`, s.people["ava"])
	s.eventually("ava's trades are a closed position", func() bool {
		list := s.positions("ava")
		return len(list) == 1 && list[0].Status == "closed" && list[0].Source == "detected"
	})
	if p := s.positions("ava")[0]; p.Bought != 3 || p.Sold != 3 || p.RealizedPnl != "150.00" || p.ReviewReason != nil {
		t.Errorf("ava's position: %+v", p)
	}
	s.reaches("cara", beside, "filled")
	s.eventually("cara holds both", func() bool { return s.positions("cara")[0].Bought == 8 })
	if via := s.via(s.order("cara", beside).BrokerOrderID); via != "snaptrade" {
		t.Errorf("cara's order was taken for the one made in the %s", via)
	}
	s.reaches("ben", slow, "filled")
	s.hurried("ben holds both", func() bool { return s.positions("ben")[0].Bought == 8 })
	for _, person := range []string{"ben", "cara"} {
		if n := s.text(`select count(*)::text || ' ' || count(*) filter (where source = 'detected') || ' ' || count(review_reason)
			from orders where user_id = $1`, s.people[person]); n != "2 1 1" {
			t.Errorf("%s has orders, detected, for review: %s", person, n)
		}
		s.holds(person, 8, 0)
	}
}

// via says how an order came to the broker.
func (s *show) via(brokerOrder string) string {
	s.t.Helper()
	for _, o := range s.book("*") {
		if o.BrokerOrderID == brokerOrder {
			return o.Via
		}
	}
	return "nowhere"
}

// signed is an event as SnapTrade writes it, spaced and unsorted, and its
// signature: HMAC over the same with sorted keys and no spaces.
func (s *show) signed(body string) (text, header string) {
	s.t.Helper()
	var tree map[string]any
	if err := json.Unmarshal([]byte(body), &tree); err != nil {
		s.t.Fatalf("%s: %v", body, err)
	}
	canonical, err := json.Marshal(tree) // sorted and compact; the events hold ASCII and texts only
	if err != nil {
		s.t.Fatal(err)
	}
	return body, s.signature(string(canonical))
}

// documented is the published sample of TRADE_DETECTION and TRADE_UPDATE, for a
// person's account and a broker order.
func (s *show) documented(kind, person, brokerOrder, status, filled string) string {
	account := s.text(`select broker_account_id from accounts where user_id = $1 order by created_at limit 1`, s.people[person])
	return fmt.Sprintf(`{"userId": %q, "details": {"orders": [{"legs": [{"action": "BUY_TO_OPEN", "leg_id": null, "status": %q, `+
		`"instrument": {"symbol": %q, "figi_code": null, "asset_type": "OPTION", "description": "AAPL CALL 1/15 200"}, `+
		`"total_quantity": "4.000000000", "execution_price": "3.5000000000", "filled_quantity": %q, "canceled_quantity": null}], `+
		`"status": %q, "order_role": null, "order_type": "LIMIT", "stop_price": "0.0000000000", "limit_price": "3.5000000000", `+
		`"time_placed": %q, "time_executed": %q, "time_in_force": "DAY", "trailing_stop": null, "price_currency": "USD", `+
		`"execution_price": "3.5000000000", "brokerage_order_id": %q, "brokerage_group_order_id": null}]}, "clientId": %q, `+
		`"accountId": %q, "eventType": %q, "webhookId": %q, "eventTimestamp": %q}`,
		s.snaptradeUser(person), status, apple, filled, status, micro(time.Now()), micro(time.Now()), brokerOrder,
		s.stage.env["SNAPTRADE_CLIENT_ID"], account, kind, uuid.NewString(), micro(time.Now()))
}

func micro(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000+00:00") }

func (s *show) snaptradeUser(person string) string {
	return s.text(`select snaptrade_user_id from snaptrade_users where user_id = $1`, s.people[person])
}

// post sends a signed event to the door and expects it to be taken.
func (s *show) post(body string) {
	s.t.Helper()
	text, header := s.signed(body)
	if a := s.do("", "POST", hook, text, header); a.status != http.StatusOK {
		s.t.Errorf("%s: %d %s", text, a.status, a.body)
	}
}

// The documented events each drive the path by themselves: nothing else would
// have asked the broker within this test.
func TestDocumentedEventsDriveThePath(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("manual")
	s.muted()
	order := s.place("ava", buyFour)
	o := s.reaches("ava", order, "accepted")
	s.eventually("the first look is over", func() bool {
		return s.text(`select count(*)::text from account_looks where user_id = $1 and listed_at is not null and claimed_until is null`, s.people["ava"]) == "1"
	})
	for _, person := range []string{"ava", "ben", "cara"} {
		s.quiet(person)
	}
	s.sandbox("POST", "/_sandbox/broker/fill", map[string]any{"brokerOrderId": o.BrokerOrderID, "quantity": 4, "price": "3.50"}, nil)
	s.inApp("ben", "BTO", 4, "3.50")
	s.inApp("cara", "BTO", 4, "3.50")
	s.sandbox("POST", "/_sandbox/connect", map[string]string{"user": "ben", "broker": "TASTYTRADE", "login": "second"}, nil)

	s.post(s.documented("TRADE_UPDATE", "ava", o.BrokerOrderID, "EXECUTED", "4.000000000"))
	s.post(s.documented("TRADE_DETECTION", "ben", s.book("ben")[0].BrokerOrderID, "EXECUTED", "4.000000000"))
	s.post(fmt.Sprintf(`{"webhookId": %q, "clientId": %q, "eventTimestamp": %q, "userId": %q, "eventType": "ACCOUNT_HOLDINGS_UPDATED", `+
		`"accountId": %q, "details": {"positions": {"success": true, "error": null}, "balances": {"success": true, "error": null}}}`,
		uuid.NewString(), s.stage.env["SNAPTRADE_CLIENT_ID"], micro(time.Now()), s.snaptradeUser("cara"), s.book("cara")[0].Account))
	s.post(fmt.Sprintf(`{"webhookId": %q, "clientId": %q, "eventTimestamp": %q, "userId": %q, "eventType": "CONNECTION_ADDED", `+
		`"brokerageId": %q, "brokerageAuthorizationId": %q}`,
		uuid.NewString(), s.stage.env["SNAPTRADE_CLIENT_ID"], micro(time.Now()), s.snaptradeUser("ben"), uuid.NewString(), uuid.NewString()))

	s.reaches("ava", order, "filled")
	s.holds("ava", 4, 0)
	for _, person := range []string{"ben", "cara"} {
		s.eventually(person+"'s trade is a position", func() bool { return len(s.positions(person)) == 1 })
		s.holds(person, 4, 0)
	}
	s.eventually("ben's new account is listed", func() bool {
		var list []struct{ ID string }
		s.do("ben", "GET", "/api/brokers/accounts", "").into(t, &list)
		return len(list) == 2
	})
}

// INV-31 and INV-32: whatever order, repetition or age webhooks come in, and
// whatever they claim, the end is what the broker's list says.
func TestWebhooksAloneChangeNothing(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("manual")
	s.sandbox("POST", "/_sandbox/webhooks", map[string]any{"tradeUpdates": true, "holdings": true}, nil)
	for _, mode := range []string{"duplicate_webhook", "reorder_webhooks", "stale_webhook"} {
		s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "webhook", "match": "", "mode": mode, "count": 2}, nil)
	}
	order := s.place("ava", buyFour)
	o := s.reaches("ava", order, "accepted")
	claim := s.documented("TRADE_UPDATE", "ava", o.BrokerOrderID, "EXECUTED", "4.000000000")
	s.post(claim)
	s.post(claim) // the same id
	s.post(s.documented("TRADE_UPDATE", "ava", o.BrokerOrderID, "CANCELED", "0.000000000"))
	s.post(strings.Replace(s.documented("TRADE_DETECTION", "ava", uuid.NewString(), "EXECUTED", "4.000000000"), `"action": "BUY_TO_OPEN"`, `"action": "SELL_TO_CLOSE"`, 1))
	s.eventually("the events are worked", func() bool {
		return s.text(`select count(*)::text from inbound_webhooks where worked_at is null`) == "0"
	})
	s.still(time.Second, "the order works, with nothing filled", func() bool {
		now := s.order("ava", order)
		return now.State == "accepted" && now.FilledQuantity == 0
	})
	for _, n := range []int{1, 3} {
		s.sandbox("POST", "/_sandbox/broker/fill", map[string]any{"brokerOrderId": o.BrokerOrderID, "quantity": n, "price": "3.50"}, nil)
	}
	s.soon("ava", order, "filled")
	s.holds("ava", 4, 0)
	s.eventually("Discord has the alert", func() bool { return len(posts(s.received("discord"))) > 0 })
	if n := s.text(`select count(*)::text from orders`); n != "1" {
		t.Errorf("%s orders", n)
	}
	if n := len(posts(s.received("discord"))); n != 1 {
		t.Errorf("%d alerts in Discord", n)
	}
}
