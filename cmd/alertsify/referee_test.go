package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/app"
)

// settleWithin is how long a show may take to come to rest: a look that finds a
// lost order comes within 35 s.
const settleWithin = 45 * time.Second

// examine ends every show. What must hold at any moment is examined at once; what
// must come to hold, and the broker's book, once the providers work again and
// everything under way has come to its end.
func (s *show) examine() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*settleWithin) // the test's own has ended
	defer cancel()
	if problems := s.problems(ctx, s.app.Bounds()); len(problems) > 0 {
		s.t.Errorf("after the test:\n%s", strings.Join(problems, "\n"))
		return
	}
	if err := s.stage.control(ctx, http.MethodDelete, "/_sandbox/faults", nil, nil); err != nil {
		s.t.Errorf("end the faults: %v", err)
		return
	}
	atRest := s.app.Bounds()
	atRest.Grace = 0
	for deadline := time.Now().Add(settleWithin); ; <-time.After(200 * time.Millisecond) {
		problems := slices.Concat(s.problems(ctx, atRest), s.verdict(ctx))
		if len(problems) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("the show never came to rest:\n%s", strings.Join(problems, "\n"))
			return
		}
		if err := s.lookNow(ctx); err != nil {
			s.t.Errorf("pull the looks forward: %v", err)
			return
		}
	}
}

// problems are the invariants that the stored data breaks. Under many tests at once a process may
// have waited for its turn, and its transaction for it (INV-38): one that somebody forgot is there
// a second later too.
func (s *show) problems(ctx context.Context, b app.Bounds) []string {
	findings, err := app.ExamineInvariants(ctx, s.stage.db, b)
	if slices.ContainsFunc(findings, func(f app.Finding) bool { return f.Name == "INV-38" && f.Rows > 0 }) {
		<-time.After(time.Second)
		findings, err = app.ExamineInvariants(ctx, s.stage.db, b)
	}
	var list []string
	for _, f := range findings {
		if f.Rows > 0 {
			list = append(list, f.Line())
		}
	}
	if err != nil {
		list = append(list, err.Error())
	}
	return list
}

// lookNow lists every account as soon as the spacing of looks allows.
func (s *show) lookNow(ctx context.Context) error {
	_, err := s.stage.db.Pool().Exec(ctx, `
		insert into account_looks (account_id, user_id, next_look_at) select id, user_id, now() from accounts where removed_at is null
		on conflict (account_id) do update set next_look_at = least(account_looks.next_look_at, now())`)
	return err
}

// verdict compares the broker's book, the referee, with our rows.
func (s *show) verdict(ctx context.Context) []string {
	r := referee{}
	if err := s.readBook(ctx, &r); err != nil {
		return []string{"read the broker's book: " + err.Error()}
	}
	if err := s.readOrders(ctx, &r); err != nil {
		return []string{"read our orders: " + err.Error()}
	}
	return r.judge()
}

func (s *show) readBook(ctx context.Context, r *referee) error {
	var book struct{ Data []bookOrder }
	if err := s.stage.control(ctx, http.MethodGet, "/_sandbox/broker/orders?account=*", nil, &book); err != nil {
		return err
	}
	var log struct{ Data []received }
	if err := s.stage.control(ctx, http.MethodGet, "/_sandbox/log?target=snaptrade", nil, &log); err != nil {
		return err
	}
	var accounts struct {
		Data []struct {
			ID        string
			Positions map[string]struct{ Units int }
		}
	}
	if err := s.stage.control(ctx, http.MethodGet, "/_sandbox/broker/accounts", nil, &accounts); err != nil {
		return err
	}
	r.book, r.requests, r.replacing, r.holds = book.Data, map[string]int{}, map[string]int{}, map[held]int{}
	for _, q := range log.Data {
		if q.Method == http.MethodPost && strings.HasSuffix(q.Path, "/trading/replace") && q.Status != http.StatusTooManyRequests {
			r.replacing[accountIn(q.Path)]++
		}
		if q.Method == http.MethodPost && strings.HasSuffix(q.Path, "/trading/options") && q.Status != http.StatusTooManyRequests {
			r.requests[accountIn(q.Path)]++
		}
	}
	for _, a := range accounts.Data {
		for symbol, p := range a.Positions {
			r.holds[held{a.ID, symbol}] = p.Units
		}
	}
	return nil
}

// accountIn is the account a path of SnapTrade's names: …/accounts/ID/….
func accountIn(path string) string {
	_, rest, _ := strings.Cut(path, "/accounts/")
	account, _, _ := strings.Cut(rest, "/")
	return account
}

func (s *show) readOrders(ctx context.Context, r *referee) error {
	rows, err := s.stage.db.Pool().Query(ctx, `
		select o.id::text as id, a.broker_account_id as account, o.source, o.state, o.side, o.symbol,
			o.quantity - o.cum + coalesce(b.cum, o.cum) as quantity, coalesce(b.cum, o.cum) as cum,
			coalesce(c.sent_at, o.sent_at) as sent_at, coalesce(c.send_before, o.send_before) as send_before,
			coalesce(c.deadline, o.deadline) as deadline, b.broker_order_id,
			coalesce(b.broker_order_id <> o.broker_order_id, false) as replaced,
			exists (select 1 from order_events e where e.order_id = o.id and e.to_state = 'submitting') as claimed,
			(select count(*) from order_changes m where m.order_id = o.id and m.sent_at is not null)::int as changes
		from orders o join accounts a on a.id = o.account_id and a.removed_at is null left join order_broker_ids b on b.order_id = o.id
		left join order_changes c on c.order_id = o.id and c.broker_order_id = b.broker_order_id and c.state = 'done'`)
	if err != nil {
		return err
	}
	if r.ours, err = pgx.CollectRows(rows, pgx.RowToStructByName[ourOrder]); err != nil {
		return err
	}
	rows, err = s.stage.db.Pool().Query(ctx, `
		select a.broker_account_id, p.symbol, sum(p.bought - p.sold)::int, bool_or(p.review_reason is not null)
		from positions p join accounts a on a.id = p.account_id and a.removed_at is null group by 1, 2`)
	if err != nil {
		return err
	}
	r.positions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ourPosition])
	return err
}

// ourOrder is an order of ours with one of its ids at the broker, if it has any.
type ourOrder struct {
	ID, Account, Source, State, Side, Symbol string
	Quantity, Cum                            int
	SentAt, Deadline                         *time.Time
	SendBefore                               time.Time
	BrokerOrderID                            *string
	Replaced                                 bool // another id has taken this one's place
	Claimed                                  bool
	Changes                                  int // asked for, of the order
}

func (o ourOrder) ended() bool {
	return slices.Contains([]string{"filled", "cancelled", "expired", "rejected"}, o.State)
}

// held is one contract on one of the broker's accounts.
type held struct{ account, symbol string }

type ourPosition struct {
	Account, Symbol string
	Held            int
	Review          bool
}

// referee compares what the broker has with what we have.
type referee struct {
	book      []bookOrder
	requests  map[string]int // to place, by account, but for those answered 429
	replacing map[string]int // the same of requests to replace
	holds     map[held]int   // contracts, by the broker
	ours      []ourOrder
	positions []ourPosition
}

// complaint notes something that is wrong.
type complaint func(format string, args ...any)

func (r referee) judge() []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	r.judgeRequests(say)
	r.judgeBook(say)
	r.judgeHoldings(say)
	return problems
}

// judgeRequests: no order was asked for twice, and no change of one.
func (r referee) judgeRequests(say complaint) {
	changes, counted := map[string]int{}, map[string]bool{}
	for _, o := range r.ours {
		if !counted[o.ID] {
			counted[o.ID] = true
			changes[o.Account] += o.Changes
		}
	}
	for account, n := range changes {
		if r.replacing[account] > n {
			say("INV-1: account %s was asked %d times to replace, for %d changes", account, r.replacing[account], n)
		}
	}
	claimed := map[string]map[string]bool{} // orders, by account
	for _, o := range r.ours {
		if claimed[o.Account] == nil {
			claimed[o.Account] = map[string]bool{}
		}
		if o.Claimed {
			claimed[o.Account][o.ID] = true
		}
	}
	for account, orders := range claimed {
		if n := r.requests[account]; n > len(orders) {
			say("INV-1: account %s was asked %d times to place, for %d claimed orders", account, n, len(orders))
		}
	}
}

// judgeBook: everything we sent is one order of ours, and the other way round.
// Of a twin made in the broker's app it is not known which is ours: that may be
// labelled wrongly, and is up for review; so what was sent is counted.
func (r referee) judgeBook(say complaint) {
	linked, known := map[held]ourOrder{}, map[string]bool{}
	for _, o := range r.ours {
		known[o.Account] = true
		if o.BrokerOrderID != nil {
			linked[held{o.Account, *o.BrokerOrderID}] = o
		}
	}
	inBook, sent, followed := map[string]bool{}, map[held]int{}, map[string]bool{}
	for _, b := range r.book {
		if b.Replaces != "" && followed[b.Replaces] {
			say("INV-1: broker order %s was replaced more than once", b.Replaces)
		}
		followed[b.Replaces] = true
		o, ok := linked[held{b.Account, b.BrokerOrderID}]
		if !ok && b.Via == "snaptrade" && known[b.Account] && b.Status != "REJECTED" {
			say("INV-1: broker order %s (%s %s of %s, %s) belongs to no order of ours", b.BrokerOrderID, b.Action, b.Quantity, b.Symbol, b.Status)
		}
		if !ok {
			continue
		}
		if inBook[o.ID] && b.Replaces == "" {
			say("INV-1: order %s is at the broker more than once", o.ID)
		}
		inBook[o.ID] = true
		if b.Via == "snaptrade" && b.Replaces == "" {
			sent[held{b.Account, o.Side + " " + b.Symbol}]++
		}
		b.judge(o, say)
	}
	for _, o := range r.ours {
		if o.BrokerOrderID != nil && !inBook[o.ID] {
			say("INV-2: order %s names broker order %s, which the broker does not have", o.ID, *o.BrokerOrderID)
		}
		if o.BrokerOrderID != nil && !o.Replaced && o.Source != "detected" {
			sent[held{o.Account, o.Side + " " + o.Symbol}]--
		}
	}
	for at, n := range sent {
		if n > 0 {
			say("INV-1: %d orders more were sent to account %s than there are of ours: %s", n, at.account, at.symbol)
		}
	}
}

// judgeHoldings: what the broker holds is what we say. A trade made in its app
// that we know nothing of yet is not ours to judge.
func (r referee) judgeHoldings(say complaint) {
	linked, foreign := map[string]bool{}, map[held]bool{}
	for _, o := range r.ours {
		if o.BrokerOrderID != nil {
			linked[*o.BrokerOrderID] = true
		}
	}
	for _, b := range r.book {
		if b.Via == "app" && !linked[b.BrokerOrderID] {
			foreign[held{b.Account, b.Symbol}] = true
		}
	}
	for _, p := range r.positions {
		at := held{p.Account, p.Symbol}
		if r.holds[at] != p.Held && !p.Review && !foreign[at] {
			say("INV-14: %d of %s held, the broker has %d", p.Held, p.Symbol, r.holds[at])
		}
	}
}

// judge compares one order of the book with ours.
func (b bookOrder) judge(o ourOrder, say complaint) {
	if o.State == "aborted" {
		say("INV-9: order %s was aborted, and is at the broker", o.ID)
	}
	if b.Symbol != o.Symbol || !o.Replaced && b.Quantity.String() != fmt.Sprint(o.Quantity) || strings.HasPrefix(b.Action, "BUY") != (o.Side == "BTO") {
		say("INV-2: order %s (%s %d %s) is linked to %s %s of %s", o.ID, o.Side, o.Quantity, o.Symbol, b.Action, b.Quantity, b.Symbol)
	}
	filled, err := b.Filled.Int64()
	if err != nil || int64(o.Cum) > filled || o.ended() && int64(o.Cum) != filled {
		say("INV-14: order %s is %s with %d filled, the broker filled %s", o.ID, o.State, o.Cum, b.Filled)
	}
	if b.Via != "snaptrade" || o.SentAt == nil || o.Deadline == nil {
		return
	}
	if b.PlacedAt.Before(*o.SentAt) {
		say("INV-3: order %s was at the broker %s before its claim", o.ID, o.SentAt.Sub(b.PlacedAt))
	}
	if latest := o.SendBefore.Add(time.Second); b.PlacedAt.After(*o.Deadline) || b.PlacedAt.After(latest) {
		say("INV-4: order %s was at the broker at %s, to be sent before %s", o.ID, b.PlacedAt, o.SendBefore)
	}
}
