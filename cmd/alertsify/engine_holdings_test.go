package main

import (
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
)

// later lets time pass for what waits to be confirmed, and has every account's
// holdings read again.
func (s *show) later() {
	s.t.Helper()
	s.exec(`update orders set updated_at = updated_at - interval '40 minutes'`)
	s.exec(`update position_differences set since = since - interval '20 minutes', as_of = as_of - interval '20 minutes'`)
	s.exec(`update account_looks set holdings_at = null, listed_at = null, next_holdings_at = now(), next_look_at = now()`)
}

// differs waits until a reading has found so many differences on a person's account.
func (s *show) differs(person string, want string) {
	s.t.Helper()
	s.eventually(person+"'s holdings differ in "+want, func() bool {
		return s.text(`select count(*)::text from position_differences where user_id = $1`, s.people[person]) == want
	})
}

// What the broker holds and we do not know of becomes a position that can be sold;
// a sale we never saw is booked once the sell that still works has ended; a split
// keeps the position. Each only when a second reading agrees.
func TestPositionsFollowTheBrokersHoldings(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.muted()
	for _, person := range []string{"ben", "cara"} {
		s.reaches(person, s.place(person, buyFour), "filled")
	}
	s.fills("ben", "manual")
	exit := s.place("ben", "STC 3 AAPL 200C "+expiry+" @ 3.60")
	s.reaches("ben", exit, "accepted")

	s.holdOutside("ava", 3, "2.00")
	s.holdOutside("ben", 1, "3.50")
	s.sandbox("POST", "/_sandbox/broker/rename", map[string]any{"account": "cara", "symbol": apple, "to": "AAPL  " + expiryCode + "C00100000", "quantity": 8}, nil)
	s.later()
	s.differs("ava", "1")
	s.differs("ben", "1")
	s.differs("cara", "2")
	if list := s.positions("ava"); len(list) != 0 {
		t.Errorf("one reading made %+v", list)
	}
	s.later()
	s.eventually("ava has a position to sell", func() bool {
		list := s.positions("ava")
		return len(list) == 1 && list[0].Available == 3 && list[0].Source == "detected"
	})
	s.eventually("cara's was split", func() bool {
		list := s.positions("cara")
		return len(list) == 1 && list[0].Available == 8 && list[0].Sold == 0 && list[0].RealizedPnl == "0.00"
	})
	s.reaches("ben", exit, "cancelled")
	if p := s.positions("ben")[0]; p.Available != 1 || p.Sold != 0 || p.ReviewReason == nil {
		t.Errorf("before it is booked, what the broker has can be sold: %+v", p)
	}
	s.later()
	s.differs("ben", "1")
	s.later()
	s.eventually("ben's sale elsewhere is booked", func() bool {
		p := s.positions("ben")[0]
		return p.Sold == 3 && p.Available == 1 && p.RealizedPnl == "0.00" && p.ReviewReason != nil
	})
	a := s.do("ben", "GET", "/api/positions/"+s.positions("ben")[0].ID, "")
	if !contains(a.body, `"adjustments":[{`) || !contains(a.body, `"quantity":-3,"cost":"-1050.00","proceeds":null`) {
		t.Errorf("its adjustments: %s", a.body)
	}
	if a := s.do("ben", "GET", "/api/notifications", ""); !contains(a.body, "left your account") {
		t.Errorf("ben was not told: %s", a.body)
	}
	sold := s.place("ava", "STC 3 AAPL 200C "+expiry+" @ 3.40")
	s.reaches("ava", sold, "filled")
	if p := s.positions("ava")[0]; p.Status != "closed" || p.RealizedPnl != "420.00" {
		t.Errorf("ava sold what she held before: %+v", p)
	}
	if a := s.do("ava", "GET", "/api/notifications", ""); contains(a.body, "left your account") {
		t.Errorf("ava was told of what came: %s", a.body)
	}
}

// holdOutside changes what a person's account holds of the contract without an order.
func (s *show) holdOutside(person string, quantity int, cost string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/broker/hold", map[string]any{"account": person, "symbol": apple, "quantity": quantity, "cost": cost}, nil)
}

// What is held past its expiration cannot be sold, and from 08:00 New York on the
// next trading day the broker says what became of it: exercised for its worth, or
// expired for nothing, which is a loss.
func TestWhatExpiresIsSettledOnTheNextTradingDay(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.muted()
	put := "AAPL  " + expiryCode + "P00200000"
	s.quote(put, "1.45", "1.50")
	s.reaches("ava", s.place("ava", buyFour), "filled")
	s.reaches("ben", s.place("ben", "BTO 2 AAPL 200P "+expiry+" @ 1.50"), "filled")
	clock := func(now time.Time) { s.sandbox("POST", "/_sandbox/clock", map[string]time.Time{"now": now}, nil) }
	s.sandbox("POST", "/_sandbox/market", map[string]any{"symbol": "AAPL", "last": "210", "frozen": true}, nil)
	clock(sampleDay.At(16, 0).Add(30 * time.Second))
	s.eventually("the contracts are gone at the broker", func() bool {
		var accounts struct {
			Data []struct{ Positions map[string]any }
		}
		s.sandbox("GET", "/_sandbox/broker/accounts?account=ava", nil, &accounts)
		return len(accounts.Data) == 1 && len(accounts.Data[0].Positions) == 0
	})
	if p := s.positions("ava")[0]; p.Status != "open" {
		t.Errorf("at the close: %+v", p)
	}
	next := sampleDay.AddDays(1)
	for !exchange.IsTradingDay(next) {
		next = next.AddDays(1)
	}
	clock(next.At(8, 0))
	s.eventually("both are settled", func() bool {
		return s.positions("ava")[0].Status == "exercised" && s.positions("ben")[0].Status == "expired"
	})
	if p := s.positions("ava")[0]; p.RealizedPnl != "2600.00" || p.Available != 0 {
		t.Errorf("exercised: %+v", p)
	}
	if p := s.positions("ben")[0]; p.RealizedPnl != "-300.00" {
		t.Errorf("expired: %+v", p)
	}
	if a := s.do("ben", "GET", "/api/positions/"+s.positions("ben")[0].ID, ""); !contains(a.body, `"outcome":"loss"`) || !contains(a.body, `"kind":"expired"`) {
		t.Errorf("the expired one: %s", a.body)
	}
	for person, words := range map[string]string{"ava": "was exercised", "ben": "expired"} {
		if a := s.do(person, "GET", "/api/notifications", ""); !contains(a.body, words) {
			t.Errorf("%s was not told: %s", person, a.body)
		}
	}
}
