package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/alertsify/alertsify/migrations"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// migrateLock keeps two instances that start together from migrating at once.
const migrateLock = "migrate"

// ErrNotMember says that the program's user may not take on the role of its members, as
// where another user than its own migrates.
var ErrNotMember = errors.New("the user of DATABASE_URL may not act as " + Member + ": GRANT " + Member + " TO it")

// ErrNotOwner says that the tables are another user's, so that row-level security would
// hide everything from the program's own work too.
var ErrNotOwner = errors.New("the user of DATABASE_URL does not own the tables: connect as the one that migrates")

// ErrSessionsUnset says that sessions behind a pooler lack what each of ours carries.
var ErrSessionsUnset = errors.New("sessions of DATABASE_URL lack their settings: run `alertsify migrate up` with DIRECT_URL, then let the pooler reconnect (RECONNECT)")

// ErrSchemaBehind says that migrations of this program are not in the database yet.
var ErrSchemaBehind = errors.New("database schema is behind this program: run `alertsify migrate`")

// Migration is one line of Status.
type Migration struct {
	Version int64
	Name    string
	Applied time.Time // zero when it is still to come
}

// Migrate brings the database at url up to date: the job queue's tables first,
// outside a transaction, then ours, one advisory lock around both.
func Migrate(ctx context.Context, url string) error {
	return withMigrator(ctx, url, true, func(m *migrator) error {
		if _, err := m.river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("migrate job queue: %w", err)
		}
		if _, err := m.goose.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		return nil
	})
}

// SetSessions lets the database tell each session of its user what it is to carry, because
// a pooler between refuses to. url leads past it. A session that says otherwise for itself,
// as backups do, has its own way.
func SetSessions(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("set sessions: %w", Translate(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	b := &pgx.Batch{}
	for name, value := range sessionSettings() {
		var sql string
		err := conn.QueryRow(ctx, `select format('alter role %I in database %I set %I = %L', current_user, current_database(), $1::text, $2::text)`, name, value).Scan(&sql)
		if err != nil {
			return fmt.Errorf("set sessions: %w", Translate(err))
		}
		b.Queue(sql)
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("set sessions: %w", Translate(err))
	}
	return nil
}

// MigrateDown takes back our newest migration; the job queue's tables stay.
func MigrateDown(ctx context.Context, url string) error {
	return withMigrator(ctx, url, true, func(m *migrator) error {
		if _, err := m.goose.Down(ctx); err != nil {
			return fmt.Errorf("migrate down: %w", err)
		}
		return nil
	})
}

// Status lists our migrations in order and whether each was applied.
func Status(ctx context.Context, url string) ([]Migration, error) {
	var list []Migration
	err := withMigrator(ctx, url, false, func(m *migrator) error {
		all, err := m.goose.Status(ctx)
		for _, s := range all {
			list = append(list, Migration{Version: s.Source.Version, Name: s.Source.Path, Applied: s.AppliedAt})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	return list, nil
}

// SchemaKnown tells readiness whether the schema has every migration this program
// knows, and whether the program may work with it: nil, ErrSchemaBehind, ErrNotMember,
// ErrNotOwner, ErrSessionsUnset, or ErrUnavailable. A newer schema is fine, because
// two releases run together during a deploy.
func SchemaKnown(ctx context.Context, db *DB) error {
	newest, err := newestMigration()
	if err != nil {
		return err
	}
	var current int64
	var member, walled, bounded bool
	err = db.pool.QueryRow(ctx, `
		select coalesce(max(version_id), 0),
			$1 = '' or exists (select from pg_roles where rolname = $1 and pg_has_role(oid, case
				when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end)),
			$1 <> '' and coalesce(row_security_active(to_regclass('orders')), false),
			current_setting('statement_timeout') = $2 and current_setting('lock_timeout') = $3 and current_setting('jit') = 'off'
		from goose_db_version where is_applied`, db.restrictRole, db.patience, lockTimeout).Scan(&current, &member, &walled, &bounded)
	if hasCode(err, "42P01") { // no such table: nothing was ever migrated
		return ErrSchemaBehind
	}
	if err != nil {
		return fmt.Errorf("read schema version: %w", Translate(err))
	}
	if current < newest {
		return fmt.Errorf("%w (at %d, need %d)", ErrSchemaBehind, current, newest)
	}
	if !member {
		return ErrNotMember
	}
	if walled {
		return ErrNotOwner
	}
	if !bounded {
		return ErrSessionsUnset
	}
	return nil
}

func newestMigration() (int64, error) {
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list migrations: %w", err)
	}
	var newest int64
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", name, err)
		}
		newest = max(newest, version)
	}
	return newest, nil
}

type migrator struct {
	river *rivermigrate.Migrator[pgx.Tx]
	goose *goose.Provider
}

// withMigrator opens a pool of its own, without the short timeouts of the
// program's, and takes the lock if asked to.
func withMigrator(ctx context.Context, url string, locked bool, fn func(*migrator) error) error {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("read database URL: %w", hideURL(err))
	}
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	for _, bound := range []string{"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"} {
		cfg.ConnConfig.RuntimeParams[bound] = "0"
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		return fmt.Errorf("open database: %w", Translate(err))
	}
	sqlDB := stdlib.OpenDBFromPool(pool)
	defer sqlDB.Close()
	m, err := newMigrator(pool, sqlDB)
	if err != nil {
		return err
	}
	if !locked {
		return fn(m)
	}
	unlock, err := lockMigrations(ctx, pool)
	if err != nil {
		return err
	}
	defer unlock()
	return fn(m)
}

func newMigrator(pool *pgxpool.Pool, sqlDB *sql.DB) (*migrator, error) {
	quiet := slog.New(slog.DiscardHandler)
	river, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("prepare job queue migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, migrations.FS)
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	return &migrator{river: river, goose: provider}, nil
}

// lockMigrations asks again and again instead of waiting inside Postgres: a waiting
// statement holds a snapshot, and an index built concurrently by the holder would
// wait for that snapshot in turn.
func lockMigrations(ctx context.Context, pool *pgxpool.Pool) (unlock func(), err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock migrations: %w", Translate(err))
	}
	for {
		var got bool
		err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", lockKey(migrateLock)).Scan(&got)
		if err == nil && got {
			// The session ends with the pool, and the lock with it; so a lost connection cannot keep it.
			return func() { conn.Conn().Close(context.WithoutCancel(ctx)); conn.Release() }, nil
		}
		if err == nil {
			err = pauseFor(ctx, 50*time.Millisecond)
		}
		if err != nil {
			conn.Release()
			return nil, fmt.Errorf("lock migrations: %w", Translate(err))
		}
	}
}
