package copytrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// DriftKind is how a follower and a trader have come apart in a contract.
type DriftKind string

// The trader is flat and the follower still holds copies, or the other way round.
const (
	TraderLeft DriftKind = "trader_left"
	NeverCame  DriftKind = "never_came"
)

// DriftState is what the follower made of it.
type DriftState string

// Open and closing may still change; the others are final.
const (
	DriftOpen     DriftState = "open"
	DriftClosing  DriftState = "closing"
	DriftKept     DriftState = "kept"    // and nothing is said of these copies again
	DriftIgnored  DriftState = "ignored" // of this time
	DriftResolved DriftState = "resolved"
)

// Drift is a contract in which a follower and a trader have come apart. Nothing is
// sold because of it but by the follower's word.
type Drift struct {
	ID, SubscriptionID, FollowerID, TraderID uuid.UUID

	Trader     string // username
	Kind       DriftKind
	Contract   exchange.Contract
	PositionID *uuid.UUID // the follower's
	Held       int        // copied contracts now
	State      DriftState
	OrderID    *uuid.UUID // closing
	SeenAt     time.Time
	Numbers    json.RawMessage // what was compared when it was seen
}

// MarshalJSON writes the shape of the API.
func (d Drift) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID             uuid.UUID         `json:"id"`
		SubscriptionID uuid.UUID         `json:"subscriptionId"`
		TraderID       uuid.UUID         `json:"traderId"`
		Trader         string            `json:"trader"`
		Kind           DriftKind         `json:"kind"`
		Text           string            `json:"text"`
		Contract       exchange.Contract `json:"contract"`
		PositionID     *uuid.UUID        `json:"positionId"`
		Held           int               `json:"held"`
		State          DriftState        `json:"state"`
		OrderID        *uuid.UUID        `json:"orderId"`
		SeenAt         time.Time         `json:"seenAt"`
		Numbers        json.RawMessage   `json:"numbers"`
	}{
		d.ID, d.SubscriptionID, d.TraderID, d.Trader, d.Kind, d.Text(), d.Contract, d.PositionID, d.Held, d.State, d.OrderID, d.SeenAt.UTC(), d.Numbers,
	})
}

// Text is what has come apart, in words.
func (d Drift) Text() string {
	if d.Kind == NeverCame {
		return "@" + d.Trader + " holds it, and your copy never came."
	}
	return fmt.Sprintf("@%s holds none of it any more; you still hold %d copied.", d.Trader, d.Held)
}

// driftColumns join the users table for the trader's name, the trader's position
// for the contract, and what is held of the copies.
const driftColumns = `g.id, g.subscription_id, g.user_id, g.trader_id, t.username, g.kind, coalesce(p.symbol, g.symbol), lp.underlying, lp.multiplier,
	g.position_id, coalesce(h.bought - h.sold, 0), g.state, g.order_id, g.seen_at, g.numbers`

const driftJoins = ` join users t on t.id = g.trader_id join positions lp on lp.id = g.leader_position_id left join positions p on p.id = g.position_id
	left join copy_holdings h on h.subscription_id = g.subscription_id and h.position_id = g.position_id `

func scanDrift(row pgx.CollectableRow) (d Drift, err error) {
	var symbol, underlying string
	var multiplier int
	err = row.Scan(&d.ID, &d.SubscriptionID, &d.FollowerID, &d.TraderID, &d.Trader, &d.Kind, &symbol, &underlying, &multiplier,
		&d.PositionID, &d.Held, &d.State, &d.OrderID, &d.SeenAt, &d.Numbers)
	if err != nil {
		return Drift{}, err
	}
	d.Contract, err = exchange.ParseSymbol(symbol)
	d.Contract.Underlying, d.Contract.Multiplier = underlying, multiplier
	return d, err
}

const driftsMost = 200

// Drifts lists what has come apart and waits for the follower's word, newest first,
// at most 200 (index copy_drifts_open).
func (c *Copier) Drifts(ctx context.Context, follower uuid.UUID) (list []Drift, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+driftColumns+` from copy_drifts g `+driftJoins+`
			where g.user_id = $1 and g.state in ('open', 'closing') order by g.seen_at desc, g.id desc limit $2`, follower, driftsMost)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanDrift)
		return err
	}, postgres.Across("the contract of the trader"))
	if err != nil {
		return nil, fmt.Errorf("list drift: %w", err)
	}
	return list, nil
}

// lockDrift takes one of the follower's own (FOR NO KEY UPDATE); somebody else's is
// not found.
func lockDrift(ctx context.Context, tx pgx.Tx, follower, id uuid.UUID) (Drift, error) {
	rows, err := tx.Query(ctx, `select `+driftColumns+` from copy_drifts g `+driftJoins+`
		where g.id = $1 and g.user_id = $2 for no key update of g`, id, follower)
	if err != nil {
		return Drift{}, err
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDrift)
	if errors.Is(err, pgx.ErrNoRows) {
		return Drift{}, fault.NotFound()
	}
	return d, err
}

// Keep leaves copies whose trader has left as they are, for good; Ignore puts a
// drift aside, and the next one is told again. Doing it twice is the same as once.
func (c *Copier) Keep(ctx context.Context, follower, id uuid.UUID) (Drift, error) {
	return c.settleDrift(ctx, follower, id, DriftKept)
}

// Ignore is described at Keep.
func (c *Copier) Ignore(ctx context.Context, follower, id uuid.UUID) (Drift, error) {
	return c.settleDrift(ctx, follower, id, DriftIgnored)
}

func (c *Copier) settleDrift(ctx context.Context, follower, id uuid.UUID, to DriftState) (d Drift, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		if d, err = lockDrift(ctx, tx, follower, id); err != nil || d.State == to {
			return err
		}
		if err := d.answerable(); err != nil {
			return err
		}
		d.State = to
		_, err = tx.Exec(ctx, `update copy_drifts set state = $2, answered_at = now(), updated_at = now() where id = $1`, id, to)
		return err
	}, postgres.Across("the contract of the trader"))
	return d, err
}

// answerable refuses what was answered, or has gone by itself.
func (d Drift) answerable() error {
	switch d.State {
	case DriftOpen:
		return nil
	case DriftClosing:
		return fault.Conflict("invalid_state", "These copies are being sold already.").With("orderId", d.OrderID)
	case DriftResolved:
		return fault.Conflict("invalid_state", "There is nothing to decide about it any more.")
	}
	return fault.Conflict("invalid_state", "This was already answered: "+string(d.State)+".")
}

// CloseDrift sells the copies of a drift, and nothing of the follower's own, by an
// order of their hand. The answer is the order in the shape of the API, the same
// for a repeated key.
func (c *Copier) CloseDrift(ctx context.Context, follower, id uuid.UUID, key Key) (json.RawMessage, bool, error) {
	k := postgres.RequestKey{User: follower, Route: "POST /api/copy-trading/drift/" + id.String() + "/close", Key: key.Text, Body: key.Body}
	var d Drift
	answer, found, err := c.db.Replay(ctx, k, func(ctx context.Context, tx pgx.Tx) (err error) {
		d, err = closable(ctx, tx, follower, id)
		return err
	})
	if err != nil || found {
		return answer.Body, found, err
	}
	draft, err := c.desk.DraftLot(ctx, follower, d.SubscriptionID, *d.PositionID)
	if err != nil {
		return nil, false, err
	}
	answer, err = c.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		if _, err := closable(ctx, tx, follower, id); err != nil {
			return postgres.Answer{}, err
		}
		o, err := c.desk.EnterCopy(ctx, tx, draft)
		if err != nil {
			return postgres.Answer{}, err
		}
		_, err = tx.Exec(ctx, `update copy_drifts set state = 'closing', order_id = $2, answered_at = now(), updated_at = now() where id = $1`, id, o.ID)
		if err != nil {
			return postgres.Answer{}, fmt.Errorf("tie order to drift %s: %w", id, err)
		}
		body, err := json.Marshal(o)
		return postgres.Answer{Status: 202, Body: body}, err
	})
	if err != nil {
		c.desk.Refused(ctx, err)
		return nil, false, err
	}
	return answer.Body, answer.Replayed, nil
}

// closable takes a drift whose copies can be sold: what it says of their contract is
// left to the position (FOR NO KEY UPDATE). Somebody else's is not found.
func closable(ctx context.Context, tx pgx.Tx, follower, id uuid.UUID) (Drift, error) {
	var d Drift
	err := tx.QueryRow(ctx, `
		select subscription_id, position_id, state, order_id from copy_drifts where id = $1 and user_id = $2 for no key update`, id, follower).
		Scan(&d.SubscriptionID, &d.PositionID, &d.State, &d.OrderID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Drift{}, fault.NotFound()
	}
	if err != nil {
		return Drift{}, fmt.Errorf("lock drift %s: %w", id, err)
	}
	if err := d.answerable(); err != nil {
		return Drift{}, err
	}
	if d.PositionID == nil {
		return Drift{}, fault.Conflict("invalid_state", "You hold no copy of it that could be sold.")
	}
	return d, nil
}
