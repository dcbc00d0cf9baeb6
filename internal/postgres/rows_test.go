package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Whoever adds a table says whose its rows are: a member reaches none that has no
// policy, but for those that belong to nobody.
func TestAMemberReachesNoTableWithoutAPolicy(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	rows, err := db.Pool().Query(ctx, `
		select c.relname::text from pg_class c
		where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
		  and not (c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid))
		  and has_any_column_privilege($1, c.oid, 'select, insert, update')
		  and c.relname <> all($2)`, postgres.Member,
		[]string{"entry_pace", "entry_peaks", "instances", "market_clock", "river_notification", "river_queue"})
	if err != nil {
		t.Fatal(err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(open) > 0 {
		t.Errorf("anybody reaches all rows of %v", open)
	}
}

// A table that says whose its rows are is behind the wall, whether or not a member may
// reach it yet.
func TestEveryTableWithOwnersHasAPolicyOrIsClosed(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	rows, err := db.Pool().Query(ctx, `
		select distinct c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
		  and a.attname in ('user_id', 'follower_id') and not c.relrowsecurity
		  and has_any_column_privilege($1, c.oid, 'select, insert, update')`, postgres.Member)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(bare) > 0 {
		t.Errorf("no row-level security on %v", bare)
	}
}

// What a person may not change about themselves, and what nobody reads of others.
func TestAMemberGivesThemselvesNoRoleAndReadsNoMailbox(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	ava, ben := member(t, db, "ava"), member(t, db, "ben")
	for _, sql := range []string{
		`update users set role = 'admin'`, `update users set status = 'active'`, `select email from users`,
		`insert into users (username, name) values ('eve', 'Eve')`, `delete from users`,
		`insert into security_events (user_id, kind) values ('` + ben.String() + `', 'forged')`,
		`insert into trading_switches (scope, key, stops) values ('platform', '', 'all')`,
		`insert into trading_switches (scope, key, stops) values ('self', '` + ben.String() + `', 'all')`,
	} {
		err := db.As(ctx, ava, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, sql); return err })
		if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: %v, want a refusal", sql, err)
		}
	}
	var changed int64
	err := db.As(ctx, ava, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update users set name = 'mine'`)
		changed = tag.RowsAffected()
		return err
	})
	if err != nil || changed != 1 {
		t.Errorf("a change of everybody's name touched %d (%v), want one's own", changed, err)
	}
}

func member(t *testing.T, db *postgres.DB, name string) (id uuid.UUID) {
	t.Helper()
	err := db.Pool().QueryRow(context.Background(), `insert into users (username, name) values ($1, $1) returning id`, name).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
