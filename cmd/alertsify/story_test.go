package main

import (
	"testing"
)

var apple = "AAPL  " + expiryCode + "C00200000"

// The main job, end to end: a trader's order fills, everybody hears of it once,
// one follower has the copy, another is asked, and closing it shows the profit.
func TestFromClickToEveryAlert(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")

	id := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ava's order fills", func() bool { return s.order("ava", id).State == "filled" })
	s.eventually("Discord has one alert", func() bool { return len(posts(s.received("discord"))) == 1 })
	s.eventually("the feed has the alert", func() bool { return len(posts(s.received("getstream"))) > 0 })
	s.eventually("ben's copy is executed", func() bool {
		return contains(s.do("ben", "GET", "/api/copy-trading/decisions", "").body, `"result":"executed"`)
	})
	if book := s.book("ben"); len(book) != 1 || book[0].Quantity != "4" {
		t.Errorf("ben's book: %+v", book)
	}
	var waiting []struct{ ID string }
	s.eventually("cara is asked", func() bool {
		s.do("cara", "GET", "/api/copy-trading/decisions?view=awaiting", "").into(t, &waiting)
		return len(waiting) == 1
	})
	approve := "/api/copy-trading/decisions/" + waiting[0].ID + "/approve"
	if a := s.do("cara", "POST", approve, "{}", key()); a.status != 200 {
		t.Fatalf("approve: %d %s", a.status, a.body)
	}
	s.eventually("cara's copy is in the book", func() bool { return len(s.book("cara")) == 1 })

	s.quote(apple, "4.50", "4.55")
	sell := s.place("ava", "STC 4 AAPL 200C "+expiry+" @ 4.50")
	s.eventually("ava is out", func() bool { return s.order("ava", sell).State == "filled" })
	s.eventually("ben is out too", func() bool {
		return contains(s.do("ben", "GET", "/api/positions?status=closed", "").body, `"sold":4`)
	})
	s.eventually("the exit is announced", func() bool { return len(posts(s.received("discord"))) == 2 })
	a := s.do("ava", "GET", "/api/positions/"+s.order("ava", sell).PositionID, "")
	if !contains(a.body, `"realizedPnl":"400.00"`) || !contains(a.body, `"status":"closed"`) {
		t.Errorf("ava's position: %s", a.body)
	}
	exit := posts(s.received("discord"))[1]
	if !contains(exit.Body, "STC 4 AAPL 200C "+expiry+" @ 4.50") || !contains(exit.Body, "+$400") {
		t.Errorf("exit alert: %s", exit.Body)
	}
}

func posts(log []received) []received {
	var list []received
	for _, r := range log {
		if r.Method == "POST" {
			list = append(list, r)
		}
	}
	return list
}
