package delivery

import (
	"context"
	"errors"

	"github.com/bwmarrin/discordgo"

	"github.com/alertsify/alertsify/internal/discord"
)

// Discord brings alerts to channels by their webhooks.
type Discord struct{ client *discord.Client }

// NewDiscord sends with the given client, which keeps one request per webhook in
// flight and knows the rate limits.
func NewDiscord(c *discord.Client) *Discord { return &Discord{client: c} }

// Send posts a new message, or replaces all embeds of one.
func (c *Discord) Send(ctx context.Context, m Message) Result {
	var embeds []*discordgo.MessageEmbed
	for _, w := range m.Words {
		embeds = append(embeds, w.Embed)
	}
	hook := webhookOf(m.Destination)
	post := discord.Message{Embeds: embeds}
	var r Result
	if m.Op == Update {
		_, err := c.client.Edit(ctx, hook, m.MessageID, post)
		r = discordResult(discord.Sent{MessageID: m.MessageID}, err)
	} else {
		r = discordResult(c.client.Execute(ctx, hook, post))
	}
	if r.Outcome == Accepted {
		// The bucket may be empty now. Other processes did not see this answer: they
		// learn it from the destination, before they may claim for it.
		r.After = c.client.Closed(hook)
	}
	return r
}

func webhookOf(t Destination) discord.Webhook {
	return discord.Webhook{ID: t.Settings.WebhookID, Token: t.Secret, ThreadID: t.Settings.ThreadID}
}

func discordResult(sent discord.Sent, err error) Result {
	if err == nil {
		return Result{Outcome: Accepted, MessageID: sent.MessageID}
	}
	var e *discord.Error
	if !errors.As(err, &e) {
		return Result{Outcome: Unknown, Detail: err.Error()}
	}
	return Result{
		Outcome: discordOutcome(e.Outcome), After: e.RetryAfter, Limited: e.Limited, Everyone: e.Global, Alone: e.Alone,
		PossibleDuplicate: e.PossibleDuplicate, Detail: e.Error(),
	}
}

func discordOutcome(o discord.Outcome) Outcome {
	switch o {
	case discord.Retry:
		return Retry
	case discord.Rejected:
		return Rejected
	case discord.Gone:
		return Gone
	case discord.MessageGone:
		return MessageGone
	case discord.Misconfigured:
		return Misconfigured
	default:
		return Unknown
	}
}
