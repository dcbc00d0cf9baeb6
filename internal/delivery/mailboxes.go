package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
)

const (
	// mailboxesEvery is how soon mailboxes follow the users' addresses.
	mailboxesEvery = 2 * time.Second
	// mailboxesSlack is how long a change of a user may take to commit.
	mailboxesSlack = time.Minute
	mailboxesSlice = 10_000 // rows of one statement
)

func errEmailOff() error { return fault.Unavailable(errors.New("e-mail is not configured")) }

// keepMailboxes lets mailboxes follow the users' addresses until ctx ends.
func (p *Post) keepMailboxes(ctx context.Context) {
	ticker := time.NewTicker(mailboxesEvery)
	defer ticker.Stop()
	var since time.Time
	for {
		next, err := p.SyncMailboxes(ctx, since)
		if err == nil {
			since = next
		} else if ctx.Err() == nil {
			p.log.ErrorContext(ctx, "follow the users' addresses", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// SyncMailboxes makes the verified address of every active user a destination, and takes
// away those that are not theirs any more. It looks at users changed since an instant
// of the database's clock, all of them for the zero time, and answers from when to look
// next time. It reads users' table, where an address is verified.
func (p *Post) SyncMailboxes(ctx context.Context, since time.Time) (next time.Time, err error) {
	if p.email == nil {
		return since, nil
	}
	err = p.db.AsSystem(ctx, "mailboxes", func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select now() - $1::interval`, mailboxesSlack).Scan(&next)
	})
	for more := err == nil; more; {
		err = p.db.AsSystem(ctx, "mailboxes", func(ctx context.Context, tx pgx.Tx) error {
			removed, err := p.removeMailboxes(ctx, tx, since)
			if err != nil {
				return err
			}
			added, err := p.addMailboxes(ctx, tx, since)
			more = removed == mailboxesSlice || added == mailboxesSlice
			return err
		})
		more = more && err == nil
	}
	if err != nil {
		return since, fmt.Errorf("sync mailboxes: %w", err)
	}
	return next, nil
}

func (p *Post) removeMailboxes(ctx context.Context, tx pgx.Tx, since time.Time) (int, error) {
	rows, err := tx.Query(ctx, `
		select t.id from users u join destinations t on t.user_id = u.id and t.channel = 'email' and t.removed_at is null
		where u.updated_at >= $1 and (u.email is null or not u.email_verified or u.email <> t.address or u.status <> 'active')
		order by t.id limit $2
		for no key update of t`, since, mailboxesSlice)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, err
	}
	return len(ids), p.remove(ctx, tx, ids...)
}

// addMailboxes: a mailbox that was dead when it was taken away is dead when its user
// comes back with the same address.
func (p *Post) addMailboxes(ctx context.Context, tx pgx.Tx, since time.Time) (int64, error) {
	tag, err := tx.Exec(ctx, `
		insert into destinations (user_id, channel, address, sides, disabled_at, disabled_reason, created_at, updated_at)
		select u.id, 'email', u.email, '{}', before.disabled_at, before.disabled_reason, $2, $2
		from users u left join lateral (
			select t.disabled_at, t.disabled_reason from destinations t
			where t.user_id = u.id and t.channel = 'email' and t.address = u.email and t.removed_at is not null
			order by t.removed_at desc limit 1) before on true
		where u.updated_at >= $1 and u.email is not null and u.email_verified and u.status = 'active'
		  and not exists (select from destinations t where t.user_id = u.id and t.channel = 'email' and t.removed_at is null)
		limit $3
		on conflict do nothing`, since, p.now(), mailboxesSlice)
	return tag.RowsAffected(), err
}
