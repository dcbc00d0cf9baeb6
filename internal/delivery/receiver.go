package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
)

// rotateFor is how long the secret before signs along, so that a receiver can change at
// its own time.
const rotateFor = 24 * time.Hour

// Receiver is a user's own webhook, without its secret and the rest of its address.
type Receiver struct {
	ID             uuid.UUID  `json:"id"`
	Host           string     `json:"host"`
	CreatedAt      time.Time  `json:"createdAt"`
	LastSuccessAt  *time.Time `json:"lastSuccessAt"`
	DisabledAt     *time.Time `json:"disabledAt"`
	DisabledReason *string    `json:"disabledReason"`
}

// NewReceiver is a webhook whose secret is shown, this once.
type NewReceiver struct {
	Receiver

	Secret *string `json:"secret"` // null: it is the one shown before
}

// ReceiverOf is a user's own webhook; not_found when there is none.
func (p *Post) ReceiverOf(ctx context.Context, user uuid.UUID) (Receiver, error) {
	var r Receiver
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select id, settings ->> 'host', created_at, last_success_at, disabled_at, disabled_reason
			from destinations where user_id = $1 and channel = 'webhook' and removed_at is null`, user).
			Scan(&r.ID, &r.Host, &r.CreatedAt, &r.LastSuccessAt, &r.DisabledAt, &r.DisabledReason)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return r, fault.NotFound()
	}
	if err != nil {
		return r, fmt.Errorf("read webhook of %s: %w", user, err)
	}
	r.CreatedAt = r.CreatedAt.UTC()
	for _, at := range []*time.Time{r.LastSuccessAt, r.DisabledAt} {
		if at != nil {
			*at = at.UTC()
		}
	}
	return r, nil
}

// SetReceiver makes an address the user's own webhook. A new one gets a new secret; the
// same one is used again, if it was not any more. Errors: validation_failed with a
// sentence for the field url.
func (p *Post) SetReceiver(ctx context.Context, user uuid.UUID, address string) (NewReceiver, error) {
	u, err := p.hooks.client.ParseURL(address)
	if err != nil {
		return NewReceiver{}, fault.Field("url", err.Error())
	}
	made, err := webhook.NewSecret()
	if err != nil {
		return NewReceiver{}, fmt.Errorf("make secret: %w", err)
	}
	var shown *string
	err = p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		shown, err = p.setReceiver(ctx, tx, user, u, made)
		return err
	})
	if err != nil {
		return NewReceiver{}, fmt.Errorf("set webhook of %s: %w", user, err)
	}
	r, err := p.ReceiverOf(ctx, user)
	return NewReceiver{Receiver: r, Secret: shown}, err
}

func (p *Post) setReceiver(ctx context.Context, tx pgx.Tx, user uuid.UUID, u *url.URL, made secret.Text) (shown *string, err error) {
	if err := lockReceiver(ctx, tx, user); err != nil {
		return nil, err
	}
	known, found, err := one(ctx, tx, `channel = 'webhook' and user_id = $1`, user)
	if err != nil {
		return nil, err
	}
	f := fresh{UserID: &user, Channel: ChannelWebhook, Address: endpointHash(u.String()), Settings: Settings{Host: u.Host, Label: u.Host}}
	if found && known.Address == f.Address {
		s, err := p.openReceiver(known)
		if err != nil {
			return nil, err
		}
		if f.Secret, err = s.text(); err != nil {
			return nil, err
		}
		return nil, p.renew(ctx, tx, known.ID, f)
	}
	if found {
		if err := p.remove(ctx, tx, known.ID); err != nil {
			return nil, err
		}
	}
	if f.Secret, err = (sealedHook{URL: u.String(), Secret: made.Reveal()}).text(); err != nil {
		return nil, err
	}
	_, err = p.insert(ctx, tx, f)
	text := made.Reveal()
	return &text, err
}

func lockReceiver(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	return postgres.Lock(ctx, tx, "webhook of "+user.String())
}

func (p *Post) openReceiver(known stored) (sealedHook, error) {
	if known.Secret == nil {
		return sealedHook{}, errors.New("the webhook has no secret")
	}
	text, err := p.open(known.ID, *known.Secret)
	if err != nil {
		return sealedHook{}, err
	}
	var s sealedHook
	return s, json.Unmarshal([]byte(text.Reveal()), &s)
}

// RotateReceiver gives the user's webhook a new secret. The one before signs along for a
// day; one before that ends. Errors: not_found.
func (p *Post) RotateReceiver(ctx context.Context, user uuid.UUID) (NewReceiver, error) {
	made, err := webhook.NewSecret()
	if err != nil {
		return NewReceiver{}, fmt.Errorf("make secret: %w", err)
	}
	err = p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockReceiver(ctx, tx, user); err != nil {
			return err
		}
		known, found, err := one(ctx, tx, `channel = 'webhook' and user_id = $1`, user)
		if err != nil {
			return err
		}
		if !found {
			return fault.NotFound()
		}
		return p.rotateReceiver(ctx, tx, known, made)
	})
	if err != nil {
		return NewReceiver{}, fmt.Errorf("rotate secret of webhook of %s: %w", user, err)
	}
	r, err := p.ReceiverOf(ctx, user)
	text := made.Reveal()
	return NewReceiver{Receiver: r, Secret: &text}, err
}

func (p *Post) rotateReceiver(ctx context.Context, tx pgx.Tx, known stored, made secret.Text) error {
	s, err := p.openReceiver(known)
	if err != nil {
		return err
	}
	text, err := sealedHook{URL: s.URL, Secret: made.Reveal(), Before: s.Secret, Until: p.now().Add(rotateFor)}.text()
	if err != nil {
		return err
	}
	sealed, err := p.seal(known.ID, text)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update destinations set secret = $2, updated_at = $3 where id = $1`, known.ID, sealed, p.now())
	return err
}

// RemoveReceiver forgets a user's webhook; it succeeds when there is none.
func (p *Post) RemoveReceiver(ctx context.Context, user uuid.UUID) error {
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		known, found, err := one(ctx, tx, `channel = 'webhook' and user_id = $1`, user)
		if err != nil || !found {
			return err
		}
		return p.remove(ctx, tx, known.ID)
	})
	if err != nil {
		return fmt.Errorf("remove webhook of %s: %w", user, err)
	}
	return nil
}

// TestReceiver sends a test event to the user's webhook, now. Limit how often a user may
// call this. Errors: not_found, invalid_state for a dead one, webhook_refused.
func (p *Post) TestReceiver(ctx context.Context, user uuid.UUID) error {
	r, err := p.ReceiverOf(ctx, user)
	if err != nil {
		return err
	}
	if r.DisabledAt != nil {
		return fault.Conflict("invalid_state", "This webhook is not used any more. Save it again first.")
	}
	t, err := p.destination(ctx, r.ID)
	if err != nil {
		return fmt.Errorf("test webhook of %s: %w", user, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	answer := p.hooks.post(ctx, t, uuid.NewString(), envelope{"test", p.now().UTC(), json.RawMessage(`{"message":"Alertsify reaches you."}`)})
	if answer.Outcome != Accepted {
		return fault.Conflict("webhook_refused", "The receiver did not take the test event.").Because(errors.New(answer.Detail))
	}
	return nil
}
