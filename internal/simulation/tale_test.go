package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/sandbox"
)

// script is what a tale breaks.
type script struct {
	dies string // the crash point at which the process dies next
}

// diesAt says that the process dies here, once.
func (s *script) diesAt(point string) bool {
	if s == nil || s.dies != point {
		return false
	}
	s.dies = ""
	return true
}

// tale is a world in which only what a test says happens: nobody trades but whom it
// lets, the broker fills nothing by itself, and nothing fails but what it breaks.
type tale struct{ *simulation }

func tell(t *testing.T, empty string) *tale {
	t.Helper()
	s := begin(t, empty, 3, 0)
	s.calm, s.script = true, &script{}
	s.again("broker works", func() time.Duration { return 5 * time.Second }, func() error { return s.world.Step() })
	s.again("sweep", func() time.Duration { return 7 * time.Second }, s.sweep)
	return &tale{s}
}

// passes lets time go by; whatever is found wrong ends the test.
func (s *tale) passes(d time.Duration) {
	s.t.Helper()
	s.pass(d)
	s.sound()
}

// sleeps lets time go by in which no process of ours runs.
func (s *tale) sleeps(d time.Duration) {
	s.t.Helper()
	s.time.to(s.time.Now().Add(d))
	s.passes(time.Minute)
}

// sound holds everything against the invariants.
func (s *tale) sound() {
	s.t.Helper()
	if s.broken == nil {
		s.fail(s.check.all(s.simulation, time.Hour))
	}
	if s.broken != nil {
		s.t.Fatalf("%v\n%s", s.broken, s.story())
	}
}

// ends lets everything come to rest and compares the broker's book.
func (s *tale) ends() {
	s.t.Helper()
	s.closing = true
	if err := s.rest(); err != nil {
		s.t.Fatalf("%v\n%s", err, s.story())
	}
}

// places asks for an order of F's call at a limit.
func (s *tale) places(p *person, side orders.Side, quantity int, limit string, force orders.TimeInForce) uuid.UUID {
	s.t.Helper()
	c := contracts()[0]
	price := money.MustPrice(limit)
	r := orders.Request{Side: side, Quantity: &quantity, OrderType: orders.Limit, LimitPrice: &price, TimeInForce: force, ConfirmPrice: true, ConfirmDuplicate: true}
	if side == orders.STC {
		held, err := s.holds(p)
		s.must(err)
		r.PositionID = held[0].ID.String()
	} else {
		strike := money.Price{Decimal: c.Strike}
		r.Underlying, r.OptionType, r.Strike, r.Expiration = c.Underlying, string(c.Type), &strike, c.Expiration.String()
	}
	var placed struct {
		ID uuid.UUID `json:"id"`
	}
	s.must(s.call("a click", func(ctx context.Context) error {
		receipt, err := s.engine.desk.Place(ctx, p.user, orders.Key{Text: p.key()}, r)
		if err != nil {
			return err
		}
		return json.Unmarshal(receipt.Order, &placed)
	}))
	return placed.ID
}

// changes asks for another price of an order.
func (s *tale) changes(p *person, id uuid.UUID, limit string) {
	s.t.Helper()
	price := money.MustPrice(limit)
	s.must(s.call("a replacement", func(ctx context.Context) error {
		_, err := s.engine.desk.Replace(ctx, p.user, id, orders.Key{Text: p.key()}, orders.ChangeRequest{LimitPrice: &price, ConfirmPrice: true})
		return err
	}))
}

// at says whether an order is at a limit.
func at(o orders.Order, limit string) bool { return o.Limit.Equal(money.MustPrice(limit).Decimal) }

// fails lets the next requests to somewhere fail.
func (s *tale) fails(p *person, match, mode string, delay time.Duration) {
	s.world.Faults().Add(sandbox.Fault{
		Target: "snaptrade", Match: match, Account: p.broker, Mode: mode, Count: 1, DelayMs: int(delay.Milliseconds()),
	})
}

// order is an order as its owner reads it.
func (s *tale) order(p *person, id uuid.UUID) orders.Order {
	s.t.Helper()
	o, err := s.engine.desk.Order(s.ctx, p.user, id)
	s.must(err)
	return o
}

// reaches lets time go by until an order is in a state.
func (s *tale) reaches(p *person, id uuid.UUID, want orders.State, within time.Duration) orders.Order {
	s.t.Helper()
	for until := s.time.Now().Add(within); ; s.pass(time.Second) {
		if o := s.order(p, id); o.State == want {
			s.sound()
			return o
		} else if s.broken != nil || s.time.Now().After(until) {
			s.t.Fatalf("after %s the order is %s (change %+v), want %s: %v\n%s", within, o.State, o.Change, want, s.broken, s.story())
		}
	}
}

// decided lets time go by until it is known what became of a change.
func (s *tale) decided(p *person, id uuid.UUID, want orders.ChangeState, within time.Duration) orders.Order {
	s.t.Helper()
	for until := s.time.Now().Add(within); ; s.pass(time.Second) {
		o := s.order(p, id)
		if o.Change.State == want {
			s.sound()
			return o
		}
		if s.broken != nil || s.time.Now().After(until) {
			s.t.Fatalf("after %s the change is %s, want %s: %v\n%s", within, o.Change.State, want, s.broken, s.story())
		}
	}
}

// bought is an account that holds some of the contract.
func (s *tale) bought(p *person, quantity int) {
	s.t.Helper()
	id := s.places(p, orders.BTO, quantity, "0.50", orders.Day)
	o := s.reaches(p, id, orders.Accepted, time.Minute)
	s.fills(*o.BrokerOrderID, quantity)
	s.reaches(p, id, orders.Filled, 5*time.Minute)
}

func (s *tale) fills(brokerID string, quantity int) {
	s.t.Helper()
	s.must(s.world.Fill(brokerID, int64(quantity), nil))
}

// hasBook ends the test when the account's newest orders at the broker are others than
// "BUY 5 at 0.55 PENDING, …".
func (s *tale) hasBook(p *person, want string) {
	s.t.Helper()
	var lines []string
	for _, b := range s.world.Book() {
		if b.Account == p.broker {
			lines = append(lines, fmt.Sprintf("%s %d at %s %s", strings.Split(b.Action, "_")[0], b.Quantity, *b.LimitPrice, b.Status))
		}
	}
	if got := strings.Join(lines, ", "); !strings.HasSuffix(got, want) {
		s.t.Errorf("at the broker are %s; want %s", got, want)
	}
}

func (s *tale) count(sql string, args ...any) (n int) {
	s.t.Helper()
	s.must(s.observer.QueryRow(s.ctx, sql, args...).Scan(&n))
	return n
}

// Each of these worlds has its tales one after the other, and is compared with the
// broker at its end. They share an empty database, and live all at once.
func TestTales(t *testing.T) {
	t.Parallel()
	empty := emptyWorld(t)
	for name, tales := range map[string][]func(*testing.T, *tale){
		"replacing":                      {aLostReplacement, aReplacementThatNeverArrived, aLateSuccessor},
		"a successor unseen for long":    {aSuccessorTooLate},
		"a refusal that was none":        {aRefusalThatWasNone},
		"cancelling":                     {aLostCancel, aCancelThatNeverArrived},
		"orders of yesterday":            {anOldOrderOfTheApp, anOldOrderReplaced},
		"orders that lists leave unseen": {noListCanTell, noListCanTellOfAChange},
		"dying while replacing a buy":    dyingAtEveryPoint(orders.BTO),
		"dying while replacing a sell":   dyingAtEveryPoint(orders.STC),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell(t, empty)
			for _, told := range tales {
				s.tally = newTally()
				told(t, s)
			}
			if !strings.Contains(name, "unseen") { // what nobody saw is no order of ours
				s.ends()
			}
		})
	}
}

// working is an order of gil's, whom nobody follows, that works at the broker.
func (s *tale) working(side orders.Side, force orders.TimeInForce) (*person, uuid.UUID) {
	s.t.Helper()
	p := s.person("gil")
	if side == orders.STC {
		s.bought(p, 5)
	}
	id := s.places(p, side, 5, "0.55", force)
	s.reaches(p, id, orders.Accepted, time.Minute)
	s.pass(2 * time.Second) // an account's claims are a second apart
	return p, id
}

// The broker replaces the order and the answer is lost: the next look finds the
// successor, which is the order from then on. Nothing is sent twice.
func aLostReplacement(t *testing.T, s *tale) {
	p, id := s.working(orders.BTO, orders.Day)
	s.fails(p, "/trading/replace", "accept_then_drop", 0)
	s.changes(p, id, "0.60")
	o := s.decided(p, id, orders.ChangeDone, 2*time.Minute)
	if o.State != orders.Accepted || !at(o, "0.60") || s.tally.replacings != 1 {
		t.Errorf("%s at %s after %d requests", o.State, o.Limit, s.tally.replacings)
	}
	s.hasBook(p, "BUY 5 at 0.55 REPLACED, BUY 5 at 0.6 PENDING")
	s.fills(*o.BrokerOrderID, 5)
	s.reaches(p, id, orders.Filled, 5*time.Minute)
}

// The request is lost before it arrives: the order works on as it was, and that is
// known once it was looked for long enough.
func aReplacementThatNeverArrived(t *testing.T, s *tale) {
	p, id := s.working(orders.STC, orders.Day)
	s.fails(p, "/trading/replace", "drop_before", 0)
	s.changes(p, id, "0.60")
	s.decided(p, id, orders.ChangeUnknown, 2*time.Minute)
	o := s.decided(p, id, orders.ChangeFailed, 10*time.Minute)
	if o.State != orders.Accepted || !at(o, "0.55") || s.tally.replacings != 1 {
		t.Errorf("%s at %s after %d requests", o.State, o.Limit, s.tally.replacings)
	}
	s.hasBook(p, "SELL 5 at 0.55 PENDING")
	s.fills(*o.BrokerOrderID, 5)
	s.reaches(p, id, orders.Filled, 5*time.Minute)
}

// The answer is lost, and the lists show the successor a minute and a half later: until
// then the order that has ended there is not over here.
func aLateSuccessor(t *testing.T, s *tale) {
	p, id := s.working(orders.BTO, orders.Day)
	s.fails(p, "/trading/replace", "late_listing", 90*time.Second)
	s.fails(p, "/trading/replace", "accept_then_drop", 0)
	s.changes(p, id, "0.60")
	s.decided(p, id, orders.ChangeUnknown, time.Minute)
	s.passes(45 * time.Second)
	if o := s.order(p, id); o.State != orders.Accepted || o.Change.State != orders.ChangeUnknown {
		t.Errorf("while it is not listed: %s, its change %s", o.State, o.Change.State)
	}
	o := s.decided(p, id, orders.ChangeDone, 3*time.Minute)
	if o.State != orders.Accepted || !at(o, "0.60") || o.Review != nil {
		t.Errorf("%s at %s, review %v", o.State, o.Limit, o.Review)
	}
	s.fills(*o.BrokerOrderID, 5)
	s.reaches(p, id, orders.Filled, 5*time.Minute)
}

// It is listed only after the search was over: the order has ended, an operator is
// asked, and what is at the broker is an order of its own, with its fills.
func aSuccessorTooLate(t *testing.T, s *tale) {
	p, id := s.working(orders.BTO, orders.Day)
	s.fails(p, "/trading/replace", "late_listing", 14*time.Minute)
	s.fails(p, "/trading/replace", "accept_then_drop", 0)
	s.changes(p, id, "0.60")
	s.decided(p, id, orders.ChangeFailed, 13*time.Minute)
	if o := s.reaches(p, id, orders.Cancelled, time.Minute); o.Review == nil {
		t.Error("nobody is asked about an order that was replaced by nothing")
	}
	successor, _ := s.world.Newest(p.broker)
	s.fills(successor.BrokerOrderID, 5)
	s.passes(6 * time.Minute)
	if n := s.count(`select count(*) from public.orders where account_id = $1 and source = 'detected' and state = 'filled' and broker_order_id = $2`,
		p.account, successor.BrokerOrderID); n != 1 {
		t.Errorf("the successor is %d orders here", n)
	}
	if held, err := s.holds(p); err != nil || len(held) != 1 || held[0].Held != 5 {
		t.Errorf("held: %+v (%v)", held, err)
	}
}

// The broker executes an order and answers a refusal, and then cannot be asked whether it
// knows the order of its list (T14): until it can, that is nobody's.
func aRefusalThatWasNone(t *testing.T, s *tale) {
	p := s.person("gil")
	s.world.Faults().Add(sandbox.Fault{Target: "snaptrade", Match: "/trading/options", Account: p.broker, Mode: "accept_then_error", Status: 400, Count: 1})
	s.world.Faults().Add(sandbox.Fault{Target: "snaptrade", Match: "/orders/details", Account: p.broker, Mode: "error", Status: 500, Count: 3})
	id := s.places(p, orders.BTO, 5, "0.55", orders.Day)
	s.reaches(p, id, orders.Rejected, time.Minute)
	o := s.reaches(p, id, orders.Accepted, 8*time.Minute)
	if n := s.count(`select count(*) from public.orders where account_id = $1`, p.account); n != 1 || o.Review == nil {
		t.Errorf("%d orders, review %v", n, o.Review)
	}
	s.fills(*o.BrokerOrderID, 5)
	s.reaches(p, id, orders.Filled, 5*time.Minute)
}

// The broker cancels and the answer is lost: the look shows it, and nothing is asked
// a second time.
func aLostCancel(t *testing.T, s *tale) {
	p, id := s.working(orders.STC, orders.Day)
	s.fails(p, "/trading/cancel", "accept_then_drop", 0)
	s.must(s.cancels(p, id))
	o := s.reaches(p, id, orders.Cancelled, 2*time.Minute)
	s.passes(5 * time.Minute)
	if s.tally.cancels != 1 || o.Review != nil {
		t.Errorf("asked %d times, review %v", s.tally.cancels, o.Review)
	}
}

// The cancel never arrived: it is asked for again once a look has shown the order live,
// and not before.
func aCancelThatNeverArrived(t *testing.T, s *tale) {
	p, id := s.working(orders.BTO, orders.Day)
	s.fails(p, "/trading/cancel", "drop_before", 0)
	s.world.Faults().Add(sandbox.Fault{Target: "snaptrade", Match: "/recentOrders", Account: p.broker, Mode: "error", Status: 500, Count: 3})
	s.must(s.cancels(p, id))
	s.passes(30 * time.Second)
	if s.tally.cancels != 1 {
		t.Errorf("asked %d times though no list was read", s.tally.cancels)
	}
	s.reaches(p, id, orders.Cancelled, 5*time.Minute)
	if s.tally.cancels != 2 {
		t.Errorf("asked %d times", s.tally.cancels)
	}
}

// replacedInTheApp replaces an order in the broker's own app.
func (s *tale) replacedInTheApp(brokerID, limit string) {
	s.control("/_sandbox/broker/replace", map[string]any{"brokerOrderId": brokerID, "price": limit})
}

// An order that was placed in the app and rests for more than a day is in no list of
// today, and SnapTrade cannot show it by its id: the longer list tells of its fill.
func anOldOrderOfTheApp(t *testing.T, s *tale) {
	p, id := s.working(orders.BTO, orders.GTC)
	s.replacedInTheApp(*s.order(p, id).BrokerOrderID, "0.60")
	s.passes(2 * time.Minute)
	successor, _ := s.world.Newest(p.broker)
	if o := s.order(p, id); *o.BrokerOrderID != successor.BrokerOrderID || successor.Via != "app" {
		t.Fatalf("the order goes by %s, the successor is %s via %s", *o.BrokerOrderID, successor.BrokerOrderID, successor.Via)
	}
	s.sleeps(26 * time.Hour)
	if o := s.order(p, id); o.State != orders.Accepted {
		t.Fatalf("after a day: %s", o.State)
	}
	s.fills(successor.BrokerOrderID, 2)
	s.reaches(p, id, orders.Partial, 12*time.Minute)
	s.fills(successor.BrokerOrderID, 3)
	s.reaches(p, id, orders.Filled, 12*time.Minute)
}

// An order that was placed a day ago is replaced in the app: no list of today has the
// old id. What took its place is the order from then on.
func anOldOrderReplaced(t *testing.T, s *tale) {
	p, id := s.working(orders.BTO, orders.GTC)
	first := *s.order(p, id).BrokerOrderID
	s.sleeps(26 * time.Hour)
	s.replacedInTheApp(first, "0.60")
	s.passes(12 * time.Minute)
	successor, _ := s.world.Newest(p.broker)
	o := s.order(p, id)
	if *o.BrokerOrderID != successor.BrokerOrderID || o.State != orders.Accepted || !at(o, "0.60") {
		t.Errorf("the order is %s at %s by %s; the successor is %s", o.State, o.Limit, *o.BrokerOrderID, successor.BrokerOrderID)
	}
	if n := s.count(`select count(*) from public.orders where account_id = $1 and source = 'detected'`, p.account); n != 0 {
		t.Errorf("%d orders of the app", n)
	}
	s.fills(successor.BrokerOrderID, 5)
	s.reaches(p, id, orders.Filled, 12*time.Minute)
}

// unlisted is somebody whose broker lists no orders, which nobody knows yet.
func (s *tale) unlisted() *person {
	s.t.Helper()
	p := s.movesIn("hal", "PUBLIC")
	s.people = append(s.people, p)
	s.must(s.exec(fmt.Sprintf(`update public.users set role = 'trader' where id = '%s'`, p.user)))
	if n := s.count(`select count(*) from public.accounts where id = $1 and lists_orders`, p.account); n != 1 {
		s.t.Fatal("it is known already that the broker lists nothing")
	}
	return p
}

// An order is placed before it is known that the broker lists none, and its answer is
// lost: it stays unknown however long nothing is seen of it, an operator is asked after
// the close, and says what became of it.
func noListCanTell(t *testing.T, s *tale) {
	p := s.unlisted()
	s.fails(p, "/trading/options", "drop_before", 0)
	id := s.places(p, orders.BTO, 5, "0.55", orders.Day)
	s.reaches(p, id, orders.Unknown, 2*time.Minute)
	s.passes(30 * time.Minute)
	if n := s.count(`select count(*) from public.accounts where id = $1 and not lists_orders`, p.account); n != 1 {
		t.Error("it is still not known that the broker lists nothing")
	}
	for range 3 {
		s.sleeps(24 * time.Hour)
		s.passes(15 * time.Minute)
	}
	o := s.order(p, id)
	if o.State != orders.Unknown || o.CompleteLooks != 0 || o.Review == nil {
		t.Fatalf("after days: %s after %d complete looks, review %v", o.State, o.CompleteLooks, o.Review)
	}
	s.must(s.call("an operator", func(ctx context.Context) error {
		_, err := s.engine.desk.RecordNotPlaced(ctx, p.user, id, "The broker knows nothing of it.")
		return err
	}))
	s.reaches(p, id, orders.NotPlaced, time.Minute)
}

// The same of a change: that it was not made, the order itself tells when it is read.
// What took its place otherwise nobody can tell: that it is over, the close does.
func noListCanTellOfAChange(t *testing.T, s *tale) {
	p := s.person("hal")
	for _, c := range []struct {
		mode   string
		want   orders.State
		review bool
	}{{"drop_before", orders.Accepted, false}, {"accept_then_drop", orders.Cancelled, true}} {
		id := s.places(p, orders.BTO, 5, "0.55", orders.Day)
		s.reaches(p, id, orders.Accepted, time.Minute)
		s.must(s.exec(fmt.Sprintf(`update public.accounts set lists_orders = true where id = '%s'`, p.account)))
		s.fails(p, "/trading/replace", c.mode, 0)
		s.changes(p, id, "0.60")
		s.decided(p, id, orders.ChangeUnknown, 2*time.Minute)
		s.passes(25 * time.Minute)
		if o := s.order(p, id); o.Change.State == orders.ChangeFailed != (c.want == orders.Accepted) {
			t.Errorf("%s: the change is %s", c.mode, o.Change.State)
		}
		if c.review {
			s.sleeps(24 * time.Hour)
			s.passes(15 * time.Minute)
		}
		o := s.order(p, id)
		if o.State != c.want || o.Change.State != orders.ChangeFailed || !at(o, "0.55") || (o.Review != nil) != c.review {
			t.Errorf("%s: %s at %s, its change %s, review %v", c.mode, o.State, o.Limit, o.Change.State, o.Review)
		}
		if o.State == orders.Accepted {
			s.must(s.cancels(p, id))
			s.reaches(p, id, orders.Cancelled, 10*time.Minute)
		}
	}
}

// dyingAtEveryPoint: the process dies at every point of replacing an order: it is asked
// for once at most, what became of it is found out, and the order ends as the broker says.
func dyingAtEveryPoint(side orders.Side) (tales []func(*testing.T, *tale)) {
	for _, point := range []string{"C4", "C5", "C7", "C8", "C9"} {
		tales = append(tales, func(t *testing.T, s *tale) { dyingWhileReplacing(t, s, point, side) })
	}
	return tales
}

func dyingWhileReplacing(t *testing.T, s *tale, point string, side orders.Side) {
	p, id := s.working(side, orders.Day)
	s.script.dies = point
	s.changes(p, id, "0.60")
	s.passes(time.Minute)
	if s.tally.crashes[point] != 1 {
		t.Fatalf("the process died: %v", s.tally.crashes)
	}
	want, limit, requests := orders.ChangeDone, "0.60", 1
	if point == "C5" || point == "C7" { // claimed, and nothing was sent
		want, limit, requests = orders.ChangeFailed, "0.55", 0
	}
	o := s.decided(p, id, want, 15*time.Minute)
	if o.State != orders.Accepted || !at(o, limit) || s.tally.replacings != requests || o.Review != nil {
		t.Errorf("dying at %s: %s at %s after %d requests, review %v", point, o.State, o.Limit, s.tally.replacings, o.Review)
	}
	s.fills(*o.BrokerOrderID, 5)
	s.reaches(p, id, orders.Filled, 5*time.Minute)
}
