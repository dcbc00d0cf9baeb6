package brokers

import (
	"context"
	"errors"
	"fmt"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Changes is what a refresh found different from what we knew; ids are ours.
type Changes struct {
	Accounts []uuid.UUID // linked now
	Removed  []uuid.UUID // accounts no longer linked
	Broken   []uuid.UUID // connections that stopped working
	Fixed    []uuid.UUID // connections that work again
}

// Any reports whether anything changed.
func (c Changes) Any() bool {
	return len(c.Accounts)+len(c.Removed)+len(c.Broken)+len(c.Fixed) > 0
}

// refreshTries bounds how often a reading is repeated because another one was
// stored meanwhile.
const refreshTries = 5

var errOvertaken = errors.New("another refresh was stored meanwhile")

// Refresh reads the user's connections and accounts at SnapTrade and makes our
// rows say the same; webhooks and portal visits only decide when. It gives fault
// risk_account for somebody who never linked a broker.
func (a *Accounts) Refresh(ctx context.Context, user uuid.UUID) (Changes, error) {
	who, err := a.Credentials(ctx, user)
	if err != nil {
		return Changes{}, err
	}
	return a.turns.do(ctx, user, func() (Changes, error) { return a.refreshAgain(ctx, user, who) })
}

// refreshAgain repeats a reading that another process overtook.
func (a *Accounts) refreshAgain(ctx context.Context, user uuid.UUID, who snaptrade.User) (Changes, error) {
	for range refreshTries {
		changes, err := a.refreshOnce(ctx, user, who)
		if !errors.Is(err, errOvertaken) {
			return changes, err
		}
	}
	return Changes{}, fault.Unavailable(fmt.Errorf("refresh %s: %w", user, errOvertaken))
}

// refreshOnce reads and stores. The version tells that nobody stored a reading
// that may be newer than ours while we were reading.
func (a *Accounts) refreshOnce(ctx context.Context, user uuid.UUID, who snaptrade.User) (Changes, error) {
	var version int64
	if err := a.db.Pool().QueryRow(ctx, `select version from snaptrade_users where user_id = $1`, user).Scan(&version); err != nil {
		return Changes{}, fmt.Errorf("read version of %s: %w", user, err)
	}
	seen, err := a.look(ctx, who)
	if err != nil {
		return Changes{}, providerFault("refresh connections", err)
	}
	var changes Changes
	err = a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) (err error) {
		changes, err = a.store(ctx, tx, user, version, seen)
		return err
	})
	return changes, err
}

// listing is what SnapTrade says about one user.
type listing struct {
	connections []snaptrade.Connection
	accounts    []snaptrade.Account
}

// look lists accounts first: an account whose connection is not listed after it
// is gone for certain, and one that is too new waits for the next look.
func (a *Accounts) look(ctx context.Context, who snaptrade.User) (listing, error) {
	found, err := a.client.Accounts(ctx, who)
	if err != nil {
		return listing{}, err
	}
	connections, err := a.client.Connections(ctx, who)
	if err != nil {
		return listing{}, err
	}
	return listing{connections: connections, accounts: found}, nil
}

func (a *Accounts) store(ctx context.Context, tx pgx.Tx, user uuid.UUID, version int64, seen listing) (Changes, error) {
	tag, err := tx.Exec(ctx, `
		update snaptrade_users set version = version + 1, refreshed_at = now() where user_id = $1 and version = $2`, user, version)
	if err != nil {
		return Changes{}, fmt.Errorf("raise version of %s: %w", user, err)
	}
	if tag.RowsAffected() == 0 {
		return Changes{}, errOvertaken
	}
	known, err := knownOf(ctx, tx, user)
	if err != nil {
		return Changes{}, err
	}
	p := compare(known, seen, a.now())
	if err := p.write(ctx, tx); err != nil {
		return Changes{}, err
	}
	return p.changes, a.tell(ctx, tx, p)
}

// knownOf reads all that we have of the user, removed rows too.
func knownOf(ctx context.Context, tx pgx.Tx, user uuid.UUID) (k known, err error) {
	k.user = user
	rows, err := tx.Query(ctx, `select `+connectionColumns+` from connections where user_id = $1`, user)
	if err != nil {
		return k, fmt.Errorf("read connections: %w", err)
	}
	if k.connections, err = pgx.CollectRows(rows, scanConnection); err != nil {
		return k, fmt.Errorf("read connections: %w", err)
	}
	if k.accounts, err = accounts(ctx, tx, `a.user_id = $1`, user); err != nil {
		return k, err
	}
	rows, err = tx.Query(ctx, `
		select id, user_id, broker_slug, reconnects, created_at from portal_visits where user_id = $1 and state = 'open'`, user)
	if err != nil {
		return k, fmt.Errorf("read portal visits: %w", err)
	}
	k.visits, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (v visit, err error) {
		return v, row.Scan(&v.id, &v.userID, &v.brokerSlug, &v.reconnects, &v.createdAt)
	})
	if err != nil {
		return k, fmt.Errorf("read portal visits: %w", err)
	}
	return k, nil
}

// tell notifies the owner once for each connection that stopped working.
func (a *Accounts) tell(ctx context.Context, tx pgx.Tx, p plan) error {
	if len(p.lost) == 0 {
		return nil
	}
	now := a.now()
	notes := make([]alerts.Notification, len(p.lost))
	for i, c := range p.lost {
		body := "It has to be reconnected before anything can be traded on it."
		if c.deletedAt != nil {
			body = "It was removed at the broker's side. Connect it again to go on trading."
		}
		notes[i] = alerts.Notification{
			UserID: c.UserID, Type: alerts.BrokerDisconnected,
			Title: c.Institution + " is disconnected", Body: body, URL: brokersPath,
			Data:       map[string]any{"connectionId": c.ID},
			SubjectKey: fmt.Sprintf("connection:%s:%d", c.ID, now.UnixMilli()),
			LearntAt:   now,
		}
	}
	return a.alerts.Notify(ctx, tx, notes...)
}
