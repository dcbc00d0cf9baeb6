package postgres

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Replay looks whether a request was answered before, and gives that answer:
// what a verb asks before it gathers anything from outside, because the answer
// stands even when the request would be refused today. Where it was not, otherwise
// (nil: nothing) runs in the same transaction. Errors: ErrKeyReused, those of otherwise.
func (db *DB) Replay(ctx context.Context, k RequestKey, otherwise TxFunc) (answer Answer, found bool, err error) {
	hash := sha256.Sum256(k.Body)
	err = db.As(ctx, k.User, func(ctx context.Context, tx pgx.Tx) error {
		answer, err = storedAnswer(ctx, tx, k, hash[:])
		if !errors.Is(err, pgx.ErrNoRows) {
			found = err == nil
			return err
		}
		if otherwise == nil {
			return nil
		}
		return otherwise(ctx, tx)
	})
	if err != nil || !found {
		return Answer{}, false, err
	}
	return answer, true, nil
}
