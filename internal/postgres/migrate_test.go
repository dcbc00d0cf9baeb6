package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

func TestInstancesThatStartTogetherMigrateOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := pgtest.EmptyURL(t)
	db := pgtest.Open(t, url)
	if err := postgres.SchemaKnown(ctx, db); !errors.Is(err, postgres.ErrSchemaBehind) {
		t.Fatalf("empty database: %v, want ErrSchemaBehind", err)
	}

	results := make(chan error, 4)
	for range cap(results) {
		go func() { results <- postgres.Migrate(ctx, url) }()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := postgres.SchemaKnown(ctx, db); err != nil {
		t.Errorf("after migrating: %v", err)
	}
	for _, table := range []string{"river_job", "live_events", "idempotency_keys"} {
		count(t, db, table)
	}
}

func TestMigrationsGoDownAndUpAgain(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	before, err := postgres.Status(ctx, url)
	if err != nil || len(before) == 0 {
		t.Fatalf("status: %v, %v", before, err)
	}
	for range before {
		if err := postgres.MigrateDown(ctx, url); err != nil {
			t.Fatal(err)
		}
	}
	after, err := postgres.Status(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range after {
		if !m.Applied.IsZero() {
			t.Errorf("%s is still applied", m.Name)
		}
	}
	var left []string
	err = db.Pool().QueryRow(ctx, `select coalesce(array_agg(tablename::text), '{}') from pg_tables
		where schemaname = 'public' and tablename not like 'river%' and tablename <> 'goose_db_version'`).Scan(&left)
	if err != nil || len(left) > 0 {
		t.Errorf("tables left behind by going down: %v, %v", left, err)
	}
	if err := postgres.SchemaKnown(ctx, db); !errors.Is(err, postgres.ErrSchemaBehind) {
		t.Errorf("schema: %v, want ErrSchemaBehind", err)
	}
	if err := postgres.Migrate(ctx, url); err != nil {
		t.Errorf("up again: %v", err)
	}
}

// downTo takes migrations back until one is not applied.
func downTo(t *testing.T, url string, version int64) {
	t.Helper()
	for {
		all, err := postgres.Status(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(all, func(m postgres.Migration) bool { return m.Version == version })
		if at < 0 || all[at].Applied.IsZero() {
			return
		}
		if err := postgres.MigrateDown(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	}
}

// What people do not want mailed is moved into their preferences, and back.
func TestWhatIsNotWantedByMailMovesWithTheMigration(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	text := func(sql string) (got string) {
		t.Helper()
		if err := db.Pool().QueryRow(t.Context(), `select coalesce(string_agg(line, ', ' order by line), '') from (`+sql+`) as lines (line)`).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	choices := func() string {
		return text(`select u.username || ' ' || c.type || ' ' || c.wanted from notification_choices c join users u on u.id = c.user_id where c.channel = 'email'`)
	}
	optouts := func() string {
		return text(`select u.username || ' ' || o.category || ' ' || o.reason from mail_optouts o join users u on u.id = o.user_id`)
	}
	downTo(t, url, 102)
	mustExec(t, db, `insert into users (username, name) values ('ava', 'Ava'), ('ben', 'Ben'), ('cara', 'Cara')`)
	mustExec(t, db, `
		insert into mail_optouts (user_id, category, reason, at)
		select u.id, o.category, o.reason, now() from users u join (values
			('ava', 'account', 'unsubscribed'), ('ava', 'trading', 'settings'), ('ben', '*', 'complained'), ('ben', 'news', 'settings')
		) as o (username, category, reason) using (username)`)
	mustExec(t, db, `
		insert into notification_choices (user_id, type, channel, wanted, changed_at)
		select id, type, channel, wanted, now() from users, (values
			('order_filled', 'email', true), ('order_filled', 'push', false), ('subscription_new', 'email', true), ('payment_failed', 'email', false)
		) as c (type, channel, wanted) where username = 'ava'`)
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	const moved = "ava broker_disconnected false, ava membership_ending false, ava payment_failed false, ava subscription_new true, ben system false"
	if got := choices(); got != moved {
		t.Errorf("up, the choices are %q", got)
	}
	if got := text(`select u.username from mail_complaints c join users u on u.id = c.user_id`); got != "ben" {
		t.Errorf("up, the complaints are %q", got)
	}
	mustExec(t, db, `
		insert into notification_choices (user_id, type, channel, wanted, changed_at)
		select id, 'broker_disconnected', 'email', false, now() from users where username = 'cara'`) // not all of its kind
	// A version of before runs beside this one and still knows nothing of it.
	mustExec(t, db, `insert into mail_optouts (user_id, category, reason, at) select id, 'news', 'unsubscribed', now() from users where username = 'cara'`)
	downTo(t, url, 102)
	if got := optouts(); got != "ava account settings, ben * complained, ben news settings, cara news settings" {
		t.Errorf("down, what is off is %q", got)
	}
	if got := choices(); got != "ava subscription_new true, cara broker_disconnected false" {
		t.Errorf("down, the choices are %q", got)
	}
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if got := choices(); got != moved+", cara broker_disconnected false, cara system false" {
		t.Errorf("up again, the choices are %q", got)
	}
}

func TestANewerSchemaIsNoReasonToStop(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mustExec(t, db, "insert into goose_db_version (version_id, is_applied) values (99999, true)")
	if err := postgres.SchemaKnown(context.Background(), db); err != nil {
		t.Errorf("%v: two releases run together during a deploy", err)
	}
}
