package simulation

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/sandbox"
)

// referee knows what really happened at the broker: which order each request was
// for, what it became, and what nobody here placed.
type referee struct {
	requests map[uuid.UUID]int          // to place an order, but for those that were throttled
	real     map[uuid.UUID][]string     // the broker's orders that an order of ours became
	placedBy map[string]uuid.UUID       // the same, by the broker's id
	app      map[string]sandbox.BookRow // trades made in the broker's app
	answers  map[string][]byte          // by key
}

func newReferee() referee {
	return referee{
		requests: map[uuid.UUID]int{}, real: map[uuid.UUID][]string{}, placedBy: map[string]uuid.UUID{},
		app: map[string]sandbox.BookRow{}, answers: map[string][]byte{},
	}
}

func (r referee) asked(order uuid.UUID, throttled bool) {
	if !throttled {
		r.requests[order]++
	}
}

func (r referee) executed(order uuid.UUID, brokerID string) {
	r.real[order] = append(r.real[order], brokerID)
	r.placedBy[brokerID] = order
}

// succeeded: an order of ours goes on by another id.
func (r referee) succeeded(order uuid.UUID, brokerID string) { r.placedBy[brokerID] = order }

func (r referee) inTheApp(o sandbox.BookRow) { r.app[o.BrokerOrderID] = o }

// answered holds an answer against the first one to the same key.
func (r referee) answered(key string, receipt orders.Receipt) error {
	first, repeated := r.answers[key]
	if !repeated {
		r.answers[key] = receipt.Order
		return nil
	}
	if !bytes.Equal(first, receipt.Order) || !receipt.Replayed {
		return fmt.Errorf("INV-33: key %s was answered %s, then %s", key, first, receipt.Order)
	}
	return nil
}

// verdict is what the referee found.
type verdict struct {
	duplicates, lost, wrong int
	problems                []string
}

func (v *verdict) say(count *int, format string, args ...any) {
	*count++
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// asTold is an order as the program tells it, with one of its ids at the broker.
type asTold struct {
	ID            uuid.UUID
	State         string
	Quantity, Cum int64
	Review        *string
	BrokerOrderID *string
	Filled        *int64 // by that id
	Newest        bool   // the order goes by that id now
}

// judge compares the broker's whole book with the program's, at rest.
func (s *simulation) judge() (verdict, error) {
	rows, err := s.observer.Query(s.ctx, `
		select o.id, o.state, o.quantity, o.cum, o.review_reason, b.broker_order_id, b.cum, b.broker_order_id is not distinct from o.broker_order_id
		from public.orders o left join public.order_broker_ids b on b.order_id = o.id`)
	if err != nil {
		return verdict{}, err
	}
	told, err := pgx.CollectRows(rows, pgx.RowToStructByPos[asTold])
	if err != nil {
		return verdict{}, err
	}
	v := verdict{}
	linked := map[string]asTold{}
	for _, o := range told {
		if o.BrokerOrderID != nil {
			linked[*o.BrokerOrderID] = o
		}
	}
	for _, o := range told {
		if o.Newest {
			s.referee.judgeSent(o, &v)
		}
	}
	for _, b := range s.world.Book() {
		s.referee.judgeBook(b, linked, &v)
	}
	if err := s.judgeLinks(&v); err != nil {
		return v, err
	}
	if err := s.judgePremium(&v); err != nil {
		return v, err
	}
	return v, s.judgeHoldings(&v)
}

// judgeSent: asked for once, at the broker once, and not at all if never sent.
func (r referee) judgeSent(o asTold, v *verdict) {
	if r.requests[o.ID] > 1 || len(r.real[o.ID]) > 1 {
		v.say(&v.duplicates, "INV-1: order %s was asked for %d times and is at the broker as %v", o.ID, r.requests[o.ID], r.real[o.ID])
	}
	if o.State == "aborted" && (r.requests[o.ID] > 0 || o.BrokerOrderID != nil) {
		v.say(&v.wrong, "INV-9: order %s says that it was never sent, and was", o.ID)
	}
	if live(o.State) {
		v.say(&v.wrong, "order %s is %s though everything is at rest", o.ID, o.State)
	}
}

// judgeBook: what is at the broker is an order here, with the same end. Where a twin
// was made in the app nobody can tell the two apart, and one may bear the other's
// name; the broker's word about what it names must stand all the same. What came to
// nothing and was seen only then has no row: its order may have taken the twin's.
func (r referee) judgeBook(b sandbox.BookRow, linked map[string]asTold, v *verdict) {
	o, known := linked[b.BrokerOrderID]
	if !known {
		if b.Filled > 0 || b.Status != "REJECTED" && b.Via == "snaptrade" && !r.hasTwin(b) {
			v.say(&v.lost, "broker order %s (%s %d %s, %s, %d filled, via %s, placed %s) is no order here; it was placed for %s",
				b.BrokerOrderID, b.Action, b.Quantity, b.Symbol, b.Status, b.Filled, b.Via, b.PlacedAt, r.placedBy[b.BrokerOrderID])
		}
		return
	}
	if owner, ours := r.placedBy[b.BrokerOrderID]; ours && owner != o.ID && !r.hasTwin(b) {
		v.say(&v.wrong, "broker order %s was placed for order %s, and is linked to %s", b.BrokerOrderID, owner, o.ID)
	}
	if !agrees(b, o) {
		v.say(&v.wrong, "order %s is %s with %d of %d filled (review: %s); the broker says %s with %d", o.ID, o.State, o.Cum, o.Quantity, text(o.Review), b.Status, b.Filled)
	}
}

func text(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

// hasTwin says that something that looks the same was traded in the app.
func (r referee) hasTwin(b sandbox.BookRow) bool {
	for _, t := range r.app {
		if t.Account == b.Account && t.Symbol == b.Symbol && t.Action == b.Action && t.Quantity == b.Quantity {
			return true
		}
	}
	return false
}

// ends are the words for the broker's in the end.
var ends = map[string][]string{
	"EXECUTED": {"filled"}, "CANCELED": {"cancelled"}, "PARTIAL_CANCELED": {"cancelled"}, "EXPIRED": {"expired"}, "REJECTED": {"rejected"},
}

// agrees: the same end with the same fills. What ended and filled after that keeps
// its end, and is up for review. An id that was replaced only tells what it filled.
func agrees(b sandbox.BookRow, o asTold) bool {
	if o.Filled == nil || *o.Filled != b.Filled {
		return false
	}
	if !o.Newest || slices.Contains(ends[b.Status], o.State) {
		return true
	}
	return o.Review != nil && (o.State == "cancelled" || o.State == "expired") && b.Status != "PENDING" && b.Status != "PARTIAL"
}

// judgeHoldings: what is held here is held there, or an operator is asked to look.
func (s *simulation) judgeHoldings(v *verdict) error {
	rows, err := s.observer.Query(s.ctx, `
		select a.broker_account_id, p.symbol, sum(p.bought - p.sold), bool_or(p.review_reason is not null)
		from public.positions p join public.accounts a on a.id = p.account_id group by 1, 2 order by 1, 2`)
	if err != nil {
		return err
	}
	var account, symbol string
	var held int64
	var review bool
	_, err = pgx.ForEachRow(rows, []any{&account, &symbol, &held, &review}, func() error {
		if there := s.world.Holdings(account)[symbol]; there != held && !review {
			v.say(&v.wrong, "INV-14: %d of %s held on account %s, the broker has %d", held, symbol, account, there)
		}
		if review {
			s.tally.reviews++
		}
		return nil
	})
	return err
}

// judgePremium: what a user's days count is what the entries count: what was bought of
// those that ended, and what they were reckoned to cost of the others (R13).
func (s *simulation) judgePremium(v *verdict) error {
	rows, err := s.observer.Query(s.ctx, `
		select coalesce(c.user_id, o.user_id), coalesce(c.kind, o.kind), coalesce(c.used, 0), coalesce(o.bought, 0)
		from (select user_id, kind, sum(used) as used from public.day_counters where kind in ('premium', 'copy_premium') group by 1, 2) c
		full join (
			select user_id, kind, sum(case when state in ('aborted', 'rejected', 'not_placed') then 0
				when state in ('cancelled', 'expired') then least(estimated_cost, round(cum_notional * multiplier, 4)) else estimated_cost end) as bought
			from public.orders, unnest(array['premium', 'copy_premium']) kind where side = 'BTO' and (kind = 'premium' or source = 'copy') group by 1, 2) o
			on o.user_id = c.user_id and o.kind = c.kind
		where not exists (select from public.order_changes r join public.orders e on e.id = r.order_id -- counted on two days
			where r.user_id = coalesce(c.user_id, o.user_id) and r.state = 'done' and r.trading_day <> e.trading_day)`)
	if err != nil {
		return err
	}
	var user uuid.UUID
	var kind string
	var used, bought decimal.Decimal
	_, err = pgx.ForEachRow(rows, []any{&user, &kind, &used, &bought}, func() error {
		if !used.Equal(bought) {
			v.say(&v.wrong, "INV-37: %s of %s are counted for user %s, whose entries count %s", used, kind, user, bought)
		}
		return nil
	})
	return err
}
