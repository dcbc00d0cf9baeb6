package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A trade from its alert to its end is on the trader's record; what is downloaded without
// signing in holds offline, its head is the one that the alert named, and a changed digit
// is found.
func TestARecordIsDownloadedAndVerified(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	order := s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("the order has filled", func() bool { return s.order("ava", order).FilledQuantity == 2 })
	position := s.order("ava", order).PositionID
	s.do("ava", "POST", "/api/trading/orders", `{"side":"STC","positionId":"`+position+`","quantity":2,"orderType":"Limit","limitPrice":"3.45"}`, key()).want(t, 202)
	s.eventually("the position has closed", func() bool {
		return contains(s.do("ava", "GET", "/api/positions/"+position, "").body, `"status":"closed"`)
	})
	got := s.do("", "GET", "/api/traders/ava/record", "").want(t, 200)
	file := filepath.Join(t.TempDir(), "ava.jsonl")
	if err := os.WriteFile(file, got.body, 0o600); err != nil {
		t.Fatal(err)
	}
	head := s.text(`select record from alerts where order_id = $1`, order)
	var out, errs strings.Builder
	code := run(t.Context(), console{out: &out, err: &errs, env: os.LookupEnv}, []string{"verify-record", file, "--head", head})
	if code != 0 || !strings.Contains(out.String(), "1 trades finished: 0 won, 0 lost, 0 even, 0 without a known result, 1 with play money") || !strings.Contains(out.String(), head+" was its head after entry 1") {
		t.Fatalf("%d: %s%s\n%s", code, out.String(), errs.String(), got.body)
	}
	spoiled := strings.Replace(string(got.body), `"price":"3.5"`, `"price":"3.4"`, 1)
	if err := os.WriteFile(file, []byte(spoiled), 0o600); err != nil {
		t.Fatal(err)
	}
	errs.Reset()
	if code := run(t.Context(), console{out: &out, err: &errs, env: os.LookupEnv}, []string{"verify-record", file}); code != 1 || !strings.Contains(errs.String(), "entry 1: its hash") {
		t.Errorf("spoiled: %d, %s", code, errs.String())
	}
}
