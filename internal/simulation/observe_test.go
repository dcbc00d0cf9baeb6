package simulation

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// watch is what a simulation knows of the program: only what it committed.
type watch struct {
	states  map[uuid.UUID]string // of every order seen
	alive   int                  // orders that have not ended
	asked   map[uuid.UUID]bool   // decisions somebody was asked about
	touched []uuid.UUID          // positions that something happened to in this step
	lookAt  time.Time            // when the next look is planned; zero: none is
}

// job is a bell the program left in its queue.
type job struct {
	ID        int64
	Kind      string
	Args      json.RawMessage
	Scheduled *time.Time
}

// seenOrder is an order that changed.
type seenOrder struct {
	ID, Account, Position uuid.UUID
	State, Source         string
}

// whatChanged is one statement: it runs after everything that the program does.
const whatChanged = `
	with gone as (delete from public.river_job returning id, kind, args, case when state = 'scheduled' then scheduled_at end as scheduled)
	select (select json_agg(gone order by id) from gone),
	       (select json_agg(json_build_object('id', id, 'account', account_id, 'position', position_id, 'state', state, 'source', source) order by created_at, id)
	        from public.orders where updated_at >= $1),
	       (select array_agg(id order by id) from public.positions where updated_at >= $1),
	       (select json_agg(json_build_object('id', id, 'user', user_id) order by decided_at, place)
	        from public.copy_decisions where updated_at >= $1 and result = 'awaiting_approval'),
	       (select min(greatest(next_look_at, listed_at + interval '15 seconds', claimed_until)) from public.account_looks where next_look_at is not null)`

// observe sees what was committed since a time: bells, orders, questions, the next
// look. Each leads to what happens next, and what changed is examined.
func (s *simulation) observe(since time.Time) error {
	var jobs []job
	var changed []seenOrder
	var touched []uuid.UUID
	var questions []question
	var look *time.Time
	err := s.observer.QueryRow(s.ctx, whatChanged, since).Scan(&jobs, &changed, &touched, &questions, &look)
	if err != nil {
		return fmt.Errorf("read what changed: %w", err)
	}
	for _, j := range jobs {
		s.hear(j)
	}
	for _, o := range changed {
		s.sawOrder(o)
		touched = append(touched, o.Position)
	}
	for _, q := range questions {
		s.answerLater(q)
	}
	s.planLook(look)
	s.carryWebhooks()
	for _, id := range touched {
		if !slices.Contains(s.watch.touched, id) {
			s.watch.touched = append(s.watch.touched, id)
		}
	}
	return nil
}

// hear lets a bell be heard: soon, late, twice, or never where something else must
// make up for it.
func (s *simulation) hear(j job) {
	wait := s.dice.between(5*time.Millisecond, 300*time.Millisecond)
	if j.Scheduled != nil {
		wait = max(wait, j.Scheduled.Sub(s.time.Now()))
	}
	if s.calm {
		s.work(j, wait)
		return
	}
	s.tally.bells++
	switch n := s.dice.IntN(100); {
	case n < 5 && j.Kind != "order_changed": // of these nothing else makes up for (C9)
		s.tally.faults["bell lost"]++
	case n < 13:
		s.tally.faults["bell rung twice"]++
		s.work(j, wait)
		s.work(j, wait+s.dice.between(0, 10*time.Second))
	case n < 20:
		s.tally.faults["bell late"]++
		s.work(j, wait+s.dice.between(time.Second, 40*time.Second))
	default:
		s.work(j, wait)
	}
}

func (s *simulation) work(j job, after time.Duration) {
	s.in(after, j.Kind, func() error { return s.workNow(j) })
}

// planLook lets the accounts be listed when the program wants to.
func (s *simulation) planLook(due *time.Time) {
	now := s.time.Now()
	if due == nil || !s.watch.lookAt.IsZero() && !due.Before(s.watch.lookAt) {
		return
	}
	at := *due
	if at.Before(now) {
		at = now
	}
	s.watch.lookAt = at
	s.plan(at.Add(s.dice.between(0, 250*time.Millisecond)), "look", func() error { return s.look(at) })
}

// carryWebhooks takes what the broker wants to send: some of it is lost, the rest
// arrives in any order, some of it twice, some of it forged.
func (s *simulation) carryWebhooks() {
	for _, hook := range s.world.Webhooks() {
		s.tally.webhooks++
		times := weigh(s.dice, []chance[int]{{75, 0}, {16, 1}, {7, 2}, {2, 3}})
		if times > 1 {
			s.tally.faults["webhook repeated"]++
		}
		for range times {
			wait := s.dice.between(100*time.Millisecond, 3*time.Second)
			if s.dice.permille(250) {
				s.tally.faults["webhook out of order"]++
				wait = s.dice.between(3*time.Second, 6*time.Minute)
			}
			s.in(wait, "webhook "+hook.Type, func() error { return s.deliver(hook.Body, hook.Signature) })
		}
	}
}

// sawOrder follows an order from its birth to its end, which is the end of a life.
func (s *simulation) sawOrder(o seenOrder) {
	before, known := s.watch.states[o.ID]
	s.watch.states[o.ID] = o.State
	if !known {
		s.tally.born[o.Source]++
		if live(o.State) && s.script == nil {
			s.losePatience(o)
		}
	}
	isAlive, wasAlive := live(o.State), known && live(before)
	switch {
	case isAlive && !wasAlive:
		s.watch.alive++
	case !isAlive && wasAlive:
		s.watch.alive--
	}
	switch {
	case isAlive && known && !wasAlive:
		s.tally.lives-- // it turned up after all
	case !isAlive && (!known || wasAlive):
		s.tally.lives++
	}
}

func live(state string) bool {
	switch state {
	case "queued", "submitting", "unknown", "accepted", "partial":
		return true
	}
	return false
}

// subjectOf reads the order, or the change of one, that a job is about.
func subjectOf(args []byte) (id uuid.UUID, err error) {
	var named struct {
		OrderID       *uuid.UUID `json:"order_id"`
		LeaderOrderID *uuid.UUID `json:"leader_order_id"`
		ChangeID      *uuid.UUID `json:"change_id"`
	}
	if err := json.Unmarshal(args, &named); err != nil {
		return uuid.Nil, err
	}
	for _, named := range []*uuid.UUID{named.OrderID, named.LeaderOrderID, named.ChangeID} {
		if named != nil {
			return *named, nil
		}
	}
	return uuid.Nil, fmt.Errorf("a job is about nothing: %s", args)
}
