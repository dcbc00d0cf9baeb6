package orders

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/risk"
)

// haltScopes are what an operator may halt, with what is stopped unless they say
// otherwise: of a leader only the copies, for their own trades are not suspect.
var haltScopes = map[string]string{
	"platform": "all", "broker": "all", "underlying": "all", "leader": "copies", "user": "all", "account": "all",
}

// Halt turns an operator's switch: when it returns, nothing that it covers can be
// sent any more. People may be named by username. by is nil from the command line.
func (d *Desk) Halt(ctx context.Context, by *uuid.UUID, h risk.Halt) error {
	usual, known := haltScopes[h.Scope]
	wrong := map[string]string{}
	if !known {
		wrong["scope"] = "platform, broker, underlying, leader, user or account."
	}
	if h.Stops == "" {
		h.Stops = usual
	}
	if h.Stops != "all" && h.Stops != "entries" && h.Stops != "copies" {
		wrong["stops"] = "all, entries or copies."
	}
	if h.Reason = strings.TrimSpace(h.Reason); h.Reason == "" || len(h.Reason) > 500 {
		wrong["reason"] = "Say why, in at most 500 characters."
	}
	if len(wrong) > 0 {
		return fault.Validation(wrong)
	}
	h.Cause = risk.ByOperator
	return d.db.AsOperator(ctx, by, func(ctx context.Context, tx pgx.Tx) (err error) {
		// The switch's lock comes before any other.
		if err := d.rules.HoldSwitches(ctx, tx); err != nil {
			return err
		}
		if h.Key, err = haltKey(ctx, tx, h.Scope, h.Key); err != nil {
			return err
		}
		if err := d.rules.Turn(ctx, tx, h, by); err != nil {
			return err
		}
		d.log.WarnContext(ctx, "trading halted", "scope", h.Scope, "key", h.Key, "stops", h.Stops, "by", by)
		return publishHalt(ctx, tx, h, haltEvent(h))
	})
}

// Sending is how many of a user's orders, and changes of them, are on their way to a broker now.
func (d *Desk) Sending(ctx context.Context, user uuid.UUID) (n int, err error) {
	err = d.db.Pool().QueryRow(ctx, `select ((select count(*) from orders where state = 'submitting' and user_id = $1) +
		(select count(*) from order_changes where state = 'submitting' and user_id = $1))::int`, user).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count orders being sent: %w", err)
	}
	return n, nil
}

// Unhalt takes every halt of a scope and key away, operators' and breakers'; not
// found when there is none. why goes into the log; by is nil from the command line.
func (d *Desk) Unhalt(ctx context.Context, by *uuid.UUID, scope, key, why string) error {
	if _, known := haltScopes[scope]; !known {
		return fault.Field("scope", "platform, broker, underlying, leader, user or account.")
	}
	return d.db.AsOperator(ctx, by, func(ctx context.Context, tx pgx.Tx) error {
		if err := d.rules.HoldSwitches(ctx, tx); err != nil {
			return err
		}
		key, err := haltKey(ctx, tx, scope, key)
		if err != nil {
			return err
		}
		n, err := d.rules.Resume(ctx, tx, scope, key, by, why)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.NotFound()
		}
		d.log.WarnContext(ctx, "trading resumed", "scope", scope, "key", key, "by", by)
		return publishHalt(ctx, tx, risk.Halt{Scope: scope, Key: key}, map[string]any{"halted": false, "scope": scope})
	})
}

// haltKey is the key as the switches have it: upper case for tickers and brokers,
// ids for people and accounts. Foreign tables: users, accounts.
func haltKey(ctx context.Context, tx pgx.Tx, scope, key string) (string, error) {
	key = strings.TrimSpace(key)
	sql := map[string]string{
		"leader":  `select id::text from users where id::text = lower($1) or username = lower($1)`,
		"user":    `select id::text from users where id::text = lower($1) or username = lower($1)`,
		"account": `select id::text from accounts where id::text = lower($1)`,
	}[scope]
	switch {
	case scope == "platform" && key != "":
		return "", fault.Field("key", "The platform has none.")
	case scope == "platform":
		return "", nil
	case key == "" || len(key) > 100:
		return "", fault.Field("key", "Which "+scope+"?")
	case sql == "":
		return strings.ToUpper(key), nil
	}
	var id string
	err := tx.QueryRow(ctx, sql, key).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.Field("key", "There is no such "+scope+".")
	}
	if err != nil {
		return "", fmt.Errorf("find what to halt: %w", err)
	}
	return id, nil
}

// publishHalt tells the open pages of those whom a halt concerns. Foreign tables:
// accounts, connections, subscriptions.
func publishHalt(ctx context.Context, tx pgx.Tx, h risk.Halt, event map[string]any) error {
	sql := map[string]string{
		"user":    `select $1::uuid`,
		"account": `select user_id from accounts where id = $1::uuid`,
		"broker":  `select distinct a.user_id from accounts a join connections c on c.id = a.connection_id where c.broker_slug = $1 and a.removed_at is null limit 100000`,
		"leader":  `select $1::uuid union select follower_id from subscriptions where trader_id = $1::uuid and status <> 'cancelled' limit 100000`,
	}[h.Scope]
	if sql == "" { // the platform, an underlying: everybody
		return live.Publish(ctx, tx, uuid.Nil, "halt", event)
	}
	rows, err := tx.Query(ctx, sql, h.Key)
	if err != nil {
		return fmt.Errorf("find whom a halt concerns: %w", err)
	}
	concerned, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("find whom a halt concerns: %w", err)
	}
	return live.PublishTo(ctx, tx, concerned, "halt", event)
}
