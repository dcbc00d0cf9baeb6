package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// CloseCopies notes, in the transaction that stops them, that a user's copied entries
// that may still fill, or those of one subscription, are to be sold as far as they do:
// what is held by then is for SellCopies. The switches are held still, so that no claim
// commits meanwhile; the orders' rows are the last locks.
func (d *Desk) CloseCopies(ctx context.Context, tx pgx.Tx, user uuid.UUID, subscription *uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		update orders set close_sold = cum where id in (
			select id from orders where user_id = $1 and side = 'BTO' and source = 'copy' and close_sold is null
				and state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') and ($2::uuid is null or subscription_id = $2)
			order by id for no key update)`, user, subscription)
	if err != nil {
		return fmt.Errorf("note what is to be sold once it fills: %w", err)
	}
	return nil
}

// SellFilled sells what a copied entry bought after its owner had stopped and chosen that
// what they hold is sold. Each contract is sold once, however often and wherever this
// runs: the sell and the note of it are one transaction. What is no longer there to be
// sold counts as seen to. A refusal leaves the rest to the next try.
func (d *Desk) SellFilled(ctx context.Context, entry Order) error {
	for {
		var from, to int
		err := d.db.Pool().QueryRow(ctx, `select close_sold, cum from orders where id = $1 and close_sold < cum`, entry.ID).Scan(&from, &to)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what order %s bought since: %w", entry.ID, err)
		}
		free, err := d.freeOfLot(ctx, entry.UserID, *entry.SubscriptionID, entry.PositionID)
		if err != nil {
			return err
		}
		lot := CopiedLot{SubscriptionID: *entry.SubscriptionID, PositionID: entry.PositionID, Free: min(free, to-from, d.rules.Limits().HardContracts)}
		if lot.Free > 0 {
			err = d.sellLotAnd(ctx, entry.UserID, lot, func(tx pgx.Tx) error { return seenTo(ctx, tx, entry.ID, from, from+lot.Free) })
		} else {
			err = seenTo(ctx, d.db.Pool(), entry.ID, from, to)
		}
		if err != nil && !errors.Is(err, errNotOurs) {
			return err
		}
	}
}

// seenTo notes how many filled contracts of a closing entry were seen to; errNotOurs:
// somebody else has since.
func seenTo(ctx context.Context, db execer, entry uuid.UUID, from, to int) error {
	tag, err := db.Exec(ctx, `update orders set close_sold = $3 where id = $1 and close_sold = $2`, entry, from, to)
	if err != nil {
		return fmt.Errorf("note what is sold of order %s: %w", entry, err)
	}
	if tag.RowsAffected() == 0 {
		return errNotOurs
	}
	return nil
}

// freeOfLot is what a user holds copied of one subscription in one position and is not
// selling already. Foreign tables: copy_holdings, positions.
func (d *Desk) freeOfLot(ctx context.Context, user, subscription, position uuid.UUID) (free int, err error) {
	err = d.db.Pool().QueryRow(ctx, `
		select greatest(least(`+copiedFree+`, p.bought - p.sold - p.sell_reserved - p.missing), 0)
		from copy_holdings h join positions p on p.id = h.position_id
		where h.subscription_id = $1 and h.position_id = $2 and h.user_id = $3 and p.status = 'open'`, subscription, position, user).Scan(&free)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("count copied contracts: %w", err)
	}
	return free, nil
}

// sellLot is T1 for one lot: a limit order below the bid. It is an order of the
// user's own hand, so it is stored with a key like any other.
func (d *Desk) sellLot(ctx context.Context, user uuid.UUID, lot CopiedLot) error {
	return d.sellLotAnd(ctx, user, lot, func(pgx.Tx) error { return nil })
}

// sellLotAnd is sellLot; what also writes is written with the order.
func (d *Desk) sellLotAnd(ctx context.Context, user uuid.UUID, lot CopiedLot, also func(pgx.Tx) error) error {
	dr, err := d.draftLot(ctx, user, lot)
	if err != nil {
		return err
	}
	key := postgres.RequestKey{User: user, Route: "POST /api/trading/halt", Key: uuid.NewString()}
	_, err = d.db.Once(ctx, key, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		o, err := d.enter(ctx, tx, dr)
		if err != nil {
			return postgres.Answer{}, err
		}
		if err := also(tx); err != nil {
			return postgres.Answer{}, err
		}
		body, err := json.Marshal(o)
		return postgres.Answer{Status: 202, Body: body}, err
	})
	return err
}
