package copytrade

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
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
	}, postgres.Across("the fill of the trader that is copied"))
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
	}, postgres.Across("the fill of the trader that is copied"))
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
	// An approved entry has thirty seconds from here, an exit at least as many.
	d, err = oneDecision(tx.Query(ctx, `
		with made as (
			update copy_decisions set result = $2, reason = $3, responded_at = clock_timestamp(), updated_at = now(),
				expires_at = case when $2 = 'rejected' then expires_at when side = 'BTO' then clock_timestamp() + $4::interval
					else greatest(expires_at, clock_timestamp() + $4::interval) end
			where id = $1 returning *)`+readMade, id, to, reason, sendWithin))
	if err != nil {
		return Decision{}, fmt.Errorf("answer decision %s: %w", id, err)
	}
	return d, live.Publish(ctx, tx, follower, "decision", d)
}

// answerable refuses what was answered or is over. Whoever comes late is told so
// in the same words, whether or not the sweep was there first.
func (c *Copier) answerable(d Decision) error {
	late := c.now().Sub(d.ExpiresAt)
	switch {
	case d.Result == Expired, d.Result == Awaiting && late >= 0:
		return fault.Conflict("invalid_state", fmt.Sprintf("This expired %s ago; nothing was sent.", max(late, 0).Round(time.Second))).
			With("result", Expired).With("expiresAt", d.ExpiresAt.UTC())
	case d.Result == Skipped:
		return fault.Conflict("invalid_state", "Nothing was sent. "+d.ReasonText()).With("result", d.Result)
	case d.Result != Awaiting:
		return fault.Conflict("invalid_state", "This was already answered: "+string(d.Result)+".").With("result", d.Result)
	}
	return nil
}
