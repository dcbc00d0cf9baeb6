package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/risk"
)

// Publishing is whether a trader's trades are announced and copied now.
type Publishing struct {
	Publishing bool       `json:"publishing"`
	StoppedAt  *time.Time `json:"stoppedAt"` // null while they publish
	Followers  int        `json:"followers"` // who copy for real, paused or not
}

// Publishing tells a trader where they stand. Foreign table: users.
func (c *Copier) Publishing(ctx context.Context, trader uuid.UUID) (p Publishing, err error) {
	err = c.db.As(ctx, trader, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select `+record.StoppedAt+`, (select count(*) from subscriptions s where s.trader_id = u.id and `+realFollowers+`)
			from users u where u.id = $1`, trader).Scan(&p.StoppedAt, &p.Followers)
	}, postgres.Across("how many follow"))
	if err != nil {
		return Publishing{}, fmt.Errorf("read whether a trader publishes: %w", err)
	}
	p.Publishing, p.StoppedAt = p.StoppedAt == nil, utc(p.StoppedAt)
	return p, nil
}

// StopPublishing turns a trader's own switch. When it returns, no copy of a buy of
// theirs is claimed any more, nothing new of theirs is announced, and nobody is asked
// about one. What followers hold goes on following their sells, and what is at the
// brokers stays there. Stopping twice is the same as once.
func (c *Copier) StopPublishing(ctx context.Context, trader uuid.UUID) error {
	halt := risk.Halt{Scope: risk.Publishing, Key: trader.String(), Stops: "copies", Reason: "The trader stopped publishing.", Cause: risk.ByOwner}
	err := c.db.As(ctx, trader, func(ctx context.Context, tx pgx.Tx) error {
		if err := c.rules.HoldSwitches(ctx, tx); err != nil { // before any other lock
			return err
		}
		since, err := stoppedPublishing(ctx, tx, trader)
		if err != nil || since != nil {
			return err
		}
		if err := c.rules.Turn(ctx, tx, halt, &trader); err != nil {
			return err
		}
		if err := record.Withdraw(ctx, tx, trader, c.now()); err != nil {
			return err
		}
		return showPublishing(ctx, tx, trader, true)
	}, postgres.Across("the open pages of those who follow"))
	if err != nil {
		return fmt.Errorf("stop publishing: %w", err)
	}
	c.log.WarnContext(ctx, "a trader stopped publishing", "trader", trader)
	c.count("publishing_stopped")
	return c.endAll(ctx, ending{Skipped, "trader_stopped", ""}, `c.trader_id = @trader and c.side = 'BTO' and c.order_id is null`, pgx.NamedArgs{"trader": trader})
}

// Publish takes a trader's own switch away; an operator's halt stays. What they traded
// meanwhile is neither announced nor copied afterwards.
func (c *Copier) Publish(ctx context.Context, trader uuid.UUID) error {
	err := c.db.As(ctx, trader, func(ctx context.Context, tx pgx.Tx) error {
		resumed, err := c.rules.Resume(ctx, tx, risk.Publishing, trader.String(), &trader, "")
		if err != nil {
			return err
		}
		if resumed > 0 {
			if err := record.Resume(ctx, tx, trader, c.now()); err != nil {
				return err
			}
		}
		return showPublishing(ctx, tx, trader, false)
	}, postgres.Across("the open pages of those who follow"))
	if err != nil {
		return fmt.Errorf("publish again: %w", err)
	}
	return nil
}

// stoppedPublishing is since when a trader has stopped; nil: they publish. Foreign
// table: users.
func stoppedPublishing(ctx context.Context, db querier, trader uuid.UUID) (since *time.Time, err error) {
	err = db.QueryRow(ctx, `select `+record.StoppedAt+` from users u where u.id = $1`, trader).Scan(&since)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.NotFound()
	}
	return since, err
}

// notCopied is whether nothing new of a trader is copied now: they have stopped
// publishing or are gone, lost the role or are halted. Foreign table: users.
func notCopied(ctx context.Context, db querier, trader uuid.UUID) (not bool, err error) {
	err = db.QueryRow(ctx, `select `+record.StoppedAt+` is not null or `+risk.NotCopied+` from users u where u.id = $1`, trader).Scan(&not)
	if err != nil {
		return false, fmt.Errorf("read whether trader %s is copied: %w", trader, err)
	}
	return not, nil
}

// showPublishing tells the open pages of a trader and of those who copy them.
func showPublishing(ctx context.Context, tx pgx.Tx, trader uuid.UUID, stopped bool) error {
	return live.PublishQuery(ctx, tx, "halt", `
		select u.id, jsonb_build_object('halted', @stopped::boolean, 'scope', 'publishing') from (
			select @trader::uuid union select follower_id from subscriptions where trader_id = @trader::uuid and status <> 'cancelled' limit 100000) u (id)`,
		pgx.NamedArgs{"trader": trader, "stopped": stopped})
}
