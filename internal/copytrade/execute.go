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
	inHand      = 20               // copied entries between T1 and the broker's answer, of all processes
	handWait    = 250 * time.Millisecond
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
			  and (c.due_at is null or c.due_at <= $5) and (c.paper, c.place, c.id) > ($2, $3, $4)
			order by c.paper, c.place, c.id limit $6`, leader.ID, last.Paper, last.Place, last.ID, c.now(), dueSlice))
		if err != nil {
			return fmt.Errorf("read due copies of order %s: %w", leader.ID, err)
		}
		for _, d := range due {
			full, err := c.handFull(ctx, c.db.Pool())
			if err != nil {
				return err
			}
			if full && !d.Paper {
				return soonest(again, orders.Again{After: handWait})
			}
			again = soonest(again, c.later(ctx, d, c.placeEntry(ctx, leader, filled, d)))
			last = d
		}
		page = len(due)
	}
	return c.nextDue(ctx, leader.ID, again)
}

// nextDue asks to be called again when the next place in line is due.
func (c *Copier) nextDue(ctx context.Context, leader uuid.UUID, again error) error {
	var due *time.Time
	err := c.db.Pool().QueryRow(ctx, `
		select min(due_at) from copy_decisions
		where leader_order_id = $1 and result = 'queued' and order_id is null and due_at > $2`, leader, c.now()).Scan(&due)
	if err != nil {
		return fmt.Errorf("read who is due next of order %s: %w", leader, err)
	}
	if due == nil {
		return again
	}
	return soonest(again, orders.Again{After: max(due.Sub(c.now()), handWait)})
}

// handFull tells whether as many copied entries are between their T1 and the
// broker's answer as may be (index orders_copies_in_hand). Foreign table: orders.
func (c *Copier) handFull(ctx context.Context, q querier) (full bool, err error) {
	err = q.QueryRow(ctx, `
		select count(*) >= $1 from (
			select from orders where source = 'copy' and side = 'BTO' and state in ('queued', 'submitting') limit $1) x`, inHand).Scan(&full)
	if err != nil {
		return false, fmt.Errorf("count the copies in hand: %w", err)
	}
	return full, nil
}

// takeHand holds the line until the transaction ends, so that no two processes
// take its last place in hand; it comes before every other lock.
func (c *Copier) takeHand(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('copy line', 0))`); err != nil {
		return fmt.Errorf("lock the line of copies: %w", err)
	}
	full, err := c.handFull(ctx, tx)
	if err == nil && full {
		return orders.Again{After: handWait}
	}
	return err
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
// its reason, the desk's own words, and the numbers that it compared, as JSON.
func refusal(err error) (code, words, compared string, refused bool) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Status >= 500 {
		return "", "", "", false
	}
	if f.Code == "not_found" { // the account is gone
		return "no_account", f.Public, string(f.Compared()), true
	}
	return f.Code, f.Public, string(f.Compared()), true
}
