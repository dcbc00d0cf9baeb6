package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Webhook is a user's own Discord webhook, without its token.
type Webhook struct {
	ID             uuid.UUID  `json:"id"`
	Name           string     `json:"name"`      // as Discord knows it
	ChannelID      string     `json:"channelId"` // where it posts
	URL            string     `json:"url"`       // masked
	CreatedAt      time.Time  `json:"createdAt"`
	LastSuccessAt  *time.Time `json:"lastSuccessAt"`
	DisabledAt     *time.Time `json:"disabledAt"`
	DisabledReason *string    `json:"disabledReason"`
}

func errDiscordOff() error { return fault.Unavailable(errors.New("discord is not configured")) }

// SetDiscord makes a pasted address the user's own webhook, after asking Discord
// whether it is one. The address itself is never called: only its id and token
// are kept, the token sealed. Limit how often a user may call this: wrong
// guesses count against the whole installation's address. Errors:
// validation_failed with a sentence for the field url.
func (p *Post) SetDiscord(ctx context.Context, user uuid.UUID, url string) (Webhook, error) {
	if p.discord == nil {
		return Webhook{}, errDiscordOff()
	}
	hook, err := discord.ParseWebhookURL(url)
	if err != nil {
		return Webhook{}, fault.Field("url", err.Error())
	}
	info, err := p.discord.client.Get(ctx, hook)
	if err != nil {
		return Webhook{}, fault.Field("url", "Discord does not know this webhook, or does not answer. Copy its URL again.").Because(err)
	}
	if !info.Incoming() {
		return Webhook{}, fault.Field("url", "is not an incoming webhook")
	}
	f := freshWebhook(&user, hook)
	f.Settings.Label, f.Settings.ChannelID = info.Name, info.ChannelID
	err = p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error { return p.setDiscord(ctx, tx, user, f) })
	if err != nil {
		return Webhook{}, fmt.Errorf("set discord webhook of %s: %w", user, err)
	}
	return p.DiscordOf(ctx, user)
}

func freshWebhook(user *uuid.UUID, hook discord.Webhook) fresh {
	address := hook.ID
	if hook.ThreadID != "" {
		address += "/" + hook.ThreadID
	}
	return fresh{
		UserID: user, Channel: ChannelDiscord, Address: address, Secret: hook.Token,
		Settings: Settings{WebhookID: hook.ID, ThreadID: hook.ThreadID},
	}
}

// setDiscord renews the same webhook and replaces another: the old one's
// messages cannot be edited through a new one.
func (p *Post) setDiscord(ctx context.Context, tx pgx.Tx, user uuid.UUID, f fresh) error {
	if err := postgres.Lock(ctx, tx, "discord webhook of "+user.String()); err != nil {
		return err
	}
	known, found, err := one(ctx, tx, `channel = 'discord' and user_id = $1`, user)
	if err != nil {
		return err
	}
	if found && known.Address == f.Address {
		return p.renew(ctx, tx, known.ID, f)
	}
	if found {
		if err := p.remove(ctx, tx, known.ID); err != nil {
			return err
		}
	}
	_, err = p.insert(ctx, tx, f)
	return err
}

// DiscordOf is a user's own webhook; not_found when there is none.
func (p *Post) DiscordOf(ctx context.Context, user uuid.UUID) (Webhook, error) {
	var w Webhook
	var id string
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select id, coalesce(settings ->> 'label', ''), coalesce(settings ->> 'channelId', ''), settings ->> 'webhookId',
			       created_at, last_success_at, disabled_at, disabled_reason
			from destinations where user_id = $1 and channel = 'discord' and removed_at is null`, user).
			Scan(&w.ID, &w.Name, &w.ChannelID, &id, &w.CreatedAt, &w.LastSuccessAt, &w.DisabledAt, &w.DisabledReason)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return w, fault.NotFound()
	}
	if err != nil {
		return w, fmt.Errorf("read discord webhook of %s: %w", user, err)
	}
	w.URL = discord.Webhook{ID: id}.String()
	return w, nil
}

// RemoveDiscord forgets a user's webhook; it succeeds when there is none.
func (p *Post) RemoveDiscord(ctx context.Context, user uuid.UUID) error {
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		known, found, err := one(ctx, tx, `channel = 'discord' and user_id = $1`, user)
		if err != nil || !found {
			return err
		}
		return p.remove(ctx, tx, known.ID)
	})
	if err != nil {
		return fmt.Errorf("remove discord webhook of %s: %w", user, err)
	}
	return nil
}

// TestDiscord posts a test message to the user's webhook, now. A webhook that is
// known to be dead is not called: saving it again is what revives it. Errors:
// not_found, invalid_state for a dead one, conflict with Discord's refusal.
func (p *Post) TestDiscord(ctx context.Context, user uuid.UUID) error {
	if p.discord == nil {
		return errDiscordOff()
	}
	w, err := p.DiscordOf(ctx, user)
	if err != nil {
		return err
	}
	if w.DisabledAt != nil {
		return fault.Conflict("invalid_state", "This webhook no longer works. Save it again first.")
	}
	t, err := p.destination(ctx, w.ID)
	if err != nil {
		return fmt.Errorf("test discord webhook of %s: %w", user, err)
	}
	_, err = p.discord.client.Execute(ctx, webhookOf(t), discord.Message{Embeds: []*discordgo.MessageEmbed{{
		Title: "Alertsify is connected", Description: "Your alerts will appear in this channel.", Color: 0x0099ff,
	}}})
	if err != nil {
		return fault.Conflict("discord_refused", "Discord did not take the test message.").Because(err)
	}
	return nil
}
