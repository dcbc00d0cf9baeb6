package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/telegram"
	"github.com/alertsify/alertsify/internal/webhook"
	"github.com/alertsify/alertsify/internal/whop"
)

// A trial of our own doors: through the public address, as a provider comes, so that it also
// tries the name, the proxy and the certificate before them.
const (
	trialTime = 8 * time.Second // of one request
	trialWork = 5 * time.Second // until its worker has had it
	trialPoll = 50 * time.Millisecond
)

// door is the way in of one provider's events, and how that provider signs.
type door struct {
	provider, path string
	stored         func(id string) string // how the inbox names an event
	body           func(id string, at time.Time) map[string]any
	sign           func(id string, at time.Time, body []byte, h http.Header, wrong bool) error
}

// doors are those whose secret is set.
func (a *App) doors() (list []door, err error) {
	same := func(id string) string { return id }
	if a.broker != nil {
		list = append(list, door{hooks.Provider, "/api/webhooks/snaptrade", same,
			func(id string, at time.Time) map[string]any {
				return map[string]any{"webhookId": id, "eventType": inbox.TrialType, "eventTimestamp": at.UTC().Format(time.RFC3339), "clientId": a.cfg.SnapTradeClientID}
			},
			func(_ string, _ time.Time, body []byte, h http.Header, wrong bool) error {
				if wrong {
					body = []byte(`{}`) // another event's signature
				}
				signature, err := a.broker.SignWebhook(body)
				h.Set("Signature", signature)
				return err
			}})
	}
	if keys := whop.Keys(a.cfg.WhopWebhookSecrets); len(keys) > 0 {
		list = append(list, door{hooks.WhopProvider, "/api/webhooks/whop", same, typedBody, standard(keys[0], "Webhook-")})
	}
	resend, err := webhook.ParseSecrets(a.cfg.ResendWebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("RESEND_WEBHOOK_SECRET %w", err)
	}
	if len(resend) > 0 {
		list = append(list, door{hooks.ResendProvider, "/api/webhooks/resend", same, typedBody, standard(resend[0], "Svix-")})
	}
	if !a.cfg.TelegramSecret.IsZero() {
		bot := telegram.BotID(a.cfg.TelegramToken)
		list = append(list, door{hooks.TelegramProvider, "/api/webhooks/telegram", func(id string) string { return bot + ":" + updateOf(id) },
			func(id string, _ time.Time) map[string]any {
				return map[string]any{"update_id": json.Number(updateOf(id)), "alertsify_test": true}
			},
			func(_ string, _ time.Time, _ []byte, h http.Header, wrong bool) error {
				h.Set(telegram.SecretHeader, a.cfg.TelegramSecret.Reveal())
				if wrong { // nothing of the secret: it is no signature that could be of something else
					h.Set(telegram.SecretHeader, rand.Text())
				}
				return nil
			}})
	}
	return list, nil
}

// typedBody is an event of those who name its type.
func typedBody(_ string, at time.Time) map[string]any {
	return map[string]any{"type": inbox.TrialType, "created_at": at.UTC().Format(time.RFC3339), "data": map[string]any{}}
}

// standard signs as the Standard Webhooks specification says.
func standard(key webhook.Key, prefix string) func(string, time.Time, []byte, http.Header, bool) error {
	return func(id string, at time.Time, body []byte, h http.Header, wrong bool) error {
		h.Set(prefix+"Id", id)
		h.Set(prefix+"Timestamp", strconv.FormatInt(at.Unix(), 10))
		h.Set(prefix+"Signature", key.Sign(id, at, spoiled(body, wrong)))
		return nil
	}
}

// spoiled is what a wrong signature is made of.
func spoiled(b []byte, wrong bool) []byte {
	if !wrong {
		return b
	}
	return append(bytes.Clone(b), ' ', '1')
}

// updateOf is a number as Telegram's updates have one, which none of theirs has: they count
// upwards from some millions.
func updateOf(id string) string {
	u, _ := uuid.Parse(strings.TrimPrefix(id, trialPrefix))
	n := int64(1) << 62
	for i, b := range u[:7] {
		n += int64(b) << (8 * i)
	}
	return strconv.FormatInt(n, 10)
}

const trialPrefix = "alertsify-test-"

// TryDoors sends each of our webhook endpoints an event that is signed wrongly and one that is
// signed as its provider signs, through the public address, and says what became of them.
func (a *App) TryDoors(ctx context.Context) ([]inbox.Trial, error) {
	list, err := a.doors()
	if err != nil {
		return nil, err
	}
	trials := make([]inbox.Trial, len(list))
	var all sync.WaitGroup
	for i, d := range list {
		all.Go(func() { trials[i] = a.try(ctx, d) })
	}
	all.Wait()
	return trials, nil
}

// try tries one door. What goes wrong is a sentence for operators.
func (a *App) try(ctx context.Context, d door) inbox.Trial {
	t := inbox.Trial{Provider: d.provider, Path: d.path}
	fail := func(format string, args ...any) inbox.Trial {
		t.Problem = fmt.Sprintf(format, args...)
		return t
	}
	forged := trialPrefix + uuid.NewString()
	status, _, err := a.knock(ctx, d, forged, true)
	if err != nil {
		return fail("APP_URL does not lead here: %v", err)
	}
	_, there, err := a.inbox.Find(ctx, d.provider, d.stored(forged))
	switch {
	case err != nil:
		return fail("the inbox could not be read: %v", err)
	case there:
		return fail("what was wrongly signed was stored, and answered %d", status)
	case status != http.StatusUnauthorized:
		return fail("what was wrongly signed was answered %d instead of 401", status)
	}
	t.Refused = true
	id := trialPrefix + uuid.NewString()
	if status, t.Took, err = a.knock(ctx, d, id, false); err != nil {
		return fail("it was not answered: %v", err)
	}
	if status != http.StatusOK {
		return fail("what was rightly signed was answered %d instead of 200", status)
	}
	e, there, err := a.awaitTrial(ctx, d, id)
	if err != nil {
		return fail("the inbox could not be read: %v", err)
	}
	if !there {
		return fail("it was answered 200 and is not in the inbox: APP_URL leads to another installation")
	}
	if t.Arrived = e.Type == inbox.TrialType; !t.Arrived {
		return fail("it is in the inbox as %q", e.Type)
	}
	if t.Worked = e.State == "done"; !t.Worked {
		return fail("it arrived, and no instance works what comes in")
	}
	return t
}

// knock sends one event and gives the status of the answer.
func (a *App) knock(ctx context.Context, d door, id string, wrong bool) (status int, took time.Duration, err error) {
	now := time.Now()
	body, err := json.Marshal(d.body(id, now))
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(a.cfg.AppURL, "/")+d.path, bytes.NewReader(body))
	if err != nil {
		return 0, 0, errors.New("it is no address")
	}
	r.Header.Set("Content-Type", "application/json")
	if err := d.sign(id, now, body, r.Header, wrong); err != nil {
		return 0, 0, err
	}
	// Not the guarded client: the address is an operator's, and may be a private one.
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, 0, httpio.WithoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, httpio.AnswerMax))
	return resp.StatusCode, time.Since(now), nil
}

// awaitTrial waits until an event was worked, for a while. An inbox that cannot be read is an
// error at once, not one that has no such event.
func (a *App) awaitTrial(ctx context.Context, d door, id string) (e inbox.Entry, there bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, trialWork)
	defer cancel()
	read := false
	for {
		found, known, err := a.inbox.Find(ctx, d.provider, d.stored(id))
		read = read || err == nil
		if err == nil && known {
			e, there = found, true
		}
		if e.State == "done" || e.State == "parked" || err != nil && (ctx.Err() == nil || !read) {
			return e, there, err
		}
		select {
		case <-ctx.Done():
			return e, there, nil
		case <-time.After(trialPoll):
		}
	}
}
