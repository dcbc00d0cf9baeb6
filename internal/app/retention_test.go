package app

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// docs/operate.md says of every table of the database how long its rows are kept, once.
func TestTheDocsSayOfEveryTableHowLongItsRowsAreKept(t *testing.T) {
	t.Parallel()
	_, rest, found := strings.Cut(fileText(t, "../../docs/operate.md"), "## What is kept how long\n")
	if !found {
		t.Fatal("docs/operate.md does not say what is kept how long")
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	var told []string
	for line := range strings.SplitSeq(section, "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
				if slices.Contains(told, m[1]) {
					t.Errorf("%s stands there twice", m[1])
				}
				told = append(told, m[1])
			}
		}
	}
	rows, err := pgtest.New(t).Pool().Query(t.Context(), `
		select table_name::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(there) < 80 {
		t.Fatalf("%d tables, %v", len(there), err)
	}
	for _, table := range there {
		if !slices.Contains(told, table) {
			t.Errorf("%s is not there: how long are its rows kept?", table)
		}
	}
	for _, table := range told {
		if !slices.Contains(there, table) {
			t.Errorf("%s is no table", table)
		}
	}
}

// Every trim finds its table and its columns, on a database that has nothing to remove.
func TestEveryTrimRuns(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for what, trim := range trims() {
		if removed, err := trim(t.Context(), db, time.Now()); err != nil || removed != 0 {
			t.Errorf("%s: %d removed, %v", what, removed, err)
		}
	}
}

// What goes is counted once, also what the guard removes.
func TestWhatIsTrimmedIsCounted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	guard, err := auth.New(auth.Options{DB: db, AppURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{db: db, guard: guard, meter: newMeter()}
	if _, err := db.Pool().Exec(t.Context(), `
		with ava as (insert into users (id, username, name) values (gen_random_uuid(), 'ava', 'Ava') returning id),
			exports as (insert into data_exports (user_id, at) select id, now() - days * interval '1 day' from ava, unnest('{364, 366}'::int[]) days)
		insert into sessions (token_hash, data, expires_at) values ('over', '', now() - interval '1 second'), ('on', '', now() + interval '1 hour')`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.cleanUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := value(t, a.meter, "alertsify_trimmed_rows_total"); n != 2 {
			t.Errorf("%v rows are counted, want the export and the session", n)
		}
	}
}

// A year after it ended a message goes with all that hangs on it, what is on its way or
// younger stays, and a notification goes when its last message has.
func TestMessagesAreKeptForAYear(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Pool().Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	user, destination := uuid.New(), uuid.New()
	exec(`insert into users (id, username, name) values ($1, 'ava', 'Ava')`, user)
	exec(`insert into destinations (id, user_id, channel, address) values ($1, $2, 'telegram', 'x')`, destination, user)
	// note is a notification with one message, made so many days ago.
	note := func(days int, state string) (notification, message uuid.UUID) {
		notification, message = uuid.New(), uuid.New()
		exec(`insert into notifications (id, user_id, type, title, created_at) values ($1, $2, 'trade', 'x', now() - $3 * interval '1 day')`, notification, user, days)
		exec(`insert into deliveries (id, destination_id, channel, notification_id, state, not_before, cutoff, created_at, updated_at)
			values ($1, $2, 'telegram', $3, $4, now(), now(), now() - $5 * interval '1 day', now())`, message, destination, notification, state, days)
		exec(`insert into delivery_attempts (delivery_id, claim, at, outcome, took_ms) values ($1, 1, now(), 'accepted', 1)`, message)
		exec(`insert into dead_letter_log (delivery_id, act, by_user, reason, at) values ($1, 'replayed', $2, 'x', now())`, message, user)
		return notification, message
	}
	changed := func(message uuid.UUID, days int) {
		exec(`insert into deliveries (destination_id, channel, changes, op, state, not_before, cutoff, created_at, updated_at)
			values ($1, 'telegram', $2, 'update', 'delivered', now(), now(), now() - $3 * interval '1 day', now())`, destination, message, days)
	}
	old, edited := note(366, "delivered")
	changed(edited, 366)
	kept := []uuid.UUID{}
	for days, state := range map[int]string{364: "delivered", 400: "pending"} {
		n, _ := note(days, state)
		kept = append(kept, n)
	}
	late, lateEdited := note(366, "dead")
	changed(lateEdited, 300)
	if removed, err := delivery.Trim(ctx, db, time.Now()); err != nil || removed != 2 {
		t.Errorf("%d messages went, %v", removed, err)
	}
	if removed, err := alerts.Trim(ctx, db, time.Now()); err != nil || removed != 1 {
		t.Errorf("%d notifications went, %v", removed, err)
	}
	rows, err := db.Pool().Query(ctx, `select id from notifications`)
	if err != nil {
		t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || slices.Contains(left, old) || !slices.Contains(left, late) || len(left) != len(kept)+1 {
		t.Errorf("left %v, %v", left, err)
	}
	var orphans int
	if err := db.Pool().QueryRow(ctx, `select count(*) from delivery_attempts where delivery_id = $1`, edited).Scan(&orphans); err != nil || orphans != 0 {
		t.Errorf("%d attempts left, %v", orphans, err)
	}
}

// What takes minutes and can be done again is ended by stopping, and has its turn elsewhere.
func TestStoppingDoesNotWaitForWhatCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	a := &App{}
	a.ending, a.end = context.WithCancel(t.Context())
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- a.untilStop(func(ctx context.Context) error { close(began); <-ctx.Done(); return ctx.Err() })(t.Context())
	}()
	<-began
	a.end()
	if err, snooze := <-ended, new(river.JobSnoozeError); !errors.As(err, &snooze) {
		t.Errorf("it ended with %v", err)
	}
	broken := errors.New("broken")
	b := &App{ending: t.Context()}
	if err := b.untilStop(func(context.Context) error { return broken })(t.Context()); !errors.Is(err, broken) {
		t.Errorf("a failure is hidden: %v", err)
	}
}
