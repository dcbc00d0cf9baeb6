package copytrade

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/orders"
)

// share is what was decided about a sell for a follower: "4: 10 of 10" is a target of
// 4 for 10 copies held of what the leader held 10 of.
func (f *floor) share(w follower, sell uuid.UUID) string {
	f.Helper()
	return read[string](f, `select format('%s: %s of %s', quantity, held, leader_held) from copy_decisions where subscription_id = $1 and leader_order_id = $2`,
		w.subscription, sell)
}

// learntAgo makes a fill older: it was booked before the others.
func (f *floor) learntAgo(order uuid.UUID, ago string) {
	f.Helper()
	f.exec(`update fills set learnt_at = now() - $2::text::interval where order_id = $1 and cum = (select min(cum) from fills where order_id = $1)`, order, ago)
}

// left is what a follower's copy will still hold when the exits placed have filled.
func (f *floor) left(w follower) int {
	f.Helper()
	return read[int](f, `
		select (select sum(bought - sold) from copy_holdings where subscription_id = $1)::int
			- coalesce((select sum(quantity - cum) from orders e where subscription_id = $1 and side = 'STC' and `+exitsLive+`), 0)::int`, w.subscription)
}

// Two sells that are both booked before either is decided about take what they would
// have taken one after the other.
func TestTwoSellsBookedBeforeEitherIsDecided(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second int // which of the sells is decided about
		want          [2]string
		ofFive        [2]string
	}{
		"in their order": {0, 1, [2]string{"4: 10 of 10", "3: 6 of 6"}, [2]string{"2: 5 of 10", "1: 3 of 6"}},
		"the other way":  {1, 0, [2]string{"4: 7 of 7", "3: 10 of 10"}, [2]string{"2: 4 of 7", "1: 5 of 10"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			ben, cara := f.follower("ben", true), f.follower("cara", true)
			f.holdCopied(ben, 10)
			f.holdCopied(cara, 5)
			f.leads(orders.BTO, 10, 10, orders.Filled)
			sells := []uuid.UUID{f.leads(orders.STC, 4, 4, orders.Filled), f.leads(orders.STC, 3, 3, orders.Filled)}
			f.decide(sells[c.first])
			f.decide(sells[c.second])
			for i, sell := range sells {
				if got := f.share(ben, sell); got != c.want[i] {
					t.Errorf("sell %d of 10 copied: %q, want %q", i, got, c.want[i])
				}
				if got := f.share(cara, sell); got != c.ofFive[i] {
					t.Errorf("sell %d of 5 copied: %q, want %q", i, got, c.ofFive[i])
				}
			}
			f.carryOn(sells[0])
			f.carryOn(sells[1])
			if a, b := f.left(ben), f.left(cara); a != 3 || b != 2 {
				t.Errorf("the leader keeps 3 of 10, his followers %d of 10 and %d of 5", a, b)
			}
		})
	}
}

// What the leader bought after the sell's first fill is no part of what the sell is a
// share of, whether a follower has copied it by then or not.
func TestABuyBetweenASellAndItsDecidingChangesNothing(t *testing.T) {
	t.Parallel()
	f := open(t)
	ben, cara := f.follower("ben", true), f.follower("cara", true)
	f.holdCopied(ben, 10)
	f.holdCopied(cara, 10)
	f.leads(orders.BTO, 10, 10, orders.Filled)
	sell := f.leads(orders.STC, 4, 4, orders.Filled)
	buy := f.leads(orders.BTO, 5, 5, orders.Filled)
	position := f.holdCopied(cara, 5)
	f.exec(`
		with d as (insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity, result, place, place_of, expires_at)
			values ($1, $2, $3, $4, 'BTO', $5, 5, 3.5, 5, 'executed', 1, 1, now()) returning id)
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
			source, state, cum, cum_notional, send_before, trading_day, finished_at, subscription_id, decision_id)
		select $2, $6, $7, 'BTO', $5, 'AAPL', 100, 5, 'Limit', 3.5, 'Day', 'copy', 'filled', 5, 17.5, now(), current_date, now(), $1, id from d`,
		cara.subscription, cara.id, f.trader, buy, symbol, cara.account, position)
	f.decide(sell)
	if a, b := f.share(ben, sell), f.share(cara, sell); a != "4: 10 of 10" || b != "4: 10 of 10" {
		t.Errorf("who did not copy the buy: %q, who did: %q", a, b)
	}
	next := f.leads(orders.STC, 11, 11, orders.Filled)
	f.carryOn(next)
	f.carryOn(sell)
	f.passed()
	f.carryOn(next)
	if a, b := f.left(ben), f.left(cara); a != 0 || b != 0 {
		t.Errorf("the leader is flat, his followers keep %d and %d", a, b)
	}
}

// A sell that goes on filling after another one of the same position keeps its share.
func TestASellInTwoFillsAroundAnother(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"decided before the other": true, "decided after it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.follower("ben", true)
			f.holdCopied(w, 10)
			f.leads(orders.BTO, 10, 10, orders.Filled)
			slow := f.leads(orders.STC, 4, 2, orders.Partial)
			f.learntAgo(slow, "11 seconds")
			if early {
				f.decide(slow)
			}
			quick := f.leads(orders.STC, 3, 3, orders.Filled)
			f.decide(quick)
			f.more(slow, 2)
			for range 3 {
				f.carryOn(slow)
				f.carryOn(quick)
				f.passed()
			}
			if got := f.left(w); got != 3 {
				t.Errorf("the leader keeps 3 of 10, his follower %d", got)
			}
		})
	}
}

// An exit that waits for its follower's word counts as taken; one that was turned down does not.
func TestAnExitThatIsAskedAboutIsNotSharedOutTwice(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", false)
	f.holdCopied(w, 10)
	f.leads(orders.BTO, 10, 10, orders.Filled)
	a, b := f.leads(orders.STC, 4, 4, orders.Filled), f.leads(orders.STC, 3, 3, orders.Filled)
	f.decide(a)
	f.decide(b)
	if got := f.share(w, b); got != "3: 6 of 6" {
		t.Errorf("while the first is asked about: %q", got)
	}
	f.exec(`update copy_decisions set result = 'rejected' where leader_order_id = any($1)`, []uuid.UUID{a, b})
	c := f.leads(orders.STC, 1, 1, orders.Filled)
	f.decide(c)
	if got := f.share(w, c); got != "3: 10 of 3" { // a third of it
		t.Errorf("after both were turned down: %q", got)
	}
}

func TestTwoSellsOnPaper(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	w.subscription = f.paperBeside(w, true)
	f.exec(`insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, cost_bought, remaining_cost)
		values ($1, $2, $3, 'AAPL', 100, '`+expiryDate+`', 10, 3500, 3500)`, w.subscription, symbol, w.id)
	f.leads(orders.BTO, 10, 10, orders.Filled)
	a, b := f.leads(orders.STC, 4, 4, orders.Filled), f.leads(orders.STC, 3, 3, orders.Filled)
	f.decide(a)
	f.decide(b)
	if first, second := f.share(w, a), f.share(w, b); first != "4: 10 of 10" || second != "3: 6 of 6" {
		t.Errorf("%q, then %q", first, second)
	}
}

// Whatever the sells, their fills, and the order in which they are decided about and
// placed: a follower keeps of the copy what the leader keeps of the position. Rounding
// moves it by at most half a contract for each sell; nobody sells more than was copied.
func TestFollowersKeepTheLeadersShare(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := open(t)
			dice := rand.New(rand.NewPCG(seed, 7))
			const held = 12
			copies := []int{held, 2 * held, 5, 1, 7}
			var followers []follower
			for i, n := range copies {
				w := f.follower(name(i), true)
				f.holdCopied(w, n)
				f.hold(w.id, w.account, 3) // their own
				followers = append(followers, w)
			}
			f.leads(orders.BTO, held, held, orders.Filled)
			sold, sells := 0, []uuid.UUID{}
			open := map[uuid.UUID]int{} // what each may still sell
			whole := seed%3 == 0
			for len(sells) < 4 && sold < held {
				for id, rest := range open {
					if dice.IntN(2) == 0 {
						n := 1 + dice.IntN(rest)
						f.more(id, n)
						sold += n
						if open[id] -= n; open[id] == 0 {
							delete(open, id)
						}
					}
				}
				reserved := 0
				for _, rest := range open {
					reserved += rest
				}
				free := held - sold - reserved
				if free == 0 {
					break
				}
				n := 1 + dice.IntN(free)
				if whole && len(sells) == 3 {
					n = free
				}
				filled, state := 1+dice.IntN(n), orders.Partial
				if filled == n {
					state = orders.Filled
				}
				sell := f.leads(orders.STC, n, filled, state)
				sold += filled
				f.learntAgo(sell, "11 seconds")
				if filled < n {
					open[sell] = n - filled
				}
				sells = append(sells, sell)
				if dice.IntN(2) == 0 {
					f.decide(sells[dice.IntN(len(sells))])
				}
				if dice.IntN(2) == 0 {
					f.carryOn(sells[dice.IntN(len(sells))])
				}
			}
			for id, rest := range open {
				f.more(id, rest)
				sold += rest
			}
			for range 4 {
				dice.Shuffle(len(sells), func(i, j int) { sells[i], sells[j] = sells[j], sells[i] })
				for _, sell := range sells {
					f.carryOn(sell)
				}
				f.passed()
			}
			for i, w := range followers {
				got := f.left(w)
				off := got*held - copies[i]*(held-sold) // of a contract, times what the leader held
				switch {
				case sold == held && got != 0:
					t.Errorf("the leader is flat, %d of %d copies are left", got, copies[i])
				case got < 0:
					t.Errorf("%d of %d copies are left", got, copies[i])
				case copies[i]%held == 0 && off != 0, 2*off > len(sells)*held, 2*off < -len(sells)*held:
					t.Errorf("the leader keeps %d of %d, a follower %d of %d", held-sold, held, got, copies[i])
				}
				if own := read[int](f, `select min(bought - sold - sell_reserved) from positions where account_id = $1`, w.account); own < 3 {
					t.Errorf("%d of the follower's own 3 are free", own)
				}
			}
		})
	}
}

// Whichever sell fills last leaves the leader flat. The decision about it sells what the
// copy still holds, though the others were decided about later and may be over; and the
// sweep does where the bell of that fill was lost.
func TestTheSellThatFillsLastSellsTheRest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		copied int
		others []int
	}{
		"of six":                            {6, []int{6}},
		"of one, of which nobody sold half": {1, []int{3, 3}},
	} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bell lost %t", name, lost), func(t *testing.T) {
				t.Parallel()
				f := open(t)
				w := f.follower("ben", true)
				f.holdCopied(w, c.copied)
				f.leads(orders.BTO, 10, 10, orders.Filled)
				slow := f.leads(orders.STC, 4, 1, orders.Partial)
				f.learntAgo(slow, "11 seconds")
				f.carryOn(slow)
				for _, n := range c.others {
					f.carryOn(f.leads(orders.STC, n, n, orders.Filled))
				}
				f.more(slow, 3)
				f.passed()
				if lost {
					f.exec(`update fills set learnt_at = learnt_at - interval '20 seconds'`)
					f.must(f.copier.Sweep(f.ctx))
				} else {
					f.carryOn(slow)
				}
				if got := f.left(w); got != 0 {
					t.Errorf("the leader is flat, his follower keeps %d", got)
				}
			})
		}
	}
}

// An exit that was taken back before it was sent is placed again by the sweep, should
// the bell of its end have been lost: the first of its decision, and one after others filled.
func TestALostExitIsPlacedAgain(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]int{"the first": 0, "the second": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.follower("ben", true)
			f.holdCopied(w, 6)
			f.leads(orders.BTO, 6, 6, orders.Filled)
			sell := f.leads(orders.STC, 6, max(before, 1), orders.Partial)
			f.learntAgo(sell, "11 seconds")
			f.carryOn(sell)
			if before > 0 {
				for _, state := range []string{"submitting", "accepted"} {
					f.exec(`update orders set state = $1 where source = 'copy'`, state)
				}
				f.exec(`with e as (update orders set state = 'filled', cum = quantity, cum_notional = 3.5 * quantity, finished_at = now() where source = 'copy' returning *)
					update copy_decisions c set result = 'executed' from e where e.decision_id = c.id`)
				f.exec(`update copy_holdings set sold = 2`)
				f.exec(`update positions set sold = 2, sell_reserved = 0 where user_id = $1`, w.id)
				f.passed()
			}
			f.more(sell, 6-max(before, 1))
			f.passed()
			f.carryOn(sell)
			f.exec(`update orders set state = 'aborted', reason_code = 'stale', finished_at = now(), updated_at = now() - interval '6 seconds'
				where source = 'copy' and state = 'queued'`)
			f.exec(`update positions set sell_reserved = 0 where user_id = $1`, w.id)
			f.passed()
			f.exec(`update fills set learnt_at = learnt_at - interval '20 seconds'`)
			f.must(f.copier.Sweep(f.ctx))
			if got := f.left(w); got != 0 {
				t.Errorf("the leader is flat, his follower keeps %d; exits of %s", got, f.exits(w))
			}
		})
	}
}
