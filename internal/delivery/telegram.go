package delivery

import (
	"context"
	"errors"
	"strconv"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/telegram"
)

// Telegram brings notifications to people's chats with our bot.
type Telegram struct {
	client   *telegram.Client
	settings string       // address of the page where chats are connected
	allow    httpio.Allow // bounds how often a chat that we do not know is answered
}

// NewTelegram sends with the given client. appURL is where our pages are.
func NewTelegram(c *telegram.Client, appURL string, allow httpio.Allow) *Telegram {
	return &Telegram{client: c, settings: appURL + SettingsPath, allow: allow}
}

// Send writes a new message, or replaces the words of one. Telegram has no key against
// repeats: one whose answer was lost is sent once more, and marked.
func (c *Telegram) Send(ctx context.Context, m Message) Result {
	chat, err := chatNumber(m.Destination.Secret)
	if err != nil {
		return Result{Outcome: Rejected, Detail: err.Error()}
	}
	words := *m.Words[0].Chat
	if m.Op == Update {
		id, err := strconv.ParseInt(m.MessageID, 10, 64)
		if err != nil {
			return Result{Outcome: MessageGone, Detail: "the stored message id is none of Telegram's"}
		}
		return telegramResult(m.MessageID, c.client.Edit(ctx, chat, id, words))
	}
	id, err := c.client.Send(ctx, chat, words)
	return telegramResult(strconv.FormatInt(id, 10), err)
}

func telegramResult(id string, err error) Result {
	if err == nil {
		return Result{Outcome: Accepted, MessageID: id}
	}
	var e *telegram.Error
	if !errors.As(err, &e) {
		return Result{Outcome: Unknown, Detail: err.Error()}
	}
	// The rate and the token are the whole bot's: all wait together.
	r := Result{
		After: e.RetryAfter, Limited: e.Limited, Everyone: e.Limited, PossibleDuplicate: e.PossibleDuplicate, Detail: e.Error(),
	}
	switch e.Outcome {
	case telegram.Retry:
		r.Outcome = Retry
	case telegram.Gone:
		r.Outcome = Gone
	case telegram.MessageGone:
		r.Outcome = MessageGone
	case telegram.Rejected:
		r.Outcome = Rejected
	case telegram.Misconfigured:
		r.Outcome, r.Everyone = Misconfigured, true
	default:
		r.Outcome = Unknown
	}
	return r
}

// A chat's number is sealed, and found by its hash: it leads to a person.
func chatText(chat int64) secret.Text { return secret.New(strconv.FormatInt(chat, 10)) }

func chatHash(chat int64) string { return endpointHash("telegram:" + strconv.FormatInt(chat, 10)) }

func chatNumber(t secret.Text) (int64, error) {
	n, err := strconv.ParseInt(t.Reveal(), 10, 64)
	if err != nil {
		return 0, errors.New("the stored chat is unreadable")
	}
	return n, nil
}
