package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
)

// Bounds are what the invariants compare with besides the data itself. The
// statements name them with @: @grace, @idle, @lastClose, @years, @tradingDays,
// @entriesPerMinute, @exitsPerMinute, @dayPremium, @dayCopyPremium, @callsPerMinute,
// @platformEntries.
type Bounds struct {
	// Grace is how long something that must come may take before its absence
	// counts: a decision after a fill, a message's end after its cut-off.
	Grace time.Duration
	// Idle is how long a transaction may do nothing before it counts as waiting
	// for something else than the database.
	Idle time.Duration

	EntriesPerMinute, ExitsPerMinute int          // by hand, per user
	DayPremium, DayCopyPremium       money.Amount // dollars bought, per user and trading day
	CallsPerMinute                   int          // to SnapTrade, of all processes
	PlatformEntries                  int          // a minute, of all users

	Env string // development's exchange is always in session until its clock is set
	Now time.Time
}

// BoundsOf are the bounds of an installation that is at work.
func BoundsOf(c Config, now time.Time) Bounds {
	limits := risk.Defaults()
	return Bounds{
		Grace: time.Minute, Idle: 3 * time.Second,
		EntriesPerMinute: c.RateOrders, ExitsPerMinute: 3 * c.RateOrders,
		DayPremium: limits.DayPremium, DayCopyPremium: limits.DayCopyPremium,
		CallsPerMinute: c.SnapTradeBudget, PlatformEntries: limits.PlatformEntriesPerMinute, Env: c.Env, Now: now,
	}
}

// Args are the bounds as the statements name them.
func (b Bounds) Args(ctx context.Context, tx pgx.Tx) (pgx.NamedArgs, error) {
	clock, err := b.clock(ctx, tx)
	if err != nil {
		return nil, err
	}
	years, days := calendar()
	if b.Env != Production {
		days = nil // where its clock can be turned, the exchange is open on any day
	}
	return pgx.NamedArgs{
		"grace": b.Grace, "idle": b.Idle, "lastClose": clock.LastClose(), "years": years, "tradingDays": days,
		"entriesPerMinute": b.EntriesPerMinute, "exitsPerMinute": b.ExitsPerMinute,
		"dayPremium": b.DayPremium.Decimal, "dayCopyPremium": b.DayCopyPremium.Decimal, "callsPerMinute": b.CallsPerMinute,
		"platformEntries": b.PlatformEntries,
	}, nil
}

// clock is the market's, as the processes of this installation follow it.
func (b Bounds) clock(ctx context.Context, tx pgx.Tx) (*exchange.Clock, error) {
	clock := exchange.NewClock(func() time.Time { return b.Now })
	if b.Env == Production {
		return clock, nil
	}
	var set, market time.Time
	err := tx.QueryRow(ctx, `select set_at, market_at from market_clock`).Scan(&set, &market)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read the market clock: %w", err)
	}
	clock.Set(exchange.ClockState{Offset: market.Sub(set), AlwaysOpen: err != nil && b.Env == Development})
	return clock, nil
}

// calendar is the years the exchange's calendar covers, and the days it opens on.
func calendar() (years []int, days []string) {
	for year := 2000; year < 2100; year++ {
		first := exchange.Date{Year: year, Month: time.January, Day: 1}
		if !exchange.Known(first) {
			continue
		}
		years = append(years, year)
		for d := first; d.Year == year; d = d.AddDays(1) {
			if exchange.IsTradingDay(d) {
				days = append(days, d.String())
			}
		}
	}
	return years, days
}

// Bounds are those of this program at this moment.
func (a *App) Bounds() Bounds { return BoundsOf(a.cfg, time.Now()) }
