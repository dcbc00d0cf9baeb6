package copytrade

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// Unmanaged is why not all that the trader does reaches copies any more.
type Unmanaged string

// The trader left, lost the role, is halted, lost the broker link or stopped
// publishing; or the follower copies them no longer.
const (
	TraderGone     Unmanaged = "trader_gone"
	NotATrader     Unmanaged = "not_a_trader"
	TraderHalted   Unmanaged = "trader_halted"
	TraderUnlinked Unmanaged = "trader_unlinked"
	NotPublishing  Unmanaged = "not_publishing"
	CopyCancelled  Unmanaged = "cancelled"
)

// Text is the reason in words, for copies of a trader.
func (u Unmanaged) Text(trader string) string {
	switch u {
	case TraderGone:
		return "@" + trader + " has left."
	case NotATrader:
		return "@" + trader + " is no trader here any more."
	case TraderHalted:
		return "@" + trader + "'s trades are halted."
	case TraderUnlinked:
		return "@" + trader + "'s broker link is down."
	case NotPublishing:
		return "@" + trader + " has stopped publishing."
	case CopyCancelled:
		return "You no longer copy @" + trader + "."
	}
	return ""
}

// markUnmanaged writes why the copies of each subscription are unmanaged, where that
// has changed: one that was cancelled counts while copies of it are held. Foreign
// tables: users, trading_switches, accounts, connections, copy_holdings.
const markUnmanaged = `
with traders as (
	select t.id, t.username, case
		when t.status <> 'active' then 'trader_gone'
		when t.role not in ('trader', 'admin') then 'not_a_trader'
		when exists (select 1 from trading_switches w where w.scope in ('leader', 'user') and w.key = t.id::text) then 'trader_halted'
		when exists (select 1 from accounts a where a.user_id = t.id) and not exists (
			select 1 from accounts a join connections k on k.id = a.connection_id
			where a.user_id = t.id and a.removed_at is null and a.status = 'ok' and k.status = 'ok') then 'trader_unlinked'
		when exists (select 1 from trading_switches w where w.scope = 'publishing' and w.key = t.id::text) then 'not_publishing' end as cause,
		exists (select 1 from trading_switches w where w.scope = 'leader' and w.key = t.id::text and w.stops = 'all') as sells_halted
	from users t where t.id in (select trader_id from subscriptions)
), holding as (
	select subscription_id, sum(bought - sold)::int as copies from copy_holdings where bought > sold group by subscription_id
), changed as (
	select s.id, t.username, coalesce(h.copies, 0) as copies, t.sells_halted,
		case when s.status <> 'cancelled' then t.cause when h.copies > 0 then coalesce(t.cause, 'cancelled') end as cause
	from subscriptions s join traders t on t.id = s.trader_id left join holding h on h.subscription_id = s.id
	where s.unmanaged is distinct from case when s.status <> 'cancelled' then t.cause when h.copies > 0 then coalesce(t.cause, 'cancelled') end
	order by s.id limit @slice for no key update of s skip locked
)
update subscriptions s set unmanaged = c.cause, unmanaged_since = case when c.cause is not null then @now::timestamptz end
from changed c where s.id = c.id
returning s.id, s.follower_id, c.username, coalesce(c.cause, ''), c.copies, c.sells_halted`

// orphan is a subscription whose copies have become unmanaged, or managed again.
type orphan struct {
	ID, Follower uuid.UUID
	Trader       string
	Cause        Unmanaged
	Copies       int
	SellsHalted  bool // an operator halted the copies of their sells too
}

// FindUnmanaged marks the copies that nothing of the trader's reaches any more, and
// tells their followers once: a link that comes and goes is told of once a day. It
// may run any number of times and anywhere.
func (c *Copier) FindUnmanaged(ctx context.Context) error {
	args := pgx.NamedArgs{"now": c.now(), "slice": triggerSlice}
	return c.setWise(ctx, func(ctx context.Context, tx pgx.Tx) (int, error) {
		rows, err := tx.Query(ctx, markUnmanaged, args)
		if err != nil {
			return 0, err
		}
		changed, err := pgx.CollectRows(rows, pgx.RowToStructByPos[orphan])
		if err != nil {
			return 0, err
		}
		var told []alerts.Notification
		for _, o := range changed {
			if o.Cause != "" && o.Cause != CopyCancelled { // that is the follower's own doing
				told = append(told, c.orphaned(o))
				c.count(string(o.Cause))
			}
		}
		return len(changed), c.alerts.Notify(ctx, tx, told...)
	})
}

func (c *Copier) orphaned(o orphan) alerts.Notification {
	body := "Nothing of theirs is copied until that changes."
	switch {
	case (o.Cause == NotPublishing || o.Cause == NotATrader || o.Cause == TraderHalted) && o.Copies > 0 && !o.SellsHalted:
		body = fmt.Sprintf("Nothing new of theirs is copied. The %d contracts you copied still follow their sells.", o.Copies)
	case o.Copies > 0:
		body = fmt.Sprintf("The %d contracts you copied are unmanaged: they may be yours to sell.", o.Copies)
	}
	return alerts.Notification{
		UserID: o.Follower, Type: alerts.CopyTradeClose, Title: o.Cause.Text(o.Trader), Body: body, Brief: "Your copies of @" + o.Trader + " are unmanaged.",
		URL: "/copy", SubjectKey: fmt.Sprintf("unmanaged:%s:%s:%s", o.ID, o.Cause, c.clock.Today()), LearntAt: c.now(),
	}
}

// CopiedHolding is what a follower holds of copies of one trader in one position.
type CopiedHolding struct {
	SubscriptionID, PositionID uuid.UUID

	Trader    string // username
	Contract  exchange.Contract
	Held      int
	CostEach  money.Price // per share
	Unmanaged *Unmanaged
	Since     time.Time // of the first copy
}

// MarshalJSON writes the shape of the API.
func (h CopiedHolding) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		SubscriptionID uuid.UUID         `json:"subscriptionId"`
		PositionID     uuid.UUID         `json:"positionId"`
		Trader         string            `json:"trader"`
		Contract       exchange.Contract `json:"contract"`
		Held           int               `json:"held"`
		CostEach       money.Price       `json:"costEach"`
		Unmanaged      *Unmanaged        `json:"unmanaged"`
		UnmanagedText  string            `json:"unmanagedText,omitempty"`
		Since          time.Time         `json:"since"`
	}{h.SubscriptionID, h.PositionID, h.Trader, h.Contract, h.Held, h.CostEach, h.Unmanaged, h.UnmanagedText(), h.Since.UTC()})
}

// UnmanagedText is why the copies are unmanaged, in words; empty while they are not.
func (h CopiedHolding) UnmanagedText() string {
	if h.Unmanaged == nil {
		return ""
	}
	return h.Unmanaged.Text(h.Trader)
}

// CopiedHoldings lists what a follower holds of copies, those that are unmanaged
// first, at most 200. Foreign tables: copy_holdings (index copy_holdings_held),
// positions, users.
func (c *Copier) CopiedHoldings(ctx context.Context, follower uuid.UUID) (list []CopiedHolding, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select h.subscription_id, h.position_id, t.username, p.symbol, p.underlying, p.multiplier, h.bought - h.sold, round(`+costEach+`, 4), s.unmanaged, h.created_at
			from copy_holdings h
			join positions p on p.id = h.position_id and p.status = 'open'
			join subscriptions s on s.id = h.subscription_id
			join users t on t.id = s.trader_id
			where h.user_id = $1 and h.bought > h.sold
			order by s.unmanaged is null, h.created_at desc, h.subscription_id limit 200`, follower)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanHolding)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list held copies: %w", err)
	}
	return list, nil
}

func scanHolding(row pgx.CollectableRow) (h CopiedHolding, err error) {
	var symbol, underlying string
	var multiplier int
	var cost decimal.Decimal
	if err = row.Scan(&h.SubscriptionID, &h.PositionID, &h.Trader, &symbol, &underlying, &multiplier, &h.Held, &cost, &h.Unmanaged, &h.Since); err != nil {
		return CopiedHolding{}, err
	}
	h.CostEach = money.Price{Decimal: cost}
	h.Contract, err = exchange.ParseSymbol(symbol)
	h.Contract.Underlying, h.Contract.Multiplier = underlying, multiplier
	return h, err
}
