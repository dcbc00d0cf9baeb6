package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/fault"
)

const (
	letterTries = 3
	letterPause = 300 * time.Millisecond
)

// Letter is security mail to an address that need not be anybody's mailbox: one that is to
// be proved, or one that was given up. Nothing switches it off, and nothing of it is kept.
type Letter struct {
	ID      uuid.UUID // of what it is about; with Kind it is one mail, however often it is sent within a day
	Kind    string
	To      string
	Subject string
	Reason  string // why the reader gets it
	Title   string
	At      string // when it happened, in words; may be empty
	Body    string
	Link    string // an address of ours
	Action  string // what the link is called
}

// Mails tells whether mail can be sent at all.
func (p *Post) Mails() bool { return p.email != nil }

// MailPage is the address of a page of ours, as it stands in mail.
func (p *Post) MailPage(path string) string {
	if p.email == nil {
		return path
	}
	return p.email.links.Page(path)
}

// UndoPage is the address that takes back a change of a user's address until an instant.
func (p *Post) UndoPage(change uuid.UUID, until time.Time) string {
	if p.email == nil {
		return ""
	}
	return p.email.links.Undo(change, until)
}

// SendLetter sends it, now. Sent again it has to say the same, or what was sent first
// counts. Errors: unavailable while mail is off; mail_refused where sending it again changes
// nothing; any other: try again.
func (p *Post) SendLetter(ctx context.Context, l Letter) error {
	if p.email == nil {
		return errEmailOff()
	}
	body, err := p.email.encode(l.ID, Destination{Channel: ChannelEmail, Address: l.To}, Mail{
		Kind: l.Kind, Subject: l.Subject, Reason: l.Reason, Items: []email.Item{{Title: l.Title, At: l.At, Body: l.Body, Link: l.Link, Action: l.Action}},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	began, word := p.now(), "accepted"
	err = p.sendPatiently(ctx, l.Kind+"/"+l.ID.String(), body)
	var refused *email.Error
	if errors.As(err, &refused) {
		word = refused.Outcome.String()
		if refused.Outcome == email.Reused { // it went out before, in other words
			err = nil
		}
	}
	if p.observe != nil {
		p.observe(ChannelEmail, word, p.now().Sub(began))
	}
	switch {
	case err == nil:
		return nil
	case refused != nil && refused.Outcome == email.Rejected:
		return fault.Conflict("mail_refused", "The mail was not taken: the mail service refuses this address.").Because(err)
	}
	return fault.Unavailable(fmt.Errorf("send a letter: %w", err))
}

// sendPatiently tries a few times, because somebody waits for it; and while all places a
// second are taken by other mail, until its time is over. The key makes a repeat harmless.
func (p *Post) sendPatiently(ctx context.Context, key string, body []byte) error {
	for try := 1; ; try++ {
		_, err := p.email.client.Send(ctx, key, body)
		var refused *email.Error
		if !errors.As(err, &refused) || refused.Outcome != email.Retry && refused.Outcome != email.Unknown {
			return err
		}
		if try >= letterTries && !refused.Limited {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(max(refused.RetryAfter, letterPause)):
		}
	}
}

// DropMailbox takes a user's mailbox out of use in the caller's transaction, because the
// address is not theirs any more: what waits for it is not sent. The next one follows from
// their address.
func (p *Post) DropMailbox(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	m, found, err := one(ctx, tx, `channel = 'email' and user_id = $1`, user)
	if err != nil || !found {
		return err
	}
	return p.remove(ctx, tx, m.ID)
}
