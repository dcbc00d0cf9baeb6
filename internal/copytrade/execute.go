package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

const (
	dueSlice    = 200              // decisions read at once
	retryWait   = time.Second      // after a failure that is nobody's refusal
	exitSpacing = 10 * time.Second // between two exits of one decision
	sendWithin  = 30 * time.Second // an approved copy, from the approval
)

// errTaken says that the decision is not, or not any more, this worker's to place.
var errTaken = errors.New("somebody else took the decision")

// Execute places what is due of a leader's order: entries in their place in
// line, exits up to their target. What another process takes meanwhile is left
// to it. The error is orders.Again when something is due later.
func (c *Copier) Execute(ctx context.Context, leaderOrder uuid.UUID) error {
	leader, err := c.desk.Any(ctx, leaderOrder)
	if err != nil {
		return fmt.Errorf("execute copies: %w", err)
	}
	if leader.Side == orders.STC {
		return c.executeExits(ctx, leader.ID)
	}
	return c.executeEntries(ctx, leader)
}

func (c *Copier) executeEntries(ctx context.Context, leader orders.Order) (again error) {
	filled, err := c.fills(ctx, leader)
	if err != nil {
		return err
	}
	// Paper comes last: it never keeps a real copy waiting.
	for page, last := dueSlice, (Decision{}); page == dueSlice; {
		due, err := collect(c.db.Pool().Query(ctx, `
			select `+decisionColumns+decisionFrom+`
			where c.leader_order_id = $1 and c.side = 'BTO' and c.result in ('queued', 'approved') and c.order_id is null
			  and (c.paper, c.place, c.id) > ($2, $3, $4)
			order by c.paper, c.place, c.id limit $5`, leader.ID, last.Paper, last.Place, last.ID, dueSlice))
		if err != nil {
			return fmt.Errorf("read due copies of order %s: %w", leader.ID, err)
		}
		for _, d := range due {
			again = soonest(again, c.later(ctx, d, c.placeEntry(ctx, leader, filled, d)))
			last = d
		}
		page = len(due)
	}
	return again
}

func (c *Copier) executeExits(ctx context.Context, leader uuid.UUID) (again error) {
	for page, last := dueSlice, (Decision{}); page == dueSlice; {
		due, err := readExits(ctx, c.db.Pool(), `
			c.leader_order_id = $1 and c.side = 'STC' and c.result in ('queued', 'approved', 'executed') and (c.paper, c.place, c.id) > ($2, $3, $4)
			order by c.paper, c.place, c.id limit $5`, leader, last.Paper, last.Place, last.ID, dueSlice)
		if err != nil {
			return fmt.Errorf("read due exits of order %s: %w", leader, err)
		}
		for _, x := range due {
			again = soonest(again, c.later(ctx, x.Decision, c.placeExit(ctx, x)))
			last = x.Decision
		}
		page = len(due)
	}
	return again
}

// later turns a failure about one follower into a wish to be called again: the
// others must not wait for it. It ends with the time the decision has.
func (c *Copier) later(ctx context.Context, d Decision, err error) error {
	var again orders.Again
	if err == nil || errors.As(err, &again) {
		return err
	}
	c.log.WarnContext(ctx, "place copy", "decision", d.ID, "err", err)
	return orders.Again{After: retryWait}
}

// enter runs T1 for a decision and ties the two together in one transaction.
// still is asked first in it: it takes the decision's lock, so that of two
// workers one sees what the other did, and says errTaken when there is nothing
// left to do. A refusal is for the caller to judge.
func (c *Copier) enter(ctx context.Context, order orders.CopyOrder, still func(context.Context, pgx.Tx) error) error {
	draft, err := c.desk.DraftCopy(ctx, order)
	if err != nil {
		return err
	}
	err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		if err := still(ctx, tx); err != nil {
			return err
		}
		o, err := c.desk.EnterCopy(ctx, tx, draft)
		if err != nil {
			return err
		}
		return tie(ctx, tx, o)
	})
	if errors.Is(err, errTaken) {
		return nil
	}
	c.desk.Refused(ctx, err)
	return err
}

// tie writes a decision's newest order into it; its row is locked.
func tie(ctx context.Context, tx pgx.Tx, o orders.Order) error {
	_, err := tx.Exec(ctx, `
		update copy_decisions set order_id = $2, quantity = coalesce($3, quantity), updated_at = now() where id = $1`,
		o.DecisionID, o.ID, o.CopyTarget)
	if err != nil {
		return fmt.Errorf("tie order to decision %s: %w", o.DecisionID, err)
	}
	return nil
}

// refusal is a definite no of the order desk, with the code that a copy keeps as
// its reason, and the desk's own words.
func refusal(err error) (code, words string, refused bool) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Status >= 500 {
		return "", "", false
	}
	if f.Code == "not_found" { // the account is gone
		return "no_account", f.Public, true
	}
	return f.Code, f.Public, true
}
