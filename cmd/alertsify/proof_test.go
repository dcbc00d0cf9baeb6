package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	capOfDay     = 5  // copied entries a day, as everybody starts with
	copiesAtOnce = 24 // of one follower

	killWorlds = 4 // a kill mostly waits: that many are waited for at once
	killed     = 50
)

// What must hold for copies whatever happens at once, on two servers, and for alerts
// when Discord answers badly: `make proofs` runs each 200 times, the switches 100 times,
// and 10,000 alerts; the suite a few. What attackers send is in `make proofs` only.
func TestProofs(t *testing.T) {
	t.Parallel()
	binary := built(t)
	if os.Getenv("PROOF_ROUNDS") == "" {
		p := newProof(t, binary, 2)
		p.capsHold(2)
		p.stopsHold(2, 60)
		p.servers[1].stop(t)
		p.servers = p.servers[:1]
		p.killsLoseNothing(1)
		p.sound()
		p.servers = append(p.servers, p.serve(t))
		p.heardElsewhere()
		p.alertsArrive(8, 12, 3*time.Second)
		return
	}
	t.Run("caps", func(t *testing.T) {
		t.Parallel()
		newProof(t, binary, 2).capsHold(roundsOf(t, 2))
	})
	t.Run("stops", func(t *testing.T) {
		t.Parallel()
		newProof(t, binary, 2).stopsHold((roundsOf(t, 2)+1)/2, 500)
	})
	t.Run("alerts", func(t *testing.T) {
		t.Parallel()
		newProof(t, binary, 2).alertsArrive(50, 200, 10*time.Minute)
	})
	t.Run("walls", func(t *testing.T) { // before the others, which wait for it: it measures
		newProof(t, binary, 1, fmt.Sprintf("CONNECTIONS_PER_ADDRESS=%d", shareOfOne)).wallsHold()
	})
	for world := range killWorlds {
		t.Run(fmt.Sprintf("kills %d", world), func(t *testing.T) {
			t.Parallel()
			p := newProof(t, binary, 1)
			p.killsLoseNothing((roundsOf(t, 1) + killWorlds - 1) / killWorlds)
			p.resolved()
		})
	}
}

// capsHold: 24 copies of one follower, whose day takes five, are approved at once on
// two servers, in every round by another: five are taken, the others say why not.
func (p *proof) capsHold(rounds int) {
	p.t.Helper()
	const crew = 20 // whose questions come with the same fills
	symbols := contracts(copiesAtOnce)
	for done := 0; done < rounds; done += crew {
		followers := p.follow(min(crew, rounds-done), "approve")
		p.exec(`update subscriptions set max_delay_seconds = 900 where status = 'active'`)
		p.trades(symbols)
		p.within(2*time.Minute, "everybody is asked", func() string {
			if n := p.number(`select count(*) from copy_decisions where result = 'awaiting_approval' and user_id = any($1)`, followers); n < copiesAtOnce*len(followers) {
				return fmt.Sprintf("%d questions of %d", n, copiesAtOnce*len(followers))
			}
			return ""
		})
		for _, follower := range followers {
			p.capHolds(follower)
		}
	}
	p.sound()
	p.t.Logf("daily cap: %d rounds of %d copies at once on %d servers, %d taken in each", rounds, copiesAtOnce, len(p.servers), capOfDay)
}

func (p *proof) capHolds(follower uuid.UUID) {
	p.t.Helper()
	token := p.tokenOf(follower)
	questions := strings.Fields(p.text(`select string_agg(id::text, ' ') from copy_decisions where user_id = $1`, follower))
	answers := make([]string, len(questions))
	atOnce(len(questions), func(i int) {
		a, err := p.at(i, token, http.MethodPost, "/api/copy-trading/decisions/"+questions[i]+"/approve", "{}")
		answers[i] = fmt.Sprintf("%v %d", err, a.status)
	})
	if slices.ContainsFunc(answers, func(a string) bool { return a != "<nil> 200" }) {
		p.t.Fatalf("approving: %q", answers)
	}
	p.within(time.Minute, "every copy is taken or refused", func() string {
		if n := p.number(`select count(*) from copy_decisions where user_id = $1 and result = 'approved' and order_id is null`, follower); n > 0 {
			return fmt.Sprintf("%d are not", n)
		}
		return ""
	})
	if got := p.text(`
		select concat_ws(', ', count(order_id) || ' taken', count(*) filter (where order_id is null and result = 'skipped' and reason = 'risk_daily_copies') || ' refused',
			(select used::int || ' counted' from day_counters where user_id = $1 and kind = 'copies'),
			(select count(*) || ' orders' from orders where user_id = $1))
		from copy_decisions where user_id = $1`, follower); got != fmt.Sprintf("%d taken, %d refused, %[1]d counted, %[1]d orders", capOfDay, copiesAtOnce-capOfDay) {
		p.t.Fatalf("of %d copies at once: %s", copiesAtOnce, got)
	}
}

// stopsHold: while everybody's copies of one buy run, first one follower turns their own
// switch, then an operator the platform's: nothing is claimed after either returned,
// neither takes a second, and the follower hears how many of their buys are over.
func (p *proof) stopsHold(rounds, copies int) {
	p.t.Helper()
	followers := p.follow(copies, "auto")
	p.exec(`update subscriptions set max_daily_trades = 100, same_contract = 'add' where status = 'active'`)
	operator := p.token("root", "admin")
	p.token("ava", "trade")
	own := make([]string, min(rounds, copies))
	for i := range own {
		own[i] = p.tokenOf(followers[i])
	}
	var times []time.Duration
	caught, before := 0, 0
	const claims = `select count(*) from order_events where to_state = 'submitting' and actor = 'placer'`
	const over = ` and side = 'BTO' and (state = 'aborted' or cancel_requested_at is not null)`
	stopped := func() int {
		return p.number(`select count(*) from orders where state = 'aborted' and reason_code = 'trading_halted'`)
	}
	round := 0
	for ; round < rounds || stopped() == 0 && round < 5*rounds; round++ { // a slow machine may claim all before the switch is asked for
		begun := p.number(claims)
		self, one := own[round%len(own)], followers[round%len(own)]
		leader := p.buys(round, round)
		enough := begun + 1 + rand.N(copies*2/3)    // ava's own, and so many copies
		patience := time.Now().Add(5 * time.Second) // a slow machine may never claim so many in time
		p.within(2*time.Minute, "copies run", func() string {
			if n := p.number(claims); n < begun+2 || n < enough && time.Now().Before(patience) {
				return fmt.Sprintf("%d are claimed", n-begun)
			}
			return ""
		})
		ended := p.number(`select count(*) from orders where user_id = $1`+over, one)
		pressed := time.Now()
		var told struct{ Taken *int }
		p.want(round+1, self, http.MethodPost, "/api/trading/halt", `{"level":"cancel"}`, http.StatusOK).into(p.t, &told)
		times = append(times, time.Since(pressed))
		mine := p.number(claims+` and user_id = $1`, one)

		pressed = time.Now()
		p.want(round, operator, http.MethodPut, "/api/admin/halts", `{"scope":"platform","reason":"A proof."}`, http.StatusOK)
		times = append(times, time.Since(pressed))
		all := p.number(claims)
		p.within(2*time.Minute, "nothing waits any more", func() string {
			return p.text(`select concat_ws(', ', (select nullif(count(*), 0) || ' orders are queued or sent' from orders where state in ('queued', 'submitting')),
				(select nullif(count(*), 0) || ' copies wait' from copy_decisions where leader_order_id = $1 and result = 'queued' and order_id is null),
				(select 'not all are decided about' from copy_decisions where leader_order_id = $1 having count(*) < $2))`, leader, copies)
		})
		if n := p.number(claims+` and user_id = $1`, one); n != mine {
			p.t.Errorf("round %d: %d claims of a follower after their switch had returned", round, n-mine)
		}
		if n := p.number(claims); n != all {
			p.t.Errorf("round %d: %d claims after the platform's switch had returned", round, n-all)
		}
		if n := p.number(`select count(*) from orders where user_id = $1`+over, one) - ended; told.Taken == nil || *told.Taken != n {
			p.t.Errorf("round %d: the follower heard of %v buys taken back, and %d are over", round, told.Taken, n)
		} else {
			caught += n
		}
		before += all - begun
		p.want(round, operator, http.MethodDelete, "/api/admin/halts", `{"scope":"platform"}`, http.StatusOK)
		p.want(round, self, http.MethodDelete, "/api/trading/halt", "", http.StatusOK)
	}
	slices.Sort(times)
	if slowest := times[len(times)-1]; slowest > time.Second && os.Getenv("PROOF_ROUNDS") != "" {
		p.t.Errorf("a switch took %s to return", slowest)
	}
	if stopped() == 0 {
		p.t.Error("no switch came in time to stop anything: this proved nothing")
	}
	p.sound()
	p.t.Logf("kill switch: %d rounds of %d copies on %d servers: %d sent before, none after; %d stopped in the queue, %d taken back by their owners; it returned after %s, at most %s",
		round, copies, len(p.servers), before, stopped(), caught, times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
}

// killsLoseNothing: the server dies by kill -9 at a random moment of a fan-out to fifty
// followers and is started again: each has one decision, each order is at the broker
// at most once and known to us, and nothing waits any more, within thirty seconds.
func (p *proof) killsLoseNothing(rounds int) {
	p.t.Helper()
	var took []time.Duration
	span := 1500 * time.Millisecond // of a fan-out; from the second on as long as the first took
	at := map[string]int{}
	for round := range rounds {
		followers := p.follow(killed, "auto")
		leader := p.buys(0, round)
		if round == 0 {
			span = p.within(time.Minute, "the first is not killed", func() string { return p.unfinished(leader, followers) })
			followers, leader = p.follow(killed, "auto"), p.buys(0, 1)
		}
		p.within(time.Minute, "ava's order is filled, and what follows begins", func() string {
			return p.text(`select case when state = 'filled' then '' else state end from orders where id = $1`, leader)
		})
		<-time.After(rand.N(span))
		p.servers[0].signal(p.t, syscall.SIGKILL)
		<-p.servers[0].ended
		at[p.text(`select case when (select count(*) from copy_decisions where leader_order_id = $1) = 0 then 'before it decided'
			when (select count(*) from orders where user_id = any($2)) < $3 then 'while copies were written'
			when exists (select from orders where user_id = any($2) and state in ('queued', 'submitting')) then 'while they were sent' else 'after all' end`,
			leader, followers, killed)]++
		dead := time.Now()
		p.servers[0] = p.serve(p.t)
		p.within(30*time.Second, "recovered", func() string { return p.unfinished(leader, followers) })
		took = append(took, time.Since(dead))
		if twice := p.number(`select count(*) from (select user_id from orders where user_id = any($1) group by 1 having count(*) > 1) x`, followers); twice > 0 {
			p.t.Errorf("round %d: %d followers have more than one order", round, twice)
		}
	}
	p.sound()
	slices.Sort(took)
	p.t.Logf("kill -9: %d rounds of %d followers, %v; recovered after %s, at most %s",
		rounds, killed, at, took[len(took)/2].Round(100*time.Millisecond), took[len(took)-1].Round(100*time.Millisecond))
}

// unfinished is what is left of a fan-out. An order that was claimed and never got to
// the broker is known to be unresolved; looks find out, in their time.
func (p *proof) unfinished(leader string, followers []uuid.UUID) string {
	p.t.Helper()
	if left := p.text(`select concat_ws(', ', (select 'decided about ' || count(*) from copy_decisions where leader_order_id = $1 having count(*) < $3),
		(select nullif(count(*), 0) || ' copies wait' from copy_decisions where leader_order_id = $1 and result = 'queued' and order_id is null),
		(select nullif(count(*), 0) || ' have not heard of their fills' from copy_decisions c join orders o on o.id = c.order_id
			where c.leader_order_id = $1 and c.result = 'queued' and o.cum > 0),
		(select nullif(count(*), 0) || ' are queued' from orders where user_id = any($2) and state = 'queued'))`, leader, followers, len(followers)); left != "" {
		return left
	}
	return strings.Join(p.verdict(p.t.Context()), "\n")
}

// resolved waits until what never got to the broker has been looked for long enough,
// and holds everything to the invariants at rest.
func (p *proof) resolved() {
	p.t.Helper()
	p.within(15*time.Minute, "everything is resolved", func() string {
		return p.text(`select coalesce(nullif(count(*), 0) || ' orders are not', '') from orders where state in ('queued', 'submitting', 'unknown')`)
	})
	p.examine()
}
