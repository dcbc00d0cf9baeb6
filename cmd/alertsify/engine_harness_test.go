package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	buyFour  = "BTO 4 AAPL 200C 1/15/27 @ 3.50"
	sellFour = "STC 4 AAPL 200C 1/15/27 @ 3.40"
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

// broken are invariants of §20 as SQL: each lists what breaks it.
var broken = map[string]string{
	"INV-5, events replay to the row": `
		select o.id::text from orders o join lateral (select * from order_events e where e.order_id = o.id order by seq desc limit 1) e on true
		where e.to_state <> o.state or e.cum <> o.cum or e.seq <> o.event_seq`,
	"INV-5, events follow each other": `
		select order_id::text from (select *, lag(to_state) over w as before, row_number() over w - 1 as place, lag(cum) over w as had
			from order_events window w as (partition by order_id order by seq)) e
		where from_state is distinct from before or seq <> place or cum < had`,
	"INV-2, one row for each broker order": `
		select broker_order_id from order_broker_ids group by account_id, broker_order_id having count(*) > 1`,
	"INV-6, fills are what is filled": `
		select o.id::text from orders o left join fills f on f.order_id = o.id group by o.id
		having coalesce(sum(f.quantity), 0) <> o.cum or coalesce(sum(f.notional), 0) <> o.cum_notional`,
	"INV-13, reserved is what live sells may sell": `
		select p.id::text from positions p left join orders o on o.position_id = p.id and o.side = 'STC'
			and o.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')
		where p.review_reason is null group by p.id having p.sell_reserved <> coalesce(sum(o.quantity - o.cum), 0)`,
	"INV-14, a position is its fills": `
		select p.id::text from positions p left join fills f on f.position_id = p.id where p.review_reason is null group by p.id
		having p.bought <> coalesce(sum(f.quantity) filter (where f.side = 'BTO'), 0) or p.sold <> coalesce(sum(f.quantity) filter (where f.side = 'STC'), 0)`,
	"INV-15, no cost is made or lost": `
		select p.id::text from positions p left join fills f on f.position_id = p.id group by p.id
		having p.cost_bought <> p.remaining_cost + coalesce(sum(f.cost_removed), 0)`,
	"INV-16, profit is that of the fills": `
		select p.id::text from positions p left join fills f on f.position_id = p.id group by p.id having p.realized <> coalesce(sum(f.realized), 0)`,
	"INV-18, no ended position holds or trades": `
		select p.id::text from positions p where p.status <> 'open' and (p.bought <> p.sold or exists (select from orders o
			where o.position_id = p.id and o.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')))`,
	"INV-3, nothing is sent without a claim": `
		select id::text from orders where broker_order_id is not null and sent_at is null and source <> 'detected'`,
	"INV-4, nothing is claimed after its time": `
		select id::text from orders where sent_at > send_before`,
}

// sound holds the database to the invariants, and the broker's book to the
// database: each order there belongs to one here.
func (s *show) sound() {
	s.t.Helper()
	for name, sql := range broken {
		rows, err := s.stage.db.Pool().Query(s.t.Context(), sql)
		if err != nil {
			s.t.Fatalf("%s: %v", name, err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(found) > 0 {
			s.t.Errorf("%s is broken by %v (%v)", name, found, err)
		}
	}
	for _, o := range s.book("*") {
		if o.Status == "REJECTED" {
			continue
		}
		if n := s.text(`select count(*)::text from order_broker_ids where broker_order_id = $1`, o.BrokerOrderID); n != "1" {
			s.t.Errorf("the broker's order %+v is known here %s times", o, n)
		}
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
