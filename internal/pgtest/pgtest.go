// Package pgtest gives every test its own database on a throw-away Postgres.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	poolConns = 10 // for each test, four of them for members; hundreds of tests run at once on one server
	waitMax   = 60 * time.Second
)

// New gives a migrated database of the test's own, dropped when the test ends.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	return open(t, URL(t), postgres.Member)
}

// Empty gives a database without any migration.
func Empty(t testing.TB) *postgres.DB {
	t.Helper()
	return open(t, EmptyURL(t), "")
}

// URL makes a migrated database and returns its address, for tests that open it
// themselves, several times or from another process.
func URL(t testing.TB) string {
	t.Helper()
	s := server(t)
	return s.create(t, s.template)
}

// EmptyURL makes a database without any migration and returns its address.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return server(t).create(t, "")
}

// CopyURL copies a database of this test, to which nobody is connected, and returns
// the copy's address. Settings of the database itself are not copied.
func CopyURL(t testing.TB, of string) string {
	t.Helper()
	conn, err := pgx.ParseConfig(of)
	if err != nil {
		t.Fatalf("copy test database: %v", err)
	}
	return server(t).create(t, conn.Database)
}

// Open opens another pool on a database of this test, migrated or not, closed when it
// ends. What it runs for a user keeps the program's rights.
func Open(t testing.TB, url string) *postgres.DB {
	t.Helper()
	return open(t, url, "")
}

func open(t testing.TB, url, restrictRole string) *postgres.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Options{
		URL: url, MaxConns: poolConns, AppName: "test", RestrictRole: restrictRole,
		StatementTimeout: "1min", // how long a statement takes is a benchmark's question: many tests share a machine
	})
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(func() { closePool(t, db) })
	return db
}

// closePool closes the pool, which waits for every connection to come back; one
// that never does is a defect of the test or of what it tests.
func closePool(t testing.TB, db *postgres.DB) {
	done := make(chan struct{})
	go func() { defer close(done); db.Close() }()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Errorf("a connection of %s is still in use 10 s after the test: a transaction or rows were not closed", t.Name())
	}
}

// shared is this test binary's one server. A variable of the package, because the
// tests of a package have no other common owner; it ends with the process.
//
//nolint:gochecknoglobals // see above
var shared = sync.OnceValues(startServer)

// testServer is where test databases are made.
type testServer struct {
	url      func(dbname string) string
	template string // name of the migrated database
	fileCopy bool   // the server knows STRATEGY file_copy (15 and later)
	creating *sync.Mutex
}

func server(t testing.TB) *testServer {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("test database server: %v", err)
	}
	return s
}

func (s *testServer) create(t testing.TB, template string) string {
	t.Helper()
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	sql := "create database " + name
	if template != "" {
		sql += " template " + template
	}
	if s.fileCopy {
		sql += " strategy file_copy"
	}
	s.creating.Lock() // one copy at a time: each waits for the others' checkpoints anyway
	err := s.admin(sql)
	s.creating.Unlock()
	if err != nil {
		t.Fatalf("make test database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.admin("drop database if exists " + name + " with (force)"); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return s.url(name)
}

func (s *testServer) admin(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// examine fills in what depends on the server's version.
func (s *testServer) examine(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, "select current_setting('server_version_num')::int >= 150000").Scan(&s.fileCopy)
}

// withDatabase is url with another database name.
func withDatabase(base, dbname string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("TEST_DATABASE_URL is not a URL")
	}
	u.Path = "/" + dbname
	return u.String(), nil
}
