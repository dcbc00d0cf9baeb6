package copytrade

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/orders"
)

// crowd is many followers of ava, whose subscriptions are changed at random.
type crowd struct {
	*floor
	dice   *rand.Rand
	people []follower
}

// settle gives every subscription another state and other settings, so that about as
// many are kept out by each of them as are let through. due says who was active at the
// instant of the trigger.
func (c *crowd) settle(trigger time.Time) (due map[uuid.UUID]bool) {
	c.Helper()
	due = map[uuid.UUID]bool{}
	for _, w := range c.people {
		status := []string{"active", "active", "active", "paused", "cancelled"}[c.dice.IntN(5)]
		since := trigger.Add([]time.Duration{-time.Hour, -time.Microsecond, 0, time.Microsecond, time.Hour}[c.dice.IntN(5)])
		c.exec(`update subscriptions set status = $2, active_since = $3, auto_execute = $4, scaling_value = $5, option_types = $6,
				denied_underlyings = $7, min_days_to_expiration = $8, max_premium_per_trade = $9, max_delay_seconds = 60
			where id = $1`, w.subscription, status, since, c.dice.IntN(3) > 0, []string{"0.1", "1", "3"}[c.dice.IntN(3)],
			[][]string{{"call", "put"}, {"put"}}[c.dice.IntN(8)/7], [][]string{{}, {"AAPL"}}[c.dice.IntN(8)/7],
			[]any{nil, 1000}[c.dice.IntN(8)/7], []any{nil, "100"}[c.dice.IntN(8)/7])
		c.exec(`update accounts set status = $2 where id = $1`, w.account, []string{"ok", "ok", "ok", "ok", "broken"}[c.dice.IntN(5)])
		if c.dice.IntN(3) == 0 && w.account != uuid.Nil {
			c.holdCopied(w, 1+c.dice.IntN(4))
		}
		due[w.subscription] = status == "active" && !since.After(trigger)
	}
	return due
}

// trade is an order of ava's that filled in full, in part, or in part before its end.
func (c *crowd) trade() (order uuid.UUID, trigger time.Time) {
	c.Helper()
	side, held := orders.BTO, read[int](c.floor, `select coalesce(sum(bought - sold), 0)::int from positions where user_id = $1 and status = 'open'`, c.trader)
	most := 9
	if held > 0 && c.dice.IntN(2) == 0 {
		side, most = orders.STC, held
	}
	filled := 1 + c.dice.IntN(most)
	quantity, state := filled, orders.Filled
	if c.dice.IntN(3) == 0 {
		quantity, state = filled+2, []orders.State{orders.Partial, orders.Cancelled}[c.dice.IntN(2)]
	}
	order = c.leads(side, quantity, filled, state)
	ago := []string{"11 seconds", "11 seconds", "11 seconds", "2 minutes"}[c.dice.IntN(4)]
	c.exec(`update fills set learnt_at = learnt_at - $2::interval, executed_at = executed_at - $2::interval where order_id = $1`, order, ago)
	c.exec(`update orders set finished_at = finished_at - $2::interval where id = $1`, order, ago)
	o, err := c.copier.desk.Any(c.ctx, order)
	c.must(err)
	at, err := c.copier.fills(c.ctx, o)
	c.must(err)
	return order, triggerOf(o, at.first)
}

// Every fill, and every subscription that was active at its instant: exactly one
// decision, however many processes decide at once and again, with a reason in words
// where it did not become a copy; and none for anybody else.
func TestEveryFillIsDecidedOnceForEverySubscription(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			c := &crowd{floor: open(t), dice: rand.New(rand.NewPCG(seed, 2))}
			for i := range 24 {
				c.people = append(c.people, c.follower(name(i), true))
			}
			for i := range 6 {
				c.people = append(c.people, c.onPaper("paper"+name(i), true))
			}
			for range 6 {
				c.decidesOnce()
			}
		})
	}
}

func (c *crowd) decidesOnce() {
	c.Helper()
	order, trigger := c.trade()
	due := c.settle(trigger)
	leaves := map[uuid.UUID]bool{} // while it is decided about
	for _, w := range c.people[:4] {
		leaves[w.subscription] = due[w.subscription]
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 2 {
				if err := c.copier.OnOrder(c.ctx, order); err != nil && !isAgain(err) {
					c.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for id := range leaves {
			if _, err := c.db.Pool().Exec(c.ctx, `update subscriptions set status = 'paused' where id = $1 and status = 'active'`, id); err != nil {
				c.Error(err)
			}
		}
	})
	all.Wait()
	for _, w := range c.people {
		decisions := c.decided(order, w.subscription)
		switch _, left := leaves[w.subscription]; {
		case len(decisions) > 1, !due[w.subscription] && len(decisions) > 0, due[w.subscription] && !left && len(decisions) != 1:
			c.Errorf("active at the trigger: %v, left meanwhile: %v; decided %v", due[w.subscription], left, decisions)
		}
		for _, d := range decisions {
			c.reasoned(d)
		}
	}
	c.exec(`update subscriptions set status = 'paused' where status = 'active'`) // nobody goes on
}

func (c *crowd) decided(order, subscription uuid.UUID) []Decision {
	c.Helper()
	list, err := collect(c.db.Pool().Query(c.ctx, `select `+decisionColumns+decisionFrom+` where c.leader_order_id = $1 and c.subscription_id = $2`, order, subscription))
	c.must(err)
	return list
}

// reasoned: what did not become a copy says why, in words; what is on its way need not.
func (c *crowd) reasoned(d Decision) {
	c.Helper()
	switch d.Result {
	case Queued, Awaiting, Approved, Executed:
		return
	}
	if d.Reason == nil {
		c.Errorf("%s without a reason: %+v", d.Result, d)
		return
	}
	if words, known := reasons[*d.Reason]; !known || d.ReasonText() == "" {
		c.Errorf("%s because of %s, which says %q", d.Result, *d.Reason, words)
	}
}
