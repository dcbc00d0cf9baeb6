package copytrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Approve answers yes to a decision that waits. However often and wherever it
// is tapped, it becomes one order; a tap after the time is over changes nothing
// and says so.
func (c *Copier) Approve(ctx context.Context, follower, id uuid.UUID, key Key) (json.RawMessage, bool, error) {
	k := postgres.RequestKey{User: follower, Route: "POST /api/copy-trading/decisions/" + id.String() + "/approve", Key: key.Text, Body: key.Body}
	answer, err := c.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		d, err := c.answer(ctx, tx, follower, id, Approved)
		if err != nil {
			return postgres.Answer{}, err
		}
		if _, err := c.queue.InsertTx(ctx, tx, ExecuteJob{d.LeaderOrderID}, nil); err != nil {
			return postgres.Answer{}, fmt.Errorf("queue approved copy: %w", err)
		}
		body, err := json.Marshal(d)
		return postgres.Answer{Status: 200, Body: body}, err
	})
	return answer.Body, answer.Replayed, err
}

// Reject answers no. Rejecting twice is the same as once.
func (c *Copier) Reject(ctx context.Context, follower, id uuid.UUID) (d Decision, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		d, err = lockDecision(ctx, tx, follower, id)
		if err != nil || d.Result == Rejected {
			return err
		}
		d, err = c.answer(ctx, tx, follower, id, Rejected)
		return err
	})
	return d, err
}

// lockDecision takes one of the follower's decisions (FOR NO KEY UPDATE).
func lockDecision(ctx context.Context, tx pgx.Tx, follower, id uuid.UUID) (Decision, error) {
	return oneDecision(tx.Query(ctx, `select `+decisionColumns+decisionFrom+` where c.id = $1 and c.user_id = $2 for no key update of c`, id, follower))
}

func (c *Copier) answer(ctx context.Context, tx pgx.Tx, follower, id uuid.UUID, to Result) (Decision, error) {
	d, err := lockDecision(ctx, tx, follower, id)
	if err != nil {
		return Decision{}, err
	}
	if err := c.answerable(d); err != nil {
		return Decision{}, err
	}
	reason := (*string)(nil)
	if to == Rejected {
		text := "rejected"
		reason = &text
	}
	_, err = tx.Exec(ctx, `
		update copy_decisions set result = $2, reason = $3, responded_at = clock_timestamp(), updated_at = now(),
			expires_at = case when $2 = 'approved' and side = 'BTO' then clock_timestamp() else expires_at end
		where id = $1`, id, to, reason)
	if err != nil {
		return Decision{}, fmt.Errorf("answer decision %s: %w", id, err)
	}
	if d, err = lockDecision(ctx, tx, follower, id); err != nil {
		return Decision{}, err
	}
	return d, live.Publish(ctx, tx, follower, "decision", d)
}

func (c *Copier) answerable(d Decision) error {
	if d.Result != Awaiting {
		return fault.Conflict("invalid_state", "This was already answered: "+string(d.Result)+".").With("result", d.Result)
	}
	if late := c.now().Sub(d.ExpiresAt); late >= 0 {
		return fault.Conflict("invalid_state", fmt.Sprintf("This expired %s ago; nothing was sent.", late.Round(time.Second))).
			With("result", Expired).With("expiresAt", d.ExpiresAt.UTC())
	}
	return nil
}

const sweepEvery = time.Second

// Run closes questions whose time is over and places what a crash left
// unplaced (C15), until ctx ends.
func (c *Copier) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := c.Sweep(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "sweep copies", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep does one round (index copy_decisions_open).
func (c *Copier) Sweep(ctx context.Context) error {
	return errors.Join(c.expire(ctx), c.placeLost(ctx))
}

// expire closes what nobody answered, and what was never placed in time.
func (c *Copier) expire(ctx context.Context) error {
	rows, err := c.db.Pool().Query(ctx, `
		select `+decisionColumns+decisionFrom+`
		where c.result in ('queued', 'awaiting_approval', 'approved') and c.order_id is null
		  and c.expires_at < clock_timestamp() - case c.result when 'approved' then interval '30 seconds' else interval '0' end
		limit 500`)
	if err != nil {
		return fmt.Errorf("read expired decisions: %w", err)
	}
	expired, err := pgx.CollectRows(rows, scanDecision)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range expired {
		if d.Result == Awaiting {
			errs = append(errs, c.finish(ctx, d, Expired, "expired"))
			continue
		}
		errs = append(errs, c.finish(ctx, d, Skipped, "too_late"))
	}
	return errors.Join(errs...)
}

// placeLost executes what has waited longer than its job should take.
func (c *Copier) placeLost(ctx context.Context) error {
	rows, err := c.db.Pool().Query(ctx, `
		select distinct leader_order_id from copy_decisions
		where result in ('queued', 'approved') and order_id is null and updated_at < clock_timestamp() - interval '5 seconds' limit 20`)
	if err != nil {
		return fmt.Errorf("read lost copies: %w", err)
	}
	lost, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range lost {
		var later orders.Again
		if err := c.Execute(ctx, id); err != nil && !errors.As(err, &later) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
