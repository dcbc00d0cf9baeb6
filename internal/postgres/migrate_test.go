package postgres_test

import (
	"context"
	"errors"
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

func TestANewerSchemaIsNoReasonToStop(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mustExec(t, db, "insert into goose_db_version (version_id, is_applied) values (99999, true)")
	if err := postgres.SchemaKnown(context.Background(), db); err != nil {
		t.Errorf("%v: two releases run together during a deploy", err)
	}
}
