package app

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/brokers"
)

// CrowdSlice is how many people one transaction of Invent stores.
const CrowdSlice = 1000

// Connector makes a simulated login for each of some users, who exist nowhere yet.
type Connector func(ctx context.Context, ids []uuid.UUID) ([]brokers.Invented, error)

// Invent fills a development database with n followers of a trader, each with a
// connected account: whole rows in sets, a transaction for each slice. stem begins
// their usernames.
func (a *App) Invent(ctx context.Context, n int, trader, mode, stem string, connect Connector) error {
	if a.cfg.Env == Production {
		return fmt.Errorf("people are invented only in development; ENV is %s", a.cfg.Env)
	}
	if _, err := a.users.ByUsername(ctx, trader); err != nil {
		return fmt.Errorf("find trader %q: %w", trader, err)
	}
	for done := 0; done < n; done += CrowdSlice {
		ids := make([]uuid.UUID, min(CrowdSlice, n-done))
		for i := range ids {
			ids[i] = uuid.New()
		}
		made, err := connect(ctx, ids)
		if err != nil {
			return fmt.Errorf("connect %d followers: %w", len(ids), err)
		}
		err = a.db.AsSystem(ctx, "seed", func(ctx context.Context, tx pgx.Tx) error {
			if err := a.users.Invent(ctx, tx, fmt.Sprintf("%s_%d", stem, done/CrowdSlice), ids); err != nil {
				return err
			}
			if err := a.legal.AcceptForAll(ctx, tx, ids); err != nil {
				return err
			}
			if err := a.accounts.Invent(ctx, tx, made); err != nil {
				return err
			}
			return a.copier.Invent(ctx, tx, trader, ids, mode)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
