package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	buyFour  = "BTO 4 AAPL 200C " + expiry + " @ 3.50"
	sellFour = "STC 4 AAPL 200C " + expiry + " @ 3.40"
)

// placing is the request that must never be made twice.
const placing = "/trading/options"

// openAlone raises a show in which nobody follows anybody, so that what is in a
// person's book is what that person did; the contract is quoted 3.45 to 3.50.
func openAlone(t *testing.T) *show {
	t.Helper()
	s := open(t)
	for _, follower := range []string{"ben", "cara"} {
		var list []struct{ ID string }
		s.do(follower, "GET", "/api/copy-trading/subscriptions", "").into(t, &list)
		for _, one := range list {
			if a := s.do(follower, "DELETE", "/api/copy-trading/subscription/"+one.ID, "", key()); a.status >= 300 {
				t.Fatalf("%s leaves: %d %s", follower, a.status, a.body)
			}
		}
	}
	s.quote(apple, "3.45", "3.50")
	return s
}

// fails makes SnapTrade fail once for a person's account. More is further keys
// and values of the fault.
func (s *show) fails(person, match, mode string, more ...any) {
	s.t.Helper()
	fault := map[string]any{"target": "snaptrade", "match": match, "account": person, "mode": mode, "count": 1}
	for i := 0; i < len(more); i += 2 {
		name, _ := more[i].(string)
		fault[name] = more[i+1]
	}
	s.sandbox("POST", "/_sandbox/faults", fault, nil)
}

// fills sets how the broker works one person's orders.
func (s *show) fills(person, mode string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/broker/mode", map[string]string{"account": person, "mode": mode}, nil)
}

// asked counts the requests to place that SnapTrade got for a person's account,
// without those it answered 429.
func (s *show) asked(person string) (n int) {
	s.t.Helper()
	account := s.text(`select broker_account_id from accounts where user_id = $1 order by created_at limit 1`, s.people[person])
	for _, r := range s.received("snaptrade") {
		if r.Method == "POST" && strings.HasSuffix(r.Path, placing) && strings.Contains(r.Path, account) && r.Status != http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// text reads one text from the database.
func (s *show) text(sql string, args ...any) (text string) {
	s.t.Helper()
	if err := s.stage.db.Pool().QueryRow(s.t.Context(), sql, args...).Scan(&text); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func (s *show) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.stage.db.Pool().Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// unannounced fails the test when one of these orders made an alert: only fills do.
func (s *show) unannounced(orders ...string) {
	s.t.Helper()
	for _, order := range orders {
		if n := s.text(`select count(*)::text from alerts where order_id = $1`, order); n != "0" {
			s.t.Errorf("order %s, which has not filled, made %s alerts", order, n)
		}
	}
}

// trail is the states an order went through, each once in a row.
func (s *show) trail(order string) string {
	s.t.Helper()
	rows, err := s.stage.db.Pool().Query(s.t.Context(), `select to_state from order_events where order_id = $1 order by seq`, order)
	if err != nil {
		s.t.Fatal(err)
	}
	states, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	var trail []string
	for _, state := range states {
		if len(trail) == 0 || trail[len(trail)-1] != state {
			trail = append(trail, state)
		}
	}
	return strings.Join(trail, " ")
}

// reaches waits for an order's state.
func (s *show) reaches(person, order, state string) shownOrder {
	s.t.Helper()
	var o shownOrder
	s.eventually(person+"'s order is "+state, func() bool {
		o = s.order(person, order)
		return o.State == state
	})
	return o
}

// position is what a person's positions in the contract come to.
type shownPosition struct {
	ID, Status, Source, RealizedPnl string
	Bought, Sold, Available         int
	ReviewReason                    *string
}

func (s *show) positions(person string) (list []shownPosition) {
	s.t.Helper()
	s.do(person, "GET", "/api/positions?status=all", "").into(s.t, &list)
	return list
}

// holds checks that a person has exactly one position, so many bought and sold.
func (s *show) holds(person string, bought, sold int) {
	s.t.Helper()
	list := s.positions(person)
	if len(list) != 1 || list[0].Bought != bought || list[0].Sold != sold {
		s.t.Errorf("%s holds %+v, want one position with %d bought and %d sold", person, list, bought, sold)
	}
}

// quiet keeps polling away from a person's account for this test: whatever is
// learnt from now on, a webhook or a refresh has brought about.
func (s *show) quiet(person string) {
	s.t.Helper()
	s.exec(`insert into account_looks (account_id, user_id, listed_at, next_look_at)
		select id, user_id, now() - interval '20 seconds', now() + interval '1 hour' from accounts where user_id = $1
		on conflict (account_id) do update set listed_at = excluded.listed_at, next_look_at = excluded.next_look_at`, s.people[person])
}

// listed lets a person's account count as listed just now, or so much later: the next list comes
// fifteen seconds after that, or with hurry.
func (s *show) listed(person string, later time.Duration) {
	s.t.Helper()
	s.exec(`insert into account_looks (account_id, user_id, listed_at)
		select id, user_id, clock_timestamp() + make_interval(secs => $2) from accounts where user_id = $1
		on conflict (account_id) do update set listed_at = excluded.listed_at`, s.people[person], later.Seconds())
}

// hurry lets the spacing between two lists of every account pass, so that what
// is due is looked at now.
func (s *show) hurry() {
	s.t.Helper()
	s.exec(`update account_looks set listed_at = listed_at - interval '15 seconds', next_look_at = least(next_look_at, now())`)
}

// hurried is eventually, with a new list every second.
func (s *show) hurried(what string, ok func() bool) {
	s.t.Helper()
	var last time.Time
	s.eventually(what, func() bool {
		if time.Since(last) > time.Second {
			s.hurry()
			last = time.Now()
		}
		return ok()
	})
}

// soon is reaches for what the next list shows.
func (s *show) soon(person, order, state string) shownOrder {
	s.t.Helper()
	s.hurry()
	return s.reaches(person, order, state)
}

// still is a moment in which something that must not happen would happen.
func (s *show) still(d time.Duration, what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
		if !ok() {
			s.t.Fatalf("not any more: %s", what)
		}
	}
}
