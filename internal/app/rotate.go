package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
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
}

// KeyUses counts what each key wraps, also those of the ring that wrap nothing any more,
// which may be taken out of it.
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
		uses = append(uses, KeyUse{key, counts[key], slices.Contains(a.ring.IDs(), key)})
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

const (
	// sendsEnd is how long an order that is being sent may take to have its answer: its
	// claim's deadline and a little more.
	sendsEnd = 55 * time.Second

	rotateReason = "SnapTrade's secrets are being replaced. Trading goes on in a moment."
)

// ErrBusy says that an order is still being sent although trading is halted.
var ErrBusy = errors.New("an order is still being sent; try again")

// RotateSnapTrade gives every user a new SnapTrade secret and reports each, by name: nil,
// or why the old one still holds, or that they have to connect again. Trading is halted
// meanwhile, because the old secret ends at once, unless it is halted already; then it
// stays so.
func (a *App) RotateSnapTrade(ctx context.Context, report func(name string, err error)) (err error) {
	if a.broker == nil {
		return errors.New("SnapTrade is not set up")
	}
	resume, err := a.pauseTrading(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resume()) }()
	if err := a.sendsOver(ctx); err != nil {
		return err
	}
	return a.accounts.RotateSecrets(ctx, func(user uuid.UUID, err error) {
		name := user.String()
		if u, unknown := a.users.ByID(context.WithoutCancel(ctx), user); unknown == nil {
			name = "@" + u.Username
		}
		report(name, err)
	})
}

func (a *App) pauseTrading(ctx context.Context) (resume func() error, err error) {
	halts, _, _, err := a.rules.Console(ctx)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(halts, func(h risk.Switched) bool { return h.Scope == "platform" && h.Stops == "all" }) {
		return func() error { return nil }, nil
	}
	if slices.ContainsFunc(halts, func(h risk.Switched) bool { return h.Scope == "platform" }) {
		return nil, errors.New("the platform is halted in part; resume it first, or halt it for all")
	}
	if err := a.desk.Halt(ctx, nil, risk.Halt{Scope: "platform", Reason: rotateReason}); err != nil {
		return nil, fmt.Errorf("halt trading: %w", err)
	}
	return func() error {
		if err := a.desk.Unhalt(context.WithoutCancel(ctx), nil, "platform", "", "SnapTrade's secrets are replaced."); err != nil {
			return fmt.Errorf("trading is still halted (`alertsify halt off platform`): %w", err)
		}
		return nil
	}, nil
}

// sendsOver waits until no request that trades is on its way with an old secret.
func (a *App) sendsOver(ctx context.Context) error {
	for deadline := time.Now().Add(sendsEnd); ; {
		sending, err := a.desk.Sending(ctx)
		if err != nil || sending == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return ErrBusy
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
