package simulation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// restWithin is how long the last orders may take to end, in virtual time: a night
// and the longest patience.
const restWithin = 100 * time.Hour

// rest lets everything come to its end: nobody begins anything, nothing fails any
// more, the last orders end, every account is listed once more; then all that must
// hold must hold without any grace, and the broker's book is compared.
func (s *simulation) rest() error {
	until := s.time.Now().Add(restWithin)
	for s.broken == nil && s.lively() {
		if !s.step(until) {
			return fmt.Errorf("orders are still alive after %s", restWithin)
		}
	}
	s.calm = true
	for range 3 {
		s.settleFor(time.Minute)
		for _, p := range s.people {
			s.fail(s.call("a refresh", func(ctx context.Context) error { return s.engine.desk.PullLook(ctx, p.account) }))
		}
	}
	s.settleFor(16 * time.Minute) // what a copy may sell late has its time
	if s.broken != nil {
		return s.broken
	}
	if err := s.check.all(s, 0); err != nil {
		return err
	}
	if err := s.countCopies(); err != nil {
		return err
	}
	v, err := s.judge()
	if err != nil {
		return err
	}
	s.tally.verdict = v
	if len(v.problems) > 0 {
		return fmt.Errorf("%w: %s", errFinding, strings.Join(v.problems, "\n"))
	}
	return nil
}

// settleFor lets time pass with whatever is planned.
func (s *simulation) settleFor(d time.Duration) { s.pass(d) }

func (s *simulation) lively() bool {
	for _, state := range s.watch.states {
		if live(state) {
			return true
		}
	}
	return false
}

// countCopies tells what became of the copies that were decided about.
func (s *simulation) countCopies() error {
	rows, err := s.observer.Query(s.ctx, `select concat_ws(': ', result, reason), count(*)::int from public.copy_decisions group by 1`)
	if err != nil {
		return err
	}
	var what string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&what, &n}, func() error {
		s.tally.decided[what] += n
		return nil
	})
	return err
}
