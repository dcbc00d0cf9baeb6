package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/positions"
)

// rollUp adds up results of finished days; how long it took says whether it keeps up.
func (a *App) rollUp(ctx context.Context) error {
	began := time.Now()
	err := a.results.RollUp(ctx)
	a.meter.rollUps.Observe(time.Since(began).Seconds())
	return err
}

// rank makes the hour's leaderboards; how long it took says whether it keeps up.
func (a *App) rank(ctx context.Context) error {
	began := time.Now()
	err := a.board.Refresh(ctx)
	if err == nil { // an alert goes by how many there are
		a.meter.ranking.Observe(time.Since(began).Seconds())
	}
	return err
}

// completeRecords adds to the track records what they lack; that they lacked something is said.
func (a *App) completeRecords(ctx context.Context) error {
	added, err := a.records.Sweep(ctx, time.Now())
	if added > 0 {
		a.log.InfoContext(ctx, "track records were completed", "entries", added)
		a.meter.recordsLate.Add(float64(added))
	}
	return err
}

// Rebuild makes the rollups of results anew from the positions.
func (a *App) Rebuild(ctx context.Context) (analytics.Rebuilt, error) { return a.results.Rebuild(ctx) }

// positionsAtOnce is how many one transaction of InventPositions stores.
const positionsAtOnce = 5000

// InventPositions gives somebody in a development database n finished positions of the last
// two years, on the account in use, and adds them up: whole rows in sets.
func (a *App) InventPositions(ctx context.Context, n int, username string, chance *rand.Rand) error {
	if a.cfg.Env == Production {
		return fmt.Errorf("positions are invented only in development; ENV is %s", a.cfg.Env)
	}
	who, err := a.users.ByUsername(ctx, username)
	if err != nil {
		return fmt.Errorf("find %q: %w", username, err)
	}
	account, err := a.accounts.Selected(ctx, who.ID)
	if err != nil {
		return fmt.Errorf("find an account of %q: %w", username, err)
	}
	today := a.clock.Today()
	for done := 0; done < n; done += positionsAtOnce {
		list, err := positions.Imagine(chance, min(positionsAtOnce, n-done), today.AddDays(-2*365), today)
		if err != nil {
			return err
		}
		err = a.db.AsSystem(ctx, "seed", func(ctx context.Context, tx pgx.Tx) error {
			return positions.Invent(ctx, tx, who.ID, account.ID, list)
		})
		if err != nil {
			return err
		}
	}
	return a.results.RollUp(ctx)
}
