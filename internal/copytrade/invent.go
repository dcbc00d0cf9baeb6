package copytrade

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
)

// The ways an invented follower copies.
const (
	InventPaper   = "paper"   // automatically, without real orders
	InventApprove = "approve" // asked about each trade
	InventAuto    = "auto"    // automatically
)

// Invent lets users follow a trader with the settings everybody starts with, in a
// statement for each kind of row, for development. Who copies automatically has
// agreed to it. Nobody is told.
func (c *Copier) Invent(ctx context.Context, tx pgx.Tx, trader string, followers []uuid.UUID, mode string) error {
	if mode != InventPaper && mode != InventApprove && mode != InventAuto {
		return fault.Field("mode", "paper, approve or auto.")
	}
	leader, err := findTrader(ctx, tx, trader)
	if err != nil {
		return fmt.Errorf("find trader %q: %w", trader, err)
	}
	_, err = tx.Exec(ctx, `
		insert into subscriptions (follower_id, trader_id, auto_execute, paper) select f, $2, $3, $4 from unnest($1::uuid[]) as f`,
		followers, leader, mode != InventApprove, mode == InventPaper)
	if err != nil {
		return fmt.Errorf("invent %d followers: %w", len(followers), err)
	}
	if mode == InventApprove {
		return nil
	}
	_, err = tx.Exec(ctx, `insert into consents (user_id, version) select f, $2 from unnest($1::uuid[]) as f`, followers, ConsentVersion)
	if err != nil {
		return fmt.Errorf("invent consents: %w", err)
	}
	return nil
}
