package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lock takes the named advisory lock for the rest of the transaction, alone. It
// waits at most lock_timeout (55P03).
func Lock(ctx context.Context, tx pgx.Tx, name string) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", lockKey(name)); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	return nil
}

// LockPatiently is Lock, but waits longer than a transaction may idle: one whose process was cut
// off while it held the lock is ended by the database first. Turning the trading switch takes it
// this way, so no claim commits after it returned, and it does return when part of the network
// is away; who asks for the lock after it waits behind it. Timeouts that the transaction had set
// for itself are the session's again.
func LockPatiently(ctx context.Context, tx pgx.Tx, name string) error {
	batch := &pgx.Batch{}
	batch.Queue("select set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true)", patientTimeout)
	batch.Queue("select pg_advisory_xact_lock($1)", lockKey(name))
	batch.Queue("set local lock_timeout to default")
	batch.Queue("set local statement_timeout to default")
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	return nil
}

// QueueLockShared takes the named advisory lock for the rest of the transaction
// together with other sharers, as the next statement of a batch: what the batch
// reads after it is read under the lock. Claiming an order holds the trading switch
// this way.
func QueueLockShared(b *pgx.Batch, name string) {
	b.Queue("select pg_advisory_xact_lock_shared($1)", lockKey(name))
}

// TryLock takes the named advisory lock for the rest of the transaction if nobody
// holds it, and tells whether it did; for work that only one process should do.
func TryLock(ctx context.Context, tx pgx.Tx, name string) (bool, error) {
	var got bool
	err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", lockKey(name)).Scan(&got)
	if err != nil {
		return false, fmt.Errorf("try lock %s: %w", name, err)
	}
	return got, nil
}

// HeldLock is a named advisory lock that a session of its own holds: it ends with the
// process, however that ends.
type HeldLock struct {
	conn *pgx.Conn
	name string
}

// HoldLock takes the named advisory lock until Release; nil, without an error, when
// another session has it.
func (db *DB) HoldLock(ctx context.Context, name string) (*HeldLock, error) {
	conn, err := pgx.ConnectConfig(ctx, db.direct.Copy().ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("hold lock %s: %w", name, Translate(err))
	}
	var got bool
	if err = conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", lockKey(name)).Scan(&got); err == nil && got {
		return &HeldLock{conn, name}, nil
	}
	_ = conn.Close(context.WithoutCancel(ctx))
	if err != nil {
		return nil, fmt.Errorf("hold lock %s: %w", name, Translate(err))
	}
	return nil, nil
}

// Check tells by an error that the session, and the lock with it, may be gone.
func (l *HeldLock) Check(ctx context.Context) error {
	if err := l.conn.Ping(ctx); err != nil {
		return fmt.Errorf("hold lock %s: %w", l.name, Translate(err))
	}
	return nil
}

// Release gives the lock back and ends the session: a connection that hangs cannot keep it.
func (l *HeldLock) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = l.conn.Exec(ctx, "select pg_advisory_unlock($1)", lockKey(l.name))
	_ = l.conn.Close(ctx)
}

// lockKey maps a name to the 64 bits Postgres wants, the same in every process and
// release; a collision would only make two names wait for each other.
func lockKey(name string) int64 {
	sum := sha256.Sum256([]byte("alertsify lock " + name))
	return int64(binary.BigEndian.Uint64(sum[:8])) // any 64 bits will do
}
