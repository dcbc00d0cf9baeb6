package risk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Trip is a breaker that went off: copies are off on an account, or everywhere,
// until somebody resumes them: an operator, or the account's owner. A success
// later on does not, because it may be another kind of order.
type Trip struct {
	Halt

	Event int64      // of the halt log
	Owner *uuid.UUID // of the account
}

// Tell says that a breaker went off, in the transaction that turns its switch.
type Tell func(ctx context.Context, tx pgx.Tx, t Trip) error

// TripPace turns copies off everywhere after ErrPace (R11).
func (r *Rules) TripPace(ctx context.Context, tell Tell) error {
	return r.trip(ctx, Trip{Halt: Halt{
		Scope: "platform", Stops: "copies", Cause: ByBreaker, Reason: "More entries than usual were placed within a minute.",
	}}, tell)
}

// TripBreakers turns copies off where orders went wrong lately (R18): on an
// account, or on any when it is nil, and everywhere. What was before a switch was
// resumed does not count again.
func (r *Rules) TripBreakers(ctx context.Context, account *uuid.UUID, tell Tell) error {
	trips, err := r.accountTrips(ctx, account)
	if err != nil {
		return err
	}
	everywhere, err := r.platformTrip(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range append(trips, everywhere...) {
		errs = append(errs, r.trip(ctx, t, tell))
	}
	return errors.Join(errs...)
}

// trip turns a breaker's switch, unless the same is off already: that is looked at
// first, because the lock that turning takes makes every claim wait, exits too.
func (r *Rules) trip(ctx context.Context, t Trip, tell Tell) error {
	return r.db.AsSystem(ctx, "breaker", func(ctx context.Context, tx pgx.Tx) error {
		var off bool
		err := tx.QueryRow(ctx, `select exists (select from trading_switches where scope = $1 and key = $2 and stops = $3)`, t.Scope, t.Key, t.Stops).Scan(&off)
		if err != nil || off {
			return err
		}
		if err := r.HoldSwitches(ctx, tx); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			with turned as (
				insert into trading_switches (scope, key, stops, reason, cause) values ($1, $2, $3, $4, $5)
				on conflict (scope, key, stops) do nothing returning *)
			insert into halt_log (act, scope, key, stops, cause, reason) select 'halted', scope, key, stops, cause, reason from turned
			returning id`, t.Scope, t.Key, t.Stops, t.Reason, t.Cause).Scan(&t.Event)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("trip a breaker: %w", err)
		}
		return tell(ctx, tx, t)
	})
}

// accountTrips finds the accounts on which orders were refused in a row, or went
// unknown too often. Foreign tables: orders (indexes orders_sent,
// orders_account_day), order_events.
func (r *Rules) accountTrips(ctx context.Context, account *uuid.UUID) ([]Trip, error) {
	b := r.limits.Breakers
	rows, err := r.db.Pool().Query(ctx, `
		with lately as (
			select distinct o.account_id, o.user_id from orders o
			where o.sent_at > clock_timestamp() - 2 * $2::interval and ($1::uuid is null or o.account_id = $1)
			  and (o.state in ('rejected', 'unknown') or exists (select from order_events e where e.order_id = o.id and e.to_state = 'unknown'))
			  and not exists (select from trading_switches w where w.scope = 'account' and w.key = o.account_id::text and w.stops = 'copies')
		), judged as (
			select l.*, (
				select count(*) from (
					select o.state from orders o
					where o.account_id = l.account_id and o.sent_at > since.at and o.state not in ('submitting', 'unknown', 'not_placed')
					order by o.created_at desc limit $3) last
				where last.state = 'rejected') as refused, (
				select count(*) from orders o join order_events e on e.order_id = o.id
				where o.account_id = l.account_id and o.created_at > clock_timestamp() - $2::interval - interval '30 minutes'
				  and e.to_state = 'unknown' and e.at > greatest(since.at, clock_timestamp() - $2::interval)) as unknown
			from lately l
			cross join lateral (select coalesce(max(at), '-infinity') as at from halt_log
				where scope = 'account' and key = l.account_id::text and act = 'resumed') since
		)
		select account_id, user_id, refused, unknown from judged
		where $3 > 0 and refused >= $3 or $4 > 0 and unknown >= $4 limit 1000`,
		account, b.Window, b.RefusalsInRow, b.Unknowns)
	if err != nil {
		return nil, fmt.Errorf("look for breakers of accounts: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Trip, err error) {
		var id, owner uuid.UUID
		var refused, unknown int
		err = row.Scan(&id, &owner, &refused, &unknown)
		t = Trip{Halt: Halt{Scope: "account", Key: id.String(), Stops: "copies", Cause: ByBreaker}, Owner: &owner}
		t.Reason = fmt.Sprintf("The broker refused %d orders in a row.", refused)
		if b.RefusalsInRow == 0 || refused < b.RefusalsInRow {
			t.Reason = fmt.Sprintf("It was not known what became of %d orders within %d minutes.", unknown, b.Window/time.Minute)
		}
		return t, err
	})
}

// platformTrip looks at everybody's orders together. Foreign tables: orders
// (index orders_sent), order_events.
func (r *Rules) platformTrip(ctx context.Context) ([]Trip, error) {
	b := r.limits.Breakers
	if b.UnknownOf == 0 {
		return nil, nil
	}
	var sent, unknown int
	err := r.db.Pool().QueryRow(ctx, `
		select count(*), count(*) filter (where exists (select from order_events e where e.order_id = o.id and e.to_state = 'unknown'))
		from orders o where o.sent_at > greatest(clock_timestamp() - $1::interval,
			(select coalesce(max(at), '-infinity') from halt_log where scope = 'platform' and key = '' and act = 'resumed'))`, b.Window).
		Scan(&sent, &unknown)
	if err != nil {
		return nil, fmt.Errorf("look for the breaker of all accounts: %w", err)
	}
	if sent < b.UnknownOf || unknown*100 < b.UnknownPercent*sent {
		return nil, nil
	}
	return []Trip{{Halt: Halt{
		Scope: "platform", Stops: "copies", Cause: ByBreaker,
		Reason: fmt.Sprintf("It was not known what became of %d of %d orders within %d minutes.", unknown, sent, b.Window/time.Minute),
	}}}, nil
}
