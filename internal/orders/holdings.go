package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// When an account's holdings are read. Brokers' holdings lag behind their orders,
// and reading them costs two calls of everybody's budget.
const (
	holdingsAge     = 6 * time.Hour          // at most four background reads for each account and day
	holdingsAfter   = 2 * time.Minute        // after a fill or an end, and as much again as the account's turn says
	holdingsConfirm = 200 * time.Second      // until the second reading of what differs
	holdingsWait    = 10 * time.Minute       // while orders may explain it, and between two hints
	holdingsRetry   = 15 * time.Minute       // after a failure: later than any hint asks for during the reading, so that the two are told apart
	holdingsSlice   = 20                     // planned each minute, so that they spread over the day
	holdingsPlace   = 500 * time.Millisecond // at most, for a place in the budget: looks at orders wait behind it
	holdingsOld     = time.Hour              // a broker that answers with what was true then is read by schedule only
)

// execer is a pool or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// wantHoldings asks for an account's holdings to be read at a time, but not
// sooner after the last reading than the pause says. It pulls a look forward with
// it: orders are always listed first.
func wantHoldings(ctx context.Context, e execer, account uuid.UUID, at time.Time, pause time.Duration) error {
	_, err := e.Exec(ctx, `
		insert into account_looks as l (account_id, user_id, next_look_at, next_holdings_at) select id, user_id, $2, $2 from accounts where id = $1
		on conflict (account_id) do update set
			next_holdings_at = least(l.next_holdings_at, greatest($2, l.holdings_at + make_interval(secs => $3))),
			next_look_at = least(l.next_look_at, greatest($2, l.holdings_at + make_interval(secs => $3)))`, account, at, pause.Seconds())
	if err != nil {
		return fmt.Errorf("plan to read holdings of account %s: %w", account, err)
	}
	return nil
}

// Sync asks for the account's orders to be listed and its holdings to be read
// now: what its owner does.
func (d *Desk) Sync(ctx context.Context, account uuid.UUID) error {
	return errors.Join(wantHoldings(ctx, d.db.Pool(), account, d.now(), listSpacing), d.PullLook(ctx, account))
}

// HintHoldings is what a webhook about holdings comes to.
func (d *Desk) HintHoldings(ctx context.Context, account uuid.UUID) error {
	return wantHoldings(ctx, d.db.Pool(), account, d.now(), holdingsWait)
}

// turnOf spreads accounts that traded together over the minutes that follow.
func turnOf(account uuid.UUID) time.Duration { return time.Duration(account[15]) * time.Second }

// PlanHoldings plans the background's readings and repeats those that a crash
// lost, by one process at a time. Foreign tables: accounts, users.
func (d *Desk) PlanHoldings(ctx context.Context) error {
	return d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
		mine, err := postgres.TryLock(ctx, tx, "plan holdings")
		if err != nil || !mine {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into account_looks as l (account_id, user_id, next_look_at, next_holdings_at)
			select a.id, a.user_id, clock_timestamp(), clock_timestamp() from accounts a
			join users u on u.id = a.user_id and u.status = 'active'
			left join account_looks l on l.account_id = a.id
			where a.removed_at is null and a.status = 'ok' and a.category = 'INVESTMENT' and a.synced_at is not null
			  and (coalesce(l.holdings_at, '-infinity') < clock_timestamp() - make_interval(secs => $1) and l.next_holdings_at is null
			       or l.next_holdings_at < clock_timestamp() - interval '1 minute' and l.next_look_at is null)
			order by l.holdings_at nulls first limit $2
			on conflict (account_id) do update set next_holdings_at = coalesce(l.next_holdings_at, excluded.next_holdings_at),
				next_look_at = least(l.next_look_at, excluded.next_look_at)`, holdingsAge.Seconds(), holdingsSlice)
		if err != nil {
			return fmt.Errorf("plan to read holdings: %w", err)
		}
		return nil
	})
}

// claimHoldings takes a reading that is due, before anything is asked of the broker:
// it plans the next try, so that a failure or a crash only costs time. claimed is the
// time of that, nil when none is due. A link that does not work, or an account that
// was removed, is not read. Foreign table: accounts.
func (d *Desk) claimHoldings(ctx context.Context, account uuid.UUID) (claimed *time.Time, err error) {
	err = d.db.Pool().QueryRow(ctx, `
		update account_looks l set next_holdings_at =
			case when a.removed_at is null and a.status = 'ok' then clock_timestamp() + make_interval(secs => $2) end
		from accounts a where l.account_id = $1 and a.id = l.account_id and l.next_holdings_at <= clock_timestamp()
		returning l.next_holdings_at`, account, holdingsRetry.Seconds()).Scan(&claimed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("claim holdings of account %s: %w", account, err)
	}
	return claimed, nil
}

// checkHoldings reads the account's holdings when that was claimed, right after
// its orders were listed and booked, and compares them with what we have.
func (d *Desk) checkHoldings(ctx context.Context, a brokers.Account, claimed *time.Time) error {
	if claimed == nil {
		return nil
	}
	if _, err := d.db.Pool().Exec(ctx, `update account_looks set holdings_at = clock_timestamp() where account_id = $1`, a.ID); err != nil {
		return fmt.Errorf("note a reading of account %s: %w", a.ID, err)
	}
	again, err := d.compareHoldings(ctx, a)
	if err != nil {
		return err
	}
	return d.planHoldings(ctx, a.ID, *claimed, again)
}

// planHoldings plans the reading after one; again is zero: by schedule. A reading
// that was asked for meanwhile stays.
func (d *Desk) planHoldings(ctx context.Context, account uuid.UUID, claimed time.Time, again time.Duration) error {
	_, err := d.db.Pool().Exec(ctx, `
		update account_looks l set next_holdings_at = case when l.next_holdings_at = $3 then n.at else least(l.next_holdings_at, n.at) end
		from (select case when $2 > 0 then clock_timestamp() + make_interval(secs => $2) end as at) n
		where l.account_id = $1`, account, again.Seconds(), claimed)
	if err != nil {
		return fmt.Errorf("plan the next holdings of account %s: %w", account, err)
	}
	return nil
}

// compareHoldings returns how soon another reading is needed; zero: by schedule.
func (d *Desk) compareHoldings(ctx context.Context, a brokers.Account) (again time.Duration, err error) {
	if a.Status != brokers.OK || a.SyncedAt == nil { // cached words of a broken link, or a link that is not read yet
		return 0, nil
	}
	held, err := d.accounts.Holdings(snaptrade.BeginBy(ctx, d.now().Add(holdingsPlace)), a.UserID, a.ID)
	if errors.Is(err, snaptrade.ErrNoPlace) { // what matters more takes all of it now
		return holdingsConfirm, nil
	}
	if errors.Is(err, fault.NotFound()) || err == nil && held.AsOf.IsZero() { // removed, or of no known time
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r := positions.Reading{AccountID: a.ID, UserID: a.UserID, AsOf: held.AsOf, Complete: held.Unreadable == 0, Held: heldOf(held.Options)}
	left, err := d.held.Compare(ctx, r, d.clock.Today(), d.adjusted)
	switch {
	case err != nil:
		return 0, err
	case left.Unsettled > 0:
		return holdingsConfirm, nil
	case left.Waiting > 0 && d.now().Sub(r.AsOf) < holdingsOld:
		return holdingsWait, nil
	}
	return 0, nil
}

// heldOf is what is held long, one entry for each contract.
func heldOf(options []brokers.Holding) []positions.Held {
	list := make([]positions.Held, 0, len(options))
	at := map[string]int{}
	for _, o := range options {
		if o.Contracts <= 0 {
			continue
		}
		if i, twice := at[o.Contract.Symbol]; twice {
			list[i].Quantity += o.Contracts
			continue
		}
		h := positions.Held{Contract: o.Contract, Quantity: o.Contracts}
		if o.CostBasis != nil {
			h.Average = &o.CostBasis.Decimal
		}
		if o.Price != nil {
			h.Price = &o.Price.Decimal
		}
		at[o.Contract.Symbol] = len(list)
		list = append(list, h)
	}
	return list
}

// adjusted follows a change that no order made, in its transaction: sells of what
// the broker has not got are ended, and the owner is told of what left.
func (d *Desk) adjusted(ctx context.Context, tx pgx.Tx, r positions.Resolved) error {
	p := r.Position
	if r.EndSells {
		d.alarm("position_missing")
		if err := d.endSells(ctx, tx, p.ID); err != nil {
			return err
		}
		return live.Publish(ctx, tx, p.UserID, "position", p)
	}
	if _, err := record.Bring(ctx, tx, p.ID, d.now()); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "a position changed without an order", "position", p.ID, "kind", r.Kind, "contracts", r.Quantity)
	if r.Quantity < 0 && p.Unpriced > 0 { // what an account held before it was linked, and what expires, is no alarm
		d.alarm("position_unpriced")
	}
	if err := live.Publish(ctx, tx, p.UserID, "position", p); err != nil {
		return err
	}
	title, body := adjustedWords(r)
	if title == "" {
		return nil
	}
	return d.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: p.UserID, Type: alerts.System, Title: title, Body: body, URL: "/positions/" + p.ID.String(),
		SubjectKey: fmt.Sprintf("position:%s:%s:%d", p.ID, r.Kind, d.now().UnixMilli()), PositionID: &p.ID, LearntAt: d.now(),
	})
}

// adjustedWords tell the owner; what came to the account is theirs to know already.
func adjustedWords(r positions.Resolved) (title, body string) {
	c := r.Position.Contract.Display()
	switch {
	case r.Kind == positions.External && r.Unlinked:
		return c + " has expired", fmt.Sprintf("Its account is not linked any more, so nobody can tell what became of %d contracts. They are not in the position's result.", -r.Quantity)
	case r.Kind == positions.External && r.Quantity < 0:
		return fmt.Sprintf("%d %s left your account", -r.Quantity, c),
			"They were sold or moved outside Alertsify. What they brought is not known and not in the position's result."
	case r.Kind == positions.Expired && r.Unlinked:
		return c + " expired", fmt.Sprintf("Its account is not linked any more: going by the close of their last day, %d contracts ended for nothing. The position's result is %s.",
			-r.Quantity, r.Position.Realized().Display())
	case r.Kind == positions.Expired:
		return c + " expired", fmt.Sprintf("%d contracts ended for nothing. The position's result is %s.", -r.Quantity, r.Position.Realized().Display())
	case r.Kind == positions.Exercised && r.Position.Unpriced > 0:
		return c + " was exercised", fmt.Sprintf("%d contracts. What they brought is not reported and not in the position's result.", -r.Quantity)
	case r.Kind == positions.Exercised:
		return c + " was exercised", fmt.Sprintf("%d contracts. The position's result is %s.", -r.Quantity, r.Position.Realized().Display())
	case r.Kind == positions.RenameIn:
		return "A contract of yours is now " + c, fmt.Sprintf("You hold %d after a corporate action. Cost and history are the same.", r.Quantity)
	}
	return "", ""
}

// endSells asks for the end of the live sells of a position whose lock is held.
func (d *Desk) endSells(ctx context.Context, tx pgx.Tx, position uuid.UUID) error {
	return d.endLive(ctx, tx, "the broker does not hold these contracts any more", `position_id = $1 and side = 'STC'`, position)
}

// endOrders asks for the end of all live orders of a position whose lock is held.
func (d *Desk) endOrders(ctx context.Context, tx pgx.Tx, position uuid.UUID, reason string) error {
	return d.endLive(ctx, tx, reason, `position_id = $1`, position)
}

// endLive ends orders: what is queued is not sent, what works is asked of the
// broker, unless it was asked already.
func (d *Desk) endLive(ctx context.Context, tx pgx.Tx, reason, where string, args ...any) error {
	rows, err := tx.Query(ctx, `
		select `+columns+` from orders o where `+where+` and state in ('queued', 'accepted', 'partial') and cancel_requested_at is null
		order by id for no key update`, args...)
	if err != nil {
		return fmt.Errorf("read orders to end: %w", err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return fmt.Errorf("read orders to end: %w", err)
	}
	for _, o := range list {
		if o.State == Queued {
			err = d.endIn(ctx, tx, o, ending{to: Aborted, actor: byReconciler, reason: reason})
		} else {
			_, err = d.requestCancel(ctx, tx, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
