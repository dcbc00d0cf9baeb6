package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// columns are read by scan, in its order.
const columns = `o.id, o.user_id, o.account_id, o.position_id, o.side, o.symbol, o.underlying, o.multiplier, o.quantity, o.order_type,
	o.limit_price, o.stop_price, o.time_in_force, o.source, o.state, o.cum, o.cum_notional, o.reason, o.reason_code, o.reason_numbers, o.review_reason,
	o.broker_order_id, o.cancel_requested_at, o.subscription_id, o.decision_id, o.copy_target, o.trigger_id, o.estimated_cost, o.trading_day,
	o.send_before, o.claim_token, o.sent_at, o.deadline, o.attempts, o.complete_looks, o.event_seq, o.executed_at,
	o.created_at, o.updated_at, o.finished_at, o.read_at, ` + newestChange

func scan(row pgx.CollectableRow) (Order, error) { return scanAnd(row) }

// scanAnd reads an order and further columns after its own.
func scanAnd(row pgx.CollectableRow, more ...any) (Order, error) {
	var o Order
	var symbol, underlying string
	var multiplier int
	var limit, stop decimal.NullDecimal
	err := row.Scan(append([]any{&o.ID, &o.UserID, &o.AccountID, &o.PositionID, &o.Side, &symbol, &underlying, &multiplier, &o.Quantity, &o.Type,
		&limit, &stop, &o.TimeInForce, &o.Source, &o.State, &o.Cum, &o.CumNotional, &o.Reason, &o.ReasonCode, &o.ReasonNumbers, &o.Review,
		&o.BrokerOrderID, &o.CancelRequested, &o.SubscriptionID, &o.DecisionID, &o.CopyTarget, &o.TriggerID, &o.EstimatedCost, &o.TradingDay,
		&o.SendBefore, &o.ClaimToken, &o.SentAt, &o.Deadline, &o.Attempts, &o.CompleteLooks, &o.EventSeq, &o.ExecutedAt,
		&o.CreatedAt, &o.UpdatedAt, &o.FinishedAt, &o.ReadAt, &o.Change}, more...)...)
	if err != nil {
		return Order{}, err
	}
	o.Limit, o.Stop = price(limit), price(stop)
	o.Contract, err = exchange.ParseSymbol(symbol)
	o.Contract.Underlying, o.Contract.Multiplier = underlying, multiplier
	return o, err
}

func price(d decimal.NullDecimal) *money.Price {
	if !d.Valid {
		return nil
	}
	return &money.Price{Decimal: d.Decimal}
}

func one(rows pgx.Rows, err error) (Order, error) {
	if err != nil {
		return Order{}, err
	}
	o, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return Order{}, fault.NotFound()
	}
	return o, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// read is any order, for work that no user asked for.
func read(ctx context.Context, q querier, id uuid.UUID) (Order, error) {
	return one(q.Query(ctx, `select `+columns+` from orders o where o.id = $1`, id))
}

// lock reads an order and holds its row for the rest of the transaction (FOR NO
// KEY UPDATE, after the position's, rule 8.2).
func lock(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Order, error) {
	return one(tx.Query(ctx, `select `+columns+` from orders o where o.id = $1 for no key update`, id))
}

// insert writes a new order and reads it back with its times.
func insert(ctx context.Context, tx pgx.Tx, o Order) (Order, error) {
	return one(tx.Query(ctx, `
		insert into orders as o (id, user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
			limit_price, stop_price, time_in_force, source, state, estimated_cost, trading_day, send_before,
			subscription_id, decision_id, copy_target, broker_order_id, trigger_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
		returning `+columns,
		o.ID, o.UserID, o.AccountID, o.PositionID, o.Side, o.Contract.Symbol, o.Contract.Underlying, o.Contract.Multiplier, o.Quantity,
		o.Type, o.Limit, o.Stop, o.TimeInForce, o.Source, o.State, o.EstimatedCost, o.TradingDay, o.SendBefore,
		o.SubscriptionID, o.DecisionID, o.CopyTarget, o.BrokerOrderID, o.TriggerID))
}

// Who writes an order's history.
const (
	byUser       = "user"
	byCopier     = "copier"
	byPlacer     = "placer"
	byReconciler = "reconciler"
	bySweeper    = "sweeper"
	byOperator   = "operator"
)

// event records one transition, or a rise of what is filled, in the
// transaction that makes it. Replaying the events rebuilds the row (INV-5).
func event(ctx context.Context, tx pgx.Tx, o Order, from State, actor string, evidence map[string]any) error {
	b := &pgx.Batch{}
	if err := queueEvent(b, o, from, actor, evidence); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("record order event: %w", err)
	}
	return nil
}

// queueEvent is event as the next statement of a batch.
func queueEvent(b *pgx.Batch, o Order, from State, actor string, evidence map[string]any) error {
	text, err := json.Marshal(evidence)
	if err != nil {
		return fmt.Errorf("record order event: %w", err)
	}
	if evidence == nil {
		text = []byte("{}")
	}
	var before *State
	if from != "" {
		before = &from
	}
	b.Queue(`
		insert into order_events (order_id, seq, actor, from_state, to_state, cum, average, evidence, user_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		o.ID, o.EventSeq, actor, before, o.State, o.Cum, average(o), text, o.UserID)
	return nil
}

func average(o Order) *decimal.Decimal {
	if o.Cum == 0 {
		return nil
	}
	a := o.CumNotional.DivRound(decimal.NewFromInt(int64(o.Cum)), 8)
	return &a
}
