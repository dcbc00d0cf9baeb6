package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/postgres"
)

// sealedColumns are all that hold secrets of others, sealed.
func sealedColumns() []postgres.Sealed { return append(delivery.Sealed(), brokers.Sealed()) }

// Rewrapped is how many rows of a column had another key than the first.
type Rewrapped struct {
	Column string // "destinations.secret"
	Rows   int
}

// RewrapKeys wraps every sealed secret with the first of ENCRYPTION_KEYS. The secrets
// themselves stay. Every server must know the new key before: they open what it wraps.
func (a *App) RewrapKeys(ctx context.Context) (done []Rewrapped, err error) {
	for _, column := range sealedColumns() {
		n, err := column.Rewrap(ctx, a.db, a.ring)
		done = append(done, Rewrapped{column.Table + "." + column.Column, n})
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// KeyUse is how many rows a key wraps.
type KeyUse struct {
	Key   string
	Rows  int
	Known bool // it is in ENCRYPTION_KEYS
	First bool // it wraps what is sealed now
}

// KeyUses counts what each key wraps, also those of the ring that wrap nothing any more,
// which may be taken out of it, except for the first.
func (a *App) KeyUses(ctx context.Context) ([]KeyUse, error) {
	counts := map[string]int{}
	for _, id := range a.ring.IDs() {
		counts[id] = 0
	}
	for _, column := range sealedColumns() {
		found, err := column.Keys(ctx, a.db)
		if err != nil {
			return nil, err
		}
		for key, n := range found {
			counts[key] += n
		}
	}
	var uses []KeyUse
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		uses = append(uses, KeyUse{key, counts[key], slices.Contains(a.ring.IDs(), key), key == a.ring.First()})
	}
	return uses, nil
}

// countKeys shows on /metrics what each key wraps.
func (a *App) countKeys(ctx context.Context) error {
	uses, err := a.KeyUses(ctx)
	if err == nil {
		a.meter.keyUses(uses)
	}
	return err
}

// sendsEnd is how long an order that is being sent may take to have its answer: its
// claim's deadline and a little more.
const sendsEnd = 55 * time.Second

// ErrBusy says that an order of a user is still being sent.
var ErrBusy = errors.New("an order is still being sent; try again")

// RotateSnapTrade gives every user a new SnapTrade secret and reports by name how it ended for
// each, with the reason where they got none. Each user's orders, exits too, wait for the
// seconds that theirs takes; no trading switch is touched.
func (a *App) RotateSnapTrade(ctx context.Context, report func(name string, ended brokers.Rotation, err error)) error {
	if a.broker == nil {
		return errors.New("SnapTrade is not set up")
	}
	sends := brokers.Sends{Fence: a.rules.HoldSwitches, Over: a.sendsOver}
	return a.accounts.RotateSecrets(ctx, sends, func(user uuid.UUID, ended brokers.Rotation, err error) {
		name := user.String()
		if u, unknown := a.users.ByID(context.WithoutCancel(ctx), user); unknown == nil {
			name = "@" + u.Username
		}
		report(name, ended, err)
	})
}

// sendsOver waits until no request of the user that trades is on its way with the old secret.
func (a *App) sendsOver(ctx context.Context, user uuid.UUID) error {
	for deadline := time.Now().Add(sendsEnd); ; {
		sending, err := a.desk.Sending(ctx, user)
		if err != nil || sending == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return ErrBusy
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
