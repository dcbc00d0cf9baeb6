package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/users"
)

// person is somebody with one account at the broker.
type person struct {
	name    string
	user    uuid.UUID
	account uuid.UUID
	broker  string // the account's id there
	keys    int    // idempotency keys used
}

// Three lead; of those who follow one buys at the market, one is asked each time,
// one adds to what is held already, and one follows two traders and trades too.
var (
	leaders   = []string{"ava", "bob", "cyd"}
	followers = []string{"dan", "eve", "fay", "gil"}
	traders   = []string{"ava", "bob", "cyd", "gil"} // who trades by hand
)

// contracts everybody trades: few, so that people meet in them, and cheap.
func contracts() []exchange.Contract {
	var list []exchange.Contract
	for _, c := range []struct {
		underlying string
		kind       exchange.OptionType
		strike     string
	}{{"F", "call", "12"}, {"F", "put", "11"}, {"SOFI", "call", "15"}, {"INTC", "call", "25"}, {"BAC", "put", "40"}, {"PYPL", "call", "90"}, {"F", "call", "12.5"}, {"SOFI", "put", "14"}, {"BAC", "call", "43"}} {
		made, err := exchange.NewContract(c.underlying, c.kind, decimal.RequireFromString(c.strike), exchange.MustDate("2028-12-15"))
		if err != nil {
			panic(err) // the list above is wrong
		}
		list = append(list, made)
	}
	return list
}

// settle lets everybody move in through the program's own doors.
func (s *simulation) settle() {
	s.t.Helper()
	s.watch = watch{states: map[uuid.UUID]string{}, asked: map[uuid.UUID]bool{}}
	s.tally = newTally()
	s.referee, s.sight = newReferee(), newSight()
	s.calm = true
	for _, name := range append(append([]string{}, leaders...), followers...) {
		s.people = append(s.people, s.movesIn(name, "ALPACA-PAPER"))
	}
	text := func(v string) *string { return &v }
	yes, many, slow := true, 100, 120
	half := &copytrade.Scaling{Mode: "factor", Value: money.MustAmount("0.5")}
	for _, f := range []struct {
		follower, trader string
		settings         copytrade.Settings
	}{
		{"dan", "ava", copytrade.Settings{AutoExecute: &yes, OrderType: text("market"), MaxDailyTrades: &many, MaxDelaySeconds: &slow}},
		{"eve", "ava", copytrade.Settings{MaxDailyTrades: &many, SameContract: text("add"), MaxDelaySeconds: &slow}},
		{"eve", "bob", copytrade.Settings{MaxDailyTrades: &many, MaxDelaySeconds: &slow}},
		{"fay", "bob", copytrade.Settings{AutoExecute: &yes, Scaling: half, SameContract: text("add"), MaxDailyTrades: &many}},
		{"gil", "bob", copytrade.Settings{AutoExecute: &yes, SameContract: text("add")}},
		{"gil", "cyd", copytrade.Settings{AutoExecute: &yes, SameContract: text("add"), MaxDailyTrades: &many, MaxDelaySeconds: &slow}},
	} {
		follower := s.person(f.follower)
		if f.settings.AutoExecute != nil {
			s.must(s.engine.copier.Consent(s.ctx, follower.user, copytrade.ConsentVersion))
		}
		body, err := json.Marshal(f.settings)
		s.must(err)
		_, _, err = s.engine.copier.Subscribe(s.ctx, follower.user, copytrade.Key{Text: follower.key(), Body: body}, f.trader, f.settings)
		s.must(err)
	}
	for _, c := range contracts() { // reading a listing takes real time, which nobody shall wait for later
		if listed, err := s.engine.quotes.Listed(s.ctx, c); err != nil || !listed {
			s.t.Fatalf("%s is not listed: %v", c.Symbol, err)
		}
	}
	s.world.Webhooks() // of moving in
	s.calm = false
}

func (s *simulation) movesIn(name, broker string) *person {
	s.t.Helper()
	p := &person{name: name}
	s.must(s.db.InTx(s.ctx, func(ctx context.Context, tx pgx.Tx) error {
		u, err := users.New(s.db).Create(ctx, tx, users.NewUser{Username: name, Name: name})
		p.user = u.ID
		return err
	}))
	s.must(s.exec(`update users set role = 'trader' where username in ('ava', 'bob', 'cyd')`))
	_, err := s.engine.accounts.Connect(s.ctx, p.user, broker, "")
	s.must(err)
	s.control("/_sandbox/connect", map[string]any{"user": p.user.String(), "broker": broker})
	_, err = s.engine.accounts.Refresh(s.ctx, p.user)
	s.must(err)
	s.must(s.exec(fmt.Sprintf(`update accounts set id = gen_random_uuid() where user_id = '%s'`, p.user))) // the seed's: schedules are spread by it
	list, err := s.engine.accounts.List(s.ctx, p.user)
	s.must(err)
	p.account, p.broker = list[0].ID, list[0].BrokerAccountID
	s.must(s.world.SetMode(p.broker, "manual"))
	return p
}

func (s *simulation) person(name string) *person {
	for _, p := range s.people {
		if p.name == name {
			return p
		}
	}
	panic("nobody is called " + name)
}

func (s *simulation) owner(account uuid.UUID) *person {
	for _, p := range s.people {
		if p.account == account {
			return p
		}
	}
	panic("nobody owns account " + account.String())
}

// key is one that was never used before.
func (p *person) key() string {
	p.keys++
	return fmt.Sprintf("simulation-%s-%06d", p.name, p.keys)
}

func (s *simulation) clickPause() time.Duration {
	return s.dice.between(300*time.Millisecond, 2700*time.Millisecond)
}

// somebodyTrades is one click, or a trade in the broker's own app.
func (s *simulation) somebodyTrades() error {
	if s.closing {
		return nil
	}
	p := s.person(pick(s.dice, traders...))
	if s.dice.permille(80) {
		return s.tradesInTheApp(p)
	}
	request, ok, err := s.wish(p)
	if err != nil || !ok {
		return err
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return s.clicks(p, orders.Key{Text: p.key(), Body: body}, request)
}

// wish is what somebody wants to trade: a contract to buy, or to sell of what they
// hold.
func (s *simulation) wish(p *person) (orders.Request, bool, error) {
	contract := pick(s.dice, contracts()...)
	quantity := 1 + s.dice.IntN(8)
	r := orders.Request{Side: orders.BTO, Quantity: &quantity, TimeInForce: orders.Day, ConfirmPrice: true, ConfirmDuplicate: s.dice.permille(900)}
	if s.dice.permille(500) {
		held, err := s.holds(p)
		if err != nil {
			return r, false, err
		}
		if len(held) > 0 {
			chosen := pick(s.dice, held...)
			if contract, err = exchange.ParseSymbol(chosen.Symbol); err != nil {
				return r, false, err
			}
			r.Side, r.PositionID = orders.STC, chosen.ID.String()
			quantity = 1 + s.dice.IntN(chosen.Held)
			if s.dice.permille(500) {
				quantity = chosen.Held
			}
		}
	}
	if r.Side == orders.BTO {
		strike := money.Price{Decimal: contract.Strike}
		r.Underlying, r.OptionType, r.Strike, r.Expiration = contract.Underlying, string(contract.Type), &strike, contract.Expiration.String()
	}
	if s.dice.permille(150) {
		r.TimeInForce = orders.GTC
	}
	return r, true, s.price(&r, contract)
}

// price chooses the order's type and its prices around the quote.
func (s *simulation) price(r *orders.Request, c exchange.Contract) error {
	bid, ask, listed := s.world.Quote(c.Symbol)
	if !listed {
		return fmt.Errorf("%s is not listed", c.Symbol)
	}
	at := decimal.Avg(bid, ask).Mul(decimal.New(int64(70+s.dice.IntN(50)), -2)) // 70 % to 119 %
	near := c.RoundUp(money.Price{Decimal: decimal.Max(at, decimal.New(1, -2))})
	r.OrderType = weigh(s.dice, []chance[orders.Type]{{80, orders.Limit}, {12, orders.Market}, {4, orders.Stop}, {4, orders.StopLimit}})
	if r.OrderType == orders.Limit || r.OrderType == orders.StopLimit {
		r.LimitPrice = &near
	}
	if r.OrderType == orders.Stop || r.OrderType == orders.StopLimit {
		r.StopPrice = &near
	}
	return nil
}

// holding is an open position with something left to sell.
type holding struct {
	ID     uuid.UUID
	Symbol string
	Held   int
}

func (s *simulation) holds(p *person) ([]holding, error) {
	rows, err := s.observer.Query(s.ctx, `
		select id, symbol, bought - sold from public.positions where account_id = $1 and status = 'open' and bought > sold order by created_at`, p.account)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[holding])
}

// clicks asks for an order; who got no answer, or is impatient, asks again with the
// same key. One key is one order and one answer (INV-33).
func (s *simulation) clicks(p *person, key orders.Key, r orders.Request) error {
	var receipt orders.Receipt
	err := s.call("a click", func(ctx context.Context) (err error) {
		receipt, err = s.engine.desk.Place(ctx, p.user, key, r)
		return err
	})
	var refusal *fault.Error
	switch {
	case errors.As(err, new(crashed)):
		s.in(s.dice.between(time.Second, 10*time.Second), p.name+" asks again", func() error { return s.clicks(p, key, r) })
		return nil
	case errors.As(err, &refusal) && refusal.Status < 500:
		s.tally.refusals[refusal.Code]++
		return nil
	case err != nil:
		return fmt.Errorf("%s clicks: %w", p.name, err)
	}
	if err := s.referee.answered(p.name+" "+key.Text, receipt); err != nil {
		return err
	}
	if s.dice.permille(80) {
		s.in(s.dice.between(time.Millisecond, 20*time.Second), p.name+" clicks again", func() error { return s.clicks(p, key, r) })
	}
	var placed struct {
		ID uuid.UUID `json:"id"`
	}
	if err := json.Unmarshal(receipt.Order, &placed); err != nil {
		return err
	}
	if r.OrderType == orders.Limit && s.dice.permille(450) {
		s.in(s.dice.between(time.Second, time.Minute), p.name+" replaces", func() error { return s.replaces(p, placed.ID, r) })
	}
	if s.dice.permille(250) {
		s.in(s.dice.between(50*time.Millisecond, 2*time.Minute), p.name+" cancels", func() error { return s.cancels(p, placed.ID) })
	}
	return nil
}

// cancels asks for the end of an order.
func (s *simulation) cancels(p *person, id uuid.UUID) error {
	err := s.call("a cancel", func(ctx context.Context) error {
		_, err := s.engine.desk.Cancel(ctx, p.user, id, orders.Key{Text: p.key()})
		return err
	})
	var refusal *fault.Error
	if errors.As(err, &refusal) && refusal.Status < 500 {
		return nil
	}
	return notDeath(err)
}

// replaces asks for another price, another quantity, or both.
func (s *simulation) replaces(p *person, id uuid.UUID, r orders.Request) error {
	change := orders.ChangeRequest{ConfirmPrice: true}
	if s.dice.permille(800) {
		tick := money.Price{Decimal: r.LimitPrice.Add(decimal.New(int64(5*(1+s.dice.IntN(4))), -2))}
		change.LimitPrice = &tick
	}
	if quantity := max(1, *r.Quantity-2+s.dice.IntN(5)); change.LimitPrice == nil || s.dice.permille(400) {
		change.Quantity = &quantity
	}
	key := orders.Key{Text: p.key()}
	return s.mayRefuse(s.call("a replacement", func(ctx context.Context) error {
		_, err := s.engine.desk.Replace(ctx, p.user, id, key, change)
		return err
	}))
}

// losePatience is the latest end of a life: its owner cancels what still works.
func (s *simulation) losePatience(o seenOrder) {
	p := s.owner(o.Account)
	wait := s.dice.between(2*time.Minute, 25*time.Minute)
	if s.closing {
		wait = s.dice.between(time.Minute, 4*time.Minute)
	}
	s.in(wait, p.name+" loses patience", func() error {
		if !live(s.watch.states[o.ID]) {
			return nil
		}
		s.losePatience(o)
		return s.cancels(p, o.ID)
	})
}

// question is a copy that somebody is asked about.
type question struct{ ID, User uuid.UUID }

// answerLater approves, rejects, or forgets.
func (s *simulation) answerLater(q question) {
	if s.watch.asked[q.ID] {
		return
	}
	s.watch.asked[q.ID] = true
	wait := s.dice.between(time.Second, 70*time.Second)
	switch n := s.dice.IntN(10); {
	case n < 7:
		s.in(wait, "a follower approves", func() error {
			return s.mayRefuse(s.call("an approval", func(ctx context.Context) error {
				_, _, err := s.engine.copier.Approve(ctx, q.User, q.ID, copytrade.Key{Text: "approve-" + q.ID.String()})
				return err
			}))
		})
	case n < 8:
		s.in(wait, "a follower rejects", func() error {
			return s.mayRefuse(s.call("a rejection", func(ctx context.Context) error {
				_, err := s.engine.copier.Reject(ctx, q.User, q.ID)
				return err
			}))
		})
	}
}

// mayRefuse leaves out refusals and deaths.
func (s *simulation) mayRefuse(err error) error {
	var refusal *fault.Error
	if errors.As(err, &refusal) && refusal.Status < 500 {
		s.tally.refusals[refusal.Code]++
		return nil
	}
	return notDeath(err)
}
