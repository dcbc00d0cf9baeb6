package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	watchEvery = 5 * time.Second
	// clockSkew is how far this process's clock may be off the database's: deadlines
	// are written by one and kept by the other.
	clockSkew = 2 * time.Second
)

// ErrHeld says that nothing may be sent for now; the words say why.
var ErrHeld = errors.New("placing is on hold")

// RunWatch watches, until ctx ends, that the database is still the one it was and
// that the clocks agree, and lets placing go on when it may.
func (d *Desk) RunWatch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if err := d.Watch(ctx); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "watch the database", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Watch looks once. It runs before anything is sent at start.
func (d *Desk) Watch(ctx context.Context) error {
	return errors.Join(d.compareClocks(ctx), d.compareDatabase(ctx), d.release(ctx))
}

// compareClocks holds this process's placing while its clock is off.
func (d *Desk) compareClocks(ctx context.Context) error {
	off, err := d.clockOff(ctx)
	if err != nil {
		return err
	}
	wrong := off.Abs() > clockSkew
	if d.clockWrong.Swap(wrong) == wrong {
		return nil
	}
	if wrong {
		d.alarm("clock")
		d.log.ErrorContext(ctx, "ALARM: the clock is off against the database; nothing is sent", "by", off)
		return nil
	}
	d.log.WarnContext(ctx, "the clock agrees with the database again", "by", off)
	return nil
}

// clockOff is how far the database's clock is ahead, less what the way there may
// account for.
func (d *Desk) clockOff(ctx context.Context) (time.Duration, error) {
	var theirs time.Time
	before := d.now()
	if err := d.db.Pool().QueryRow(ctx, `select clock_timestamp()`).Scan(&theirs); err != nil {
		return 0, fmt.Errorf("read the database's clock: %w", err)
	}
	after := d.now()
	switch {
	case theirs.Before(before):
		return theirs.Sub(before), nil
	case theirs.After(after):
		return theirs.Sub(after), nil
	}
	return 0, nil
}

// compareDatabase begins a hold when the database is another than it was: no claim
// commits after that (the switches' lock), and none before it (claims compare too).
// Every account with orders in its last 24 hours is to be listed. Foreign table:
// accounts.
func (d *Desk) compareDatabase(ctx context.Context) error {
	var same bool
	err := d.db.Pool().QueryRow(ctx, `
		select exists (select from database_identity i, database_now() n where (i.system_id, i.timeline) = (n.system_id, n.timeline))`).Scan(&same)
	if err != nil || same {
		return err
	}
	return d.db.AsSystem(ctx, "watch", func(ctx context.Context, tx pgx.Tx) error {
		if err := d.rules.HoldSwitches(ctx, tx); err != nil {
			return err
		}
		var held *time.Time
		err := tx.QueryRow(ctx, `
			insert into database_identity as i (system_id, timeline) select system_id, timeline from database_now()
			on conflict (only_row) do update set system_id = excluded.system_id, timeline = excluded.timeline, seen_at = now(),
				held_since = clock_timestamp(),
				orders_since = least(now(), (select max(created_at) from orders)) - interval '24 hours'
			where (i.system_id, i.timeline) <> (excluded.system_id, excluded.timeline)
			returning held_since`).Scan(&held)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && held == nil { // somebody else saw it; or the very first look
			return nil
		}
		if err != nil {
			return fmt.Errorf("hold placing: %w", err)
		}
		d.alarm("database_changed")
		d.log.ErrorContext(ctx, "ALARM: this is another database, or another line of its history; nothing is sent until the accounts are listed")
		_, err = tx.Exec(ctx, `
			insert into account_looks (account_id, user_id, next_look_at) select a.id, a.user_id, now() from `+unlisted+`
			on conflict (account_id) do update set next_look_at = least(account_looks.next_look_at, now())`)
		if err != nil {
			return fmt.Errorf("plan the looks that placing waits for: %w", err)
		}
		return outdate(ctx, tx)
	})
}

// outdate lets the time be over of what is queued when the database turns out to be another:
// nobody knows whether it was sent after the backup was taken. It is aborted like anything
// else that is too late, and the lists say what the broker has of it (INV-11).
func outdate(ctx context.Context, tx pgx.Tx) error {
	for _, table := range []string{"orders", "order_changes"} {
		_, err := tx.Exec(ctx, `update `+table+` set send_before = clock_timestamp() where state = 'queued' and send_before > clock_timestamp()`)
		if err != nil {
			return fmt.Errorf("let the time of queued %s be over: %w", table, err)
		}
	}
	return nil
}

// unlisted are the accounts a that a hold waits for. Those that cannot be listed
// cannot be traded on either.
const unlisted = `database_identity i join accounts a on a.removed_at is null and a.status = 'ok'
	and exists (select from orders o where o.account_id = a.id and o.created_at > i.orders_since)
	and not exists (select from account_looks l where l.account_id = a.id and l.read_at > i.held_since)
	where i.held_since is not null`

// release ends a hold once all accounts are listed. Foreign table: accounts.
func (d *Desk) release(ctx context.Context) error {
	tag, err := d.db.Pool().Exec(ctx, `
		update database_identity set held_since = null, orders_since = null
		where held_since is not null and not exists (select from `+unlisted+`)`)
	if err != nil {
		return fmt.Errorf("end the hold of placing: %w", err)
	}
	if tag.RowsAffected() > 0 {
		d.log.WarnContext(ctx, "every account was listed; placing goes on")
	}
	return nil
}

// mayPlace is asked in T2, under the switches' lock: errWait while placing is on
// hold, or while the database is not the one it was and nobody has seen it yet.
func (d *Desk) mayPlace(ctx context.Context, tx pgx.Tx) error {
	if d.clockWrong.Load() {
		return errWait
	}
	b := &pgx.Batch{}
	queueHold(b)
	return tx.SendBatch(ctx, b).Close()
}

// queueHold is mayPlace's question to the database as the next statement of a batch.
func queueHold(b *pgx.Batch) {
	b.Queue(`
		select exists (select from database_identity i, database_now() n
			where i.held_since is not null or (i.system_id, i.timeline) <> (n.system_id, n.timeline))`).
		QueryRow(func(row pgx.Row) error {
			var held bool
			if err := row.Scan(&held); err != nil {
				return fmt.Errorf("ask whether placing is on hold: %w", err)
			}
			if held {
				return errWait
			}
			return nil
		})
}

// Placing tells whether orders can be sent; for readiness and the doctor.
func (d *Desk) Placing(ctx context.Context) error {
	off, err := d.clockOff(ctx)
	if err != nil {
		return err
	}
	if off.Abs() > clockSkew {
		return fmt.Errorf("%w: this clock is off by %s against the database's", ErrHeld, off.Round(time.Millisecond))
	}
	var left int
	err = d.db.Pool().QueryRow(ctx, `select count(*) from `+unlisted).Scan(&left)
	if err != nil {
		return fmt.Errorf("ask whether placing is on hold: %w", err)
	}
	if left > 0 {
		return fmt.Errorf("%w: the database was replaced; %d accounts are still to be listed", ErrHeld, left)
	}
	return nil
}

// listed notes that the list of an account that was begun last was read in full.
func (d *Desk) listed(ctx context.Context, account uuid.UUID) error {
	// Forgotten by a crash of the database, the account counts as not listed since, and is.
	if err := d.db.Note(ctx, `update account_looks set read_at = listed_at where account_id = $1`, account); err != nil {
		return fmt.Errorf("note that account %s was listed: %w", account, err)
	}
	return nil
}
