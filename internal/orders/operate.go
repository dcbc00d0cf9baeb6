package orders

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// What an operator found out is told in so many characters.
const evidenceMin, evidenceMax = 10, 2000

// RecordNotPlaced is T9 where no list can tell: an operator has found out, with the
// broker or the owner, that an order never arrived. Only for an order whose fate is
// unknown, at a broker that lists none or on an account that is not linked any more,
// after the close that followed its sending: everywhere else the looks decide, or may still. The evidence stays with the
// order's history, which nothing ever deletes. Foreign table: accounts.
func (d *Desk) RecordNotPlaced(ctx context.Context, operator, id uuid.UUID, evidence string) (o Order, err error) {
	evidence = strings.TrimSpace(evidence)
	if n := utf8.RuneCountInString(evidence); n < evidenceMin || n > evidenceMax || !postgres.Storable(evidence) {
		return Order{}, fault.Field("evidence", fmt.Sprintf("Say in %d to %d characters how it is known.", evidenceMin, evidenceMax))
	}
	err = d.db.AsSystem(ctx, byOperator, func(ctx context.Context, tx pgx.Tx) error {
		if o, err = d.lockBoth(ctx, tx, id); err != nil {
			return err
		}
		var listed bool
		if err := tx.QueryRow(ctx, `select lists_orders and removed_at is null from accounts where id = $1`, o.AccountID).Scan(&listed); err != nil {
			return fmt.Errorf("read the account of order %s: %w", id, err)
		}
		if err := recordable(o, listed, d.clock.LastClose()); err != nil {
			return err
		}
		err := d.endIn(ctx, tx, o, ending{
			to: NotPlaced, actor: byOperator, reason: "An operator found that the broker did not get it. Check with your broker before placing it again.",
			evidence: map[string]any{"operator": operator, "evidence": evidence},
		})
		if err != nil {
			return err
		}
		o, err = read(ctx, tx, id)
		return err
	})
	if err != nil {
		return Order{}, err
	}
	d.log.WarnContext(ctx, "an operator recorded that an order was not placed", "order", id, "operator", operator)
	return o, nil
}

// recordable says why an operator may not decide about an order.
func recordable(o Order, listed bool, lastClose time.Time) error {
	switch {
	case o.State != Unknown:
		return fault.Conflict("invalid_state", "It is known what became of this order: "+o.Label()+".")
	case listed:
		return fault.Conflict("invalid_state", "This broker lists its orders; the list decides.")
	case o.SentAt == nil || !o.SentAt.Before(lastClose):
		return fault.Conflict("invalid_state", "The market has not closed yet since it was sent.")
	}
	return nil
}

// UpForReview is an order or a position that an operator has to look at.
type UpForReview struct {
	Kind       string // order, position
	ID         uuid.UUID
	UserID     uuid.UUID
	Username   string
	Subject    string // in words
	State      string // of an order as people read it, of a position its status
	Reason     string
	CreatedAt  time.Time
	Recordable bool // an operator may record that it was not placed
}

// Reviews lists what is up for review, newest first (indexes orders_up_for_review,
// positions_up_for_review). The second result is the cursor of the next page, nil on
// the last. Foreign tables: positions, users, accounts.
func (d *Desk) Reviews(ctx context.Context, limit int, from *Cursor) (page []UpForReview, next *Cursor, err error) {
	at, id := time.Now().Add(24*time.Hour), uuid.Max
	if from != nil {
		at, id = from.At, from.ID
	}
	rows, err := d.db.Pool().Query(ctx, `
		select r.kind, r.id, r.user_id, u.username, r.side, r.quantity, r.symbol, r.state, r.cum, r.review_reason, r.created_at,
			r.kind = 'order' and r.state = 'unknown' and coalesce(r.sent_at < $1, false) and (not a.lists_orders or a.removed_at is not null)
		from (
			(select 'order' as kind, id, user_id, account_id, side, quantity, symbol, state, cum, review_reason, created_at, sent_at
			 from orders where review_reason is not null and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4)
			union all
			(select 'position', id, user_id, account_id, '', bought - sold, symbol, status, 0, review_reason, created_at, null
			 from positions where review_reason is not null and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4)
		) r join users u on u.id = r.user_id join accounts a on a.id = r.account_id
		order by r.created_at desc, r.id desc limit $4`, d.clock.LastClose(), at, id, limit+1)
	if err != nil {
		return nil, nil, fmt.Errorf("list what is up for review: %w", err)
	}
	page, err = pgx.CollectRows(rows, scanReview)
	if err != nil {
		return nil, nil, fmt.Errorf("list what is up for review: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = &Cursor{last.CreatedAt, last.ID}
	}
	return page, next, nil
}

func scanReview(row pgx.CollectableRow) (UpForReview, error) {
	var r UpForReview
	var o Order
	var symbol string
	err := row.Scan(&r.Kind, &r.ID, &r.UserID, &r.Username, &o.Side, &o.Quantity, &symbol, &r.State, &o.Cum, &r.Reason, &r.CreatedAt, &r.Recordable)
	if err != nil {
		return UpForReview{}, err
	}
	if c, err := exchange.ParseSymbol(symbol); err == nil {
		symbol = c.Display()
	}
	r.Subject, r.CreatedAt = fmt.Sprintf("%d %s", o.Quantity, symbol), r.CreatedAt.UTC()
	if r.Kind == "order" {
		o.State = State(r.State)
		r.Subject, r.State = string(o.Side)+" "+r.Subject, o.Label()
	}
	return r, nil
}
