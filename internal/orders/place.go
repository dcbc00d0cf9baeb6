package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
)

// Until when a queued order may still be sent, from its creation.
const (
	sendEntryWithin = 30 * time.Second
	sendExitWithin  = 120 * time.Second
)

// The lifetime of an Idempotency-Key is the storage's; its route names the verb.
const placeRoute = "POST /api/trading/orders"

// Key is what makes a request repeatable: the client's key and the body it came with.
type Key struct {
	Text string
	Body []byte
}

// Receipt is the answer to a request that may be repeated: the order as it was
// told the first time.
type Receipt struct {
	Order    json.RawMessage // the shape of the API
	Replayed bool
}

// Place takes an intent on (T1): one transaction with the key, the checks, the
// reservation, the counters, the event and the job that sends. A refusal
// leaves nothing behind.
func (d *Desk) Place(ctx context.Context, user uuid.UUID, key Key, r Request) (Receipt, error) {
	began := time.Now()
	k := postgres.RequestKey{User: user, Route: placeRoute, Key: key.Text, Body: key.Body}
	draft := Draft{user: user}
	answer, found, err := d.recall(ctx, k, &draft, r)
	if err != nil || found {
		return Receipt{answer.Body, found}, err
	}
	if r.Line == "" {
		d.ask(ctx, &draft)
	} else if draft, err = d.draftLine(ctx, user, r); err != nil {
		return Receipt{}, err
	}
	answer, err = d.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (told postgres.Answer, err error) {
		_, err = d.enterAnd(ctx, tx, draft, func(b *pgx.Batch, o Order) error {
			body, err := json.Marshal(o)
			told = postgres.Answer{Status: 202, Body: body}
			postgres.QueueAnswer(b, k, &told)
			return err
		})
		return told, err
	})
	if err != nil {
		d.Refused(ctx, err)
		return Receipt{}, err
	}
	d.crash("C2") // and C3: committed, and nobody was told
	if !answer.Replayed {
		d.observe(HopCommitted, draft.intent.Side, time.Since(began))
	}
	return Receipt{answer.Body, answer.Replayed}, nil
}

// recall looks whether the request was answered before; if not, it reads what its
// draft needs of the user's own. An entry made of fields, what people wait for most,
// takes one trip to the database for both.
func (d *Desk) recall(ctx context.Context, k postgres.RequestKey, draft *Draft, r Request) (answer postgres.Answer, found bool, err error) {
	in, wrong := r.intent()
	if r.Line != "" || wrong != nil || in.Side != BTO {
		return d.db.Replay(ctx, k, func(ctx context.Context, tx pgx.Tx) error {
			return d.fields(ctx, tx, draft, r)
		})
	}
	var refusal error
	err = d.db.ReadAs(ctx, k.User, func(b *pgx.Batch) {
		postgres.QueueReplay(b, k, func(a postgres.Answer, known bool) { answer, found = a, known })
		d.accounts.QueueForOrder(b, k.User, in.AccountID, func(a brokers.Account, none error) error {
			draft.intent, draft.contract, draft.account, refusal = in, *in.Contract, a, none
			return nil
		})
	})
	if err != nil || found {
		return answer, found && err == nil, err
	}
	return answer, false, refusal
}

// EnterCopy is Place for copy trading, inside the transaction of its decision; and
// for a sell of copies by their owner's hand, inside that of its key.
func (d *Desk) EnterCopy(ctx context.Context, tx pgx.Tx, draft Draft) (Order, error) {
	return d.enter(ctx, tx, draft)
}

// enter is T1. Locks in their order: switches, day counters, position, order. What
// needs nothing of the step before goes to the database together: it is the round
// trips that make people wait.
func (d *Desk) enter(ctx context.Context, tx pgx.Tx, dr Draft) (Order, error) {
	return d.enterAnd(ctx, tx, dr, nil)
}

// enterAnd is enter; what also queues goes to the database with the order's own records.
func (d *Desk) enterAnd(ctx context.Context, tx pgx.Tx, dr Draft, also func(*pgx.Batch, Order) error) (Order, error) {
	o := d.newOrder(dr)
	rules, err := d.rules.For(ctx, tx, d.tradeOf(dr))
	if err != nil {
		return Order{}, err
	}
	b := &pgx.Batch{}
	d.queueAccount(b, dr, func() error {
		_, err := rules.CheckOrder(dr.facts)
		return err
	})
	queueCounts(b, rules, dr, o)
	if o.Side == BTO {
		d.queueEntry(b, rules, dr, &o)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Order{}, fmt.Errorf("check order: %w", err)
	}
	if o.Side == STC {
		if err := takeContracts(ctx, tx, rules, dr, &o); err != nil {
			return Order{}, err
		}
	}
	return d.write(ctx, tx, o, also)
}

func (d *Desk) newOrder(dr Draft) Order {
	in, now := dr.intent, d.now()
	o := Order{
		ID: d.newID(), UserID: dr.user, AccountID: dr.account.ID, Side: in.Side, Contract: dr.contract, Quantity: in.Quantity,
		Type: in.Type, Limit: in.Limit, Stop: in.Stop, TimeInForce: in.TimeInForce, Source: Manual, State: Queued,
		TradingDay: d.clock.Today(), SendBefore: now.Add(sendEntryWithin),
	}
	if in.Side == STC {
		o.SendBefore = now.Add(sendExitWithin)
	}
	if c := dr.copy; c != nil {
		o.Source, o.SendBefore, o.CopyTarget = Copy, c.SendBefore, c.Target
		o.SubscriptionID, o.DecisionID = &c.SubscriptionID, &c.DecisionID
		if o.TriggerID = c.TriggerID; c.TriggerID != nil {
			o.DecisionID = nil
		}
	}
	if dr.copied != nil {
		o.SubscriptionID = dr.copied
	}
	if cost, known := risk.EntryCost(dr.facts); known {
		o.EstimatedCost = cost.Decimal
	}
	return o
}

func (d *Desk) tradeOf(dr Draft) risk.Trade {
	t := risk.Trade{
		UserID: dr.user, AccountID: dr.account.ID, Broker: dr.account.BrokerSlug, Underlying: dr.contract.Underlying,
		Entry: dr.intent.Side == BTO, Day: d.clock.Today(), CopiesMade: dr.copiesMade,
	}
	if dr.copy != nil {
		t.LeaderID = &dr.copy.LeaderID
	}
	return t
}

// checkAccount is R2, on the account as it stands in this transaction.
func (d *Desk) checkAccount(ctx context.Context, tx pgx.Tx, dr Draft) error {
	a, err := d.accounts.ForOrder(ctx, tx, dr.user, &dr.account.ID)
	if err != nil {
		return err
	}
	return dr.mayTrade(a)
}

// queueAccount is checkAccount as the next statement of a batch.
func (d *Desk) queueAccount(b *pgx.Batch, dr Draft, then func() error) {
	d.accounts.QueueForOrder(b, dr.user, &dr.account.ID, func(a brokers.Account, err error) error {
		if err == nil {
			err = dr.mayTrade(a)
		}
		if err != nil {
			return err
		}
		return then()
	})
}

func (dr Draft) mayTrade(a brokers.Account) error {
	if a.Status != "ok" {
		return fault.Risk("account", "The broker connection of this account needs attention. Reconnect it first.")
	}
	if !a.CanTrade {
		return fault.Risk("account", "This account is connected for reading only.")
	}
	if dr.copy != nil {
		return copyable(dr.intent.Side, a)
	}
	return nil
}

// copyable refuses copied entries where no list could tell what became of one whose
// answer is lost. Exits go on.
func copyable(side Side, a brokers.Account) error {
	if side == BTO && !a.ListsOrders {
		return fault.Conflict("no_order_lists", "This broker lists no orders, so nothing is copied there.")
	}
	return nil
}

// queueCounts is R10, R12 and R13.
func queueCounts(b *pgx.Batch, rules *risk.Rules, dr Draft, o Order) {
	entry := o.Side == BTO
	if o.Source == Manual {
		rules.QueuePace(b, o.UserID, entry)
	}
	if !entry {
		return
	}
	if dr.copy != nil {
		rules.QueueDayCopy(b, o.UserID, o.TradingDay, dr.copy.DailyCap)
	}
	cost, _ := risk.EntryCost(dr.facts)
	rules.QueueDayPremium(b, o.UserID, o.TradingDay, cost, dr.copy != nil)
}

// queueEntry runs the pure checks of an entry, opens or joins its position, and looks
// for twins: the position's lock keeps one from being written meanwhile. The day
// counter's lock is held by then, so two entries of one user cannot both count on
// the same buying power.
func (d *Desk) queueEntry(b *pgx.Batch, rules *risk.Rules, dr Draft, o *Order) {
	facts := dr.facts
	if d.knowsBalance(dr.account) {
		queueBuyingLeft(b, dr.account, o.ID, func(left money.Amount) { facts.BuyingLeft = &left })
	}
	opening := positions.Opening{UserID: o.UserID, AccountID: o.AccountID, Contract: o.Contract, Source: string(o.Source)}
	if dr.copy != nil {
		opening.CopiedFrom = &dr.copy.LeaderID
	}
	positions.QueueForEntry(b, opening, func(p positions.Position) error {
		o.PositionID, o.Contract = p.ID, p.Contract
		_, err := rules.Check(facts)
		return err
	})
	queueTwins(b, rules, dr, *o)
}

// takeContracts runs the pure checks of an exit, reserves what it sells (R16), and
// looks for twins under the position's lock.
func takeContracts(ctx context.Context, tx pgx.Tx, rules *risk.Rules, dr Draft, o *Order) error {
	if _, err := rules.Check(dr.facts); err != nil {
		return err
	}
	o.PositionID = *dr.intent.PositionID
	if err := positions.Reserve(ctx, tx, o.UserID, o.PositionID, o.Quantity); err != nil {
		return err
	}
	if o.SubscriptionID != nil { // no contracts but the copied ones
		if err := stillCopied(ctx, tx, o); err != nil {
			return err
		}
	}
	b := &pgx.Batch{}
	queueTwins(b, rules, dr, *o)
	return tx.SendBatch(ctx, b).Close()
}

// queueTwins is R8 and R9.
func queueTwins(b *pgx.Batch, rules *risk.Rules, dr Draft, o Order) {
	if dr.intent.ConfirmDuplicate || dr.copy != nil {
		rules.QueueUnresolved(b, o.AccountID, o.Contract.Symbol, string(o.Side))
		return
	}
	rules.QueueTwins(b, risk.Twin{
		AccountID: o.AccountID, Symbol: o.Contract.Symbol, Side: string(o.Side), Quantity: o.Quantity, Limit: o.Limit, Stop: o.Stop,
	})
}

// write stores the order, its first event, its bell and its live event, and what also queues.
func (d *Desk) write(ctx context.Context, tx pgx.Tx, o Order, also func(*pgx.Batch, Order) error) (Order, error) {
	o, err := insert(ctx, tx, o)
	if err != nil {
		return Order{}, fmt.Errorf("write order: %w", err)
	}
	actor := byUser
	if o.Source == Copy {
		actor = byCopier
	}
	b := &pgx.Batch{}
	if err := queueEvent(b, o, "", actor, nil); err != nil {
		return Order{}, err
	}
	if err := live.QueuePublish(ctx, b, o.UserID, "order", o); err != nil {
		return Order{}, err
	}
	postgres.QueueTrace(ctx, b, o.ID)
	if also != nil {
		if err := also(b, o); err != nil {
			return Order{}, err
		}
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Order{}, fmt.Errorf("record order %s: %w", o.ID, err)
	}
	if _, err := d.queue.InsertTx(ctx, tx, bell(o), nil); err != nil {
		return Order{}, fmt.Errorf("queue order %s for sending: %w", o.ID, err)
	}
	d.crash("C1")
	return o, nil
}
