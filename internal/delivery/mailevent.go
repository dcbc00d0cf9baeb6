package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/inbox"
)

// Why a mailbox is not used any more, as its owner reads it.
const (
	reasonBounced    = "mail to it came back"
	reasonSuppressed = "the mail service no longer sends to it"
	reasonComplained = "you reported our mail as unwanted"
)

// What an event of Resend's comes to besides a state of its mail.
const (
	eventStale   = "stale"
	eventIgnored = "ignored" // of no use to us, of no mail of ours, a repeat, or overtaken by a worse one
)

// ReceiveMail works what Resend reports about a mail. Reports come in any order and more
// than once: a better state never takes the place of a worse one. A stale one changes
// nothing, because nothing can be read again to see whether it still holds.
func (p *Post) ReceiveMail(ctx context.Context, in inbox.Event) error {
	word, err := p.receiveMail(ctx, in)
	if err == nil && p.observeMail != nil {
		p.observeMail(word)
	}
	return err
}

// receiveMail says what the event came to: the state that its mail has now, or why nothing.
func (p *Post) receiveMail(ctx context.Context, in inbox.Event) (word string, err error) {
	if in.Stale {
		return eventStale, nil
	}
	var e email.Event
	if err := json.Unmarshal(in.Payload, &e); err != nil {
		return "", inbox.Park(fmt.Errorf("read event of Resend: %w", err))
	}
	state, known := map[string]string{
		email.EventSent: "sent", email.EventDelivered: "delivered", email.EventBounced: "bounced",
		email.EventComplained: "complained", email.EventSuppressed: "suppressed", email.EventFailed: "failed",
	}[e.Type]
	if !known || e.Type == email.EventBounced && e.Bounce == "Transient" {
		return eventIgnored, nil // a mailbox that is full for now: Resend goes on trying
	}
	word = eventIgnored
	err = p.db.AsSystem(ctx, "resend", func(ctx context.Context, tx pgx.Tx) error {
		m, found, err := p.mailOf(ctx, tx, e)
		if err != nil || !found {
			return err
		}
		raised, err := p.noteMail(ctx, tx, m, state, e)
		if raised {
			word = state
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("work event of Resend: %w", err)
	}
	return word, nil
}

// mailRow is a mail that an event is about.
type mailRow struct {
	id, destination uuid.UUID
	user            *uuid.UUID
}

// mailOf finds the mail by Resend's id, or by our own, which stands in a tag, where the
// event comes before we know Resend's. It holds the destination first, as every writer
// does. What is none of ours is passed over.
func (p *Post) mailOf(ctx context.Context, tx pgx.Tx, e email.Event) (m mailRow, found bool, err error) {
	own, err := uuid.Parse(e.Delivery)
	if err != nil {
		own = uuid.Nil
	}
	err = tx.QueryRow(ctx, `
		select m.id, m.destination_id, t.user_id from mails m join destinations t on t.id = m.destination_id
		where m.message_id = $1 or m.id = $2 and m.message_id is null
		order by m.message_id is null limit 1
		for no key update of t`, e.EmailID, own).Scan(&m.id, &m.destination, &m.user)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("find mail: %w", err)
	}
	return m, true, nil
}

// noteMail raises the mail's state, and draws what follows from it. It is false for a
// repeat, and for what something worse has overtaken.
func (p *Post) noteMail(ctx context.Context, tx pgx.Tx, m mailRow, state string, e email.Event) (raised bool, err error) {
	tag, err := tx.Exec(ctx, `
		update mails set state = $2, detail = $3, message_id = coalesce(message_id, nullif($4, '')), updated_at = $5
		where id = $1 and array_position($6::text[], state) < array_position($6::text[], $2)`,
		m.id, state, e.Detail, e.EmailID, p.now(), mailStates())
	if err != nil {
		return false, fmt.Errorf("note what became of a mail: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	return true, p.followMail(ctx, tx, m, state, e)
}

func (p *Post) followMail(ctx context.Context, tx pgx.Tx, m mailRow, state string, e email.Event) error {
	switch state {
	case "sent", "delivered":
		return nil
	case "complained":
		return p.complained(ctx, tx, m)
	}
	_, err := tx.Exec(ctx, `update deliveries set last_error = $2 where id in (select delivery_id from mail_parts where mail_id = $1)`, m.id, state+": "+e.Detail)
	if err != nil {
		return fmt.Errorf("note on the receipts of a mail: %w", err)
	}
	switch state {
	case "bounced":
		return p.disable(ctx, tx, m.destination, ChannelEmail, reasonBounced)
	case "suppressed":
		return p.disable(ctx, tx, m.destination, ChannelEmail, reasonSuppressed)
	}
	return nil // failed: this mail only
}

// mailStates in the order in which one takes the place of another.
func mailStates() []string {
	return []string{"made", "accepted", "sent", "delivered", "failed", "suppressed", "bounced", "complained"}
}

// complained stops all mail but security mail, at once, whatever its reader's address will
// be. Only they switch it on again (ResumeMail).
func (p *Post) complained(ctx context.Context, tx pgx.Tx, m mailRow) error {
	if m.user == nil {
		return nil
	}
	tag, err := tx.Exec(ctx, `
		insert into mail_complaints (user_id, at) values ($1, $2) on conflict do nothing`, m.user, p.now())
	if err != nil {
		return fmt.Errorf("stop mail: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return p.tellLost(ctx, tx, Lost{DestinationID: m.destination, UserID: m.user, Channel: ChannelEmail, Reason: reasonComplained, Paused: true})
}
