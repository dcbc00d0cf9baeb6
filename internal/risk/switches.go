package risk

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// switchLock is held shared by every claim and alone by whoever turns a
// switch, so that no claim commits after turning it returned (INV-36).
const switchLock = "trading switch"

// Trade is what the switches are asked about.
type Trade struct {
	UserID, AccountID uuid.UUID
	Broker            string // brokerage slug
	Underlying        string
	LeaderID          *uuid.UUID // copies: whose trade is copied
	Entry             bool
}

// Switches refuses (R1) when trading is halted for this order, and holds the
// switches still for the rest of the transaction.
func (r *Rules) Switches(ctx context.Context, tx pgx.Tx, t Trade) error {
	if err := postgres.LockShared(ctx, tx, switchLock); err != nil {
		return fmt.Errorf("read trading switches: %w", err)
	}
	leader := ""
	if t.LeaderID != nil {
		leader = t.LeaderID.String()
	}
	var reason string
	err := tx.QueryRow(ctx, `
		select coalesce((
			select coalesce(nullif(reason, ''), 'Trading is halted') from trading_switches
			where ((scope = 'platform') or (scope = 'broker' and key = $1) or (scope = 'underlying' and key = $2)
			    or (scope in ('user', 'self') and key = $3) or (scope = 'account' and key = $4) or (scope = 'leader' and key = $5))
			  and (stops = 'all' or (stops = 'entries' and $6) or (stops = 'copies' and $5 <> '' and $6))
			order by scope limit 1), '')`,
		t.Broker, t.Underlying, t.UserID.String(), t.AccountID.String(), leader, t.Entry).Scan(&reason)
	if err != nil {
		return fmt.Errorf("read trading switches: %w", err)
	}
	if reason != "" {
		return fault.Conflict("trading_halted", reason)
	}
	return nil
}

// Self is the scope of a user's own halt. An operator's on a user is another row,
// which the user cannot take away.
const Self = "self"

// Halt is one switch that is turned off.
type Halt struct {
	Scope  string `json:"scope"` // platform, broker, underlying, leader, user, account, self
	Key    string `json:"key"`
	Stops  string `json:"stops"` // all, entries, copies
	Reason string `json:"reason"`
}

// Turn halts trading. When it returns, no claim that the halt covers can commit any more.
func (r *Rules) Turn(ctx context.Context, tx pgx.Tx, h Halt, by *uuid.UUID) error {
	if err := postgres.Lock(ctx, tx, switchLock); err != nil {
		return fmt.Errorf("turn trading switch: %w", err)
	}
	_, err := tx.Exec(ctx, `
		insert into trading_switches (scope, key, stops, reason, set_by) values ($1, $2, $3, $4, $5)
		on conflict (scope, key, stops) do update set reason = excluded.reason, set_by = excluded.set_by, set_at = now()`,
		h.Scope, h.Key, h.Stops, h.Reason, by)
	if err != nil {
		return fmt.Errorf("turn trading switch: %w", err)
	}
	return nil
}

// Resume takes every halt of the scope and key away.
func (r *Rules) Resume(ctx context.Context, tx pgx.Tx, scope, key string) error {
	if err := postgres.Lock(ctx, tx, switchLock); err != nil {
		return fmt.Errorf("resume trading: %w", err)
	}
	if _, err := tx.Exec(ctx, `delete from trading_switches where scope = $1 and key = $2`, scope, key); err != nil {
		return fmt.Errorf("resume trading: %w", err)
	}
	return nil
}

// Halts lists what is halted for a user: by themselves or by the operators.
func (r *Rules) Halts(ctx context.Context, user uuid.UUID) ([]Halt, error) {
	rows, err := r.db.Pool().Query(ctx, `
		select scope, key, stops, reason from trading_switches
		where scope = 'platform' or (scope in ('user', 'self') and key = $1) order by scope, stops limit 20`, user.String())
	if err != nil {
		return nil, fmt.Errorf("list halts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Halt])
}
