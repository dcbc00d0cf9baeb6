package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// settled is how old something must be before it is looked for: what books it may be at
	// it, and no transaction lasts as long.
	settled = "10 minutes"

	happenedAtOnce = 2000 // things that happened, for one look
	looksAtOnce    = 50   // for one Sweep; the next goes on
	broughtAtOnce  = 200  // positions, in one transaction
)

// Sweep adds to the records what they lack: what was published before there were records, and
// what a process booked that knows of none. It goes through everything that happened once, in
// its order, and on from there each time; what it finds told already it leaves. It may run
// anywhere, any number of times, and says how many entries it added.
func (b *Book) Sweep(ctx context.Context, now time.Time) (added int, err error) {
	for more, looks := true, 0; more && looks < looksAtOnce; looks++ {
		var l look
		if l, more, err = b.nextLook(ctx); err != nil {
			return added, fmt.Errorf("look what the records lack: %w", err)
		}
		n, err := b.bringWhat(ctx, l, now)
		added += n
		if err != nil {
			return added, fmt.Errorf("add what the records lack: %w", err)
		}
		_, err = b.db.Pool().Exec(ctx, `
			insert into record_sweeps (swept_until) values ($1)
			on conflict (one) do update set swept_until = greatest(record_sweeps.swept_until, excluded.swept_until)`, l.until)
		if err != nil {
			return added, fmt.Errorf("note what the records have: %w", err)
		}
	}
	return added, nil
}

// look is a time whose events are looked at: after since, until and with until.
type look struct{ since, until time.Time }

// nextLook begins where the last one ended, and goes up to when it has a bounded number of
// things to see; more is whether there are others behind it. What happened at one moment is
// seen together. (Indexes fills_learnt, position_adjustments_learnt, late_fees_booked.)
func (b *Book) nextLook(ctx context.Context) (l look, more bool, err error) {
	err = b.db.Pool().QueryRow(ctx, `
		select coalesce((select swept_until from record_sweeps), 'epoch'), now() - interval '`+settled+`'`).Scan(&l.since, &l.until)
	if err != nil {
		return l, false, err
	}
	err = b.db.Pool().QueryRow(ctx, `
		with happened as (
			(select learnt_at as at from fills where learnt_at > $1 and learnt_at <= $2 order by learnt_at limit $3)
			union all (select learnt_at from position_adjustments where learnt_at > $1 and learnt_at <= $2 order by learnt_at limit $3)
			union all (select booked_at from late_fees where booked_at > $1 and booked_at <= $2 order by booked_at limit $3)
		)
		select at from happened order by at offset $3 - 1 limit 1`, l.since, l.until, happenedAtOnce).Scan(&l.until)
	if errors.Is(err, pgx.ErrNoRows) {
		return l, false, nil
	}
	return l, true, err
}

// lacking are the positions that something happened to in a look's time, or that have ended,
// and of whose published trades the record lacks something; the oldest trades first.
// Foreign tables: fills, position_adjustments, late_fees, positions, alerts, orders.
const lacking = `
	with touched as (
		select position_id from fills where learnt_at > $1 and learnt_at <= $2
		union select position_id from position_adjustments where learnt_at > $1 and learnt_at <= $2
		union select position_id from late_fees where booked_at > $1 and booked_at <= $2
		union (select r.position_id from record_trades r join positions p on p.id = r.position_id
			where r.result is null and p.status in ('closed', 'expired', 'exercised') and p.updated_at < now() - interval '` + settled + `' limit $3)
	)
	select p.user_id, d.position_id from touched d join positions p on p.id = d.position_id left join record_trades r on r.position_id = p.id,
		lateral (select f.learnt_at ` + begun + `) b
	where exists (select from fills f join orders o on o.id = f.order_id join alerts a on a.order_id = f.order_id
			where f.position_id = d.position_id and o.source in ('manual', 'detected') and (a.public or f.side = 'STC')
			  and not exists (select from record_entries e where e.order_id = f.order_id and e.cum = f.cum))
		or exists (select from position_adjustments c where c.position_id = d.position_id and c.kind not in ('expired', 'exercised') and c.learnt_at >= b.learnt_at
			  and not exists (select from record_entries e where e.adjustment_id = c.id))
		or p.status in ('closed', 'expired', 'exercised') and (r.result is null or r.realized <> p.realized or r.result <> coalesce(p.outcome, 'unknown'))
	order by p.user_id, b.learnt_at, d.position_id`

// bringWhat adds what happened in a look's time, trader by trader. What fails for one of them
// does not keep it from the others.
func (b *Book) bringWhat(ctx context.Context, l look, now time.Time) (added int, err error) {
	rows, err := b.db.Pool().Query(ctx, lacking, l.since, l.until, happenedAtOnce)
	if err != nil {
		return 0, err
	}
	var parts [][]uuid.UUID // of one trader each
	var trader, of, position uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&of, &position}, func() error {
		if of != trader || len(parts[len(parts)-1]) == broughtAtOnce {
			trader, parts = of, append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], position)
		return nil
	})
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, part := range parts {
		n, err := b.bringAll(ctx, part, now)
		added, errs = added+n, append(errs, err)
	}
	return added, errors.Join(errs...)
}

// bringAll brings positions of one trader until nothing of them is lacking. Their locks come
// before that of the head, by id, as everywhere.
func (b *Book) bringAll(ctx context.Context, positions []uuid.UUID, now time.Time) (added int, err error) {
	for n := bringMost; n >= bringMost; added += n {
		err = b.db.AsSystem(ctx, "job:record_sweep", func(ctx context.Context, tx pgx.Tx) (err error) {
			if _, err := tx.Exec(ctx, `select from positions where id = any($1) order by id for no key update`, positions); err != nil {
				return fmt.Errorf("lock positions: %w", err)
			}
			_, n, err = bring(ctx, tx, positions, now)
			return err
		})
		if err != nil {
			return added, err
		}
	}
	return added, nil
}
