package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Lock takes the named advisory lock for the rest of the transaction, alone. It
// waits at most lock_timeout (55P03). Turning the trading switch takes it this way,
// so no claim commits after it returned.
func Lock(ctx context.Context, tx pgx.Tx, name string) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", lockKey(name)); err != nil {
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

// lockKey maps a name to the 64 bits Postgres wants, the same in every process and
// release; a collision would only make two names wait for each other.
func lockKey(name string) int64 {
	sum := sha256.Sum256([]byte("alertsify lock " + name))
	return int64(binary.BigEndian.Uint64(sum[:8])) // any 64 bits will do
}
