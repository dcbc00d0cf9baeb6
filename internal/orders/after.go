package orders

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/record"
)

// afterWord is the event and afterReport of an order that works and of which nothing newly
// filled: what most orders hear first, in one trip to the database.
func (d *Desk) afterWord(ctx context.Context, tx pgx.Tx, before, o Order, actor string, evidence map[string]any) error {
	if err := d.recountEnd(ctx, tx, before, o); err != nil {
		return err
	}
	b := &pgx.Batch{}
	if err := queueEvent(b, o, before.State, actor, evidence); err != nil {
		return err
	}
	positions.QueueSettle(b, o.PositionID, d.now())
	queueLookAt(b, o, nextLook(o, d.now(), d.clock.Open(o.Contract.Underlying)))
	if err := live.QueuePublish(ctx, b, o.UserID, "order", o); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("book what is known of order %s: %w", o.ID, err)
	}
	return d.repeatCancel(ctx, tx, before, o)
}

// repeatCancel asks for the cancel of an order that turns out to work.
func (d *Desk) repeatCancel(ctx context.Context, tx pgx.Tx, before, o Order) error {
	if o.State.Working() && o.CancelRequested != nil && !before.State.Working() {
		return d.ringCancel(ctx, tx, o.ID)
	}
	return nil
}

// afterReport brings in line what the order counts, settles the position, and tells
// whoever waits for it.
func (d *Desk) afterReport(ctx context.Context, tx pgx.Tx, before, o Order, s step) error {
	if err := d.recountEnd(ctx, tx, before, o); err != nil {
		return err
	}
	if err := positions.Settle(ctx, tx, o.PositionID, d.now()); err != nil {
		return err
	}
	if err := d.putOnRecord(ctx, tx, o, s.Quantity > 0); err != nil {
		return err
	}
	if s.Quantity > 0 {
		if err := d.publishPosition(ctx, tx, o); err != nil {
			return err
		}
		if o.State.Live() { // an ended order rings in tell
			if _, err := d.queue.InsertTx(ctx, tx, o.changed(), nil); err != nil {
				return fmt.Errorf("ring for order %s: %w", o.ID, err)
			}
		}
	}
	if err := d.repeatCancel(ctx, tx, before, o); err != nil {
		return err
	}
	if err := lookAt(ctx, tx, o, nextLook(o, d.now(), d.clock.Open(o.Contract.Underlying))); err != nil {
		return err
	}
	if s.Quantity > 0 || !o.State.Live() {
		if err := wantHoldings(ctx, tx, o.AccountID, d.now().Add(holdingsAfter+turnOf(o.AccountID)), 0); err != nil {
			return err
		}
	}
	if s.Quantity > 0 {
		if err := traded(ctx, tx, o.AccountID); err != nil {
			return err
		}
	}
	return d.tell(ctx, tx, o)
}

// putOnRecord adds what happened to a published trade to its trader's track record, once
// its position is settled, and puts the record's head beside the words of a new fill. A
// copy is nobody's publication, but its end may be that of a position with published
// contracts in it.
func (d *Desk) putOnRecord(ctx context.Context, tx pgx.Tx, o Order, filled bool) error {
	if !filled && o.State.Live() {
		return nil
	}
	head, err := record.Bring(ctx, tx, o.PositionID, d.now())
	if err != nil || !filled || head == (record.Hash{}) || o.Source != Manual && o.Source != Detected {
		return err
	}
	return d.alerts.MarkRecord(ctx, tx, o.ID, head.Short())
}

func (d *Desk) publishPosition(ctx context.Context, tx pgx.Tx, o Order) error {
	p, err := positions.Lock(ctx, tx, o.PositionID) // already held: reads the row as it is now
	if err != nil {
		return err
	}
	return live.Publish(ctx, tx, o.UserID, "position", p)
}
