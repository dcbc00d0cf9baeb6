package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

const (
	beforeEarlyClose = 15 * time.Minute // when copies are sold that were to be sold later than an early close allows
	spotsWithin      = 20 * time.Second // for the prices of all underlyings that expire together
)

// lastDay is a trading day that is the last one of some contracts.
type lastDay struct {
	exchange.Session

	Expirations []exchange.Date // whose contracts trade for the last time: the day's own, and those of closed days after it
	Now         time.Time
}

// lastDay is today, while options trade; false outside the session. The day is
// that of options which close at the usual time: those that trade a quarter of an
// hour longer are warned of and sold with the others.
func (c *Copier) lastDay() (lastDay, bool) {
	today, now := c.clock.Today(), c.clock.Now()
	session, opens := exchange.SessionOf(today, "")
	if !opens || now.Before(session.Open) || !now.Before(session.Close) && !c.clock.State().AlwaysOpen {
		return lastDay{}, false
	}
	day := lastDay{Session: session, Expirations: []exchange.Date{today}, Now: now}
	for d := today.AddDays(1); exchange.Known(d) && !exchange.IsTradingDay(d); d = d.AddDays(1) {
		day.Expirations = append(day.Expirations, d)
	}
	return day, true
}

// slot is the warning that is due: at 10:00, and at 15:00, or an hour before an
// early close. Empty before the first.
func (d lastDay) slot() string {
	second := d.Day.At(15, 0)
	if d.Early {
		second = d.Close.Add(-time.Hour)
	}
	switch {
	case !d.Now.Before(second):
		return "second"
	case !d.Now.Before(d.Day.At(10, 0)):
		return "first"
	}
	return ""
}

// latest is the last time of day at which copies are sold by themselves.
func (d lastDay) latest() string {
	if d.Early {
		return exchange.TimeOf(d.Close.Add(-beforeEarlyClose))
	}
	return exchange.TimeOf(d.Close)
}

// GuardExpiry warns who holds copies on their last day, and sells those whose
// followers chose a time. It may run any number of times and anywhere: a warning is
// said once, and a holding is sold once.
func (c *Copier) GuardExpiry(ctx context.Context) error {
	day, trades := c.lastDay()
	if !trades {
		return nil
	}
	return errors.Join(c.closeExpiring(ctx, day), c.warnExpiring(ctx, day))
}

// reachedTimes writes a trigger for each holding of an expiring contract whose
// follower's time of day has come, and of each on paper (index paper_holdings_expiring).
// Foreign tables: positions (index positions_expiring), copy_holdings, orders.
const reachedTimes = `
with holding as (
	select s.id as subscription_id, p.id as position_id, h.user_id, s.trader_id, p.symbol, ` + costEach + ` as cost_each,
		h.bought, h.sold, s.close_on_expiry_at, ` + freeCopied + ` as free, 'expiry_close' as kind
	from positions p
	join copy_holdings h on h.position_id = p.id and h.bought > h.sold
	join subscriptions s on s.id = h.subscription_id and s.status <> 'cancelled'
	where p.status = 'open' and p.expiration = any (@expirations::date[])
		and s.close_on_expiry_at is not null and least(s.close_on_expiry_at, @latest) <= @time
	union all
	select s.id, null, h.user_id, s.trader_id, h.symbol, ` + paperCostEach + `,
		h.bought, h.sold, s.close_on_expiry_at, h.bought - h.sold, 'expiry_close'
	from paper_holdings h
	join subscriptions s on s.id = h.subscription_id and s.status <> 'cancelled'
	where h.bought > h.sold and h.expiration = any (@expirations::date[])
		and s.close_on_expiry_at is not null and least(s.close_on_expiry_at, @latest) <= @time
), anew as (
	select r.*, ` + notReached + ` from holding r where r.free > 0
), made as (
	insert into copy_triggers (subscription_id, position_id, user_id, trader_id, kind, symbol, held, bought, cost_each, triggered_at, send_before, numbers)
	select subscription_id, position_id, user_id, trader_id, kind, symbol, ` + oneTrigger + `, cost_each, @now, @before,
		jsonb_build_object('copied', bought - sold, 'free', free, 'costPerShare', round(cost_each, 4)::text, 'closeOnExpiryAt', close_on_expiry_at, 'latest', @latest::text, 'time', @time::text)
	from anew where held > 0
	order by subscription_id, position_id, symbol limit @slice
	on conflict do nothing
	returning *
)` + readTriggers

func (c *Copier) closeExpiring(ctx context.Context, day lastDay) error {
	args := pgx.NamedArgs{
		"expirations": day.Expirations, "latest": day.latest(), "time": exchange.TimeOf(day.Now),
	}
	_, err := c.trigger(ctx, reachedTimes, args)
	return err
}

// expiring is a position with copies in it on its last day.
type expiring struct {
	Position, User uuid.UUID
	Contract       exchange.Contract
	Held, Copied   int
	Traders        string // whose copies they are, with their marks
}

// warnExpiring tells every holder once for each slot, with how far the contract is
// in the money and what its exercise would take.
func (c *Copier) warnExpiring(ctx context.Context, day lastDay) error {
	slot := day.slot()
	if slot == "" {
		return nil
	}
	for page := triggerSlice; page == triggerSlice; {
		holders, err := c.unwarned(ctx, day, slot)
		if err != nil || len(holders) == 0 {
			return err
		}
		page = len(holders)
		spots := c.spotsOf(ctx, holders)
		told := make([]alerts.Notification, len(holders))
		for i, h := range holders {
			told[i] = c.expires(day, slot, h, spots[h.Contract.Underlying])
			c.count("expiry_warning")
		}
		err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error { return c.alerts.Notify(ctx, tx, told...) })
		if err != nil {
			return fmt.Errorf("warn of expirations: %w", err)
		}
	}
	return nil
}

// expiryKey is what a warning is about, so that it is said once.
func expiryKey(slot string, position uuid.UUID) string {
	return "expiry:" + slot + ":" + position.String()
}

// unwarned are those who have not been told yet. Foreign tables: positions (index
// positions_expiring), copy_holdings, notifications, users.
func (c *Copier) unwarned(ctx context.Context, day lastDay, slot string) ([]expiring, error) {
	rows, err := c.db.Pool().Query(ctx, `
		select p.id, p.user_id, p.symbol, p.underlying, p.multiplier, p.bought - p.sold, sum(h.bought - h.sold)::int,
			string_agg(distinct '@' || t.username, ', ' order by '@' || t.username)
		from positions p
		join copy_holdings h on h.position_id = p.id and h.bought > h.sold
		join subscriptions s on s.id = h.subscription_id
		join users t on t.id = s.trader_id
		where p.status = 'open' and p.expiration = any ($1::date[])
		  and not exists (select 1 from notifications n where n.user_id = p.user_id and n.type = $2 and n.subject_key = $3 || p.id::text and n.subject_key <> '')
		group by p.id order by p.id limit $4`, day.Expirations, alerts.CopyTradeClose, "expiry:"+slot+":", triggerSlice)
	if err != nil {
		return nil, fmt.Errorf("read what expires: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e expiring, err error) {
		var symbol, underlying string
		var multiplier int
		if err = row.Scan(&e.Position, &e.User, &symbol, &underlying, &multiplier, &e.Held, &e.Copied, &e.Traders); err != nil {
			return e, err
		}
		e.Contract, err = exchange.ParseSymbol(symbol)
		e.Contract.Underlying, e.Contract.Multiplier = underlying, multiplier
		return e, err
	})
}

// spotsOf asks for the price of each underlying once; what is not known is left out.
func (c *Copier) spotsOf(ctx context.Context, holders []expiring) map[string]*money.Price {
	ctx, cancel := context.WithTimeout(ctx, spotsWithin)
	defer cancel()
	spots := map[string]*money.Price{}
	for _, h := range holders {
		if _, asked := spots[h.Contract.Underlying]; asked {
			continue
		}
		spots[h.Contract.Underlying] = nil
		if q, err := c.market.Spot(ctx, h.Contract.Underlying); err == nil {
			if spots[h.Contract.Underlying] = q.Mark(); q.Last != nil {
				spots[h.Contract.Underlying] = q.Last
			}
		}
	}
	return spots
}

func (c *Copier) expires(day lastDay, slot string, e expiring, spot *money.Price) alerts.Notification {
	closes := c.clock.LastMinute(exchange.Contract{Underlying: e.Contract.Underlying, Expiration: day.Day})
	until := closes.Add(-c.clock.State().Offset) // by the real clock
	position := e.Position
	return alerts.Notification{
		UserID: e.User, Type: alerts.CopyTradeClose, Title: "Last day: " + e.Contract.Display(),
		Body: fmt.Sprintf("You hold %d, %d of them copied from %s. %s %s It trades until %s New York.", e.Held, e.Copied, e.Traders,
			moneyness(e.Contract, spot), exercise(e.Contract, e.Held), exchange.TimeOf(closes)),
		Brief: "Copies you hold expire.", URL: "/positions/" + position.String(), SubjectKey: expiryKey(slot, position),
		PositionID: &position, LearntAt: c.now(), ValidUntil: &until,
	}
}

// moneyness is how far a contract lies in or out of the money.
func moneyness(c exchange.Contract, spot *money.Price) string {
	if spot == nil {
		return "How far it is in the money is not known right now."
	}
	in := spot.Sub(c.Strike)
	if c.Type == exchange.Put {
		in = in.Neg()
	}
	side := "In the money"
	switch {
	case in.IsZero():
		return fmt.Sprintf("At the money: %s is at %s.", c.Underlying, spot.Display())
	case in.IsNegative():
		side = "Out of the money"
	}
	return fmt.Sprintf("%s by %s: %s is at %s.", side, money.Price{Decimal: in.Abs()}.Display(), c.Underlying, spot.Display())
}

// exercise is what holders of n contracts have to bring when they are exercised,
// which happens by itself to what ends in the money.
func exercise(c exchange.Contract, n int) string {
	shares := n * c.Multiplier
	cost := money.Amount{Decimal: c.Strike.Mul(decimal.NewFromInt(int64(shares)))}
	switch {
	case c.CashSettled():
		return "It is settled in cash."
	case c.Type == exchange.Put:
		return fmt.Sprintf("Exercised, it sells %d shares of yours for %s; without them you are short.", shares, cost.Display())
	}
	return fmt.Sprintf("Exercised, it buys %d shares for %s.", shares, cost.Display())
}
