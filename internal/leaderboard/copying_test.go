package leaderboard

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/record"
)

// copies lets a follower decide about a trader's buy, and copy it: bought at a price, all
// sold again with a result in dollars.
func (a *arena) copies(follower person, subscription uuid.UUID, of *trade, result, price string, realized int64) {
	a.Helper()
	order := read[uuid.UUID](a, `select id from orders where position_id = $1`, of.id)
	theirs := read[string](a, `select cum_notional::text from orders where id = $1`, order)
	decision := read[uuid.UUID](a, `
		insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity, result, place, place_of, decided_at, expires_at)
		values ($1, $2, $3, $4, 'BTO', $5, 1, $6::numeric, 1, $7, 1, 1, $8, $8) returning id`,
		subscription, follower.id, of.owner.id, order, contract, theirs, result, of.at)
	if result != "executed" {
		return
	}
	paid := decimal.RequireFromString(price)
	position := read[uuid.UUID](a, `insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, sold, cost_bought, realized, status, source, copied_from, closed_at)
		values ($1, $2, $3, 'AAPL', 'call', 200, '2027-01-15', 100, 1, 1, $4::numeric * 100, $5, 'closed', 'copy', $6, $7) returning id`,
		follower.id, follower.real, contract, paid, realized, of.owner.id, of.at)
	a.orders++
	copied := read[uuid.UUID](a, `insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, time_in_force, source, state, cum, cum_notional,
			broker_order_id, trading_day, send_before, finished_at, subscription_id, decision_id)
		values ($1, $2, $3, 'BTO', $4, 'AAPL', 100, 1, 'Market', 'Day', 'copy', 'filled', 1, $5, $6, '2026-11-20', now(), now(), $7, $8) returning id`,
		follower.id, follower.real, position, contract, paid, strconv.Itoa(a.orders), subscription, decision)
	a.exec(`update copy_decisions set order_id = $2 where id = $1`, decision, copied)
	a.exec(`insert into copy_holdings (subscription_id, position_id, user_id, bought, sold, realized) values ($1, $2, $3, 1, 1, $4)`, subscription, position, follower.id, realized)
}

// What followers made of the trader's return, what they paid on top and what was skipped
// are of copies for real, and are told of enough of them alone.
func TestHowCopyingWentIsWhatTheCopiesSay(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava := a.person("ava", "trader")
	var followers []person
	var subscriptions []uuid.UUID
	for i := range 3 {
		followers = append(followers, a.person(fmt.Sprintf("follower%d", i), "subscriber"))
		subscriptions = append(subscriptions, read[uuid.UUID](a, `insert into subscriptions (follower_id, trader_id) values ($1, $2) returning id`, followers[i].id, ava.id))
	}
	see := func(when, want string) {
		t.Helper()
		a.refresh()
		c := a.standing(ava, record.Daily).Copying
		got := fmt.Sprintf("%d/%d", c.Skipped, c.Decided)
		for _, figure := range []interface{ String() string }{c.SkipRate, c.Slippage, c.Return, c.OfTrader, c.Efficiency} {
			if fmt.Sprint(figure) == "<nil>" {
				got += " none"
			} else {
				got += " " + figure.String()
			}
		}
		if got != want {
			t.Errorf("%s: %s, not %s", when, got, want)
		}
	}
	trade := func() *trade { made := a.won(ava, 50); a.store(made); return made } // 50 % of 100 dollars
	for range 9 {                                                                 // at 1.10 instead of 1.00, with 22 dollars of 110
		a.copies(followers[0], subscriptions[0], trade(), "executed", "1.10", 22)
	}
	see("of nine copies", "0/9 none none none none none")
	a.copies(followers[1], subscriptions[1], trade(), "executed", "1.00", 40)
	see("of two followers", "0/10 0.00 10.00 none none none")
	last := trade()
	a.copies(followers[2], subscriptions[2], last, "executed", "1.20", 30)
	a.copies(followers[0], subscriptions[0], last, "skipped", "", 0)
	// 9 × 22 + 40 + 30 = 268 of 9 × 110 + 100 + 120 = 1,210 dollars, of which the trader would have made half.
	see("of three followers", "1/12 8.33 10.00 22.15 50.00 44.30")
	if got := a.ranked(Efficiency, record.Always); got != "1 ava, " {
		t.Errorf("ranked: %q", got)
	}
	a.exec(`update copy_decisions set decided_at = $1`, a.now.Add(-(copiedDays+1)*24*time.Hour))
	see("long ago", "0/0 none none none none none")
	a.exec(`update copy_decisions set decided_at = $1`, a.now)
	a.exec(`update accounts set paper = true where user_id = any($1)`, []uuid.UUID{followers[0].id, followers[1].id, followers[2].id})
	see("with play money", "1/1 none none none none none")
}
