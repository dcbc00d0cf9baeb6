package copytrade

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/orders"
)

// ending is what becomes of a decision that waited, its reason, and the broker's
// or the order desk's own words where there are any.
type ending struct {
	result Result
	reason string
	words  string
}

const noNumbers = "{}" // nothing was compared

const endSlice = 1000 // decisions ended in one statement

// endAll ends, set-wise, the decisions c of leader's orders l on positions p
// that meet a condition and still wait, and tells whoever has to know. The
// condition is asked again once a decision's lock is held, so that what somebody
// else placed or answered meanwhile stays.
func (c *Copier) endAll(ctx context.Context, e ending, condition string, args pgx.NamedArgs) error {
	args["result"], args["reason"], args["words"], args["slice"] = e.result, e.reason, e.words, endSlice
	if args["numbers"] == nil {
		args["numbers"] = noNumbers
	}
	for ended := endSlice; ended == endSlice; {
		err := c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) (err error) {
			ended, err = c.endSome(ctx, tx, condition, args)
			return err
		})
		if err != nil {
			return fmt.Errorf("end decisions as %s: %w", e.reason, err)
		}
	}
	return nil
}

// endAllIn is endAll in the caller's transaction, for one follower's few.
func (c *Copier) endAllIn(ctx context.Context, tx pgx.Tx, e ending, condition string, args pgx.NamedArgs) error {
	args["result"], args["reason"], args["words"], args["slice"], args["numbers"] = e.result, e.reason, e.words, endSlice, noNumbers
	for ended := endSlice; ended == endSlice; {
		var err error
		if ended, err = c.endSome(ctx, tx, condition, args); err != nil {
			return fmt.Errorf("end decisions as %s: %w", e.reason, err)
		}
	}
	return nil
}

func (c *Copier) endSome(ctx context.Context, tx pgx.Tx, condition string, args pgx.NamedArgs) (int, error) {
	rows, err := tx.Query(ctx, `
		with waiting as (
			select c.id, c.result from copy_decisions c
			join orders l on l.id = c.leader_order_id
			join positions p on p.id = l.position_id
			where c.result in ('queued', 'awaiting_approval', 'approved') and `+condition+`
			order by c.id limit @slice for no key update of c
		), made as (
			update copy_decisions c set result = @result, reason = @reason, updated_at = now(),
				numbers = c.numbers || @numbers::jsonb || case when @words = '' then jsonb_build_object() else jsonb_build_object('words', @words::text) end
			from waiting w where c.id = w.id returning c.*, w.result as was
		)
		select `+decisionColumns+`, c.was from made c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id`, args)
	if err != nil {
		return 0, err
	}
	var ended []Decision
	var told []alerts.Notification
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var was Result
		d, err := scanDecisionAnd(row, &was)
		ended = append(ended, d)
		if err == nil && mustTell(d, was) {
			told = append(told, c.failure(d))
		}
		return struct{}{}, err
	})
	if err != nil {
		return 0, err
	}
	if err := publish(ctx, tx, ended); err != nil {
		return 0, err
	}
	return len(ended), c.alerts.Notify(ctx, tx, told...)
}

// finish ends one decision that waits, unless it got an order, or another one,
// since it was read.
func (c *Copier) finish(ctx context.Context, d Decision, e ending) error {
	return c.endAll(ctx, e, `c.id = @id and c.order_id is not distinct from @order`, pgx.NamedArgs{"id": d.ID, "order": d.OrderID})
}

// refuse ends a decision that the order desk has refused, with the numbers it compared.
func (c *Copier) refuse(ctx context.Context, d Decision, e ending, compared string) error {
	return c.endAll(ctx, e, `c.id = @id and c.order_id is not distinct from @order`, pgx.NamedArgs{"id": d.ID, "order": d.OrderID, "numbers": compared})
}

// mustTell says whether an end reaches the follower's phone: a copy that failed,
// one the follower had approved, and an exit that left them holding what the
// leader sold. Other skips are only shown.
func mustTell(d Decision, was Result) bool {
	switch {
	case d.Result == Failed:
		return true
	case d.Result != Skipped:
		return false
	case was == Approved:
		return true
	}
	return d.Side == orders.STC && d.Reason != nil && !quiet[*d.Reason]
}

// quiet are the reasons of exits that leave nothing to be done.
var quiet = map[string]bool{"no_copy_held": true, "scaled_to_zero": true, "copying_stopped": true}

// endingOf is how a decision ends whose last order ended without a fill. An
// order that was refused before it was sent passes on why.
func endingOf(s orders.State, refusal *string) ending {
	if s == orders.Aborted && refusal != nil {
		return ending{Skipped, *refusal, ""}
	}
	if s == orders.Aborted {
		return ending{Skipped, "order_not_sent", ""}
	}
	return ending{Failed, "order_" + string(s), ""}
}

// publish lets each follower's pages know, in one statement.
func publish(ctx context.Context, tx pgx.Tx, made []Decision) error {
	events := make([]live.To, 0, len(made))
	for _, d := range made {
		events = append(events, live.To{User: d.FollowerID, Data: d})
	}
	return live.PublishEach(ctx, tx, "decision", events)
}
