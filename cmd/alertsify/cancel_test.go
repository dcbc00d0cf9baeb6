package main

import (
	"net/http"
	"testing"
)

// A cancel whose answer got lost, and that the broker never saw, is asked again
// once a look has shown the order still working.
func TestALostCancelIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	id := s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.40")
	s.eventually("the order works", func() bool { return s.order("ava", id).State == "accepted" })
	s.sandbox("POST", "/_sandbox/faults", map[string]any{
		"target": "snaptrade", "match": "trading/cancel", "mode": "drop_before", "count": 1,
	}, nil)
	if a := s.do("ava", "DELETE", "/api/trading/orders/"+id, "", key()); a.status != http.StatusAccepted {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	s.eventually("the order is cancelled", func() bool { return s.order("ava", id).State == "cancelled" })
}
