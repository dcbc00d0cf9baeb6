package webpush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	wp "github.com/SherClockHolmes/webpush-go"

	"github.com/alertsify/alertsify/internal/httpio"
)

const (
	// recordSize is what every message is padded to, in bytes. The library's own
	// 4096 is more than Firefox on Android takes.
	recordSize      = 2048
	shortRecordSize = 1024

	// recordOverhead is header, delimiter and tag around the message.
	recordOverhead = 103

	// PayloadMax is the longest message, in bytes.
	PayloadMax = recordSize - recordOverhead
	// ShortPayloadMax is the longest message that fits the short record, in bytes.
	ShortPayloadMax = shortRecordSize - recordOverhead

	answerMax = 4 << 10
	ttlMax    = 28 * 24 * time.Hour // what the services cap it to
)

// Urgency tells a sleeping device whether to wake up.
type Urgency string

// The urgencies of RFC 8030 that we use.
const (
	Low    Urgency = "low"
	Normal Urgency = "normal"
	High   Urgency = "high"
)

// Options say how long and how urgently one message matters.
type Options struct {
	TTL     time.Duration // how long the service keeps it for a device that is off; at least a second
	Urgency Urgency       // empty means Normal
	Topic   string        // a waiting message with the same topic is replaced; letters and digits, at most 32
	Short   bool          // pad to less: the second try after TooLarge
}

// ClientOptions configure a Client.
type ClientOptions struct {
	Subject    string // whom a push service may write to: an e-mail address, with or without mailto:, or an https URL
	Keys       Keys   // the pair new subscriptions are made with
	OldKeys    []Keys // earlier pairs, for subscriptions made with them
	ExtraHosts []string
	HTTP       *http.Client // from httpio.NewEgress
	Now        func() time.Time
}

// Client sends push messages. Every error of Send is an *Error.
type Client struct {
	subject    string
	current    Keys
	byID       map[string]Keys
	extraHosts []string
	http       *http.Client
	now        func() time.Time
}

// New checks the subject; a wrong one would be refused by Apple at every send.
func New(o ClientOptions) (*Client, error) {
	subject, err := parseSubject(o.Subject)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{
		subject: subject, current: o.Keys, byID: map[string]Keys{"": o.Keys},
		extraHosts: o.ExtraHosts, http: o.HTTP, now: o.Now,
	}
	for _, k := range append([]Keys{o.Keys}, o.OldKeys...) {
		c.byID[k.ID()] = k
	}
	return c, nil
}

var mailAddress = regexp.MustCompile(`^[^\s<>@:]+@[^\s<>@:]+\.[^\s<>@:]+$`)

// parseSubject returns it as the library wants it: the library puts mailto: in
// front by itself, and Apple refuses it twice.
func parseSubject(subject string) (string, error) {
	if strings.HasPrefix(subject, "https://") && !strings.ContainsAny(subject, " <>") {
		return subject, nil
	}
	address := strings.TrimPrefix(subject, "mailto:")
	if !mailAddress.MatchString(address) {
		return "", errors.New("VAPID subject: expected mailto:someone@example.com or an https URL")
	}
	return address, nil
}

// Keys is the pair new subscriptions are made with.
func (c *Client) Keys() Keys { return c.current }

// Send encrypts one message for one browser and hands it to its push service,
// once. A nil error means accepted; it says nothing about being shown.
func (c *Client) Send(ctx context.Context, s Subscription, payload []byte, o Options) error {
	keys, err := c.check(s, payload, o)
	if err != nil {
		return err
	}
	ctx, written := httpio.WatchWritten(ctx)
	resp, err := wp.SendNotificationWithContext(ctx, payload,
		&wp.Subscription{Endpoint: s.Endpoint, Keys: wp.Keys{Auth: s.Auth, P256dh: s.P256dh}},
		c.wire(keys, o))
	if err != nil {
		return c.noAnswer(written, err)
	}
	defer resp.Body.Close()
	// What cannot be read of the body is of no interest: the status decides.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	return c.understand(s, resp, body)
}

// check finds everything the library or the service would only notice later.
func (c *Client) check(s Subscription, payload []byte, o Options) (Keys, error) {
	if err := AllowedEndpoint(s.Endpoint, c.extraHosts); err != nil {
		return Keys{}, &Error{Outcome: Rejected, cause: err}
	}
	keys, held := c.byID[s.KeyID]
	if !held {
		return Keys{}, &Error{Outcome: Gone, Message: "made with a VAPID key we no longer hold"}
	}
	if limit := payloadLimit(o.Short); len(payload) > limit {
		return Keys{}, &Error{Outcome: TooLarge, Message: fmt.Sprintf("%d bytes, at most %d", len(payload), limit)}
	}
	if o.TTL < time.Second {
		return Keys{}, &Error{Outcome: Rejected, Message: "less than a second to live"}
	}
	if !topicShape.MatchString(o.Topic) {
		return Keys{}, &Error{Outcome: Rejected, Message: "topic is not up to 32 letters and digits"}
	}
	return keys, nil
}

var topicShape = regexp.MustCompile(`^[A-Za-z0-9]{0,32}$`)

func payloadLimit(short bool) int {
	if short {
		return ShortPayloadMax
	}
	return PayloadMax
}

func (c *Client) wire(k Keys, o Options) *wp.Options {
	if o.Urgency == "" {
		o.Urgency = Normal
	}
	size := uint32(recordSize)
	if o.Short {
		size = shortRecordSize
	}
	return &wp.Options{
		HTTPClient:      c.http,
		RecordSize:      size,
		Subscriber:      c.subject,
		Topic:           o.Topic,
		TTL:             int(min(o.TTL, ttlMax) / time.Second),
		Urgency:         wp.Urgency(o.Urgency),
		VAPIDPublicKey:  k.public,
		VAPIDPrivateKey: k.private.Reveal(),
	}
}

// noAnswer covers the library's own errors too; with a validated subscription
// those cannot happen, and if they do, the same message would fail again.
func (c *Client) noAnswer(written *httpio.Written, err error) *Error {
	outcome := Rejected
	switch {
	case written.Any():
		outcome = Unknown
	case isNetwork(err):
		outcome = Retry
	}
	return &Error{Outcome: outcome, cause: httpio.WithoutURL(err)}
}

// longestWait bounds what a push service may ask of us: all its browsers wait with it.
const longestWait = time.Hour

// retryAfter reads seconds or an HTTP date, at most an hour; 0 when there is neither.
func (c *Client) retryAfter(h http.Header) time.Duration {
	told := h.Get("Retry-After")
	if s, err := strconv.Atoi(told); err == nil && s > 0 {
		return time.Duration(min(s, int(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(told); err == nil {
		return min(max(0, at.Sub(c.now())), longestWait)
	}
	return 0
}
