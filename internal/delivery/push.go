package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webpush"
)

// WebPush brings notifications to browsers.
type WebPush struct {
	client     *webpush.Client
	extraHosts []string
	now        func() time.Time
	wave       *wave
}

// NewWebPush sends with the given client. extraHosts are those of the client.
func NewWebPush(c *webpush.Client, extraHosts []string, now func() time.Time) *WebPush {
	if now == nil {
		now = time.Now
	}
	return &WebPush{client: c, extraHosts: extraHosts, now: now, wave: newWave(now)}
}

// tooLittle is how much validity must be left to be worth a request.
const tooLittle = 2 * time.Second

// Send encrypts and hands over one message. A service that finds it too large
// gets the short form at once.
func (c *WebPush) Send(ctx context.Context, m Message) Result {
	s, err := subscriptionOf(m.Destination)
	if err != nil {
		return Result{Outcome: Rejected, Detail: err.Error()}
	}
	words := m.Words[0].Push
	o := webpush.Options{TTL: m.ValidUntil.Sub(c.now()), Urgency: words.Urgency, Topic: words.Topic}
	if o.TTL < tooLittle {
		return Result{Outcome: Retry, After: tooLittle, Detail: "expired"} // past its cut-off by then
	}
	err = c.client.Send(ctx, s, words.Payload, o)
	var e *webpush.Error
	if errors.As(err, &e) && e.Outcome == webpush.TooLarge {
		o.Short = true
		err = c.client.Send(ctx, s, words.Short, o)
	}
	r := pushResult(err)
	if c.wave.of(m.Destination.Settings.Host, r.Outcome == Gone) {
		// So many browsers do not vanish at once: their service errs, or we do.
		r.Outcome, r.Everyone, r.Detail = Misconfigured, true, "a wave of dead subscriptions: "+r.Detail
	}
	return r
}

func pushResult(err error) Result {
	if err == nil {
		return Result{Outcome: Accepted}
	}
	var e *webpush.Error
	if !errors.As(err, &e) {
		return Result{Outcome: Unknown, Detail: err.Error()}
	}
	r := Result{After: e.RetryAfter, Limited: e.Limited, Detail: e.Error()}
	switch e.Outcome {
	case webpush.Retry:
		r.Outcome = Retry
	case webpush.Unknown:
		r.Outcome = Unknown
	case webpush.Gone:
		r.Outcome = Gone
	case webpush.Misconfigured:
		r.Outcome, r.Everyone = Misconfigured, true
	default:
		r.Outcome = Rejected
	}
	return r
}

// sealedSubscription is what of a browser's subscription is secret.
type sealedSubscription struct {
	Endpoint string `json:"endpoint"`
	P256dh   string `json:"p256dh"`
	Auth     string `json:"auth"`
}

func (s sealedSubscription) text() (secret.Text, error) {
	b, err := json.Marshal(s)
	return secret.New(string(b)), err
}

func subscriptionOf(t Destination) (webpush.Subscription, error) {
	var s sealedSubscription
	if err := json.Unmarshal([]byte(t.Secret.Reveal()), &s); err != nil {
		return webpush.Subscription{}, errors.New("the stored subscription is unreadable")
	}
	return webpush.Subscription{Endpoint: s.Endpoint, P256dh: s.P256dh, Auth: s.Auth, KeyID: t.Settings.KeyID}, nil
}
