package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/pgtest"
)

func TestDoctorNamesTheBrokenInvariant(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	examine := func() (code int, out, err string) {
		var o, e strings.Builder
		c := console{out: &o, err: &e, env: app.Map(map[string]string{"DATABASE_URL": url})}
		code = run(t.Context(), c, []string{"doctor", "--invariants"})
		return code, o.String(), e.String()
	}
	if code, out, err := examine(); code != 0 || !strings.Contains(out, "INV-1 ok\n") || strings.Contains(out, "broken") {
		t.Fatalf("an empty database: %d\n%s%s", code, out, err)
	}
	if _, err := pgtest.Open(t, url).Pool().Exec(t.Context(), `alter table fills add column slippage real`); err != nil {
		t.Fatal(err)
	}
	code, out, err := examine()
	if code != 1 || !strings.Contains(out, "INV-46 broken: 1 row, e.g. fills.slippage is real") || !strings.Contains(err, "broken: INV-46") {
		t.Errorf("with a float: %d\n%s%s", code, out, err)
	}
}

// fair is what the referee has nothing to say against: an order of ours, filled.
func fair() referee {
	sent := time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	deadline, id := sent.Add(45*time.Second), "B1"
	return referee{
		book: []bookOrder{{
			BrokerOrderID: "B1", Account: "a", Symbol: apple, Action: "BUY_TO_OPEN", Status: "EXECUTED", Via: "snaptrade",
			Quantity: json.Number("4"), Filled: json.Number("4"), PlacedAt: sent.Add(time.Second),
		}},
		requests: map[string]int{"a": 1},
		holds:    map[held]int{{"a", apple}: 4},
		ours: []ourOrder{{
			ID: "o1", Account: "a", Source: "manual", State: "filled", Side: "BTO", Symbol: apple, Quantity: 4, Cum: 4,
			SentAt: &sent, Deadline: &deadline, SendBefore: sent.Add(30 * time.Second), BrokerOrderID: &id, Claimed: true,
		}},
		positions: []ourPosition{{Account: "a", Symbol: apple, Held: 4}},
	}
}

// A check that cannot fail is a defect.
func TestTheRefereeSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	if problems := fair().judge(); len(problems) > 0 {
		t.Fatalf("nothing is wrong, yet: %q", problems)
	}
	for name, c := range map[string]struct {
		spoil func(*referee)
		want  string
	}{
		"a second order at the broker": {func(r *referee) { r.book = append(r.book, r.book[0]); r.book[1].BrokerOrderID = "B2" }, "INV-1: broker order B2"},
		"one order with two there": {func(r *referee) {
			id := "B2"
			r.book, r.ours = append(r.book, r.book[0]), append(r.ours, r.ours[0])
			r.book[1].BrokerOrderID, r.ours[1].BrokerOrderID = id, &id
		}, "INV-1: order o1 is at the broker more than once"},
		"a second request":               {func(r *referee) { r.requests["a"] = 2 }, "INV-1: account a was asked 2 times"},
		"sent, then taken for found":     {func(r *referee) { r.ours[0].Source = "detected" }, "INV-1: 1 orders more were sent to account a"},
		"another contract":               {func(r *referee) { r.book[0].Symbol = "MSFT  " + expiryCode + "P00400000" }, "INV-2: order o1"},
		"nothing at the broker":          {func(r *referee) { r.book = nil }, "INV-2: order o1 names broker order B1"},
		"sent before its claim":          {func(r *referee) { r.book[0].PlacedAt = r.ours[0].SentAt.Add(-time.Second) }, "INV-3"},
		"sent when it was too late":      {func(r *referee) { r.book[0].PlacedAt = r.ours[0].SendBefore.Add(2 * time.Second) }, "INV-4"},
		"sent after the claim's end":     {func(r *referee) { r.book[0].PlacedAt = r.ours[0].Deadline.Add(time.Second) }, "INV-4"},
		"aborted and there":              {func(r *referee) { r.ours[0].State = "aborted" }, "INV-9"},
		"more filled than at the broker": {func(r *referee) { r.book[0].Filled = json.Number("3") }, "INV-14: order o1"},
		"ended with a fill missed":       {func(r *referee) { r.ours[0].State, r.ours[0].Cum = "cancelled", 3 }, "INV-14: order o1"},
		"a position that is not there":   {func(r *referee) { r.holds = nil }, "INV-14: 4 of AAPL"},
	} {
		r := fair()
		c.spoil(&r)
		if got := strings.Join(r.judge(), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
