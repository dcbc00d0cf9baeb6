// Package delivery brings a message to its destination, in order, and remembers how that went.
package delivery

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/getstream"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/telegram"
	"github.com/alertsify/alertsify/internal/webpush"
)

// The channels of the destinations table.
const (
	ChannelDiscord  = "discord"
	ChannelPush     = "push"
	ChannelFeed     = "feed"
	ChannelEmail    = "email"
	ChannelTelegram = "telegram"
	ChannelWebhook  = "webhook"
)

// Channel is a road out of the house. Send makes one attempt and never repeats
// it; what a failure means is told by the Result.
type Channel interface {
	Send(ctx context.Context, m Message) Result
}

// Op says whether a message is new or replaces what was said before.
type Op string

// The two operations.
const (
	Create Op = "create"
	Update Op = "update"
)

// Message is one delivery at the moment of its sending, or several that share it.
type Message struct {
	ID          uuid.UUID   // of the first delivery in it
	IDs         []uuid.UUID // of all of them
	Op          Op
	Destination Destination
	MessageID   string    // updates: what to change
	ValidUntil  time.Time // what arrives later is worth nothing
	Words       []Words   // Discord: one for each embed, in the order of their slots; elsewhere exactly one
}

// Destination is where a message goes, with its secret opened.
type Destination struct {
	ID       uuid.UUID
	UserID   *uuid.UUID // null: the platform's
	Channel  string
	Address  string
	Settings Settings
	Secret   secret.Text
	Failures int // in a row
}

// Settings are what may be known about a destination.
type Settings struct {
	Host      string `json:"host,omitempty"`      // push: the browser's push service; webhook: the receiver's host
	KeyID     string `json:"keyId,omitempty"`     // push: the VAPID key it was made with
	Label     string `json:"label,omitempty"`     // what its owner recognises: browser, the webhook's name, the chat's
	WebhookID string `json:"webhookId,omitempty"` // discord
	ThreadID  string `json:"threadId,omitempty"`  // discord
	ChannelID string `json:"channelId,omitempty"` // discord: where the webhook posts
}

// Words are a message in the form of its channel; the others are nil.
type Words struct {
	Embed    *discordgo.MessageEmbed
	Push     *Push
	Activity *getstream.Activity
	Mail     *Mail
	Chat     *telegram.Message
	Event    *Event
}

// Push is a message for a browser.
type Push struct {
	Payload []byte // JSON of the push contract
	Short   []byte // the same with title and address only, for services that find the first too large
	Urgency webpush.Urgency
	Topic   string // letters and digits, at most 32: a waiting message with the same topic is replaced
}

// Subject is what a message is about, as the database knows it when it is sent.
type Subject struct {
	Channel string
	Alert   bool            // an alert, else a notification
	Row     json.RawMessage // of the alerts or the notifications table
	Late    time.Duration   // from the execution, or from when we learnt of it, to the first sending
}

// Compose turns a subject into words. It must be pure: the same subject gives
// the same words, so that repeats and edits agree.
type Compose func(Subject) (Words, error)

// Gather makes one text of several subjects of a channel that does not show them side
// by side, under a limit. It must be pure too.
type Gather func([]Subject) (Words, error)

// Lost tells the owner of a destination, in the caller's transaction, that
// nothing more will reach it until they act. UserID is null for the platform's.
type Lost struct {
	DestinationID uuid.UUID
	UserID        *uuid.UUID
	Channel       string
	Label         string
	Reason        string
	Paused        bool // it is only paused: a setting has to be mended
}

// Options are what a Post is made of. A channel that is nil is off.
type Options struct {
	DB      *postgres.DB
	Ring    *secret.Ring
	Compose Compose
	Gather  Gather
	Limits  map[string]Limit // of new messages to one destination, by channel; nil: DefaultLimits
	Process uuid.UUID        // on what this process claims; nil: an own one
	Tell    func(ctx context.Context, tx pgx.Tx, l Lost) error
	Manners Manners

	// Unsubscribe switches mail of some categories off, as a link in a mail asks for it, in
	// the caller's transaction. Needed with Email.
	Unsubscribe func(ctx context.Context, tx pgx.Tx, user uuid.UUID, categories []string) error

	Discord  *Discord
	Push     *WebPush
	Feed     *Feed
	Email    *Email
	Telegram *Telegram
	Hooks    *Hooks

	Breaker *httpio.Breaker // default: opens after 20 failures in a row within 30 s, for 10 s
	Now     func() time.Time
	Jitter  func(time.Duration) time.Duration // spreads a back-off; default up to a quarter more
	Poll    time.Duration                     // how often the lanes are looked at without being rung; default 1 s
	Observe func(channel, outcome string, took time.Duration)
	// ObserveHop hears how long each hop of a message took that was accepted.
	ObserveHop func(channel string, hop Hop, took time.Duration)
	// ObserveMail hears of each event of Resend's what it came to: a state of its mail,
	// stale, or ignored.
	ObserveMail func(event string)
	Logger      *slog.Logger
	Crash       func(point string) // development and tests: may end the process at a named point; nil does nothing
}

// Post works the deliveries table: every row becomes a message, or the reason
// why it did not.
type Post struct {
	db          *postgres.DB
	ring        *secret.Ring
	process     uuid.UUID // on what it claims
	compose     Compose
	gather      Gather
	tell        func(ctx context.Context, tx pgx.Tx, l Lost) error
	manners     Manners
	unsubscribe func(ctx context.Context, tx pgx.Tx, user uuid.UUID, categories []string) error
	discord     *Discord
	push        *WebPush
	feed        *Feed
	email       *Email
	telegram    *Telegram
	hooks       *Hooks
	counters    []*counter
	breaker     *httpio.Breaker
	now         func() time.Time
	jitter      func(time.Duration) time.Duration
	poll        time.Duration
	observe     func(channel, outcome string, took time.Duration)
	observeHop  func(channel string, hop Hop, took time.Duration)
	observeMail func(event string)
	log         *slog.Logger
	crash       func(point string)
}

// New returns a Post. Run makes it work.
func New(o Options) *Post {
	o = withDefaults(o)
	p := &Post{
		db: o.DB, ring: o.Ring, process: o.Process, compose: o.Compose, gather: o.Gather, tell: o.Tell, manners: o.Manners, unsubscribe: o.Unsubscribe, discord: o.Discord, push: o.Push, feed: o.Feed,
		email: o.Email, telegram: o.Telegram, hooks: o.Hooks,
		breaker: o.Breaker, now: o.Now, jitter: o.Jitter, poll: o.Poll, observe: o.Observe, observeHop: o.ObserveHop, observeMail: o.ObserveMail, log: o.Logger, crash: o.Crash,
	}
	if o.Discord != nil {
		p.counters = append(p.counters, newCounter(ChannelDiscord, o.Discord, o.Limits[ChannelDiscord], discordWorkers, 1))
	}
	if o.Push != nil {
		p.counters = append(p.counters, newCounter(ChannelPush, o.Push, o.Limits[ChannelPush], pushWorkers, 1))
	}
	if o.Feed != nil {
		p.counters = append(p.counters, newCounter(ChannelFeed, o.Feed, o.Limits[ChannelFeed], feedWorkers, feedEach))
	}
	if o.Email != nil {
		p.counters = append(p.counters, newCounter(ChannelEmail, o.Email, o.Limits[ChannelEmail], emailWorkers, 1))
	}
	if o.Telegram != nil {
		p.counters = append(p.counters, newCounter(ChannelTelegram, o.Telegram, o.Limits[ChannelTelegram], telegramWorkers, 1))
	}
	if o.Hooks != nil {
		p.counters = append(p.counters, newCounter(ChannelWebhook, o.Hooks, o.Limits[ChannelWebhook], hookWorkers, 1))
	}
	return p
}

func withDefaults(o Options) Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Breaker == nil {
		o.Breaker = httpio.NewBreaker(httpio.BreakerOptions{
			Failures: 20, Window: 30 * time.Second, Pause: 10 * time.Second, InARow: true, Now: o.Now,
		})
	}
	if o.Jitter == nil {
		o.Jitter = func(d time.Duration) time.Duration { return d + rand.N(d/4+1) }
	}
	if o.Process == uuid.Nil {
		o.Process = uuid.New()
	}
	if o.Limits == nil {
		o.Limits = DefaultLimits()
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Manners.Today == nil {
		o.Manners.Today = func() exchange.Date { return exchange.TradingDay(o.Now()) }
	}
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	return o
}
