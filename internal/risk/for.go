package risk

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/status"
)

// Protocol is the number of the order engine's protocol: how its rows are claimed,
// sent, followed and booked. It rises with a change of that which two processes, one
// with it and one without, should not live through together. While an instance with
// another number runs, copied entries are refused (correctness §18); what is held by
// copies is sold all the same, because an exit is never held up.
const Protocol = 1

// Trade is what an order is judged by before anything about it is counted.
type Trade struct {
	UserID, AccountID uuid.UUID
	Broker            string // brokerage slug
	Underlying        string
	LeaderID          *uuid.UUID // copies: whose trade is copied
	Entry             bool
	Day               exchange.Date
	CopiesMade        decimal.Decimal // copied entries: dollars that what the user holds of copies has gained
	Paper             bool            // nothing is traded: the platform's pace is left alone, and CopiesMade is all that paper made today
}

func (t Trade) copiedEntry() bool { return t.Entry && t.LeaderID != nil }

// NotCopied is whether nothing new of a trader is copied, where they are the user u of
// a statement: they are no active trader, or an operator halted their trades or the
// copies of them. Foreign table: trading_switches (scopes user and leader).
const NotCopied = `(u.status <> 'active' or u.role not in ('trader', 'admin') or exists (
	select from trading_switches k where k.scope in ('user', 'leader') and k.key = u.id::text))`

// For refuses what must not trade now: halted (R1, R18), a copied entry whose trader may
// not be copied or whose follower is not active, or one while instances of another
// protocol run, above the platform's pace (R11), or a copy after the day's losses (R14).
// It holds the switches still for the rest of the transaction, and gives the rules with
// the user's own limits. Foreign tables: users, instances.
func (r *Rules) For(ctx context.Context, tx pgx.Tx, t Trade) (*Rules, error) {
	leader := ""
	if t.LeaderID != nil {
		leader = t.LeaderID.String()
	}
	var cause, scope, reason string
	var full, mayCopy, mixed bool
	var made decimal.Decimal
	var rows []byte
	batch := &pgx.Batch{}
	postgres.QueueLockShared(batch, switchLock)
	batch.Queue(`
		select coalesce(h.cause, ''), coalesce(h.scope, ''), coalesce(h.reason, ''),
			$8 and (select `+latestMinute+` >= `+platformPace+` from entry_pace, `+thisSecond+`),
			$7 = '' or not $8 or exists (select from users u where u.id = $9 and not `+NotCopied+`) and exists (select from users where id = $5::uuid and status = 'active'),
			$8 and $7 <> '' and exists (select from instances where protocol <> $10 and `+status.Live+`),
			coalesce((select realized from copy_results where user_id = $5::uuid and trading_day = $1), 0), `+limitRows("$5::uuid")+`
		from (select) one left join lateral (
			select cause, scope, coalesce(nullif(reason, ''), 'Trading is halted.') as reason from trading_switches
			where (scope = 'platform' or scope = 'broker' and key = $3 or scope = 'underlying' and key = $4
			    or scope in ('user', 'self') and key = $5::uuid::text or scope = 'account' and key = $6::uuid::text or scope in ('leader', 'publishing') and key = $7)
			  and (stops = 'all' or stops = 'entries' and $8 or stops = 'copies' and $7 <> '' and $8)
			order by cause = 'breaker', scope limit 1) h on true`,
		t.Day, r.limits.PlatformEntriesPerMinute, t.Broker, t.Underlying, t.UserID, t.AccountID, leader, t.Entry, t.LeaderID, Protocol).
		QueryRow(func(row pgx.Row) error {
			return row.Scan(&cause, &scope, &reason, &full, &mayCopy, &mixed, &made, &rows)
		})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read trading switches and limits: %w", err)
	}
	own, err := r.with(rows)
	switch {
	case err != nil:
		return nil, err
	case cause == ByBreaker:
		return nil, fault.Risk("breaker", reason)
	case scope == Publishing:
		return nil, fault.Conflict("trader_stopped", reason)
	case cause != "":
		return nil, fault.Conflict("trading_halted", reason)
	case !mayCopy:
		return nil, fault.Conflict("trader_stopped", "This trader's trades are not copied now.")
	case mixed:
		return nil, fault.Conflict("mixed_versions", "Two versions of Alertsify run side by side while one replaces the other.")
	case full && !t.Paper:
		return nil, paceRefusal()
	}
	if t.Paper {
		made = decimal.Zero
	}
	return own, own.lossStop(t, made)
}

// lossStop is R14: what was sold of copies today, and what is still held of them
// at its latest marks.
func (r *Rules) lossStop(t Trade, made decimal.Decimal) error {
	loss := made.Add(t.CopiesMade).Neg()
	if !t.copiedEntry() || loss.LessThan(r.limits.DayCopyLoss.Decimal) {
		return nil
	}
	lost := money.Amount{Decimal: loss}
	return fault.Risk("loss_stop", fmt.Sprintf("Your copies have lost %s today; the limit is %s.", lost.Display(), r.limits.DayCopyLoss.Display())).
		With("lost", lost).With("limit", r.limits.DayCopyLoss)
}

// Own gives the rules with a user's own limits.
func (r *Rules) Own(ctx context.Context, tx pgx.Tx, user uuid.UUID) (*Rules, error) {
	var rows []byte
	if err := tx.QueryRow(ctx, `select `+limitRows("$1::uuid"), user).Scan(&rows); err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	return r.with(rows)
}

// limitRows reads the limits that are a user's own, in one value.
func limitRows(user string) string {
	return `coalesce((select jsonb_agg(jsonb_build_object('kind', kind, 'own', own::text, 'granted', granted::text)) from risk_limits where user_id = ` + user + `), '[]')`
}

// with gives the rules with a user's limits laid over the installation's.
func (r *Rules) with(rows []byte) (*Rules, error) {
	var list []struct {
		Kind         string
		Own, Granted *money.Amount
	}
	if err := json.Unmarshal(rows, &list); err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	own := *r
	for _, row := range list {
		for _, k := range Kinds {
			if k.Name == row.Kind {
				k.set(&own.limits, inForce(row.Own, row.Granted, k.of(r.limits)))
			}
		}
	}
	return &own, nil
}

// inForce is the limit that counts: the operator's or the installation's, unless
// the user's own is lower.
func inForce(own, granted *money.Amount, usual money.Amount) money.Amount {
	if granted != nil {
		usual = *granted
	}
	if own != nil && own.LessThan(usual.Decimal) {
		return *own
	}
	return usual
}
