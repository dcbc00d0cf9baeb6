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
	k := postgres.RequestKey{User: user, Route: placeRoute, Key: key.Text, Body: key.Body}
	draft := Draft{user: user}
	answer, found, err := d.db.Replay(ctx, k, func(ctx context.Context, tx pgx.Tx) error {
		return d.fields(ctx, tx, &draft, r)
	})
	if err != nil || found {
		return Receipt{answer.Body, found}, err
	}
	if r.Line == "" {
		d.ask(ctx, &draft)
	} else if draft, err = d.draftLine(ctx, user, r); err != nil {
		return Receipt{}, err
	}
	answer, err = d.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		o, err := d.enter(ctx, tx, draft)
		if err != nil {
			return postgres.Answer{}, err
		}
		body, err := json.Marshal(o)
		return postgres.Answer{Status: 202, Body: body}, err
	})
	if err != nil {
		d.Refused(ctx, err)
		return Receipt{}, err
	}
	d.crash("C2") // and C3: committed, and nobody was told
	return Receipt{answer.Body, answer.Replayed}, nil
}

// EnterCopy is Place for copy trading, inside the transaction of its decision.
func (d *Desk) EnterCopy(ctx context.Context, tx pgx.Tx, draft Draft) (Order, error) {
	return d.enter(ctx, tx, draft)
}

// enter is T1. Locks in their order: switches, day counters, position, order.
func (d *Desk) enter(ctx context.Context, tx pgx.Tx, dr Draft) (Order, error) {
	o := d.newOrder(dr)
	rules, err := d.rules.For(ctx, tx, d.tradeOf(dr))
	if err != nil {
		return Order{}, err
	}
	if err := d.checkAccount(ctx, tx, dr); err != nil {
		return Order{}, err
	}
	if _, err := rules.CheckOrder(dr.facts); err != nil {
		return Order{}, err
	}
	if err := count(ctx, tx, rules, dr, &o); err != nil {
		return Order{}, err
	}
	if err := d.checkFacts(ctx, tx, rules, dr, &o); err != nil {
		return Order{}, err
	}
	if err := d.takePosition(ctx, tx, dr, &o); err != nil {
		return Order{}, err
	}
	if err := d.checkTwins(ctx, tx, dr, o); err != nil {
		return Order{}, err
	}
	return d.write(ctx, tx, o)
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

// count is R10, R12 and R13.
func count(ctx context.Context, tx pgx.Tx, rules *risk.Rules, dr Draft, o *Order) error {
	entry := o.Side == BTO
	if o.Source == Manual {
		if err := rules.Pace(ctx, tx, o.UserID, entry); err != nil {
			return err
		}
	}
	if !entry {
		return nil
	}
	if dr.copy != nil {
		if err := rules.UseDayCopy(ctx, tx, o.UserID, o.TradingDay, dr.copy.DailyCap); err != nil {
			return err
		}
	}
	cost, _ := risk.EntryCost(dr.facts)
	return rules.UseDayPremium(ctx, tx, o.UserID, o.TradingDay, cost, dr.copy != nil)
}

// checkFacts runs the pure checks. The day counter's lock is held by now, so
// two entries of one user cannot both count on the same buying power.
func (d *Desk) checkFacts(ctx context.Context, tx pgx.Tx, rules *risk.Rules, dr Draft, o *Order) (err error) {
	facts := dr.facts
	if facts.Entry {
		if facts.BuyingLeft, err = d.buyingLeft(ctx, tx, dr.account, o.ID); err != nil {
			return fmt.Errorf("reckon buying power: %w", err)
		}
	}
	_, err = rules.Check(facts)
	return err
}

// takePosition opens or joins the position of an entry, and reserves the
// contracts of an exit (R16).
func (d *Desk) takePosition(ctx context.Context, tx pgx.Tx, dr Draft, o *Order) error {
	if o.Side == STC {
		o.PositionID = *dr.intent.PositionID
		if err := positions.Reserve(ctx, tx, o.UserID, o.PositionID, o.Quantity); err != nil || dr.copied == nil && o.TriggerID == nil {
			return err
		}
		return stillCopied(ctx, tx, o)
	}
	opening := positions.Opening{UserID: o.UserID, AccountID: o.AccountID, Contract: o.Contract, Source: string(o.Source)}
	if dr.copy != nil {
		opening.CopiedFrom = &dr.copy.LeaderID
	}
	p, err := positions.ForEntry(ctx, tx, opening)
	o.PositionID, o.Contract = p.ID, p.Contract
	return err
}

// checkTwins is R8 and R9; the position's lock keeps a twin from being written meanwhile.
func (d *Desk) checkTwins(ctx context.Context, tx pgx.Tx, dr Draft, o Order) error {
	if dr.intent.ConfirmDuplicate || dr.copy != nil {
		return d.rules.Unresolved(ctx, tx, o.AccountID, o.Contract.Symbol, string(o.Side))
	}
	return d.rules.Twins(ctx, tx, risk.Twin{
		AccountID: o.AccountID, Symbol: o.Contract.Symbol, Side: string(o.Side), Quantity: o.Quantity, Limit: o.Limit,
	})
}

// write stores the order, its first event, its bell and its live event.
func (d *Desk) write(ctx context.Context, tx pgx.Tx, o Order) (Order, error) {
	o, err := insert(ctx, tx, o)
	if err != nil {
		return Order{}, fmt.Errorf("write order: %w", err)
	}
	actor := byUser
	if o.Source == Copy {
		actor = byCopier
	}
	if err := event(ctx, tx, o, "", actor, nil); err != nil {
		return Order{}, err
	}
	if _, err := d.queue.InsertTx(ctx, tx, bell(o), nil); err != nil {
		return Order{}, fmt.Errorf("queue order %s for sending: %w", o.ID, err)
	}
	if err := live.Publish(ctx, tx, o.UserID, "order", o); err != nil {
		return Order{}, err
	}
	d.crash("C1")
	return o, nil
}
