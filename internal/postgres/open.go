// Package postgres opens the database (or a private one), runs transactions, locks, migrates.
package postgres

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	pgxdecimal "github.com/jackc/pgx-shopspring-decimal"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alertsify/alertsify/internal/trace"
)

// Every session of the pool carries these, so that no forgotten query can hold a
// lock or a connection for long (rule 8.3); instants are UTC (rule 13); a commit
// that was answered survives a crash (rule 8.6).
const (
	lockTimeout        = "2s"
	statementTimeout   = "5s"
	idleInTxTimeout    = "10s"
	patientTimeout     = "13s" // longer than idleInTxTimeout
	defaultMaxConns    = 20
	defaultConnectWait = 5 * time.Second
)

// Options says how to reach the database.
type Options struct {
	URL string // postgres://… ; never logged
	// Direct is the address of the same database past the pooler that URL leads to, which
	// hands each transaction to another session; empty where there is none. What lives in a
	// session goes there: listening, locks that outlive a transaction, the job queue.
	Direct   string
	MaxConns int32 // connections in all, half of them for members where there are any; 20 when zero
	Logger   *slog.Logger
	AppName  string // shown in pg_stat_activity
	// RestrictRole, when set, is the role that As switches to, so that row-level
	// security holds for a user's queries. Empty: no switch.
	RestrictRole string
	// Tracer notes statements and jobs within traces; nil: traces are off, and cost nothing.
	Tracer *trace.Tracer
	// ReadOnly opens sessions that write nothing.
	ReadOnly bool
	// StatementTimeout is how long one statement may take, as the server shows it; 5s when empty.
	StatementTimeout string
}

func (o Options) statementTimeout() string { return cmp.Or(o.StatementTimeout, statementTimeout) }

// DB is one pool of connections and the doors to it; and another for members. A plan that is
// kept for a statement on a table with row-level security holds for one role only: where a
// connection served both, each change of hands would plan its statements anew (two
// milliseconds of an order).
type DB struct {
	pool         *pgxpool.Pool
	direct       *pgxpool.Config // of sessions of one's own, which no pooler takes away
	members      *pgxpool.Pool   // for what gives up the program's rights; the same one where nothing does
	log          *slog.Logger
	restrictRole string
	patience     string // how long one statement may take
	bells        bells
	tracer       *trace.Tracer
	queue        *pgxpool.Pool // of the client that runs jobs; nil where none does
	readOnly     atomic.Bool   // as of the last look
}

// Open connects and makes sure that the database answers. The error is
// ErrUnavailable when it does not, or says what is wrong with the URL.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.ReadOnly && o.Direct != "" {
		o.URL = o.Direct // a pooler's sessions cannot be told to write nothing
	}
	cfg, direct, err := configs(o)
	if err != nil {
		return nil, err
	}
	forMembers := max(cfg.MaxConns/2, 1)
	if o.RestrictRole != "" {
		cfg.MaxConns = max(cfg.MaxConns-forMembers, 1)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	db := &DB{pool: pool, members: pool, direct: direct, log: log, restrictRole: o.RestrictRole, patience: o.statementTimeout(), tracer: o.Tracer}
	if err := db.LookWritable(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	if o.RestrictRole == "" {
		return db, nil
	}
	members := cfg.Copy()
	members.MaxConns = forMembers
	if db.members, err = pgxpool.NewWithConfig(ctx, members); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// Pool gives the connections themselves, for plain reads and for libraries.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// ReadOnly tells whether the database took no writes when it was looked at last.
func (db *DB) ReadOnly() bool { return db.readOnly.Load() }

// LookWritable asks whether the database takes writes: not where its sessions were opened
// read-only, nor while it is a standby.
func (db *DB) LookWritable(ctx context.Context) error {
	var readOnly bool
	if err := db.pool.QueryRow(ctx, `select current_setting('transaction_read_only') = 'on'`).Scan(&readOnly); err != nil {
		return Translate(err)
	}
	db.readOnly.Store(readOnly)
	return nil
}

// Close waits for open transactions and for bells, then closes every connection.
func (db *DB) Close() {
	db.bells.close()
	if db.queue != nil {
		db.queue.Close()
	}
	if db.members != db.pool {
		db.members.Close()
	}
	db.pool.Close()
}

// openQueuePool makes the connections of the client that runs jobs.
func (db *DB) openQueuePool() (*pgxpool.Pool, error) {
	cfg := db.direct.Copy()
	cfg.MaxConns, cfg.MinConns = queueConns, 0
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("open the job queue's connections: %w", err)
	}
	db.queue = pool
	return pool, nil
}

// configs are those of the pool, and of sessions of one's own.
func configs(o Options) (pool, direct *pgxpool.Config, err error) {
	if pool, err = poolConfig(o); err != nil {
		return nil, nil, err
	}
	if o.Direct == "" || o.Direct == o.URL {
		return pool, pool, nil
	}
	past := o
	past.URL = o.Direct
	if direct, err = poolConfig(past); err != nil {
		return nil, nil, fmt.Errorf("direct address: %w", err)
	}
	throughPooler(pool, o.URL)
	return pool, direct, nil
}

// throughPooler makes a configuration that any session behind a pooler serves. Poolers
// refuse most of what a session may be told when it begins, so that the database tells it
// (SetSessions); and they may hand a statement to another session than its preparation, so
// that only its description is kept. Newer ones keep statements apart: who has one says
// default_query_exec_mode=cache_statement in the address.
func throughPooler(cfg *pgxpool.Config, url string) {
	for name := range sessionSettings() {
		delete(cfg.ConnConfig.RuntimeParams, name)
	}
	if !strings.Contains(url, "default_query_exec_mode=") {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
}

// sessionSettings are what each session of the pool carries. Ours are short statements: where
// tables were not analyzed yet, which each crash puts off, the server takes some for long ones
// and would compile them (jit) for longer than statement_timeout.
func sessionSettings() map[string]string {
	return map[string]string{
		"lock_timeout": lockTimeout, "statement_timeout": statementTimeout,
		"idle_in_transaction_session_timeout": idleInTxTimeout, "synchronous_commit": "on", "jit": "off",
	}
}

func poolConfig(o Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", hideURL(err))
	}
	cfg.MaxConns = defaultMaxConns
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = defaultConnectWait
	}
	maps.Copy(cfg.ConnConfig.RuntimeParams, sessionSettings())
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = o.statementTimeout()
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if o.ReadOnly {
		cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}
	if o.AppName != "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = o.AppName
	}
	cfg.AfterConnect = registerTypes
	if o.Tracer.On() {
		cfg.ConnConfig.Tracer = statements{}
	}
	return cfg, nil
}

// registerTypes lets NUMERIC scan into decimal.Decimal exactly, in both protocols
// and in arrays. google/uuid needs nothing: it is a [16]byte, which pgx knows.
func registerTypes(_ context.Context, conn *pgx.Conn) error {
	pgxdecimal.Register(conn.TypeMap())
	return nil
}
