package simulation

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/sandbox"
)

// What happens at the broker without the program.

// workOn decides how an order that arrived goes on: filled in steps, ended by its
// owner in the broker's app, or left to rest until somebody loses patience or the
// day is over. Some fill once more after they have ended.
func (s *simulation) workOn(o sandbox.BookRow) {
	id := o.BrokerOrderID
	if s.calm {
		return
	}
	if s.dice.permille(20) {
		s.in(s.dice.between(time.Second, 2*time.Minute), "cancelled in the app", func() error {
			_ = s.world.CancelInApp(o.Account, id) // it may have ended before
			return nil
		})
	}
	steps := weigh(s.dice, []chance[int]{{30, 0}, {40, 1}, {20, 2}, {10, 4}})
	for range steps {
		s.in(s.dice.between(200*time.Millisecond, 3*time.Minute), "filled in part", func() error { return s.fillSome(id, false) })
	}
	if s.dice.permille(500) {
		s.in(s.dice.between(time.Second, 4*time.Minute), "filled", func() error { return s.fillSome(id, true) })
	}
}

// fillSome fills a part of an order, or all of it, a cent better at times. One that
// has ended meanwhile fills only now and then: a fill that was under way.
func (s *simulation) fillSome(id string, all bool) error {
	o, known := s.world.Order(id)
	left := o.Quantity - o.Filled
	ended := o.Status != "PENDING" && o.Status != "PARTIAL"
	switch {
	case !known:
		return fmt.Errorf("the broker has lost order %s", id)
	case left == 0 || o.Status == "REJECTED" || o.Status == "REPLACED" || ended && !s.dice.permille(60) || s.lacks(o):
		return nil
	}
	if ended {
		s.tally.faults["filled after its end"]++
	}
	n := left
	if !all {
		n = 1 + s.dice.Int64N(left)
	}
	return s.world.Fill(id, n, s.improved(o))
}

// lacks says that the account does not hold what an order sells: no broker would
// fill it.
func (s *simulation) lacks(o sandbox.BookRow) bool {
	return o.Action == "SELL_TO_CLOSE" && s.world.Holdings(o.Account)[o.Symbol] < o.Quantity-o.Filled
}

func (s *simulation) improved(o sandbox.BookRow) *decimal.Decimal {
	if o.LimitPrice == nil || s.dice.permille(600) {
		return nil
	}
	cents := decimal.New(int64(s.dice.IntN(4)), -2)
	price := decimal.RequireFromString(*o.LimitPrice)
	if o.Action == "BUY_TO_OPEN" {
		cents = cents.Neg()
	}
	price = decimal.Max(price.Add(cents), decimal.New(1, -2))
	return &price
}

// tradesInTheApp buys or sells in the broker's own app; now and then a twin of what
// was just placed here.
func (s *simulation) tradesInTheApp(p *person) error {
	contract := pick(s.dice, contracts()...)
	side, quantity := "BTO", int64(1+s.dice.IntN(5))
	if newest, any := s.world.Newest(p.broker); any && s.dice.permille(200) && newest.Action == "BUY_TO_OPEN" && newest.LimitPrice != nil {
		price := decimal.RequireFromString(*newest.LimitPrice)
		s.tally.faults["twin in the app"]++
		return s.tradedInTheApp(p, newest.Symbol, side, newest.Quantity, &price)
	}
	symbol := contract.Symbol
	if held := s.world.Holdings(p.broker)[symbol]; held > 0 && s.dice.permille(500) {
		side, quantity = "STC", 1+s.dice.Int64N(held)
	}
	return s.tradedInTheApp(p, symbol, side, quantity, nil)
}

func (s *simulation) tradedInTheApp(p *person, symbol, side string, quantity int64, price *decimal.Decimal) error {
	o, err := s.world.TradeInApp(p.broker, symbol, side, quantity, price)
	if err == nil {
		s.referee.inTheApp(o)
		s.carryWebhooks()
	}
	return nil // the account may not carry it
}
