package orders

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
)

// watchman is a desk that only watches its database.
type watchman struct {
	*Desk

	t      *testing.T
	db     *postgres.DB
	alarms []string
	ahead  time.Duration // of this process's clock
}

func newWatchman(t *testing.T) *watchman {
	t.Helper()
	w := &watchman{t: t, db: pgtest.New(t)}
	now := func() time.Time { return time.Now().Add(w.ahead) }
	clock := exchange.NewClock(time.Now)
	w.Desk = New(Options{
		DB: w.db, Rules: risk.New(w.db, clock, risk.Defaults(), now), Clock: clock, Now: now, Logger: slog.New(slog.DiscardHandler),
		Alarm: func(kind string) { w.alarms = append(w.alarms, kind) },
	})
	return w
}

func (w *watchman) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool().Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *watchman) watch() {
	w.t.Helper()
	if err := w.Watch(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// places says whether a claim would go on, and checks that readiness says the same.
func (w *watchman) places(want bool) {
	w.t.Helper()
	err := w.db.AsSystem(w.t.Context(), "test", w.mayPlace)
	if err != nil && !errors.Is(err, errWait) || (err == nil) != want {
		w.t.Errorf("a claim gets %v, want to place: %t", err, want)
	}
}

// trader is somebody with an account and an order of that age.
func (w *watchman) trader(name string, age time.Duration) (account uuid.UUID) {
	w.t.Helper()
	err := w.db.Pool().QueryRow(w.t.Context(), `
		with u as (insert into users (username, name) values ($1, $1) returning id),
		c as (insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
			select id, $1, 'ALPACA', 'Alpaca', true, 'ok' from u returning id, user_id),
		a as (insert into accounts (user_id, connection_id, broker_account_id, institution) select user_id, id, $1, 'Alpaca' from c returning id, user_id),
		p as (insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, status, source)
			select user_id, id, 'AAPL  `+expiryCode+`C00200000', 'AAPL', 'call', 200, '`+expiryDate+`', 100, 'void', 'manual' from a returning id, user_id, account_id)
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, time_in_force, source, state,
			trading_day, send_before, created_at)
		select user_id, account_id, id, 'BTO', 'AAPL  `+expiryCode+`C00200000', 'AAPL', 100, 1, 'Market', 'Day', 'manual', 'aborted', current_date, now(), now() - $2::interval
		from p returning account_id`, name, age).Scan(&account)
	if err != nil {
		w.t.Fatal(err)
	}
	return account
}

// C14: in a database that is not the one it was, nothing is claimed, from the very
// first moment, until every account with orders in its last 24 hours was listed.
func TestAReplacedDatabaseHoldsPlacingUntilTheAccountsAreListed(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]string{
		"restored elsewhere": `update database_identity set system_id = '1'`,
		"failed over":        `update database_identity set timeline = timeline + 1`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWatchman(t)
			w.places(true) // never looked at yet
			today, yesterday := w.trader("ava", 5*time.Hour), w.trader("ben", 20*time.Hour)
			w.trader("cara", 40*time.Hour)
			gone := w.trader("dan", time.Hour)
			w.exec(`update accounts set status = 'broken' where id = $1`, gone) // nobody can list it, and nothing is sent there
			w.watch()
			w.places(true)

			w.exec(change)
			w.places(false) // before anybody has seen it
			w.watch()
			w.places(false)
			if err := w.Placing(t.Context()); !errors.Is(err, ErrHeld) || w.alarms == nil {
				t.Errorf("readiness says %v, alarms %v", err, w.alarms)
			}
			var due int
			err := w.db.Pool().QueryRow(t.Context(), `select count(*) from account_looks where next_look_at <= now()`).Scan(&due)
			if err != nil || due != 2 {
				t.Errorf("%d looks are due, want 2 (%v)", due, err)
			}
			for _, account := range []uuid.UUID{today, yesterday} {
				w.watch()
				w.places(false)
				w.exec(`update account_looks set listed_at = clock_timestamp() where account_id = $1`, account)
				if err := w.listed(t.Context(), account); err != nil {
					t.Fatal(err)
				}
			}
			w.watch()
			w.places(true)
			if err := w.Placing(t.Context()); err != nil {
				t.Errorf("readiness says %v", err)
			}
			if len(w.alarms) != 1 {
				t.Errorf("alarms %v, want one", w.alarms)
			}
		})
	}
}

// A list that was begun before the change says nothing about it.
func TestAnOldListDoesNotEndTheHold(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	account := w.trader("ava", time.Hour)
	w.watch()
	w.exec(`insert into account_looks (account_id, user_id, listed_at) select id, user_id, clock_timestamp() from accounts where id = $1`, account)
	w.exec(`update database_identity set system_id = '1'`)
	w.watch()
	if err := w.listed(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	w.watch()
	w.places(false)
}

// A clock more than two seconds off stops placing in its own process, and only there.
func TestAWrongClockStopsPlacing(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	for _, c := range []struct {
		ahead  time.Duration
		places bool
	}{{0, true}, {1500 * time.Millisecond, true}, {time.Minute, false}, {-time.Minute, false}, {0, true}} {
		w.ahead = c.ahead
		w.watch()
		w.places(c.places)
		if err := w.Placing(t.Context()); errors.Is(err, ErrHeld) == c.places {
			t.Errorf("%s off: readiness says %v", c.ahead, err)
		}
	}
	if len(w.alarms) != 1 {
		t.Errorf("alarms %v, want one for the time it was wrong", w.alarms)
	}
}
