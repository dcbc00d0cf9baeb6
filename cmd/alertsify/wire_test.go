package main

import (
	"net/http"
	"testing"
	"time"
)

// heldFor is how long the simulated SnapTrade keeps an answer back.
const heldFor = 9 * time.Second

// INV-38: while a request is on the wire, whichever it is, no transaction is open
// that was open when it left.
func TestNoTransactionWaitsForTheWire(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("manual")
	s.muted()

	s.onTheWire(placing)
	order := s.place("ava", buyFour)
	s.noneWaits("placing")
	s.reaches("ava", order, "accepted")

	s.onTheWire("/recentOrders")
	s.hurry()
	s.noneWaits("listing")

	s.onTheWire("/trading/cancel")
	if a := s.do("ava", "DELETE", "/api/trading/orders/"+order, "", key()); a.status != http.StatusAccepted {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	s.noneWaits("cancelling")
	s.soon("ava", order, "cancelled")
}

// onTheWire keeps the next such answer to ava back.
func (s *show) onTheWire(path string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/faults", map[string]any{
		"target": "snaptrade", "match": path, "account": "ava", "mode": "delay", "count": 1, "delayMs": heldFor.Milliseconds(),
	}, nil)
}

// noneWaits waits for the request, then for a moment of the time it is held in
// which every open transaction is younger than it.
func (s *show) noneWaits(what string) {
	s.t.Helper()
	s.eventually("the request of "+what+" is on the wire", func() bool {
		var faults struct{ Data []any }
		s.sandbox("GET", "/_sandbox/faults", nil, &faults)
		return len(faults.Data) == 0
	})
	left := s.text(`select clock_timestamp()::text`)
	var open string
	for end := time.Now().Add(heldFor * 2 / 3); ; {
		open = s.text(`select coalesce(string_agg(state || ': ' || query, E'\n'), '') from pg_stat_activity
			where datname = current_database() and application_name = 'alertsify' and xact_start < $1::timestamptz`, left)
		if open == "" {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: a transaction stays open while the request is on the wire:\n%s", what, open)
		}
	}
}
