package brokers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// returnPath is the page people come back to from the portal. It only shows
// progress: what is stored, the webhook or the sweep decides.
const (
	brokersPath = "/settings/brokers"
	returnPath  = brokersPath + "/return"
)

// PortalsPerMinute is how often one person may open the portal, by whichever door: each time
// costs a request of the one budget that everybody's orders are sent from.
const PortalsPerMinute = 10

// Portal is a way into the connection portal, good once within five minutes.
// ConnectionURL is as good as a password while it lives: it goes to the browser
// that asked and nowhere else. SessionID names the visit for Visit.
type Portal struct {
	ConnectionURL string `json:"connectionUrl"`
	SessionID     string `json:"sessionId"`
}

// Connect opens the portal for a new connection. broker is a slug or id of
// Brokerages, or empty for the portal's own picker; redirect is a page of ours
// to come back to, or empty.
func (a *Accounts) Connect(ctx context.Context, user uuid.UUID, broker, redirect string) (Portal, error) {
	back, err := a.backTo(redirect)
	if err != nil {
		return Portal{}, err
	}
	slug, err := a.slugOf(ctx, broker)
	if err != nil {
		return Portal{}, err
	}
	p := snaptrade.Portal{Type: snaptrade.TradeIfAvailable, Broker: slug, RedirectTo: back, ImmediateRedirect: true}
	return a.open(ctx, user, p, visit{brokerSlug: slug})
}

// Reconnect opens the portal to repair a broken connection, or to let a read-only
// one trade. The connection and its accounts keep their ids.
func (a *Accounts) Reconnect(ctx context.Context, user, connection uuid.UUID, redirect string) (Portal, error) {
	back, err := a.backTo(redirect)
	if err != nil {
		return Portal{}, err
	}
	c, err := a.connection(ctx, user, connection)
	if err != nil {
		return Portal{}, err
	}
	// Without "trade" a repaired connection may come back read-only.
	p := snaptrade.Portal{Type: snaptrade.TradeOnly, Reconnect: c.AuthorizationID, RedirectTo: back, ImmediateRedirect: true}
	return a.open(ctx, user, p, visit{brokerSlug: c.BrokerSlug, reconnects: &c.ID})
}

func (a *Accounts) open(ctx context.Context, user uuid.UUID, p snaptrade.Portal, v visit) (Portal, error) {
	who, err := a.ensureUser(ctx, user)
	if err != nil {
		return Portal{}, err
	}
	link, err := a.client.Login(ctx, who, p)
	if err != nil {
		return Portal{}, providerFault("open portal", err)
	}
	v.id, v.userID = uuid.New(), user
	if err := a.insertVisit(ctx, v); err != nil {
		return Portal{}, err
	}
	return Portal{ConnectionURL: link.URL.Reveal(), SessionID: v.id.String()}, nil
}

// backTo resolves where the portal sends people afterwards: a page of ours only.
func (a *Accounts) backTo(redirect string) (string, error) {
	if redirect == "" {
		redirect = returnPath
	}
	wrong := fault.Field("redirectUri", "Give a page of this site.")
	target, err := url.Parse(redirect)
	if err != nil || strings.ContainsFunc(redirect, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return "", wrong
	}
	resolved := a.appURL.ResolveReference(target)
	if resolved.Scheme != a.appURL.Scheme || resolved.Host != a.appURL.Host || resolved.User != nil {
		return "", wrong
	}
	return resolved.String(), nil
}

// Credentials are what calls for the user are made with. Somebody who never
// linked a broker gets the fault risk_account.
func (a *Accounts) Credentials(ctx context.Context, user uuid.UUID) (snaptrade.User, error) {
	who, _, err := a.Versioned(ctx, user)
	return who, err
}

// Versioned gives the credentials with the secret's version, for calls that change something:
// SecretIsCurrent tells whether they would be made with a secret that has ended meanwhile.
func (a *Accounts) Versioned(ctx context.Context, user uuid.UUID) (who snaptrade.User, version int64, err error) {
	if a.client == nil {
		return snaptrade.User{}, 0, errOff()
	}
	var id string
	var sealed *string
	err = a.db.Pool().QueryRow(ctx, `select snaptrade_user_id, user_secret, secret_version from snaptrade_users where user_id = $1`, user).
		Scan(&id, &sealed, &version)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && sealed == nil) {
		return snaptrade.User{}, 0, errNotLinked()
	}
	if err != nil {
		return snaptrade.User{}, 0, fmt.Errorf("read SnapTrade user of %s: %w", user, err)
	}
	opened, err := a.ring.Open("snaptrade_users", "user_secret", user.String(), *sealed)
	if err != nil {
		return snaptrade.User{}, 0, fmt.Errorf("open SnapTrade secret: %w", err)
	}
	return snaptrade.User{ID: id, Secret: opened}, version, nil
}

// SecretIsCurrent is the condition, in a statement, that a user's secret is of a version and
// not being replaced; user and version are the statement's words for them. Who claims under the
// switches' lock (risk.Rules.For) may rely on it until the request is answered: a rotation waits.
func SecretIsCurrent(user, version string) string {
	return `exists (select from snaptrade_users k where k.user_id = ` + user + ` and k.secret_version = ` + version + ` and k.rotating_at is null)`
}

func errNotLinked() *fault.Error { return fault.Risk("account", "Connect a broker first.") }

// visit is one row of portal_visits.
type visit struct {
	id, userID uuid.UUID
	brokerSlug string
	reconnects *uuid.UUID
	createdAt  time.Time
}

func (a *Accounts) insertVisit(ctx context.Context, v visit) error {
	return a.db.As(ctx, v.userID, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into portal_visits (id, user_id, broker_slug, reconnects) values ($1, $2, $3, $4)`,
			v.id, v.userID, v.brokerSlug, v.reconnects)
		if err != nil {
			return fmt.Errorf("note portal visit: %w", err)
		}
		return nil
	})
}

// Visit tells the return page how a visit to the portal stands: "open",
// "connected" or "ended". Somebody who is back is likely done, so the next look
// is at once instead of on schedule.
func (a *Accounts) Visit(ctx context.Context, user uuid.UUID, sessionID string) (state string, err error) {
	id, err := uuid.Parse(sessionID)
	if err != nil {
		return "", fault.NotFound()
	}
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			update portal_visits set next_look_at = least(next_look_at, greatest(now(), looked_at + interval '3 seconds'))
			where id = $1 and user_id = $2 returning state`, id, user).Scan(&state)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.NotFound()
	}
	if err != nil {
		return "", fmt.Errorf("read portal visit: %w", err)
	}
	return state, nil
}
