package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

// While the database takes no writes, because READ_ONLY says so or because it is a standby,
// pages and the API are read and everything that would change something is refused with 503:
// people hear why, and who sends webhooks sends them again. Nothing is claimed, so nothing is
// sent. With READ_ONLY the sessions themselves refuse to write, whatever is asked of them.

const (
	// writableEvery is how soon a process notices that the database takes writes again, or
	// no more.
	writableEvery = time.Second
	// readOnlyRetry is when a client that was refused may try again.
	readOnlyRetry = 30 * time.Second
)

func readOnlyFault(cause error) *fault.Error {
	f := fault.Unavailable(cause)
	f.Public = "Alertsify is read-only for a while: something is being moved or mended. Nothing was changed; try again in a few minutes."
	f.RetryAfter = readOnlyRetry
	return f
}

// refuseWrites answers what could change something, before anything of it is read.
func (a *App) refuseWrites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.db.ReadOnly() && !reads(r.Method) {
			httpio.Fail(w, r, readOnlyFault(postgres.ErrReadOnly))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func reads(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// watchWrites keeps asking the database whether it takes writes, until ctx ends.
func (a *App) watchWrites(ctx context.Context) error {
	before := a.db.ReadOnly()
	return every(ctx, writableEvery, func(ctx context.Context) {
		if a.db.LookWritable(ctx) != nil {
			return // it is away: that is another matter
		}
		if now := a.db.ReadOnly(); now != before {
			before = now
			a.log.WarnContext(ctx, "whether the database takes writes has changed", "read_only", now)
		}
	})
}

// awaitWrites waits until the database takes writes; false when ctx ended first.
func (a *App) awaitWrites(ctx context.Context) bool {
	for a.db.ReadOnly() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(writableEvery / 4):
		}
	}
	return true
}

// askWrites says that nothing is written at the moment.
func (a *App) askWrites(context.Context) error {
	switch {
	case a.cfg.ReadOnly:
		return errors.New("read-only: READ_ONLY is set")
	case a.db.ReadOnly():
		return errors.New("read-only: the database is a standby")
	}
	return nil
}
