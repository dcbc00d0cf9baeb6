package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/telegram"
)

// answersPerMinute is how often a chat is told that we do not know what it wants.
const answersPerMinute = 1

// ReceiveTelegram works what a chat told our bot, or did to it. Only a chat of one person
// is listened to: in a group nobody speaks for themselves. Working an update twice changes
// nothing.
func (p *Post) ReceiveTelegram(ctx context.Context, in inbox.Event) error {
	if p.telegram == nil {
		return inbox.Park(errTelegramOff())
	}
	var u telegram.Update
	if err := json.Unmarshal(in.Payload, &u); err != nil {
		return inbox.Park(fmt.Errorf("read update of Telegram: %w", err))
	}
	if !u.Private {
		return nil
	}
	switch {
	case u.Kind == telegram.KindMessage && u.Command == "start":
		return p.startChat(ctx, u)
	case u.Kind == telegram.KindMessage && u.Command == "stop":
		if err := p.stopChat(ctx, u, reasonStopped); err != nil {
			return err
		}
		p.answer(ctx, u.Chat, "Stopped. Nothing more comes here. To go on, connect this chat anew: "+p.telegram.settings)
	case u.Kind == telegram.KindMembership && u.Status == "kicked":
		return p.stopChat(ctx, u, reasonBlocked)
	}
	return nil // who unblocks the bot has not asked for alerts by that
}

// startChat takes the code of a link. The chat is only noted: a link can be sent on, so
// that its owner is asked whose chat it was.
func (p *Post) startChat(ctx context.Context, u telegram.Update) error {
	var noted bool
	err := p.db.AsSystem(ctx, "telegram", func(ctx context.Context, tx pgx.Tx) (err error) {
		noted, err = p.noteChat(ctx, tx, u)
		return err
	})
	if err != nil {
		return fmt.Errorf("note a chat: %w", err)
	}
	if noted {
		p.say(ctx, u.Chat, "Almost done. Go back to Alertsify in your browser and confirm that this is you.")
		return nil
	}
	// Also where the code was used, or was never one: who guesses learns nothing.
	p.answer(ctx, u.Chat, "This link does not work, or not any more. Connect Telegram in your settings at Alertsify: "+p.telegram.settings)
	return nil
}

// noteChat writes the chat down beside the link whose code it sent. A code works for the
// first chat that sends it; the same one may send it again.
func (p *Post) noteChat(ctx context.Context, tx pgx.Tx, u telegram.Update) (bool, error) {
	if u.Code == "" {
		return false, nil
	}
	var link uuid.UUID
	var used *string
	now, hash := p.now(), chatHash(u.Chat)
	err := tx.QueryRow(ctx, `
		select id, chat_hash from telegram_links where code_hash = $1 and valid_until > $2
		for update`, u.Code, now).Scan(&link, &used)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil || used != nil {
		return used != nil && *used == hash, err
	}
	sealed, err := p.ring.Seal("telegram_links", "chat", link.String(), chatText(u.Chat))
	if err != nil {
		return false, err
	}
	name := u.Name
	if name == "" {
		name = "somebody without a name"
	}
	_, err = tx.Exec(ctx, `update telegram_links set chat = $2, chat_hash = $3, name = $4, valid_until = $5 where id = $1`,
		link, sealed, hash, name, now.Add(confirmIn))
	return err == nil, err
}

// stopChat ends what goes to a chat, and what was about to.
func (p *Post) stopChat(ctx context.Context, u telegram.Update, reason string) error {
	err := p.db.AsSystem(ctx, "telegram", func(ctx context.Context, tx pgx.Tx) error {
		hash := chatHash(u.Chat)
		if _, err := tx.Exec(ctx, `delete from telegram_links where chat_hash = $1`, hash); err != nil {
			return err
		}
		known, found, err := one(ctx, tx, `channel = 'telegram' and address = $1`, hash)
		if err != nil || !found {
			return err
		}
		return p.disable(ctx, tx, known.ID, ChannelTelegram, reason)
	})
	if err != nil {
		return fmt.Errorf("stop a chat: %w", err)
	}
	return nil
}

// answer says a sentence, but not again and again to somebody who keeps on asking.
func (p *Post) answer(ctx context.Context, chat int64, sentence string) {
	if p.telegram.allow != nil {
		d, err := p.telegram.allow(ctx, "telegram:"+chatHash(chat), answersPerMinute)
		if err == nil && !d.Allowed {
			return
		}
	}
	p.say(ctx, chat, sentence)
}
