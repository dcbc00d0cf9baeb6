package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Announce tells of an order's fills, in the transaction that books them. The
// first call for an order makes its alert, the deliveries and the owner's
// notification; later ones, told apart by the revision, change what was said. A
// revision that is not newer than the known one does nothing.
func (a *Announcer) Announce(ctx context.Context, tx pgx.Tx, t Trade) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("announce order %s: %w", t.OrderID, err)
	}
	f, err := a.factsFor(ctx, tx, t)
	if err != nil {
		return err
	}
	said, err := a.store(ctx, tx, t, f)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // we know newer facts
	}
	if err != nil {
		return fmt.Errorf("store alert of order %s: %w", t.OrderID, err)
	}
	if err := postgres.KeepTrace(ctx, tx, said.id); err != nil {
		return err
	}
	if err := a.tellOwner(ctx, tx, t, f, said.first); err != nil {
		return err
	}
	if !said.public {
		return nil
	}
	return a.tellPublic(ctx, tx, t, said)
}

// factsFor adds who the trader is. It reads users' table: the words must carry
// the name as it was at the trade.
func (a *Announcer) factsFor(ctx context.Context, tx pgx.Tx, t Trade) (facts, error) {
	var username, name string
	err := tx.QueryRow(ctx, `select username, name from users where id = $1`, t.UserID).Scan(&username, &name)
	if err != nil {
		return facts{}, fmt.Errorf("read trader %s: %w", t.UserID, err)
	}
	return factsOf(t, username, name), nil
}

// said is an alert as it now stands.
type said struct {
	id     uuid.UUID
	first  bool
	public bool
}

// store keeps the newest facts. The instants stay those of the first fill: they
// are part of the feed activity's identity and decide the cut-off.
func (a *Announcer) store(ctx context.Context, tx pgx.Tx, t Trade, f facts) (said, error) {
	words, err := json.Marshal(f)
	if err != nil {
		return said{}, err
	}
	var s said
	err = tx.QueryRow(ctx, `
		insert into alerts (order_id, user_id, position_id, side, symbol, revision, facts, public,
		                    executed_at, learnt_at, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
		on conflict (order_id) do update
		set revision = excluded.revision, facts = excluded.facts, updated_at = excluded.updated_at
		where alerts.revision < excluded.revision
		returning id, xmax = 0, public`, // xmax is 0 in a row that was inserted, not updated
		t.OrderID, t.UserID, t.PositionID, t.Side, t.Contract.Symbol, t.Revision, words, t.Public,
		t.ExecutedAt, t.LearntAt, a.now()).Scan(&s.id, &s.first, &s.public)
	return s, err
}

// MarkRecord notes, beside an order's alert, the first digits of its trader's track record
// with its latest fill in it.
func (a *Announcer) MarkRecord(ctx context.Context, tx pgx.Tx, order uuid.UUID, head string) error {
	if _, err := tx.Exec(ctx, `update alerts set record = $2 where order_id = $1`, order, head); err != nil {
		return fmt.Errorf("note the record beside the alert of order %s: %w", order, err)
	}
	return nil
}

func (a *Announcer) tellPublic(ctx context.Context, tx pgx.Tx, t Trade, s said) error {
	if err := publishFeed(ctx, tx, s.id); err != nil {
		return err
	}
	if !s.first {
		return delivery.Revise(ctx, tx, s.id, t.Revision, a.now())
	}
	return delivery.EnqueueTrade(ctx, tx, delivery.Trade{
		AlertID: s.id, UserID: t.UserID, PositionID: t.PositionID, Side: t.Side, Revision: t.Revision,
		ExecutedAt: t.ExecutedAt, LearntAt: t.LearntAt, Now: a.now(),
	})
}

// tellOwner notifies of the first fill and keeps that notification true later;
// it is never repeated.
func (a *Announcer) tellOwner(ctx context.Context, tx pgx.Tx, t Trade, f facts, first bool) error {
	n := filledNotification(t, f)
	if first {
		return a.Notify(ctx, tx, n)
	}
	data, err := encodeData(n.Data)
	if err != nil {
		return fmt.Errorf("revise notification of order %s: %w", t.OrderID, err)
	}
	rows, err := tx.Query(ctx, `
		update notifications set title = $4, body = $5, brief = $6, data = $7, revision = $8
		where user_id = $1 and type = $2 and subject_key = $3
		returning `+inboxColumns+`, user_id`, t.UserID, n.Type, n.SubjectKey, n.Title, n.Body, n.Brief, data, t.Revision)
	if err != nil {
		return fmt.Errorf("revise notification of order %s: %w", t.OrderID, err)
	}
	revised, err := collectOwned(rows) // none, when the retention has removed it
	if err != nil {
		return fmt.Errorf("revise notification of order %s: %w", t.OrderID, err)
	}
	for _, r := range revised { // at most one
		if err := delivery.ReviseNote(ctx, tx, r.ID, t.Revision, a.now()); err != nil {
			return err
		}
	}
	return publishNotifications(ctx, tx, revised)
}

// filledNotification is what the owner is told. The brief form has no prices: it
// lies on lock screens.
func filledNotification(t Trade, f facts) Notification {
	did := "Bought"
	if t.Side == sellToClose {
		did = "Sold"
	}
	count := strconv.Itoa(t.Filled)
	if t.Filled < t.Ordered {
		count += " of " + strconv.Itoa(t.Ordered)
	}
	body := did + " " + count + " @ " + t.Average.Display()
	if f.Realized != nil {
		body += ", " + f.Realized.Signed()
	}
	position := t.PositionID
	return Notification{
		UserID: t.UserID, Type: OrderFilled,
		Title: t.Contract.Line() + " filled",
		Body:  body,
		Brief: did + " " + count,
		URL:   "/positions/" + t.PositionID.String(),
		Data: map[string]any{
			"orderId": t.OrderID, "positionId": t.PositionID, "side": t.Side, "symbol": t.Contract.Symbol,
			"quantity": t.Ordered, "filled": t.Filled, "price": t.Average,
		},
		SubjectKey: "order:" + t.OrderID.String(),
		PositionID: &position, ExecutedAt: t.ExecutedAt, LearntAt: t.LearntAt,
	}
}
