package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
)

// Kill switches are pressed and released in the middle of everything. What the
// simulation remembers of them is held against each claim (INV-36): the program's own
// rows would agree with themselves.

// pressed is a switch that has returned and was not released.
type pressed struct {
	scope, key, stops string
	at                time.Time
}

func (s *simulation) pressPause() time.Duration {
	if s.sabotage.pressing {
		return s.dice.between(5*time.Second, 20*time.Second)
	}
	return s.dice.between(90*time.Second, 6*time.Minute)
}

// presses lets an operator halt something, or somebody stop their own trading.
func (s *simulation) presses() error {
	if s.closing {
		return nil
	}
	who := pick(s.dice, s.people...)
	switch n := s.dice.IntN(10); {
	case n < 2:
		return s.halts("platform", "", pick(s.dice, "all", "entries", "copies"))
	case n < 4:
		return s.halts("underlying", pick(s.dice, contracts()...).Underlying, "all")
	case n < 5:
		return s.halts("leader", s.person(pick(s.dice, leaders...)).user.String(), "copies")
	case n < 6:
		return s.halts("user", who.user.String(), pick(s.dice, "all", "entries"))
	}
	return s.stopsThemselves(who)
}

func (s *simulation) halts(scope, key, stops string) error {
	s.tally.faults["halted: "+scope+" "+stops]++
	operator := s.person("ava").user
	err := s.call("a halt", func(ctx context.Context) error {
		return s.engine.desk.Halt(ctx, &operator, risk.Halt{Scope: scope, Key: key, Stops: stops, Reason: "A drill."})
	})
	if err != nil {
		return fmt.Errorf("halt %s %s: %w", scope, key, err)
	}
	s.pressed = append(s.pressed, pressed{scope, key, stops, s.time.Now()})
	s.in(s.dice.between(20*time.Second, 3*time.Minute), "operator resumes "+scope, func() error {
		s.released(scope, key)
		return s.mayRefuse(s.call("a resumption", func(ctx context.Context) error {
			return s.engine.desk.Unhalt(ctx, &operator, scope, key, "The drill is over.")
		}))
	})
	return nil
}

// stopsThemselves is one's own switch, at one of its three levels.
func (s *simulation) stopsThemselves(p *person) error {
	level := pick(s.dice, orders.StopEntries, orders.StopCancel, orders.StopClose)
	s.tally.faults["stopped oneself: "+level]++
	key := p.user.String()
	err := s.call("a stop", func(ctx context.Context) error {
		_, err := s.engine.desk.Stop(ctx, p.user, level)
		return err
	})
	if err := s.mayRefuse(err); err != nil {
		return fmt.Errorf("%s stops: %w", p.name, err)
	}
	if err == nil {
		s.pressed = append(s.pressed, pressed{risk.Self, key, "entries", s.time.Now()})
	}
	s.in(s.dice.between(20*time.Second, 3*time.Minute), p.name+" resumes", func() error {
		s.released(risk.Self, key)
		return s.mayRefuse(s.call("a resumption", func(ctx context.Context) error { return s.engine.desk.Resume(ctx, p.user) }))
	})
	return nil
}

// released forgets a switch before it is released: from then on claims may commit.
func (s *simulation) released(scope, key string) {
	s.pressed = slices.DeleteFunc(s.pressed, func(p pressed) bool { return p.scope == scope && p.key == key })
}

// resume takes away what a breaker has turned off: an operator always does.
func (s *simulation) resume() error {
	for _, p := range s.pressed {
		if p.scope == "platform" { // a breaker turns the same switch
			return nil
		}
	}
	return s.exec(`delete from trading_switches where cause = 'breaker'`)
}

// sent is what a switch looks at in an order that goes out.
type sent struct {
	user, leader     uuid.UUID
	underlying, side string
	copied           bool
	claimed          time.Time
}

// inSpiteOf holds the claim of an order, or of a change of one, against the switches
// that had returned before it.
func (s *simulation) inSpiteOf(c claimed) error {
	if len(s.pressed) == 0 {
		return nil
	}
	var o sent
	err := s.observer.QueryRow(s.ctx, `
		select o.user_id, coalesce(u.trader_id, '00000000-0000-0000-0000-000000000000'), o.underlying, o.side, o.source = 'copy' and c.id is null, coalesce(c.sent_at, o.sent_at)
		from public.orders o left join public.subscriptions u on u.id = o.subscription_id left join public.order_changes c on c.id = $2 and c.id <> o.id
		where o.id = $1`, c.order, c.id).Scan(&o.user, &o.leader, &o.underlying, &o.side, &o.copied, &o.claimed)
	if err != nil {
		return fmt.Errorf("read what is sent: %w", err)
	}
	for _, p := range s.pressed {
		if o.claimed.After(p.at) && p.covers(o) {
			return fmt.Errorf("INV-36: order %s was claimed at %s, and %s %s had stopped %s at %s", c.order, o.claimed, p.scope, p.key, p.stops, p.at)
		}
	}
	return nil
}

func (p pressed) covers(o sent) bool {
	switch p.scope {
	case "underlying":
		if p.key != o.underlying {
			return false
		}
	case "leader":
		if p.key != o.leader.String() {
			return false
		}
	case "user", risk.Self:
		if p.key != o.user.String() {
			return false
		}
	}
	switch p.stops {
	case "entries":
		return o.side == "BTO"
	case "copies":
		return o.side == "BTO" && o.copied
	}
	return true
}
