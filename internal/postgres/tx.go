package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// maxTries bounds how often one transaction runs: once and three repeats (rule 8.5).
const maxTries = 4

// TxFunc is the work of one transaction. It may run again after a serialization
// failure, deadlock or lock timeout, so it starts from what it was given and talks
// to nobody but the database (rule 8.3).
type TxFunc func(ctx context.Context, tx pgx.Tx) error

// TxOption changes how a transaction runs.
type TxOption func(*txConfig)

type txConfig struct {
	tries    int
	begin    string
	restrict string // what follows begin where rights are given up
	pool     *pgxpool.Pool
	across   *pgxpool.Pool // where Across goes instead
}

// NoRetry runs the work once, for callers that do something with a lost race.
func NoRetry() TxOption { return func(c *txConfig) { c.tries = 1 } }

// InTx runs fn in one READ COMMITTED transaction (rule 8.1) that commits when fn
// returns nil. Errors 40001, 40P01 and 55P03 run it again, at most three times,
// with jitter. Errors of fn come back as they are; ErrUnavailable and
// ErrOutcomeUnknown mark an absent database.
func (db *DB) InTx(ctx context.Context, fn TxFunc, opts ...TxOption) error {
	return db.run(ctx, "begin isolation level read committed", fn, opts)
}

func (db *DB) run(ctx context.Context, begin string, fn TxFunc, opts []TxOption) error {
	cfg := txConfig{tries: maxTries, begin: begin, pool: db.pool}
	for _, opt := range opts {
		opt(&cfg)
	}
	var err error
	for try := range cfg.tries {
		if try > 0 && pause(ctx, try) != nil {
			return err
		}
		err = db.once(ctx, cfg, fn)
		if !hasCode(err, "40001", "40P01", "55P03") {
			break
		}
	}
	return Translate(err)
}

// once runs one attempt. The rollback has its own short deadline: the caller's
// context may be the reason for it.
func (db *DB) once(ctx context.Context, cfg txConfig, fn TxFunc) error {
	tx, err := cfg.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: cfg.begin + cfg.restrict})
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer rollback(ctx, tx)
	after := &rings{}
	if err := fn(context.WithValue(ctx, ringsKey{}, after), tx); err != nil {
		return err
	}
	if err := commit(ctx, tx); err != nil {
		return err
	}
	db.bells.ring(db, after.bells)
	return nil
}

func commit(ctx context.Context, tx pgx.Tx) error {
	err := tx.Commit(ctx)
	var answered *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answered), errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, pgx.ErrTxClosed):
		return fmt.Errorf("commit transaction: %w", err) // the server said no: it did not happen
	default:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
}

func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	// After a commit this is a no-op; a failure closes the connection, which rolls back too.
	_ = tx.Rollback(ctx)
}

// pause waits 5 to 25 ms, more with each try, or until the context ends.
func pause(ctx context.Context, try int) error {
	return pauseFor(ctx, time.Duration(try)*(5*time.Millisecond+rand.N(20*time.Millisecond)))
}

func pauseFor(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
