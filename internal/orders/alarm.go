package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
)

const throughTheClose = "nobody knows what became of it, and the market has closed since it was sent"

// sweepAlarms asks the operators to look: at orders and changes whose fate was not
// known when the market closed after them (INV-10), and at everything else that is
// up for review, each reason once. The owner's exits go on.
func (d *Desk) sweepAlarms(ctx context.Context) error {
	return errors.Join(d.reviewUnresolved(ctx), d.alarmReviews(ctx))
}

// reviewUnresolved marks what was still unresolved at the last close.
func (d *Desk) reviewUnresolved(ctx context.Context) error {
	_, err := d.db.Pool().Exec(ctx, `
		update orders o set review_reason = $2, updated_at = now()
		where review_reason is null and (
			state in ('submitting', 'unknown') and sent_at < $1
			or state in ('accepted', 'partial') and exists (
				select 1 from order_changes c where c.order_id = o.id and c.state in ('submitting', 'unknown') and c.sent_at < $1))`,
		d.clock.LastClose(), throughTheClose)
	if err != nil {
		return fmt.Errorf("review what was unresolved at the close: %w", err)
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

// alarmReviews tells the operators of what is up for review, in one transaction with
// the note that they were told (index orders_to_alarm). Foreign table: users.
func (d *Desk) alarmReviews(ctx context.Context) error {
	return d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			update orders set alarmed = review_reason where id in (
				select id from orders where review_reason is not null and alarmed is distinct from review_reason
				order by created_at limit 100 for no key update skip locked)
			returning id, state, side || ' ' || quantity || ' ' || symbol, review_reason`)
		if err != nil {
			return fmt.Errorf("read the orders up for review: %w", err)
		}
		reviews, err := pgx.CollectRows(rows, pgx.RowToStructByPos[review])
		if err != nil {
			return fmt.Errorf("read the orders up for review: %w", err)
		}
		if len(reviews) == 0 {
			return nil
		}
		operators, err := operatorsOf(ctx, tx)
		if err != nil {
			return err
		}
		notes := make([]alerts.Notification, 0, len(reviews)*len(operators))
		for _, r := range reviews {
			d.log.ErrorContext(ctx, "ALARM: an order needs an operator", "order", r.ID, "state", r.State, "reason", r.Reason)
			d.alarm(r.kind())
			for _, to := range operators {
				notes = append(notes, alerts.Notification{
					UserID: to, Type: alerts.System, Title: "An order needs a look", Body: r.Line + ": " + r.Reason + ". Order " + r.ID.String(),
					URL: "/notifications", SubjectKey: fmt.Sprintf("review:%s:%s", r.ID, r.Reason), LearntAt: d.now(),
				})
			}
		}
		if len(notes) == 0 {
			return nil
		}
		return d.alerts.Notify(ctx, tx, notes...)
	})
}

// kind is what the alarm is counted as.
func (r review) kind() string {
	if r.Reason == throughTheClose {
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
