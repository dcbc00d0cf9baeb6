package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/positions"
)

// Why an order, or a change of one, whose fate is not known is up for review. The
// second takes the place of the first, and both end when the fate is known.
const (
	searchOver      = "nobody knows what became of it, and the time to look for it is over"
	throughTheClose = "nobody knows what became of it, and the market has closed since it was sent"

	otherReview = `nullif(nullif(review_reason, '` + searchOver + `'), '` + throughTheClose + `')`
)

// lostReview says that an order is up for review because its fate is not known.
func lostReview(reason *string) bool {
	return reason != nil && (*reason == searchOver || *reason == throughTheClose)
}

// sweepAlarms asks the operators to look: at orders and changes whose fate was not
// known when the time to look for them was over (T9) or when the market closed after
// them (INV-10), and at everything else that is up for review, each reason once. The
// owner's exits go on.
func (d *Desk) sweepAlarms(ctx context.Context) error {
	return errors.Join(d.reviewUnresolved(ctx), d.reviewLost(ctx), d.alarmReviews(ctx), d.alarmPositions(ctx))
}

// reviewUnresolved marks what was still unresolved at the last close.
func (d *Desk) reviewUnresolved(ctx context.Context) error {
	_, err := d.db.Pool().Exec(ctx, `
		update orders o set review_reason = $2, updated_at = now()
		where (review_reason is null or review_reason = $3) and (
			state in ('submitting', 'unknown') and sent_at < $1
			or state in ('accepted', 'partial') and exists (
				select 1 from order_changes c where c.order_id = o.id and c.state in ('submitting', 'unknown') and c.sent_at < $1))`,
		d.clock.LastClose(), throughTheClose, searchOver)
	if err != nil {
		return fmt.Errorf("review what was unresolved at the close: %w", err)
	}
	return nil
}

// giveUpLate is how long after its time a look may still give up on an order, where
// the broker lists any: the look after that time has to be made first.
const giveUpLate = time.Minute

// reviewLost marks what can still not be given up on when its time is over (T9): the
// broker has no lists, or none that were complete. Foreign table: accounts.
func (d *Desk) reviewLost(ctx context.Context) error {
	_, err := d.db.Pool().Exec(ctx, `
		update orders o set review_reason = $2, updated_at = now()
		from accounts a cross join lateral (select $1::timestamptz
			- make_interval(secs => case when a.lists_orders and a.removed_at is null then $5::float8 else 0 end) as looked) t
		where a.id = o.account_id and review_reason is null and (
			state = 'unknown' and sent_at <= looked - make_interval(secs => case side when 'STC' then $3::float8 else $4::float8 end)
			or state in ('accepted', 'partial') and exists (
				select 1 from order_changes c where c.order_id = o.id and c.state = 'unknown'
				  and c.sent_at <= looked - make_interval(secs => case o.side when 'STC' then $3::float8 else $4::float8 end)))`,
		d.now(), searchOver, giveUpExit.Seconds(), giveUpEntry.Seconds(), giveUpLate.Seconds())
	if err != nil {
		return fmt.Errorf("review what is not looked for any more: %w", err)
	}
	return nil
}

// review is an order that an operator has to look at.
type review struct {
	ID     uuid.UUID
	State  State
	Line   string
	Reason string
}

// reviewsPage is where operators see what is up for review.
const (
	reviewsPage = "/admin/reviews"
	alarmsMost  = 100 // told at once
)

// alarmReviews tells the operators of what is up for review, in one transaction with
// the note that they were told (index orders_to_alarm).
func (d *Desk) alarmReviews(ctx context.Context) error {
	return d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			update orders set alarmed = review_reason where id in (
				select id from orders where review_reason is not null and alarmed is distinct from review_reason
				order by created_at limit $1 for no key update skip locked)
			returning id, state, side || ' ' || quantity || ' ' || symbol, review_reason`, alarmsMost)
		if err != nil {
			return fmt.Errorf("read the orders up for review: %w", err)
		}
		reviews, err := pgx.CollectRows(rows, pgx.RowToStructByPos[review])
		if err != nil {
			return fmt.Errorf("read the orders up for review: %w", err)
		}
		told := make([]alerts.Notification, 0, len(reviews))
		for _, r := range reviews {
			d.log.ErrorContext(ctx, "ALARM: an order needs an operator", "order", r.ID, "state", r.State, "reason", r.Reason)
			d.alarm(r.kind())
			told = append(told, alerts.Notification{
				Title: "An order needs a look", Body: r.Line + ": " + r.Reason + ". Order " + r.ID.String(),
				SubjectKey: fmt.Sprintf("review:%s:%s", r.ID, r.Reason),
			})
		}
		return d.tellOperators(ctx, tx, told)
	})
}

// alarmPositions does the same for positions.
func (d *Desk) alarmPositions(ctx context.Context) error {
	return d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
		reviews, err := positions.TakeReviews(ctx, tx, alarmsMost)
		if err != nil {
			return err
		}
		told := make([]alerts.Notification, 0, len(reviews))
		for _, r := range reviews {
			d.log.ErrorContext(ctx, "ALARM: a position needs an operator", "position", r.ID, "status", r.Status, "reason", r.Reason)
			d.alarm("position_review")
			told = append(told, alerts.Notification{
				Title: "A position needs a look", Body: r.Line() + ": " + r.Reason + ". Position " + r.ID.String(),
				SubjectKey: fmt.Sprintf("review:%s:%s", r.ID, r.Reason),
			})
		}
		return d.tellOperators(ctx, tx, told)
	})
}

// tellOperators says each thing to every operator. Foreign table: users.
func (d *Desk) tellOperators(ctx context.Context, tx pgx.Tx, told []alerts.Notification) error {
	if len(told) == 0 {
		return nil
	}
	operators, err := operatorsOf(ctx, tx)
	if err != nil {
		return err
	}
	notes := make([]alerts.Notification, 0, len(told)*len(operators))
	for _, n := range told {
		n.Type, n.URL, n.LearntAt = alerts.System, reviewsPage, d.now()
		for _, to := range operators {
			n.UserID = to
			notes = append(notes, n)
		}
	}
	return d.alerts.Notify(ctx, tx, notes...)
}

// kind is what the alarm is counted as.
func (r review) kind() string {
	if lostReview(&r.Reason) {
		return "order_unresolved"
	}
	return "order_review"
}

func operatorsOf(ctx context.Context, tx pgx.Tx) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `select id from users where role = 'admin' and status = 'active' order by id limit 100`)
	if err != nil {
		return nil, fmt.Errorf("read the operators: %w", err)
	}
	operators, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("read the operators: %w", err)
	}
	return operators, nil
}
