package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	sweepEvery = 5 * time.Second
	sweepSlice = 500
)

// RunSweeper repairs, now and every five seconds, what a crash left behind.
// Recovery never depends on the queue's own rescue.
func (d *Desk) RunSweeper(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "sweep orders", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep aborts what can no longer be sent (T3), rings again for what is queued
// (C4), marks unknown what was claimed and never answered (T7), and turns copies
// off where too much of that happened (R18); the operators are told of what needs them.
func (d *Desk) Sweep(ctx context.Context) error {
	return errors.Join(d.sweepStale(ctx), d.sweepQueued(ctx), d.sweepSubmitting(ctx), d.sweepChanges(ctx),
		d.sweepLooks(ctx), d.sweepIdle(ctx), d.sweepBreakers(ctx), d.sweepAlarms(ctx))
}

func (d *Desk) sweepStale(ctx context.Context) error {
	ids, err := d.ids(ctx, `select id from orders where state = 'queued' and send_before <= clock_timestamp() order by created_at limit $1`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err = errors.Join(err, d.abortStale(ctx, id))
	}
	return err
}

// sweepQueued rings for orders whose bell may be lost. A second bell does no harm.
func (d *Desk) sweepQueued(ctx context.Context) error {
	rows, err := d.db.Pool().Query(ctx, `
		select id, side = 'STC', true from orders where state = 'queued' and created_at < clock_timestamp() - interval '5 seconds'
		  and (not_before is null or not_before <= clock_timestamp()) order by created_at limit $1`, sweepSlice)
	if err != nil {
		return fmt.Errorf("sweep orders: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SendJob])
	if err != nil || len(waiting) == 0 {
		return err
	}
	bells := make([]river.InsertManyParams, 0, len(waiting))
	for _, job := range waiting {
		bells = append(bells, river.InsertManyParams{Args: job, InsertOpts: &river.InsertOpts{
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: sweepEvery},
		}})
	}
	if _, err := d.queue.InsertMany(ctx, bells); err != nil {
		return fmt.Errorf("ring for queued orders: %w", err)
	}
	return nil
}

func (d *Desk) sweepSubmitting(ctx context.Context) error {
	ids, err := d.ids(ctx, `
		select id from orders where state = 'submitting' and deadline < clock_timestamp() - interval '5 seconds' limit $1`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err = errors.Join(err, d.unknown(ctx, id, bySweeper, nil, "no answer by the deadline"))
	}
	return err
}

// sweepChanges does for the replacing of orders what the three above do for orders.
func (d *Desk) sweepChanges(ctx context.Context) error {
	late, err := d.ids(ctx, `select id from order_changes where state = 'queued' and send_before <= clock_timestamp() order by created_at limit $1`)
	if err != nil {
		return err
	}
	for _, id := range late {
		err = errors.Join(err, d.abortStaleChange(ctx, id))
	}
	lost, readErr := d.ids(ctx, `
		select id from order_changes where state = 'submitting' and deadline < clock_timestamp() - interval '5 seconds' limit $1`)
	for _, id := range lost {
		err = errors.Join(err, d.changeUnknown(ctx, id, bySweeper, nil, "no answer by the deadline"))
	}
	return errors.Join(err, readErr, d.ringForChanges(ctx))
}

func (d *Desk) ringForChanges(ctx context.Context) error {
	rows, err := d.db.Pool().Query(ctx, `
		select id, side = 'STC', true from order_changes where state = 'queued' and created_at < clock_timestamp() - interval '5 seconds'
		  and (not_before is null or not_before <= clock_timestamp()) order by created_at limit $1`, sweepSlice)
	if err != nil {
		return fmt.Errorf("read queued changes: %w", err)
	}
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ChangeJob])
	if err != nil || len(jobs) == 0 {
		return err
	}
	bells := make([]river.InsertManyParams, 0, len(jobs))
	for _, j := range jobs {
		opts := j.InsertOpts()
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByPeriod: sweepEvery}
		bells = append(bells, river.InsertManyParams{Args: j, InsertOpts: &opts})
	}
	if _, err := d.queue.InsertMany(ctx, bells); err != nil {
		return fmt.Errorf("ring for queued changes: %w", err)
	}
	return nil
}

// sweepLooks makes sure that every account with an order to follow has a look
// planned, whichever crash lost it.
func (d *Desk) sweepLooks(ctx context.Context) error {
	_, err := d.db.Pool().Exec(ctx, `
		insert into account_looks (account_id, user_id, next_look_at)
		select distinct account_id, user_id, clock_timestamp() from orders o
		where state in ('submitting', 'unknown', 'accepted', 'partial') and coalesce(sent_at, created_at) < clock_timestamp() - interval '5 seconds'
		  and not exists (select 1 from account_looks l where l.account_id = o.account_id
		      and (l.next_look_at is not null or l.claimed_until > clock_timestamp()))
		on conflict (account_id) do update set next_look_at = excluded.next_look_at`)
	if err != nil {
		return fmt.Errorf("plan lost looks: %w", err)
	}
	return nil
}

// Accounts of traders with followers are listed even when we have nothing to
// follow there: what they trade in their broker's own app has to be seen. At
// most idlePerSweep of them each sweep, some 50 a minute, whatever their number.
const (
	idleAfter    = time.Minute
	idlePerSweep = 4
)

// sweepIdle plans those looks, in market hours, by one process at a time.
// Foreign tables: accounts, subscriptions.
func (d *Desk) sweepIdle(ctx context.Context) error {
	if !d.clock.Open("") {
		return nil
	}
	return d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
		mine, err := postgres.TryLock(ctx, tx, "plan idle looks")
		if err != nil || !mine {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into account_looks (account_id, user_id, next_look_at)
			select a.id, a.user_id, clock_timestamp() from accounts a
			left join account_looks l on l.account_id = a.id
			where a.removed_at is null and a.status = 'ok' and a.lists_orders
			  and exists (select 1 from subscriptions s where s.trader_id = a.user_id and s.status = 'active')
			  and coalesce(l.listed_at, a.created_at) < clock_timestamp() - make_interval(secs => $1)
			  and coalesce(l.next_look_at, 'infinity') > clock_timestamp()
			order by l.listed_at nulls first limit $2
			on conflict (account_id) do update set next_look_at = excluded.next_look_at`, idleAfter.Seconds(), idlePerSweep)
		if err != nil {
			return fmt.Errorf("plan looks at idle accounts: %w", err)
		}
		return nil
	})
}

// Accounts with an order at work are listed by SyncOrders where nothing else did that lately:
// a little more than the slowest pace of looks, which is five minutes, so that who is on
// schedule stays there.
const (
	syncAfter = 6 * time.Minute
	syncMost  = 500
)

// SyncOrders repairs what Sweep does, and has the accounts with orders at work listed soon that
// were not listed lately.
func (d *Desk) SyncOrders(ctx context.Context) error {
	return errors.Join(d.Sweep(ctx), d.lookAtWork(ctx))
}

// lookAtWork plans those looks, at the longest ago first (index orders_watched); an account that
// was never listed counts from when it was linked, and one whose look is due already waits for
// that. Foreign table: accounts.
func (d *Desk) lookAtWork(ctx context.Context) error {
	_, err := d.db.Pool().Exec(ctx, `
		insert into account_looks (account_id, user_id, next_look_at)
		select a.id, a.user_id, clock_timestamp() from accounts a
		left join account_looks l on l.account_id = a.id
		where a.removed_at is null and a.status = 'ok'
		  and exists (select from orders o where o.account_id = a.id and o.state in ('submitting', 'unknown', 'accepted', 'partial'))
		  and coalesce(l.listed_at, a.created_at) < clock_timestamp() - make_interval(secs => $1)
		  and coalesce(l.next_look_at, 'infinity') > clock_timestamp()
		order by coalesce(l.listed_at, a.created_at) limit $2
		on conflict (account_id) do update set next_look_at = least(account_looks.next_look_at, excluded.next_look_at)`, syncAfter.Seconds(), syncMost)
	if err != nil {
		return fmt.Errorf("plan looks at orders at work: %w", err)
	}
	return nil
}

func (d *Desk) ids(ctx context.Context, sql string) ([]uuid.UUID, error) {
	rows, err := d.db.Pool().Query(ctx, sql, sweepSlice)
	if err != nil {
		return nil, fmt.Errorf("sweep orders: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}
