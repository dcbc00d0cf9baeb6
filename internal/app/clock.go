package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/postgres"
)

// clockEvery is how soon a process follows the market clock when it is turned.
const clockEvery = 500 * time.Millisecond

// readClock follows the market clock kept in the database. Production never
// turns it: there the market's time is the real one. In development the
// exchange is in session at any hour until somebody sets a time.
func (a *App) readClock(ctx context.Context) error {
	if a.cfg.Env == Production {
		return nil
	}
	var offset time.Duration
	var set, market time.Time
	err := a.db.Pool().QueryRow(ctx, `select set_at, market_at from market_clock`).Scan(&set, &market)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		a.clock.Set(exchange.ClockState{AlwaysOpen: a.cfg.Env == Development})
		return nil
	case err != nil:
		return fmt.Errorf("read the market clock: %w", err)
	}
	offset = market.Sub(set)
	a.clock.Set(exchange.ClockState{Offset: offset})
	return nil
}

func (a *App) runClock(ctx context.Context) error {
	if a.cfg.Env == Production {
		return nil
	}
	return every(ctx, clockEvery, func(ctx context.Context) {
		if err := a.readClock(ctx); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "follow the market clock", "err", err)
		}
	})
}

// SetMarketClock turns the market clock for every process; a zero market time
// turns it back to the real one. Development only.
func SetMarketClock(ctx context.Context, db *postgres.DB, set, market time.Time) error {
	var err error
	if market.IsZero() {
		_, err = db.Pool().Exec(ctx, `delete from market_clock`)
	} else {
		_, err = db.Pool().Exec(ctx, `
			insert into market_clock (only_row, set_at, market_at) values (true, $1, $2)
			on conflict (only_row) do update set set_at = excluded.set_at, market_at = excluded.market_at`, set, market)
	}
	if err != nil {
		return fmt.Errorf("set the market clock: %w", err)
	}
	return nil
}

// every calls f now and then at a pace, until ctx ends.
func every(ctx context.Context, pause time.Duration, f func(context.Context)) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		f(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
