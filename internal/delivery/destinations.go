package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
)

// stored is a row of the destinations table that is in use.
type stored struct {
	ID      uuid.UUID
	UserID  *uuid.UUID
	Address string
	Secret  *string
}

const storedColumns = `id, user_id, address, secret`

func one(ctx context.Context, tx pgx.Tx, where string, args ...any) (stored, bool, error) {
	rows, err := tx.Query(ctx, `select `+storedColumns+` from destinations where removed_at is null and `+where+`
		for no key update`, args...)
	if err != nil {
		return stored{}, false, fmt.Errorf("read destination: %w", err)
	}
	s, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[stored])
	if errors.Is(err, pgx.ErrNoRows) {
		return stored{}, false, nil
	}
	if err != nil {
		return stored{}, false, fmt.Errorf("read destination: %w", err)
	}
	return s, true, nil
}

// fresh is a destination to be stored.
type fresh struct {
	UserID   *uuid.UUID
	Channel  string
	Address  string
	Settings Settings
	Secret   secret.Text
	Sides    []string
}

// insert stores a new destination; its secret is sealed for its own row.
func (p *Post) insert(ctx context.Context, tx pgx.Tx, f fresh) (uuid.UUID, error) {
	id := uuid.New()
	sealed, err := p.sealed(id, f.Secret)
	if err != nil {
		return id, err
	}
	if f.Sides == nil {
		f.Sides = []string{"BTO", "STC"}
	}
	_, err = tx.Exec(ctx, `
		insert into destinations (id, user_id, channel, address, settings, secret, sides, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
		id, f.UserID, f.Channel, f.Address, f.Settings, sealed, f.Sides, p.now())
	if err != nil {
		return id, fmt.Errorf("store destination: %w", err)
	}
	return id, nil
}

// renew stores what may have changed of a destination with the same owner and
// address, and makes it live again. Its messages of the last day are brought up to date
// with what they could not be told meanwhile. The caller holds the destination.
func (p *Post) renew(ctx context.Context, tx pgx.Tx, id uuid.UUID, f fresh) error {
	sealed, err := p.sealed(id, f.Secret)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update destinations
		set settings = $2, secret = $3, sides = coalesce($4, sides), disabled_at = null, disabled_reason = null,
		    paused_until = null, failures = 0, updated_at = $5
		where id = $1`, id, f.Settings, sealed, f.Sides, p.now())
	if err != nil {
		return fmt.Errorf("renew destination: %w", err)
	}
	// What was held back while it did not work goes out now.
	_, err = tx.Exec(ctx, `
		update deliveries set not_before = $2 where destination_id = $1 and state = 'pending' and not_before > $2`, id, p.now())
	if err != nil {
		return fmt.Errorf("renew destination: %w", err)
	}
	_, err = tx.Exec(ctx, leaveUpdates+`
		from deliveries c join alerts a on a.id = c.alert_id
		where c.destination_id = @destination and c.op = 'create' and c.message_id is not null and not c.message_gone
		  and c.revision < a.revision and c.created_at + @updatesFor::interval > @now
		on conflict do nothing`, pgx.NamedArgs{"destination": id, "now": p.now(), "updatesFor": updatesFor})
	if err != nil {
		return fmt.Errorf("bring the messages of a renewed destination up to date: %w", err)
	}
	if err := p.catchUpNotes(ctx, tx, id); err != nil {
		return err
	}
	return ring(ctx, tx)
}

// catchUpNotes has a renewed chat's messages say what their notifications say by now.
func (p *Post) catchUpNotes(ctx context.Context, tx pgx.Tx, destination uuid.UUID) error {
	_, err := tx.Exec(ctx, changeNotes+`
		from deliveries c join notifications n on n.id = c.notification_id
		where c.destination_id = @destination and c.channel = @telegram and c.op = 'create'
		  and c.message_id is not null and not c.message_gone
		  and c.revision < n.revision and c.created_at + @updatesFor::interval > @now
		on conflict (changes) where changes is not null and state = 'pending' do nothing`,
		pgx.NamedArgs{"destination": destination, "telegram": ChannelTelegram, "now": p.now(), "updatesFor": updatesFor})
	if err != nil {
		return fmt.Errorf("bring the notifications of a renewed destination up to date: %w", err)
	}
	return nil
}

func (p *Post) sealed(id uuid.UUID, text secret.Text) (*string, error) {
	if text.IsZero() {
		return nil, nil
	}
	value, err := p.seal(id, text)
	return &value, err
}

// Forget takes all of a user's destinations out of use, as part of the end of their
// account: browsers, chat, Discord channel, mailbox, their own webhook. Of these and of
// those that were taken away before, nothing says any more where they led, and no mail
// what it said; the rows stay for the receipts.
func (p *Post) Forget(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if _, err := tx.Exec(ctx, `delete from telegram_links where user_id = $1`, user); err != nil {
		return fmt.Errorf("end the links of %s to a chat: %w", user, err)
	}
	rows, err := tx.Query(ctx, `select id from destinations where user_id = $1 and removed_at is null order by id for no key update`, user)
	if err != nil {
		return fmt.Errorf("read the destinations of %s: %w", user, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("read the destinations of %s: %w", user, err)
	}
	if err := p.remove(ctx, tx, ids...); err != nil {
		return err
	}
	for _, sql := range []string{
		`update destinations set address = id::text, settings = '{}' where user_id = $1 and removed_at is not null`, // all of them are, by now
		`update mails set body = null where body is not null and destination_id in (select id from destinations where user_id = $1 and removed_at is not null)`,
	} {
		if _, err := tx.Exec(ctx, sql, user); err != nil {
			return fmt.Errorf("forget where the destinations of %s led: %w", user, err)
		}
	}
	return nil
}

// remove takes destinations out of use for good: the secret goes, and what waits
// for them is not sent.
func (p *Post) remove(ctx context.Context, tx pgx.Tx, ids ...uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	now := p.now()
	_, err := tx.Exec(ctx, `
		update destinations set removed_at = $2, secret = null, updated_at = $2
		where id = any($1) and removed_at is null`, ids, now)
	if err != nil {
		return fmt.Errorf("remove destination: %w", err)
	}
	_, err = tx.Exec(ctx, `
		update deliveries set state = 'superseded', last_error = 'the destination was taken away', updated_at = $2
		where destination_id = any($1) and state = 'pending'`, ids, now)
	if err != nil {
		return fmt.Errorf("cancel what waits for a removed destination: %w", err)
	}
	return nil
}

// disable stops what goes to a destination that its owner or its other side has ended,
// and tells its owner, once.
func (p *Post) disable(ctx context.Context, tx pgx.Tx, id uuid.UUID, channel, reason string) error {
	var user *uuid.UUID
	var label string
	err := tx.QueryRow(ctx, `
		update destinations set disabled_at = $2, disabled_reason = $3, updated_at = $2
		where id = $1 and disabled_at is null and removed_at is null
		returning user_id, coalesce(settings ->> 'label', '')`, id, p.now(), reason).Scan(&user, &label)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // known, or not theirs any more
	}
	if err != nil {
		return fmt.Errorf("disable destination: %w", postgres.Translate(err))
	}
	_, err = tx.Exec(ctx, `
		update deliveries set state = 'dead', last_error = 'destination gone', updated_at = $2
		where destination_id = $1 and state = 'pending'`, id, p.now())
	if err != nil {
		return fmt.Errorf("cancel what waits for a dead destination: %w", err)
	}
	return p.tellLost(ctx, tx, Lost{DestinationID: id, UserID: user, Channel: channel, Label: label, Reason: reason})
}

func (p *Post) tellLost(ctx context.Context, tx pgx.Tx, l Lost) error {
	if p.tell == nil {
		return nil
	}
	return p.tell(ctx, tx, l)
}
