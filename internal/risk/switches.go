package risk

import (
	"context"
	"fmt"

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

// Who turned a switch.
const (
	ByOperator = "operator"
	ByOwner    = "owner"
	ByBreaker  = "breaker" // by itself (R11, R18)
)

// Halt is one switch that is turned off.
type Halt struct {
	Scope  string `json:"scope"` // platform, broker, underlying, leader, user, account, self
	Key    string `json:"key"`
	Stops  string `json:"stops"` // all, entries, copies
	Reason string `json:"reason"`
	Cause  string `json:"cause"` // operator, owner, breaker
}

// Turn halts trading. When it returns, no claim that the halt covers can commit
// any more. A halt of the same scope, key and stops takes the new words.
func (r *Rules) Turn(ctx context.Context, tx pgx.Tx, h Halt, by *uuid.UUID) error {
	if err := postgres.Lock(ctx, tx, switchLock); err != nil {
		return fmt.Errorf("turn trading switch: %w", err)
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

// Resume takes every halt of the scope and key away, and tells how many there were.
func (r *Rules) Resume(ctx context.Context, tx pgx.Tx, scope, key string, by *uuid.UUID) (int, error) {
	return r.resume(ctx, tx, by, `scope = $2 and key = $3`, scope, key)
}

// ResumeOwn takes away what a user may take away: their own halt, and what
// breakers turned off of their accounts. Foreign table: accounts.
func (r *Rules) ResumeOwn(ctx context.Context, tx pgx.Tx, user uuid.UUID) (int, error) {
	return r.resume(ctx, tx, &user, `scope = $2 and key = $3
		or scope = 'account' and cause = 'breaker' and key in (select id::text from accounts where user_id = $1)`, Self, user.String())
}

func (r *Rules) resume(ctx context.Context, tx pgx.Tx, by *uuid.UUID, condition string, args ...any) (int, error) {
	if err := postgres.Lock(ctx, tx, switchLock); err != nil {
		return 0, fmt.Errorf("resume trading: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		with gone as (delete from trading_switches where `+condition+` returning *)
		insert into halt_log (act, scope, key, stops, cause, reason, by) select 'resumed', scope, key, stops, cause, reason, $1::uuid from gone`,
		append([]any{by}, args...)...)
	if err != nil {
		return 0, fmt.Errorf("resume trading: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Halts lists what is halted for a user: by themselves, by the operators, or by
// a breaker. Foreign table: accounts.
func (r *Rules) Halts(ctx context.Context, user uuid.UUID) ([]Halt, error) {
	rows, err := r.db.Pool().Query(ctx, `
		select scope, key, stops, reason, cause from trading_switches
		where scope = 'platform' or scope in ('user', 'self') and key = $1
		   or scope = 'account' and key in (select id::text from accounts where user_id = $2 and removed_at is null)
		order by cause = 'breaker', scope, stops limit 50`, user.String(), user)
	if err != nil {
		return nil, fmt.Errorf("list halts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Halt])
}
