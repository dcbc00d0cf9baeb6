package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// answerWithin is how long a claim lasts: the request's deadline is stored and
// used as wall-clock time, so that a process that froze wakes too late to send.
const answerWithin = 45 * time.Second

var (
	errNotOurs = errors.New("the order is not ours to send") // claimed, sent or ended by somebody else
	errWait    = errors.New("another order goes first")      // the account's pace, a twin on the wire, or a new secret
)

// claim is T2: the one way an order becomes sendable. It commits before
// anything is sent; when the commit's own answer is lost, nothing is sent (C6). secret is
// the version of the secret that the request will carry.
func (d *Desk) claim(ctx context.Context, o Order, secret int64) (claimed Order, account brokers.Account, err error) {
	facts, err := d.factsAgain(ctx, o)
	if err != nil {
		return Order{}, brokers.Account{}, err
	}
	made := d.copiesMade(ctx, o.UserID, o.Source == Copy && o.Side == BTO)
	err = d.db.AsSystem(ctx, "placer", func(ctx context.Context, tx pgx.Tx) error {
		claimed, account, err = d.claimIn(ctx, tx, o, secret, facts, made)
		return err
	}, postgres.NoRetry())
	if postgres.IsUnique(err, "orders_one_on_the_wire") || postgres.IsUnique(err, "orders_one_unresolved") || postgres.IsLockTimeout(err) {
		return Order{}, brokers.Account{}, errWait
	}
	return claimed, account, err
}

func (d *Desk) claimIn(ctx context.Context, tx pgx.Tx, o Order, secret int64, facts risk.Facts, copiesMade decimal.Decimal) (Order, brokers.Account, error) {
	none := brokers.Account{}
	a, err := d.accounts.ForOrder(ctx, tx, o.UserID, &o.AccountID)
	if err != nil {
		return Order{}, none, err
	}
	leader, most, agreed, err := d.leaderOf(ctx, tx, o)
	if err != nil {
		return Order{}, none, err
	}
	rules, err := d.rules.For(ctx, tx, risk.Trade{
		UserID: o.UserID, AccountID: o.AccountID, Broker: a.BrokerSlug, Underlying: o.Contract.Underlying, LeaderID: leader,
		Entry: o.Side == BTO, Day: d.clock.Today(), CopiesMade: copiesMade,
	})
	if err != nil {
		return Order{}, none, err
	}
	if err := d.mayPlaceWith(ctx, tx, a, o.ID, &facts); err != nil {
		return Order{}, none, err
	}
	if a.Status != "ok" || !a.CanTrade {
		return Order{}, none, fault.Risk("account", "The broker connection of this account needs attention.")
	}
	if o.Source == Copy {
		if err := copyable(o.Side, a); err != nil {
			return Order{}, none, err
		}
	}
	if _, err := rules.Check(facts); err != nil {
		return Order{}, none, err
	}
	if err := tooDear(facts, most); err != nil {
		return Order{}, none, err
	}
	b := &pgx.Batch{}
	queueTurn(b, o)
	queueWaitForChanges(b, o, secret)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Order{}, none, err
	}
	claimed, err := markSubmitting(ctx, tx, o.ID, agreed)
	if err != nil {
		return Order{}, none, err
	}
	b = &pgx.Batch{}
	if err := queueEvent(b, claimed, Queued, byPlacer, nil); err != nil {
		return Order{}, none, err
	}
	if err := live.QueuePublish(ctx, b, o.UserID, "order", claimed); err != nil {
		return Order{}, none, err
	}
	if o.Side == BTO { // last: it holds everybody's row until the commit
		rules.QueueCountEntry(b, d.clock.Today())
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Order{}, none, fmt.Errorf("record claim of order %s: %w", o.ID, err)
	}
	return claimed, a, nil
}

// mayPlaceWith is mayPlace, and adds what is left of an entry's buying power to its facts.
func (d *Desk) mayPlaceWith(ctx context.Context, tx pgx.Tx, a brokers.Account, except uuid.UUID, facts *risk.Facts) error {
	if d.clockWrong.Load() {
		return errWait
	}
	b := &pgx.Batch{}
	queueHold(b)
	if facts.Entry && d.knowsBalance(a) {
		queueBuyingLeft(b, a, except, func(left money.Amount) { facts.BuyingLeft = &left })
	}
	return tx.SendBatch(ctx, b).Close()
}

// factsAgain gathers the market's side of the checks a second time, before the
// claim's transaction. What T1 accepted with a confirmation stays confirmed.
func (d *Desk) factsAgain(ctx context.Context, o Order) (risk.Facts, error) {
	f := risk.Facts{
		Entry: o.Side == BTO, Copy: o.Source == Copy, Contract: o.Contract, Quantity: o.Quantity,
		Market: o.Type == Market, Limit: o.Limit, Stop: o.Stop, Confirmed: true,
	}
	if !f.Entry {
		return f, nil // an exit waits for nothing
	}
	short, cancel := context.WithTimeout(ctx, d.lookUpTime)
	defer cancel()
	d.freshBalance(short, o) // what waited in the queue would else be judged by an old one
	if q, err := d.market.Quote(short, o.Contract.Symbol); err == nil {
		f.Bid, f.Ask, f.QuoteAt = q.Bid, q.Ask, q.At
	}
	return f, nil
}

// freshBalance reads the account's buying power again when it has grown old (R15).
func (d *Desk) freshBalance(ctx context.Context, o Order) {
	a, err := d.accounts.ByID(ctx, o.AccountID)
	if err != nil || a.BalanceAt != nil && d.now().Sub(*a.BalanceAt) <= d.rules.Limits().BalanceFresh() {
		return
	}
	if o.Source == Copy {
		ctx = snaptrade.WithClass(ctx, snaptrade.CopiedEntry)
	}
	if _, err := d.accounts.RefreshBalance(ctx, o.UserID, o.AccountID); err != nil {
		d.log.WarnContext(ctx, "read buying power before sending", "order", o.ID, "err", err)
	}
}

// ConsentVersion is the text of the consent to automation in force.
const ConsentVersion = "2026-11"

// leaderOf is whose trade a copy repeats, once its subscription, its consent
// and its decision still stand (T2, INV-21), the highest ask at which a market entry is
// sent, and the text agreed to where nobody was asked about this one. Entries need the
// text in force; exits outlive a change of the text, but not the consent. Those that
// the follower's own bounds ask for, without a decision, stand in any case. The consent
// is held until the claim commits, so that none commits after its withdrawal. Foreign
// tables: subscriptions, consents, copy_decisions.
func (d *Desk) leaderOf(ctx context.Context, tx pgx.Tx, o Order) (whose *uuid.UUID, most *money.Price, agreed *string, err error) {
	if o.Source != Copy {
		return nil, nil, nil, nil
	}
	err = tx.QueryRow(ctx, `
		select version from consents where user_id = $1 and withdrawn_at is null and ($2 = 'STC' or version = $3)
		order by given_at desc limit 1 for share`, o.UserID, o.Side, ConsentVersion).Scan(&agreed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil, fmt.Errorf("read the consent for order %s: %w", o.ID, err)
	}
	var leader uuid.UUID
	var stands, asked bool
	var slippage decimal.Decimal
	var from decimal.NullDecimal
	err = tx.QueryRow(ctx, `
		select s.trader_id, s.max_slippage_percent, c.source_price,
			case when $2 = 'STC' then c.id is null or c.responded_at is not null or $4 else s.status = 'active' and (c.result = 'approved' or s.auto_execute and $4) end,
			c.id is null or c.responded_at is not null
		from subscriptions s left join copy_decisions c on c.id = $3
		where s.id = $1`, o.SubscriptionID, o.Side, o.DecisionID, agreed != nil).Scan(&leader, &slippage, &from, &stands, &asked)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read subscription of order %s: %w", o.ID, err)
	}
	if !stands {
		return nil, nil, nil, fault.Conflict("copying_stopped", "Copying was paused, stopped or lost its consent.")
	}
	if o.Side == BTO && o.Type == Market && from.Valid {
		limit := EntryLimit(o.Contract, money.Price{Decimal: from.Decimal}, slippage)
		most = &limit
	}
	if asked {
		agreed = nil
	}
	return &leader, most, agreed, nil
}

// takeTurn keeps claims of one account a second apart, as SnapTrade advises (R10),
// and plans the first look for the order before it is sent: whatever becomes of
// the request, or of this process, somebody looks (INV-8).
func takeTurn(ctx context.Context, tx pgx.Tx, o Order) error {
	b := &pgx.Batch{}
	queueTurn(b, o)
	return tx.SendBatch(ctx, b).Close()
}

// queueTurn is takeTurn as the next statement of a batch.
func queueTurn(b *pgx.Batch, o Order) {
	b.Queue(`
		insert into account_looks as l (account_id, user_id, last_claim_at, next_look_at)
		values ($1, $2, clock_timestamp(), clock_timestamp() + make_interval(secs => $3))
		on conflict (account_id) do update set last_claim_at = excluded.last_claim_at, next_look_at = least(l.next_look_at, excluded.next_look_at)
		where l.last_claim_at is null or l.last_claim_at <= clock_timestamp() - interval '1 second'`,
		o.AccountID, o.UserID, unresolvedLooks[0].Seconds()).
		Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return errWait
			}
			return nil
		})
}

func markSubmitting(ctx context.Context, tx pgx.Tx, id uuid.UUID, agreed *string) (Order, error) {
	o, err := one(tx.Query(ctx, `
		update orders o set state = 'submitting', claim_token = gen_random_uuid(), sent_at = clock_timestamp(),
			deadline = clock_timestamp() + make_interval(secs => $2), event_seq = event_seq + 1, updated_at = now(), consent_version = $3
		where id = $1 and state = 'queued' and clock_timestamp() < send_before
		  and (not_before is null or not_before <= clock_timestamp())
		returning `+columns, id, answerWithin.Seconds(), agreed))
	if fault.CodeOf(err) == "not_found" {
		return Order{}, errNotOurs
	}
	return o, err
}
