// Package brokers is the broker connections and accounts people have linked.
package brokers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Options say what Accounts works with.
type Options struct {
	DB     *postgres.DB
	Client *snaptrade.Client // nil: no broker can be linked or read
	Ring   *secret.Ring      // seals the users' SnapTrade secrets
	Alerts *alerts.Announcer
	AppURL string // our own address; the portal may send people back to nowhere else
	Now    func() time.Time
	Logger *slog.Logger
}

// Accounts knows people's connections and accounts. It alone writes the tables
// snaptrade_users, connections, accounts and portal_visits.
type Accounts struct {
	db     *postgres.DB
	client *snaptrade.Client
	ring   *secret.Ring
	alerts *alerts.Announcer
	appURL *url.URL
	now    func() time.Time
	log    *slog.Logger
	known  *catalogue
	turns  *turns

	resetPause time.Duration // a reset whose answer was lost may be worked on that long
	storePause time.Duration // between tries to store a new secret
}

// New makes Accounts. It fails only for an AppURL that is no address.
func New(o Options) (*Accounts, error) {
	appURL, err := url.Parse(o.AppURL)
	if err != nil || appURL.Host == "" {
		return nil, fmt.Errorf("brokers: %q is not the application's address", o.AppURL)
	}
	a := &Accounts{db: o.DB, client: o.Client, ring: o.Ring, alerts: o.Alerts, appURL: appURL, now: o.Now, log: o.Logger,
		resetPause: 10 * time.Second, storePause: time.Second}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.known, a.turns = &catalogue{now: a.now, reading: make(chan struct{}, 1)}, newTurns()
	return a, nil
}

// errOff answers for an installation without SnapTrade keys.
func errOff() *fault.Error {
	return fault.New(http.StatusServiceUnavailable, "unavailable",
		"Brokers are not set up here: SNAPTRADE_CLIENT_ID and SNAPTRADE_CONSUMER_KEY are missing.")
}

// providerFault is what people read when SnapTrade did not do what we asked.
func providerFault(doing string, err error) error {
	f := fault.Unavailable(fmt.Errorf("%s: %w", doing, err))
	f.Public = "The broker service does not answer right now. Try again shortly."
	return f
}

// providerAway reports whether SnapTrade did not answer, or not now; not that it refused.
func providerAway(err error) bool {
	var failed *snaptrade.Error
	if !errors.As(err, &failed) {
		return false
	}
	return failed.Status == 0 || failed.Status == http.StatusTooManyRequests || failed.Status >= http.StatusInternalServerError
}

// lockUser makes changes of one user's accounts wait for each other. The row is
// there for everybody who ever began to connect a broker.
func lockUser(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	_, err := tx.Exec(ctx, `select from snaptrade_users where user_id = $1 for no key update`, user)
	if err != nil {
		return fmt.Errorf("lock accounts of %s: %w", user, err)
	}
	return nil
}
