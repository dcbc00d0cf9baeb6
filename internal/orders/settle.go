package orders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// From 08:00 New York on the trading day after an expiration the broker's
// holdings and history say what became of the contracts.
const (
	settleHour   = 8
	settleAgain  = 2 * time.Hour   // while it is not known
	settleOrders = 5 * time.Minute // while orders still live on the contract
	settleSlice  = 10              // accounts each minute and process
	settleDays   = 3               // trading days, after which an operator is asked
	historyAgain = 10 * time.Hour  // at most twice a day: it is cached for a day
	historyLate  = 2               // trading days until it tells what there is to tell
	historyDays  = 5               // before an expiration: an exercise may come early, and lines are dated loosely
)

// SettlementDay is the latest trading day on which settling has begun: what
// expired before it is due.
func SettlementDay(now time.Time) exchange.Date {
	d := exchange.TradingDay(now)
	for exchange.Known(d) && (!exchange.IsTradingDay(d) || now.Before(d.At(settleHour, 0))) {
		d = d.AddDays(-1)
	}
	return d
}

// SettleExpired finds out what became of contracts that expired. Run it every
// minute, in any number of processes: each account is claimed in its row.
func (d *Desk) SettleExpired(ctx context.Context) error {
	day := SettlementDay(d.clock.Now())
	due, err := d.claimSettlements(ctx, day)
	if err != nil {
		return err
	}
	var errs []error
	for _, account := range due {
		settle := d.settleAccount
		if account.Unlinked {
			settle = d.settleUnlinked
		}
		if err := settle(ctx, account.ID, day); err != nil {
			errs = append(errs, fmt.Errorf("settle what expired on account %s: %w", account.ID, err))
		}
	}
	return errors.Join(errs...)
}

// toSettle is an account with something that expired. Of one that is not linked any
// more nothing can be asked.
type toSettle struct {
	ID       uuid.UUID
	Unlinked bool
}

// claimSettlements takes accounts that are due. Foreign tables: positions (index
// positions_expiring), accounts.
func (d *Desk) claimSettlements(ctx context.Context, day exchange.Date) ([]toSettle, error) {
	rows, err := d.db.Pool().Query(ctx, `
		update account_looks s set settled_for = $1, settle_at = clock_timestamp() + make_interval(secs => $2)
		from accounts a where a.id = s.account_id and s.account_id in (
			select l.account_id from account_looks l
			where l.account_id in (select p.account_id from positions p
			      where p.status in ('open', 'expiry_pending') and p.expiration < $1
			        and (p.bought > p.sold or exists (select 1 from accounts r where r.id = p.account_id and r.removed_at is not null)))
			  and (l.settled_for is distinct from $1 or l.settle_at <= clock_timestamp())
			order by l.settle_at nulls first limit $3 for no key update skip locked)
		returning s.account_id, a.removed_at is not null`, day, settleAgain.Seconds(), settleSlice)
	if err != nil {
		return nil, fmt.Errorf("claim accounts to settle: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[toSettle])
}

// settleAccount ends the orders on what expired, then asks the broker about it.
// What the broker still holds, or says nothing of, stays pending.
func (d *Desk) settleAccount(ctx context.Context, account uuid.UUID, day exchange.Date) error {
	list, err := d.held.Expiring(ctx, account, day)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(p positions.Position) bool { return p.Held() == 0 }) // the broker ends those orders
	pending := make([]positions.Position, 0, len(list))
	for _, p := range list {
		ready, err := d.pend(ctx, p)
		if err != nil {
			return err
		}
		if ready {
			pending = append(pending, p)
		}
	}
	if len(pending) < len(list) {
		if err := d.settleSooner(ctx, account); err != nil {
			return err
		}
	}
	if len(pending) == 0 {
		return nil
	}
	return errors.Join(d.decide(ctx, account, day, pending), d.undecided(ctx, pending, day))
}

func (d *Desk) settleSooner(ctx context.Context, account uuid.UUID) error {
	_, err := d.db.Pool().Exec(ctx, `
		update account_looks set settle_at = clock_timestamp() + make_interval(secs => $2) where account_id = $1`, account, settleOrders.Seconds())
	if err != nil {
		return fmt.Errorf("plan to settle again: %w", err)
	}
	return d.PullLook(ctx, account)
}

// pend marks one expired position, or asks for the end of the orders on it first.
func (d *Desk) pend(ctx context.Context, p positions.Position) (ready bool, err error) {
	err = d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
		now, ok, err := positions.Pend(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if ready = ok; !ok {
			return d.endOrders(ctx, tx, p.ID, "the contract has expired")
		}
		if p.Status == now.Status {
			return nil
		}
		return live.Publish(ctx, tx, now.UserID, "position", now)
	})
	return ready, err
}

// claimHistory says whether the broker may be asked now, and plans when it may be
// asked again on that day.
func (d *Desk) claimHistory(ctx context.Context, account uuid.UUID, day exchange.Date) (bool, error) {
	tag, err := d.db.Pool().Exec(ctx, `
		update account_looks set history_for = $2, history_at = clock_timestamp() + make_interval(secs => $3)
		where account_id = $1 and (history_for is distinct from $2 or history_at <= clock_timestamp())`, account, day, historyAgain.Seconds())
	if err != nil {
		return false, fmt.Errorf("claim the history of account %s: %w", account, err)
	}
	return tag.RowsAffected() == 1, nil
}

// historySooner is for holdings that do not say anything yet: the history was not asked.
func (d *Desk) historySooner(ctx context.Context, account uuid.UUID) error {
	_, err := d.db.Pool().Exec(ctx, `
		update account_looks set history_at = clock_timestamp() + make_interval(secs => $2) where account_id = $1`,
		account, (settleAgain - time.Minute).Seconds())
	if err != nil {
		return fmt.Errorf("plan to ask account %s again: %w", account, err)
	}
	return nil
}

func (d *Desk) decide(ctx context.Context, account uuid.UUID, day exchange.Date, pending []positions.Position) error {
	if due, err := d.claimHistory(ctx, account, day); err != nil || !due {
		return err
	}
	owner, from := pending[0].UserID, pending[0].Contract.Expiration.AddDays(-historyDays)
	held, err := d.accounts.Holdings(ctx, owner, account)
	if err != nil {
		return errors.Join(err, d.historySooner(ctx, account))
	}
	begun := day.At(settleHour, 0).Add(-d.clock.State().Offset) // on the broker's clock, which is real
	if held.Unreadable > 0 || held.AsOf.Before(begun) {
		return d.historySooner(ctx, account)
	}
	there := map[string]bool{}
	for _, h := range heldOf(held.Options) {
		there[h.Contract.Symbol] = true
	}
	history, err := d.accounts.Activities(ctx, owner, account, from, d.clock.Today())
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range pending {
		sold, err := d.held.Sold(ctx, account, p.Contract.Symbol)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e, known := endingOf(p, history, sold)
		if !known && d.worthless(ctx, p, day) {
			e.Expired, known = p.Held()-e.Exercised-e.Elsewhere, true
		}
		if !known || there[p.Contract.Symbol] {
			continue
		}
		e.AsOf, e.Day = held.AsOf, day
		errs = append(errs, d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
			done, err := positions.End(ctx, tx, p.ID, e)
			if err != nil || done.Kind == "" {
				return err
			}
			return d.adjusted(ctx, tx, done)
		}))
	}
	return errors.Join(errs...)
}

// clearOf is the part of a strike by which an underlying must have closed on the far
// side of it: which close the exchange went by may be another's by a little, and some
// exercise what is nearly at the money.
var clearOf = decimal.New(1, -2)

// worthless says that what is gone ended for nothing: it was out of the money, and
// the history, which is a day late, does not tell anything else.
func (d *Desk) worthless(ctx context.Context, p positions.Position, day exchange.Date) bool {
	c := p.Contract
	if tradingDays(c.Expiration, day) < historyLate || c.CashSettled() || c.Adjusted() {
		return false
	}
	closed, err := d.market.DayClose(ctx, c.Underlying, c.Expiration)
	if err != nil {
		return false
	}
	return outOfTheMoney(c, closed.Decimal)
}

func outOfTheMoney(c exchange.Contract, closed decimal.Decimal) bool {
	apart := c.Strike.Mul(clearOf)
	if c.Type == exchange.Call {
		return closed.LessThan(c.Strike.Sub(apart))
	}
	return closed.GreaterThan(c.Strike.Add(apart))
}

// undecided raises an alarm, once for each, for what is pending still when the broker
// has had its time.
func (d *Desk) undecided(ctx context.Context, pending []positions.Position, day exchange.Date) error {
	var errs []error
	for _, p := range pending {
		if tradingDays(p.Contract.Expiration, day) <= settleDays {
			continue
		}
		errs = append(errs, d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
			first, err := positions.Undecided(ctx, tx, p.ID)
			if first {
				d.alarm("expiry_undecided")
			}
			return err
		}))
	}
	return errors.Join(errs...)
}

// tradingDays counts those after a date, up to another one.
func tradingDays(after, to exchange.Date) (n int) {
	for d := after.AddDays(1); !to.Before(d) && n <= settleDays; d = d.AddDays(1) {
		if exchange.IsTradingDay(d) {
			n++
		}
	}
	return n
}

// endingOf is what the account's history says of all that a position holds;
// false while it does not account for every contract. What the exercised ones
// brought is known when each of their lines says so. What was sold on the last day
// beyond what is booked, sold contracts on this account, was sold elsewhere.
func endingOf(p positions.Position, history []snaptrade.Activity, sold int) (e positions.Ending, known bool) {
	left, unsaid, elsewhere := p.Held(), false, -sold
	var paid decimal.Decimal
	for _, a := range history {
		if !a.Option || !sameContract(p.Contract, a.Symbol) || a.Units == nil || !a.Units.IsInteger() || a.Units.IsZero() {
			continue
		}
		n := min(int(a.Units.Abs().IntPart()), left)
		switch a.Type {
		case "OPTIONEXPIRATION":
			e.Expired += n
		case "OPTIONEXERCISE":
			e.Exercised += n
			share, said := settlement(p.Contract, a)
			unsaid = unsaid || !said && n > 0
			paid = paid.Add(share.Mul(decimal.NewFromInt(int64(n))))
		case "SELL":
			if lastDay(p.Contract, a) {
				elsewhere += int(a.Units.Abs().IntPart())
			}
			continue
		default:
			continue
		}
		left -= n
	}
	if e.Exercised > 0 && !unsaid {
		e.Proceeds = &paid
	}
	e.Elsewhere = max(min(elsewhere, left), 0)
	return e, left == e.Elsewhere
}

// lastDay: histories are dated by the day, in UTC or at its start.
func lastDay(c exchange.Contract, a snaptrade.Activity) bool {
	return a.TradedAt.UTC().Format(time.DateOnly) >= c.Expiration.String()
}

// nearStrike is the part of a strike from which on the money of an exercise is taken
// for the price of the shares it delivered: a put on them would have to have lost nine
// tenths to be worth as much.
var nearStrike = decimal.New(9, -1)

// settlement is what an exercise brought in dollars for each contract; false when its
// line does not say. What is paid for delivered shares is none of the option's worth,
// and what these were worth the broker does not report.
func settlement(c exchange.Contract, a snaptrade.Activity) (each decimal.Decimal, said bool) {
	if a.Amount == nil || !a.Amount.IsPositive() || !a.InDollars() {
		return decimal.Zero, false
	}
	each = a.Amount.DivRound(a.Units.Abs(), 8)
	shares := c.Strike.Mul(decimal.NewFromInt(int64(c.Multiplier))).Mul(nearStrike)
	return each, c.CashSettled() || each.LessThan(shares)
}
