package delivery

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/telegram"
)

const (
	linkFor    = 10 * time.Minute // a link to connect a chat
	confirmIn  = 10 * time.Minute // and the answer to whose chat it was, once it was used
	linkBytes  = 24               // of a code
	linkPrefix = "https://t.me/"
)

// Why a chat gets no more messages, as its owner reads it.
const (
	reasonStopped = "you sent /stop to our bot"
	reasonBlocked = "you blocked our bot"
	reasonMoved   = "it was connected to another account"
)

// ChatReason is a stored reason in words for its owner: ours as they are, and one sentence
// for all that Telegram says.
func ChatReason(stored string) string {
	switch stored {
	case reasonStopped, reasonBlocked, reasonMoved:
		return stored
	}
	return "Telegram does not let our bot write there any more"
}

// Chat is how a user's Telegram stands.
type Chat struct {
	Name           string       `json:"name"` // "@ava", as Telegram has it; empty: none is connected
	CreatedAt      *time.Time   `json:"createdAt"`
	LastSuccessAt  *time.Time   `json:"lastSuccessAt"`
	DisabledAt     *time.Time   `json:"disabledAt"`
	DisabledReason *string      `json:"disabledReason"`
	LinkValidUntil *time.Time   `json:"linkValidUntil"` // a link was made and nobody has used it yet
	Pending        *PendingChat `json:"pending"`

	id uuid.UUID
}

// InUse tells whether a chat is connected and takes messages.
func (c Chat) InUse() bool { return c.Name != "" && c.DisabledAt == nil }

// PendingChat is a chat that has used a user's link and waits for their word.
type PendingChat struct {
	ID         uuid.UUID `json:"id"`
	Name       string    `json:"name"`
	ValidUntil time.Time `json:"validUntil"`
}

// ChatLink is an address that connects a chat, once.
type ChatLink struct {
	URL        string    `json:"url"`
	ValidUntil time.Time `json:"validUntil"`
}

func errTelegramOff() error { return fault.Unavailable(errors.New("telegram is not configured")) }

// ChatOf tells how a user's Telegram stands; unavailable while Telegram is off.
func (p *Post) ChatOf(ctx context.Context, user uuid.UUID) (Chat, error) {
	if p.telegram == nil {
		return Chat{}, errTelegramOff()
	}
	var c Chat
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			select id, coalesce(settings ->> 'label', ''), created_at, last_success_at, disabled_at, disabled_reason
			from destinations where user_id = $1 and channel = 'telegram' and removed_at is null`, user).
			Scan(&c.id, &c.Name, &c.CreatedAt, &c.LastSuccessAt, &c.DisabledAt, &c.DisabledReason)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return c.readLink(ctx, tx, user, p.now())
	})
	if err != nil {
		return c, fmt.Errorf("read telegram of %s: %w", user, err)
	}
	inUTC(c.CreatedAt, c.LastSuccessAt, c.DisabledAt)
	return c, nil
}

func (c *Chat) readLink(ctx context.Context, tx pgx.Tx, user uuid.UUID, now time.Time) error {
	var l PendingChat
	var used bool
	err := tx.QueryRow(ctx, `
		select id, coalesce(name, ''), valid_until, chat is not null from telegram_links where user_id = $1 and valid_until > $2`, user, now).
		Scan(&l.ID, &l.Name, &l.ValidUntil, &used)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if l.ValidUntil = l.ValidUntil.UTC(); used {
		c.Pending = &l
	} else {
		c.LinkValidUntil = &l.ValidUntil
	}
	return err
}

// LinkChat makes a link that connects a chat to the user, for ten minutes and once; one
// made before ends. Whoever opens it is asked about before anything is sent there. Limit
// how often a user may call this. Errors: unavailable while Telegram is off or away.
func (p *Post) LinkChat(ctx context.Context, user uuid.UUID) (ChatLink, error) {
	if p.telegram == nil {
		return ChatLink{}, errTelegramOff()
	}
	bot, err := p.telegram.client.Name(ctx)
	if err != nil {
		return ChatLink{}, fault.Unavailable(err)
	}
	raw := make([]byte, linkBytes)
	if _, err := rand.Read(raw); err != nil {
		return ChatLink{}, fmt.Errorf("make code: %w", err)
	}
	code, now := base64.RawURLEncoding.EncodeToString(raw), p.now()
	l := ChatLink{URL: linkPrefix + bot + "?start=" + url.QueryEscape(code), ValidUntil: now.Add(linkFor).UTC()}
	err = p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into telegram_links (user_id, id, code_hash, valid_until, created_at) values ($1, $2, $3, $4, $5)
			on conflict (user_id) do update set id = excluded.id, code_hash = excluded.code_hash, valid_until = excluded.valid_until,
				chat = null, chat_hash = null, name = null, created_at = excluded.created_at`,
			user, uuid.New(), telegram.CodeHash(code), l.ValidUntil, now)
		return err
	})
	if err != nil {
		return ChatLink{}, fmt.Errorf("make link to telegram for %s: %w", user, err)
	}
	return l, nil
}

// confirmed is what a confirmation has changed.
type confirmed struct {
	chat, before int64 // before: the user's chat until now, if it was another
	moved        bool  // the chat was another user's until now
}

// TrimLinks removes links that came to nothing, and with them the chats that used them.
func TrimLinks(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	tag, err := db.Pool().Exec(ctx, `delete from telegram_links where valid_until < $1`, now)
	if err != nil {
		return 0, fmt.Errorf("trim links to telegram: %w", err)
	}
	return tag.RowsAffected(), nil
}

// ConfirmChat makes the chat that has used the user's link theirs: the one that the page
// showed under this id, and no other that may have come since. A chat belongs to one user;
// whose it was before is told. Errors: conflict (code link_expired) where there is nothing
// to confirm any more.
func (p *Post) ConfirmChat(ctx context.Context, user, link uuid.UUID) (Chat, error) {
	if p.telegram == nil {
		return Chat{}, errTelegramOff()
	}
	var did confirmed
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		did, err = p.confirmChat(ctx, tx, user, link)
		return err
	}, postgres.Across("whose chat it was before"))
	if err != nil {
		return Chat{}, fmt.Errorf("connect telegram of %s: %w", user, err)
	}
	// What follows is a courtesy: the page and the inbox have said it.
	hello := "Connected. What you are told at Alertsify comes here from now on. Send /stop to end it."
	if did.moved {
		hello = "Connected to another account of Alertsify. Nothing more of the one before comes here. Send /stop to end it."
	}
	p.say(ctx, did.chat, hello)
	if did.before != 0 {
		p.say(ctx, did.before, "Your alerts go to another chat from now on.")
	}
	return p.ChatOf(ctx, user)
}

// confirmChat locks the link, then the chat's name, then both destinations that may have
// to end: the order every writer of these keeps.
func (p *Post) confirmChat(ctx context.Context, tx pgx.Tx, user, link uuid.UUID) (did confirmed, err error) {
	var sealed, hash, name string
	err = tx.QueryRow(ctx, `
		select chat, chat_hash, name from telegram_links
		where user_id = $1 and id = $2 and chat is not null and valid_until > $3
		for update`, user, link, p.now()).Scan(&sealed, &hash, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return did, fault.Conflict("link_expired", "This link has expired or was replaced. Connect Telegram again.")
	}
	if err != nil {
		return did, err
	}
	text, err := p.ring.Open("telegram_links", "chat", link.String(), sealed)
	if err != nil {
		return did, err
	}
	if did.chat, err = chatNumber(text); err != nil {
		return did, err
	}
	if err := postgres.Lock(ctx, tx, "telegram chat "+hash); err != nil {
		return did, err
	}
	f := fresh{UserID: &user, Channel: ChannelTelegram, Address: hash, Secret: text, Settings: Settings{Label: name}, Sides: []string{}}
	if err := p.giveChat(ctx, tx, f, &did); err != nil {
		return did, err
	}
	_, err = tx.Exec(ctx, `delete from telegram_links where user_id = $1`, user)
	return did, err
}

// giveChat ends what stands in the way: the user's other chat, and the same chat as
// somebody else's.
func (p *Post) giveChat(ctx context.Context, tx pgx.Tx, f fresh, did *confirmed) error {
	rows, err := tx.Query(ctx, `
		select `+storedColumns+` from destinations
		where channel = 'telegram' and removed_at is null and (user_id = $1 or address = $2)
		order by id for no key update`, f.UserID, f.Address)
	if err != nil {
		return err
	}
	known, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
	if err != nil {
		return err
	}
	for _, k := range known {
		mine, same := *k.UserID == *f.UserID, k.Address == f.Address
		if mine && same {
			return p.renew(ctx, tx, k.ID, f)
		}
		if err := p.remove(ctx, tx, k.ID); err != nil {
			return err
		}
		if mine {
			did.before = p.chatOf(k)
			continue
		}
		did.moved = true
		if err := p.tellLost(ctx, tx, Lost{DestinationID: k.ID, UserID: k.UserID, Channel: ChannelTelegram, Label: f.Settings.Label, Reason: reasonMoved}); err != nil {
			return err
		}
	}
	_, err = p.insert(ctx, tx, f)
	return err
}

// chatOf opens a stored chat; 0 where it cannot be read, so that nobody is told.
func (p *Post) chatOf(k stored) int64 {
	if k.Secret == nil {
		return 0
	}
	text, err := p.open(k.ID, *k.Secret)
	if err != nil {
		return 0
	}
	chat, _ := chatNumber(text) // 0 then too
	return chat
}

// DeclineChat ends a user's link: the chat that used it is not theirs, or they think
// better of it. It succeeds when there is none.
func (p *Post) DeclineChat(ctx context.Context, user uuid.UUID) error {
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from telegram_links where user_id = $1`, user)
		return err
	})
	if err != nil {
		return fmt.Errorf("end link to telegram of %s: %w", user, err)
	}
	return nil
}

// RemoveChat forgets a user's chat and what waits for it; it succeeds when there is none.
func (p *Post) RemoveChat(ctx context.Context, user uuid.UUID) error {
	var chat int64
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from telegram_links where user_id = $1`, user); err != nil {
			return err
		}
		known, found, err := one(ctx, tx, `channel = 'telegram' and user_id = $1`, user)
		if err != nil || !found {
			return err
		}
		chat = p.chatOf(known)
		return p.remove(ctx, tx, known.ID)
	})
	if err != nil {
		return fmt.Errorf("disconnect telegram of %s: %w", user, err)
	}
	p.say(ctx, chat, "Disconnected. Nothing more comes here.")
	return nil
}

// TestChat writes a test message to the user's chat, now. Limit how often a user may call
// this. Errors: not_found, invalid_state for one that is not used any more,
// telegram_refused.
func (p *Post) TestChat(ctx context.Context, user uuid.UUID) error {
	c, err := p.ChatOf(ctx, user)
	if err != nil {
		return err
	}
	if c.Name == "" {
		return fault.NotFound()
	}
	if c.DisabledAt != nil {
		return fault.Conflict("invalid_state", "Telegram is not used any more. Connect it again first.")
	}
	t, err := p.destination(ctx, c.id)
	if err != nil {
		return fmt.Errorf("test telegram of %s: %w", user, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	began := p.now()
	words := telegram.Message{Parts: []telegram.Part{{Title: "Alertsify reaches you", Body: "Your alerts come to this chat."}}}
	r := p.telegram.Send(ctx, Message{Op: Create, Destination: t, Words: []Words{{Chat: &words}}})
	if p.observe != nil {
		p.observe(ChannelTelegram, r.word(), p.now().Sub(began))
	}
	if r.Outcome != Accepted {
		return fault.Conflict("telegram_refused", "Telegram did not take the test message. Try again later.").Because(errors.New(r.Detail))
	}
	return nil
}

// sayTimeout bounds a word that nobody waits for.
const sayTimeout = 5 * time.Second

// say writes a sentence of our own into a chat. Whether it arrives decides nothing.
func (p *Post) say(ctx context.Context, chat int64, sentence string) {
	if p.telegram == nil || chat == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sayTimeout)
	defer cancel()
	_, err := p.telegram.client.Send(ctx, chat, telegram.Message{Parts: []telegram.Part{{Body: sentence}}})
	if err != nil {
		p.log.InfoContext(ctx, "a word to a chat was not taken", "err", err)
	}
}
