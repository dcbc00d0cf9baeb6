package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Mail is a message for a mailbox.
type Mail struct {
	Kind       string   // of the notification; a tag at Resend
	Categories []string // what its unsubscribe link switches off; none: security mail, which nothing does
	Subject    string
	Items      []email.Item
	Reason     string // why the reader gets it
}

// SettingsPath is the page where mail and the webhook are switched.
const SettingsPath = "/settings/channels"

// mailFor is how long a mail is tried. Resend forgets its key a day after the first
// attempt; what is sent later is a second mail.
const mailFor = email.KeyKept - time.Hour

// Email brings notifications to mailboxes.
type Email struct {
	client *email.Client
	links  *email.Links
	db     *postgres.DB
	now    func() time.Time
}

// NewEmail sends with the given client, and keeps in db what it sends.
func NewEmail(c *email.Client, links *email.Links, db *postgres.DB, now func() time.Time) *Email {
	if now == nil {
		now = time.Now
	}
	return &Email{client: c, links: links, db: db, now: now}
}

// Send hands over one mail. What it says is made once and kept: every repeat is the
// same bytes under the same key, which Resend takes for one mail.
func (c *Email) Send(ctx context.Context, m Message) Result {
	words := m.Words[0].Mail
	id, err := c.mailOf(ctx, m.IDs)
	switch {
	case err != nil:
		return Result{Outcome: Retry, Detail: err.Error()}
	case id == uuid.Nil:
		return Result{Outcome: Rejected, Detail: "some of it was in a mail before"} // with fewer, in the end alone
	}
	return c.send(ctx, id, m.Destination, *words, m.IDs...)
}

// mailOf is the mail that carries these deliveries: the one that was made of them before,
// or a new one. It is nil when some were in a mail and others not, or in different ones:
// what was in a mail is only repeated with it.
func (c *Email) mailOf(ctx context.Context, deliveries []uuid.UUID) (uuid.UUID, error) {
	rows, err := c.db.Pool().Query(ctx, `select mail_id from mail_parts where delivery_id = any($1)`, deliveries)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find mail of deliveries: %w", err)
	}
	before, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return uuid.Nil, fmt.Errorf("find mail of deliveries: %w", err)
	}
	switch {
	case len(before) == 0 && len(deliveries) == 1:
		return deliveries[0], nil
	case len(before) == 0:
		return uuid.New(), nil
	case len(before) < len(deliveries) || len(slices.Compact(before)) > 1:
		return uuid.Nil, nil
	}
	return before[0], nil
}

// send keeps the mail, sends it, and notes what Resend calls it.
func (c *Email) send(ctx context.Context, id uuid.UUID, t Destination, words Mail, deliveries ...uuid.UUID) Result {
	kept, err := c.keep(ctx, id, t, words, deliveries)
	switch {
	case err != nil && postgres.IsUnavailable(err):
		return Result{Outcome: Retry, Detail: err.Error()}
	case err != nil:
		return Result{Outcome: Rejected, Detail: err.Error()}
	case kept.messageID != "": // its acceptance was noted here, but not on the delivery
		return Result{Outcome: Accepted, MessageID: kept.messageID}
	case c.now().Sub(kept.at) > mailFor:
		// Sent again later, at an operator's word, it is made anew.
		c.forget(ctx, id)
		return Result{Outcome: Rejected, Detail: "not taken by Resend within 23 hours"}
	}
	messageID, err := c.client.Send(ctx, "delivery/"+id.String(), kept.body)
	if err != nil {
		return c.result(ctx, id, err)
	}
	c.noteAccepted(ctx, id, messageID)
	return Result{Outcome: Accepted, MessageID: messageID}
}

// mailKept is a mail as it was first made.
type mailKept struct {
	body      []byte
	messageID string
	at        time.Time
}

// keep makes the mail, or reads what was made of it before.
func (c *Email) keep(ctx context.Context, id uuid.UUID, t Destination, words Mail, deliveries []uuid.UUID) (mailKept, error) {
	body, err := c.encode(id, t, words)
	if err != nil {
		return mailKept{}, err
	}
	var k mailKept
	err = c.db.Pool().QueryRow(ctx, `
		with kept as (
			insert into mails (id, destination_id, kind, subject, body, created_at, updated_at)
			values ($1, $2, $3, $4, $5, $6, $6)
			on conflict (id) do update set body = coalesce(mails.body, excluded.body)
			returning id, body, coalesce(message_id, '') as message_id, created_at
		), parts as (
			insert into mail_parts (delivery_id, mail_id) select d, kept.id from kept, unnest($7::uuid[]) d
			on conflict (delivery_id) do nothing
		)
		select body, message_id, created_at from kept`,
		id, t.ID, words.Kind, email.Subject(words.Subject), body, c.now(), orEmpty(deliveries)).Scan(&k.body, &k.messageID, &k.at)
	if err != nil {
		return k, fmt.Errorf("keep mail: %w", postgres.Translate(err))
	}
	return k, nil
}

func orEmpty(ids []uuid.UUID) []uuid.UUID {
	if ids == nil {
		return []uuid.UUID{}
	}
	return ids
}

// encode makes the bytes.
func (c *Email) encode(id uuid.UUID, t Destination, words Mail) ([]byte, error) {
	letter := email.Letter{Items: words.Items, Reason: words.Reason, Settings: c.links.Page(SettingsPath)}
	if len(words.Categories) > 0 && t.UserID != nil {
		letter.Unsubscribe = c.links.Unsubscribe(*t.UserID, words.Categories)
	}
	return email.Mail{
		From: c.client.From(), ReplyTo: c.client.ReplyTo(), To: t.Address, Subject: words.Subject, HTML: letter.HTML(), Text: letter.Text(),
		Kind: words.Kind, ID: id.String(), Unsubscribe: letter.Unsubscribe,
	}.Encode()
}

// noteAccepted lets events find the mail. If the note is lost, the mail's tag still does.
func (c *Email) noteAccepted(ctx context.Context, id uuid.UUID, messageID string) {
	_, _ = c.db.Pool().Exec(ctx, `
		update mails set message_id = coalesce(message_id, $2), state = case when state = 'made' then 'accepted' else state end, updated_at = $3
		where id = $1`, id, messageID, c.now())
}

func (c *Email) forget(ctx context.Context, id uuid.UUID) {
	_, _ = c.db.Pool().Exec(ctx, `delete from mails where id = $1 and message_id is null`, id) // tried anew otherwise, which the same answer ends
}

func (c *Email) result(ctx context.Context, id uuid.UUID, err error) Result {
	var e *email.Error
	if !errors.As(err, &e) {
		return Result{Outcome: Unknown, Detail: err.Error()}
	}
	// The rate and the key are the whole team's at Resend: all wait together.
	r := Result{After: e.RetryAfter, Limited: e.Limited, Everyone: e.Limited, Detail: e.Error()}
	switch e.Outcome {
	case email.Retry:
		r.Outcome = Retry
	case email.Misconfigured:
		r.Outcome, r.Everyone = Misconfigured, true
	case email.Reused:
		return c.sentBefore(ctx, id, e)
	case email.Rejected:
		r.Outcome = Rejected
	default:
		r.Outcome = Unknown
	}
	return r
}

// sentBefore: another body came under our key. If an event has told us the id of that
// mail it went out; else nobody knows what it said, and an operator looks.
func (c *Email) sentBefore(ctx context.Context, id uuid.UUID, e *email.Error) Result {
	var messageID string
	err := c.db.Pool().QueryRow(ctx, `select coalesce(message_id, '') from mails where id = $1`, id).Scan(&messageID)
	if err == nil && messageID != "" {
		return Result{Outcome: Accepted, MessageID: messageID}
	}
	return Result{Outcome: Rejected, Detail: e.Error()}
}
