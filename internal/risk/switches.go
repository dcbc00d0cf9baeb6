package risk

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// switchLock is held shared by every claim and alone by whoever turns a
// switch, so that no claim commits after turning it returned (INV-36).
const switchLock = "trading switch"

// Self is the scope of a user's own halt. An operator's on a user is another row,
// which the user cannot take away.
const Self = "self"

// Publishing is the scope of a trader's own switch: nothing new of theirs is announced
// or copied. What followers hold goes on following their sells.
const Publishing = "publishing"

// Who turned a switch.
const (
	ByOperator = "operator"
	ByOwner    = "owner"
	ByBreaker  = "breaker" // by itself (R11, R18)
)

// Halt is one switch that is turned off.
type Halt struct {
	Scope  string // platform, broker, underlying, leader, user, account, self, publishing
	Key    string
	Stops  string // all, entries, copies
	Reason string
	Cause  string // operator, owner, breaker
	At     time.Time
}

// HoldSwitches takes the switches' lock alone for the rest of the transaction, for
// callers that look something up before they turn one.
func (r *Rules) HoldSwitches(ctx context.Context, tx pgx.Tx) error {
	if err := postgres.LockPatiently(ctx, tx, switchLock); err != nil {
		return fmt.Errorf("hold the trading switches: %w", err)
	}
	return nil
}

// Turn halts trading. When it returns, no claim that the halt covers can commit
// any more. A halt of the same scope, key and stops takes the new words.
func (r *Rules) Turn(ctx context.Context, tx pgx.Tx, h Halt, by *uuid.UUID) error {
	if err := r.HoldSwitches(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		with turned as (
			insert into trading_switches (scope, key, stops, reason, cause, set_by) values ($1, $2, $3, $4, $5, $6)
			on conflict (scope, key, stops) do update
			set reason = excluded.reason, cause = excluded.cause, set_by = excluded.set_by, set_at = now() returning *)
		insert into halt_log (act, scope, key, stops, cause, reason, by) select 'halted', scope, key, stops, cause, reason, set_by from turned`,
		h.Scope, h.Key, h.Stops, h.Reason, h.Cause, by)
	if err != nil {
		return fmt.Errorf("turn trading switch: %w", err)
	}
	return nil
}

// Resume takes every halt of the scope and key away, and tells how many there
// were. why goes into the log.
func (r *Rules) Resume(ctx context.Context, tx pgx.Tx, scope, key string, by *uuid.UUID, why string) (int, error) {
	return r.resume(ctx, tx, by, why, `scope = $3 and key = $4`, scope, key)
}

// ResumeOwn takes away what a user may take away: their own halt, and what
// breakers turned off of their accounts. Foreign table: accounts.
func (r *Rules) ResumeOwn(ctx context.Context, tx pgx.Tx, user uuid.UUID) (int, error) {
	return r.resume(ctx, tx, &user, "", `scope = $3 and key = $4
		or scope = 'account' and cause = 'breaker' and key in (select id::text from accounts where user_id = $1)`, Self, user.String())
}

func (r *Rules) resume(ctx context.Context, tx pgx.Tx, by *uuid.UUID, why, condition string, args ...any) (int, error) {
	if err := r.HoldSwitches(ctx, tx); err != nil {
		return 0, err
	}
	tag, err := tx.Exec(ctx, `
		with gone as (delete from trading_switches where `+condition+` returning *)
		insert into halt_log (act, scope, key, stops, cause, reason, by) select 'resumed', scope, key, stops, cause, $2, $1::uuid from gone`,
		append([]any{by, why}, args...)...)
	if err != nil {
		return 0, fmt.Errorf("resume trading: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Halts lists what is halted for a user: by themselves, by the operators, or by
// a breaker. Key is a name that people know. Foreign tables: accounts,
// connections, subscriptions, users.
func (r *Rules) Halts(ctx context.Context, user uuid.UUID) ([]Halt, error) {
	list, err := postgres.OwnRows(ctx, r.db, user, pgx.RowToStructByPos[Halt], `
		select w.scope, case when w.scope in ('leader', 'publishing') then (select username from users where id::text = w.key)
				when w.scope = 'account' then (select institution || ' ' || number from accounts where id::text = w.key) else w.key end,
			w.stops, w.reason, w.cause, w.set_at
		from trading_switches w
		where w.scope in ('platform', 'underlying') or w.scope in ('user', 'self', 'leader', 'publishing') and w.key = $1
		   or w.scope = 'account' and w.key in (select id::text from accounts where user_id = $2 and removed_at is null)
		   or w.scope = 'broker' and w.key in (select c.broker_slug from accounts a join connections c on c.id = a.connection_id
		      where a.user_id = $2 and a.removed_at is null)
		   or w.scope in ('leader', 'publishing') and w.key in (select trader_id::text from subscriptions where follower_id = $2 and status = 'active')
		order by w.cause = 'breaker', w.cause = 'owner', w.scope, w.key, w.stops limit 50`, user.String(), user)
	if err != nil {
		return nil, fmt.Errorf("list halts: %w", err)
	}
	return list, nil
}
