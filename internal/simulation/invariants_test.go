package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/app"
)

// invariants examine the database: all of it now and then, and what was touched
// after each step, by the very same statements. Views that stand before the tables
// in the observer's search path show them the touched rows only.
type invariants struct {
	sql  string
	args []any
	next int // lives at which all of it is examined again
}

const allEvery = 250 // lives

// touchedOnly is the observer's view of the tables: the positions named in a setting,
// the orders on them, and what belongs to those.
const touchedOnly = `
create schema touched;
create function touched.positions() returns uuid[] language sql stable as $$select string_to_array(current_setting('simulation.positions'), ',')::uuid[]$$;
create function touched.orders() returns uuid[] language sql stable as $$select string_to_array(current_setting('simulation.orders'), ',')::uuid[]$$;
create view touched.positions as select * from public.positions where id = any(touched.positions());
create view touched.orders as select * from public.orders where id = any(touched.orders());
create view touched.order_events as select * from public.order_events where order_id = any(touched.orders());
create view touched.order_broker_ids as select * from public.order_broker_ids where order_id = any(touched.orders());
create view touched.fills as select * from public.fills where position_id = any(touched.positions()) or order_id = any(touched.orders());
create view touched.position_adjustments as select * from public.position_adjustments where position_id = any(touched.positions());
create view touched.position_differences as select * from public.position_differences where false; -- what explains one may not be touched
set search_path = touched, public, sim, pg_catalog;
select set_config('simulation.positions', '', false), set_config('simulation.orders', '', false);`

// nameTouched sets what the views show.
const nameTouched = `
select set_config('simulation.positions', $1, false), set_config('simulation.orders', coalesce(
	(select string_agg(id::text, ',') from public.orders where position_id = any(string_to_array($1, ',')::uuid[])), ''), false)`

// ofTouched are the invariants that can be broken by what stands on one position.
const ofTouched = `INV-1 INV-2 INV-3 INV-4 INV-5 INV-6 INV-7 INV-8 INV-9 INV-12 INV-13 INV-14 INV-15 INV-16 INV-17 INV-18 INV-21 INV-32`

// errFinding is what every finding is.
var errFinding = errors.New("an invariant is broken")

func isFinding(err error) bool { return errors.Is(err, errFinding) }

func (v *invariants) prepare(s *simulation) error {
	v.next = allEvery
	if err := s.exec(touchedOnly); err != nil {
		return err
	}
	list, err := app.Invariants()
	if err != nil {
		return err
	}
	var parts []string
	for _, i := range list {
		if slices.Contains(strings.Fields(ofTouched), i.Name) {
			parts = append(parts, fmt.Sprintf("select '%s: ' || id || ' ' || coalesce(why, '') from (%s) broken", i.Name, i.SQL))
		}
	}
	return pgx.BeginFunc(s.ctx, s.observer, func(tx pgx.Tx) error {
		named, err := s.bounds(5*time.Minute).Args(s.ctx, tx)
		if err != nil {
			return err
		}
		v.sql, v.args, err = named.RewriteQuery(s.ctx, s.observer, strings.Join(parts, "\nunion all\n"), nil)
		return err
	})
}

// bounds are production's, with the limits these few people trade under.
func (s *simulation) bounds(grace time.Duration) app.Bounds {
	b := app.BoundsOf(app.Defaults(app.Production), s.time.Now())
	l := s.limits()
	b.Grace, b.DayPremium, b.DayCopyPremium, b.EntriesPerMinute, b.ExitsPerMinute = grace, l.DayPremium, l.DayCopyPremium, l.EntriesPerMinute, l.ExitsPerMinute
	return b
}

// step examines what a step has touched, and, when enough lives have passed,
// everything.
func (v *invariants) step(s *simulation, name string) error {
	if len(s.watch.touched) == 0 {
		return nil
	}
	err := v.touched(s, s.watch.touched)
	s.watch.touched = s.watch.touched[:0]
	if err == nil && s.tally.lives >= v.next {
		v.next += allEvery
		err = v.all(s, 10*time.Minute)
	}
	if err != nil {
		return fmt.Errorf("after %s: %w", name, err)
	}
	return nil
}

// touched examines what stands on some positions.
func (v *invariants) touched(s *simulation, positions []uuid.UUID) error {
	names := make([]string, len(positions))
	for i, id := range positions {
		names[i] = id.String()
	}
	batch := &pgx.Batch{}
	batch.Queue(nameTouched, strings.Join(names, ","))
	batch.Queue(v.sql, v.args...)
	results := s.observer.SendBatch(s.ctx, batch)
	defer func() { _ = results.Close() }() // everything was read, or the error is told
	if _, err := results.Exec(); err != nil {
		return fmt.Errorf("name what was touched: %w", err)
	}
	rows, _ := results.Query() // its error is the collector's
	broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("examine what was touched: %w", err)
	}
	if err := results.Close(); err != nil {
		return err
	}
	s.tally.examined++
	if len(broken) > 0 {
		return fmt.Errorf("%w: %s", errFinding, strings.Join(broken, "\n"))
	}
	return nil
}

// all examines everything.
func (v *invariants) all(s *simulation, grace time.Duration) error {
	findings, err := app.ExamineInvariants(s.ctx, s.db, s.bounds(grace))
	if err != nil {
		return err
	}
	var lines []string
	for _, f := range findings {
		if f.Rows > 0 {
			lines = append(lines, f.Line())
		}
	}
	if len(lines) > 0 {
		return fmt.Errorf("%w: %s", errFinding, strings.Join(lines, "\n"))
	}
	return nil
}
