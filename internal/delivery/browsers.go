package delivery

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/webpush"
)

// browsersMax is how many browsers one user may have; the one unused for longest
// makes room.
const browsersMax = 20

// Browser is a browser that takes a user's notifications.
type Browser struct {
	ID            uuid.UUID  `json:"id"`
	Label         string     `json:"label"`
	Host          string     `json:"host"`
	CreatedAt     time.Time  `json:"createdAt"`
	LastSuccessAt *time.Time `json:"lastSuccessAt"`
	DisabledAt    *time.Time `json:"disabledAt"`
}

// PushKey is the VAPID key a page subscribes with; unavailable when push is off.
func (p *Post) PushKey() (string, error) {
	if p.push == nil {
		return "", errPushOff()
	}
	return p.push.client.Keys().Public(), nil
}

func errPushOff() error { return fault.Unavailable(errors.New("web push is not configured")) }

// AddPush stores a browser's subscription for a user; pages send it again at
// every start, so repeating it changes nothing. An endpoint belongs to one user
// in the whole system. When another one signs in on the same browser it moves,
// but only for who also knows the keys: knowing an endpoint is not enough to
// take it away. Errors: validation_failed, conflict (code subscription_taken),
// unavailable while push is off.
func (p *Post) AddPush(ctx context.Context, user uuid.UUID, s webpush.Subscription, label string) (uuid.UUID, error) {
	if p.push == nil {
		return uuid.Nil, errPushOff()
	}
	s, err := webpush.ValidateSubscription(s, p.push.extraHosts)
	if err != nil {
		return uuid.Nil, fault.Field("endpoint", err.Error()).Because(err)
	}
	s.KeyID = p.push.client.Keys().ID()
	var id uuid.UUID
	err = p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		id, err = p.addPush(ctx, tx, user, s, label)
		return err
	}, postgres.Across("whose browser it was before"))
	if postgres.IsUnique(err, "destinations_browser") { // two tabs of a new browser at once
		return uuid.Nil, fault.Conflict("subscription_taken", "This browser is being registered already.").Because(err)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("add browser of %s: %w", user, err)
	}
	return id, nil
}

func (p *Post) addPush(ctx context.Context, tx pgx.Tx, user uuid.UUID, s webpush.Subscription, label string) (uuid.UUID, error) {
	text, err := sealedSubscription{Endpoint: s.Endpoint, P256dh: s.P256dh, Auth: s.Auth}.text()
	if err != nil {
		return uuid.Nil, fmt.Errorf("write subscription: %w", err)
	}
	f := fresh{
		UserID: &user, Channel: ChannelPush, Address: endpointHash(s.Endpoint), Secret: text,
		Settings: Settings{Host: s.Host(), KeyID: s.KeyID, Label: label},
	}
	known, found, err := one(ctx, tx, `channel = 'push' and address = $1`, f.Address)
	if err != nil {
		return uuid.Nil, err
	}
	if found && *known.UserID == user {
		return known.ID, p.renew(ctx, tx, known.ID, f)
	}
	if found {
		if !p.knowsKeys(known, s) {
			return uuid.Nil, fault.Conflict("subscription_taken", "This browser is registered by somebody else.")
		}
		if err := p.remove(ctx, tx, known.ID); err != nil {
			return uuid.Nil, err
		}
	}
	if err := p.makeRoom(ctx, tx, user); err != nil {
		return uuid.Nil, err
	}
	return p.insert(ctx, tx, f)
}

// endpointHash finds an endpoint without storing it in the clear.
func endpointHash(endpoint string) string {
	sum := sha256.Sum256([]byte(endpoint))
	return hex.EncodeToString(sum[:])
}

func (p *Post) knowsKeys(known stored, s webpush.Subscription) bool {
	if known.Secret == nil {
		return false
	}
	text, err := p.open(known.ID, *known.Secret)
	if err != nil {
		return false
	}
	var theirs sealedSubscription
	if json.Unmarshal([]byte(text.Reveal()), &theirs) != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(theirs.P256dh+" "+theirs.Auth), []byte(s.P256dh+" "+s.Auth)) == 1
}

// makeRoom drops the browsers unused for longest, so that one more is not too many.
func (p *Post) makeRoom(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	rows, err := tx.Query(ctx, `
		select id from destinations
		where user_id = $1 and channel = 'push' and removed_at is null
		order by disabled_at is null desc, coalesce(last_success_at, created_at) desc
		offset $2`, user, browsersMax-1)
	if err != nil {
		return fmt.Errorf("count browsers: %w", err)
	}
	tooMany, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("count browsers: %w", err)
	}
	return p.remove(ctx, tx, tooMany...)
}

// RemovePush forgets a browser of the user's, by its endpoint; one that is not
// theirs is left alone. It succeeds when there is none.
func (p *Post) RemovePush(ctx context.Context, user uuid.UUID, endpoint string) error {
	return p.removeBrowsers(ctx, user, `address = $2`, endpointHash(endpoint))
}

// RemoveBrowser forgets one by its id, as the list of devices shows it.
func (p *Post) RemoveBrowser(ctx context.Context, user, id uuid.UUID) error {
	return p.removeBrowsers(ctx, user, `id = $2`, id)
}

// RemoveAllPush forgets every browser of a user, when they sign out everywhere.
func (p *Post) RemoveAllPush(ctx context.Context, user uuid.UUID) error {
	return p.removeBrowsers(ctx, user, `true`)
}

func (p *Post) removeBrowsers(ctx context.Context, user uuid.UUID, where string, args ...any) error {
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select id from destinations
			where user_id = $1 and channel = 'push' and removed_at is null and `+where+`
			order by id for no key update`, append([]any{user}, args...)...)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		return p.remove(ctx, tx, ids...)
	})
	if err != nil {
		return fmt.Errorf("remove browser of %s: %w", user, err)
	}
	return nil
}

// Browsers lists a user's, newest first.
func (p *Post) Browsers(ctx context.Context, user uuid.UUID) ([]Browser, error) {
	var list []Browser
	err := p.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select id, coalesce(settings ->> 'label', ''), coalesce(settings ->> 'host', ''), created_at, last_success_at, disabled_at
			from destinations where user_id = $1 and channel = 'push' and removed_at is null
			order by created_at desc, id limit $2`, user, browsersMax)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Browser])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list browsers of %s: %w", user, err)
	}
	return list, nil
}
