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

// The categories of mail: what an unsubscribe link switches off at once. Security mail is
// in none of them.
const (
	TradingMail = "trading" // orders, approvals and copies
	SocialMail  = "social"  // followers, achievements, rankings
	AccountMail = "account" // brokers, plan and payments
	NewsMail    = "news"    // from the operators, and about destinations that stopped working
)

// MailCategories lists them in the order in which people see them.
func MailCategories() []string { return []string{TradingMail, SocialMail, AccountMail, NewsMail} }

// The states of a mailbox.
const (
	MailboxOK      = "ok"
	MailboxBounced = "bounced" // the other side refuses it; not used until confirmed or changed
	MailboxOff     = "off"     // its owner reported our mail as unwanted: security mail only, until they want more again
	MailboxNone    = "none"    // no verified address
)

// Mailbox is how a user's mail stands. What goes there is one of their preferences.
type Mailbox struct {
	Address        string     `json:"address"` // empty: none is verified
	State          string     `json:"state"`
	DisabledAt     *time.Time `json:"disabledAt"`
	DisabledReason *string    `json:"disabledReason"`
	Complained     bool       `json:"complained"` // its owner reported our mail as unwanted
	LastMail       *LastMail  `json:"lastMail"`

	id uuid.UUID
}

// LastMail is the latest mail that left for a mailbox.
type LastMail struct {
	Subject string    `json:"subject"`
	State   string    `json:"state"` // accepted, sent, delivered, failed, suppressed, bounced, complained
	At      time.Time `json:"at"`
}

// MailboxOf tells how a user's mail stands; unavailable while e-mail is off.
func (p *Post) MailboxOf(ctx context.Context, user uuid.UUID) (Mailbox, error) {
	if p.email == nil {
		return Mailbox{}, errEmailOff()
	}
	m := Mailbox{State: MailboxNone}
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error { return m.read(ctx, tx, user) })
	if err != nil {
		return m, fmt.Errorf("read mailbox of %s: %w", user, err)
	}
	return m, nil
}

func (m *Mailbox) read(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	err := tx.QueryRow(ctx, `
		select t.id, t.address, t.disabled_at, t.disabled_reason, c.user_id is not null
		from destinations t left join mail_complaints c on c.user_id = t.user_id
		where t.user_id = $1 and t.channel = 'email' and t.removed_at is null`, user).
		Scan(&m.id, &m.Address, &m.DisabledAt, &m.DisabledReason, &m.Complained)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if m.DisabledAt != nil {
		at := m.DisabledAt.UTC()
		m.DisabledAt = &at
	}
	m.State = m.state()
	return m.readLast(ctx, tx)
}

func (m *Mailbox) state() string {
	switch {
	case m.DisabledAt != nil:
		return MailboxBounced
	case m.Complained:
		return MailboxOff
	}
	return MailboxOK
}

func (m *Mailbox) readLast(ctx context.Context, tx pgx.Tx) error {
	var l LastMail
	err := tx.QueryRow(ctx, `
		select subject, state, updated_at from mails
		where destination_id = $1 and state <> 'made' order by created_at desc limit 1`, m.id).Scan(&l.Subject, &l.State, &l.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	l.At = l.At.UTC()
	m.LastMail = &l
	return err
}

// ResumeMail ends what a complaint stopped, at the word of who complained; nothing of ours
// does. Doing it twice changes nothing.
func (p *Post) ResumeMail(ctx context.Context, user uuid.UUID) error {
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from mail_complaints where user_id = $1`, user)
		return err
	})
	if err != nil {
		return fmt.Errorf("resume mail to %s: %w", user, err)
	}
	return nil
}

// Link is what the address in a mail would do, for the page that asks.
type Link struct {
	Categories []string  // switched off; none: the mailbox is used again, or
	Undoes     uuid.UUID // this change of an address is taken back
}

// ReadLink tells what a token does, without doing it: scanners fetch every address of a
// mail. Errors: not_found for one that is none of ours, or too old.
func (p *Post) ReadLink(token string) (Link, error) {
	grant, err := p.grant(token)
	return Link{Categories: grant.Categories, Undoes: grant.Change}, err
}

func (p *Post) grant(token string) (email.Grant, error) {
	if p.email == nil {
		return email.Grant{}, errEmailOff()
	}
	grant, ok := p.email.links.Read(token, p.now())
	if !ok {
		return email.Grant{}, fault.NotFound()
	}
	return grant, nil
}

// FollowLink does what a token allows about mail; doing it twice changes nothing. Taking
// back a change of an address is not the post's. Errors: not_found.
func (p *Post) FollowLink(ctx context.Context, token string) (Link, error) {
	grant, err := p.grant(token)
	if err != nil {
		return Link{}, err
	}
	if grant.Change != uuid.Nil {
		return Link{}, fault.NotFound()
	}
	if grant.Confirms() {
		return Link{}, p.confirm(ctx, grant.Mailbox)
	}
	err = p.db.AsSystem(ctx, "unsubscribe", func(ctx context.Context, tx pgx.Tx) error {
		return p.unsubscribe(ctx, tx, grant.User, grant.Categories)
	})
	if err != nil {
		return Link{}, fmt.Errorf("unsubscribe: %w", err)
	}
	return Link{Categories: grant.Categories}, nil
}

// confirm uses a mailbox again that its owner has shown to read. One that was taken away
// meanwhile stays away.
func (p *Post) confirm(ctx context.Context, id uuid.UUID) error {
	err := p.db.AsSystem(ctx, "confirm mailbox", func(ctx context.Context, tx pgx.Tx) error {
		_, found, err := one(ctx, tx, `channel = 'email' and id = $1`, id)
		if err != nil {
			return err
		}
		if !found {
			return fault.NotFound()
		}
		_, err = tx.Exec(ctx, `
			update destinations set disabled_at = null, disabled_reason = null, failures = 0, updated_at = $2 where id = $1`, id, p.now())
		return err
	})
	if err != nil {
		return fmt.Errorf("confirm mailbox: %w", err)
	}
	return nil
}

// confirmFor is how long the address in a confirmation works.
const confirmFor = 24 * time.Hour

// ConfirmMailbox sends a mail to a mailbox that is not used any more; following its link
// has it used again. Limit how often a user may call this. Errors: not_found without a
// verified address, invalid_state when the mailbox is used, mail_refused.
func (p *Post) ConfirmMailbox(ctx context.Context, user uuid.UUID) error {
	m, err := p.MailboxOf(ctx, user)
	if err != nil {
		return err
	}
	if m.Address == "" {
		return fault.NotFound()
	}
	if m.DisabledAt == nil {
		return fault.Conflict("invalid_state", "Your address is in use already.")
	}
	return p.mailNow(ctx, user, m, Mail{
		Kind: "confirm", Subject: "Confirm your address for Alertsify",
		Reason: "You get this because you asked to have mail sent to this address again.",
		Items: []email.Item{{
			Title: "Use this address again", Body: "Mail to this address came back, so we stopped sending. If you can read this, confirm within 24 hours and mail goes on.",
			Link: p.email.links.Confirm(m.id, p.now().Add(confirmFor)), Action: "Confirm this address",
		}},
	})
}

// TestMail sends a test mail to the user's mailbox, now. Limit how often a user may call
// this. Errors: not_found without a verified address, invalid_state when it is not
// used, mail_refused.
func (p *Post) TestMail(ctx context.Context, user uuid.UUID) error {
	m, err := p.MailboxOf(ctx, user)
	if err != nil {
		return err
	}
	if m.Address == "" {
		return fault.NotFound()
	}
	if m.DisabledAt != nil {
		return fault.Conflict("invalid_state", "Mail to this address came back. Confirm it first.")
	}
	if m.Complained {
		return fault.Conflict("invalid_state", "You reported our mail as unwanted. Switch it on again first.")
	}
	return p.mailNow(ctx, user, m, Mail{
		Kind: "test", Categories: MailCategories(), Subject: "Alertsify reaches you", Reason: "You get this because you asked for a test.",
		Items: []email.Item{{
			Title: "Mail works", Body: "What is important comes to this address.", Link: p.email.links.Page(SettingsPath), Action: "Your settings",
		}},
	})
}

func (p *Post) mailNow(ctx context.Context, user uuid.UUID, m Mailbox, words Mail) error {
	t := Destination{ID: m.id, UserID: &user, Channel: ChannelEmail, Address: m.Address}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	began := p.now()
	r := p.email.send(ctx, uuid.New(), t, words)
	if p.observe != nil {
		p.observe(ChannelEmail, r.word(), p.now().Sub(began))
	}
	if r.Outcome != Accepted {
		return fault.Conflict("mail_refused", "The mail was not taken. Try again later.").Because(errors.New(r.Detail))
	}
	return nil
}

// CheckMail asks Resend whether our key is good.
func (p *Post) CheckMail(ctx context.Context) error {
	if p.email == nil {
		return errEmailOff()
	}
	return p.email.client.Check(ctx)
}
