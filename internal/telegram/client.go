// Package telegram lets a bot write to people through Telegram, and reads what they
// tell it.
//
// It is a client of our own. The known module, go-telegram/bot v1.19, answers 200 to a
// webhook with the wrong secret, loses updates when its queue is full, hides how long a
// 429 lasts from errors.Is, gives a message together with an error, and quotes whole
// answers in its own. What we call are five methods in JSON; what a failure means for
// the message and for the chat, which is the work, the module leaves to us anyway.
package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

const (
	// DefaultBaseURL is Telegram itself.
	DefaultBaseURL = "https://api.telegram.org"

	// PerSecond is how many messages the bot sends in all chats together. Telegram says
	// "about 30" and nothing more exact.
	PerSecond = 25

	patience    = 2 * time.Second // for a place within the rate; then the caller waits
	defaultWait = 5 * time.Second // for a 429 that does not say
	longestWait = time.Hour
)

// Options configure a Client.
type Options struct {
	BaseURL string       // default DefaultBaseURL; operator configuration, never a user's
	Token   secret.Text  // "123456:ABC…"; it stands in the address of every call
	HTTP    *http.Client // from httpio.NewEgress
	Logger  *slog.Logger

	// Take asks for a place among PerSecond, which all processes share; it answers how
	// long to wait, 0 for go. Nil: nobody counts.
	Take func(ctx context.Context) time.Duration
}

// Client calls Telegram as one bot. Every error of its calls is an *Error.
type Client struct {
	base  string
	token secret.Text
	http  *http.Client
	log   *slog.Logger
	take  func(ctx context.Context) time.Duration

	mu   sync.Mutex
	name string // the bot's, once asked
}

// New returns a client. It makes no call.
func New(o Options) *Client {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	if o.Take == nil {
		o.Take = func(context.Context) time.Duration { return 0 }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Client{base: strings.TrimRight(o.BaseURL, "/"), token: o.Token, http: o.HTTP, log: o.Logger, take: o.Take}
}

// BotID is the number before the colon of a bot's token, which is no secret; empty for
// what is no token.
func BotID(token secret.Text) string {
	id, rest, found := strings.Cut(token.Reveal(), ":")
	if _, err := strconv.ParseInt(id, 10, 64); err != nil || !found || rest == "" {
		return ""
	}
	return id
}

// Send writes a message into a chat, once, and answers its id. What Telegram cannot
// parse is sent once more as plain text: an alert in plain text is better than none.
func (c *Client) Send(ctx context.Context, chat int64, m Message) (id int64, err error) {
	var made struct {
		ID int64 `json:"message_id"`
	}
	err = c.write(ctx, "sendMessage", map[string]any{"chat_id": chat, "disable_notification": m.Silent}, m, &made)
	if err != nil {
		return 0, err
	}
	if made.ID == 0 {
		return 0, &Error{Outcome: Unknown, Status: http.StatusOK, cause: errors.New("read answer: no message id")}
	}
	return made.ID, nil
}

// Edit replaces what a message says. That it says so already is no error.
func (c *Client) Edit(ctx context.Context, chat, message int64, m Message) error {
	return c.write(ctx, "editMessageText", map[string]any{"chat_id": chat, "message_id": message}, m, nil)
}

// write makes the call that Send and Edit have in common.
func (c *Client) write(ctx context.Context, method string, call map[string]any, m Message, into any) error {
	if err := c.waitForPlace(ctx); err != nil {
		return err
	}
	call["link_preview_options"] = map[string]bool{"is_disabled": true}
	if len(m.Buttons) > 0 {
		call["reply_markup"] = map[string]any{"inline_keyboard": m.Buttons}
	}
	call["text"], call["parse_mode"] = m.HTML(), "HTML"
	err := c.call(ctx, method, call, into)
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.unparsed:
		c.log.ErrorContext(ctx, "telegram cannot parse a message of ours", "method", method, "says", e.Message)
		call["text"] = m.Plain()
		delete(call, "parse_mode")
		return c.call(ctx, method, call, into)
	case e.unmodified:
		return nil
	}
	return err
}

// Name is the bot's username, as links to it have it. It is asked once.
func (c *Client) Name(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.name != "" {
		return c.name, nil
	}
	var me struct {
		Username string `json:"username"`
	}
	if err := c.call(ctx, "getMe", map[string]any{}, &me); err != nil {
		return "", err
	}
	if !isName(me.Username) {
		return "", &Error{Outcome: Misconfigured, Status: http.StatusOK, Message: "the bot has no username"}
	}
	c.name = me.Username
	return c.name, nil
}

// isName holds a name against what Telegram allows, because it becomes part of a link.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && only(s, "")
}

// only tells whether a text has nothing but letters and digits of ASCII, "_", and more.
func only(s, more string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(allowed+more, r) })
}

// SetWebhook tells Telegram where updates go, and by which word we know that they are
// its own. Saying it again changes nothing.
func (c *Client) SetWebhook(ctx context.Context, url string, word secret.Text) error {
	return c.call(ctx, "setWebhook", map[string]any{
		"url": url, "secret_token": word.Reveal(), "allowed_updates": updatesWanted(), "max_connections": 40,
	}, nil)
}

// WebhookURL is where Telegram sends updates now; empty: nowhere.
func (c *Client) WebhookURL(ctx context.Context) (string, error) {
	var info struct {
		URL string `json:"url"`
	}
	err := c.call(ctx, "getWebhookInfo", map[string]any{}, &info)
	return info.URL, err
}

// answer is every answer of Telegram's. A proxy before it answers with HTML.
type answer struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Code        int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int `json:"retry_after"` // whole seconds
	} `json:"parameters"`
}

// call makes one request and never repeats it: when to try again is the caller's
// decision.
func (c *Client) call(ctx context.Context, method string, in map[string]any, into any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return &Error{Outcome: Rejected, cause: fmt.Errorf("encode %s: %w", method, err)}
	}
	ctx, written := httpio.WatchWritten(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/bot"+c.token.Reveal()+"/"+method, bytes.NewReader(body))
	if err != nil {
		return &Error{Outcome: Misconfigured, cause: errors.New("build request")} // the cause would repeat the address
	}
	req.GetBody = nil // the transport must not repeat it by itself
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return noAnswer(written, err)
	}
	defer resp.Body.Close()
	got, readErr := httpio.ReadBounded(resp.Body, httpio.AnswerMax)
	var a answer
	readErr = errors.Join(readErr, json.Unmarshal(got, &a))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.refusal(resp.StatusCode, a)
	}
	return accepted(resp.StatusCode, a, readErr, into)
}

// accepted reads the result. If the answer breaks off the call was carried out, but we do
// not know with which result.
func accepted(status int, a answer, readErr error, into any) error {
	if readErr == nil && !a.OK {
		readErr = errors.New("neither a result nor a refusal")
	}
	if readErr == nil && into != nil {
		readErr = json.Unmarshal(a.Result, into)
	}
	if readErr != nil {
		return &Error{Outcome: Unknown, Status: status, cause: errors.New("the answer cannot be read")} // the cause may quote it
	}
	return nil
}

func noAnswer(written *httpio.Written, err error) *Error {
	outcome := Retry
	if written.Any() {
		outcome = Unknown
	}
	return &Error{Outcome: outcome, cause: httpio.WithoutURL(err)}
}

// waitForPlace waits a moment for a place within the rate; a longer wait is the
// caller's, who has more to do.
func (c *Client) waitForPlace(ctx context.Context) error {
	wait := c.take(ctx)
	for left := patience; wait > 0; wait = c.take(ctx) {
		if wait > left {
			return &Error{Outcome: Retry, RetryAfter: wait, Limited: true, Message: "our own rate is reached"}
		}
		select {
		case <-ctx.Done():
			return &Error{Outcome: Retry, cause: fmt.Errorf("wait for a place: %w", ctx.Err())}
		case <-time.After(wait):
		}
		left -= wait
	}
	return nil
}
