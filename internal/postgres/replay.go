package postgres

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Replay looks whether a request was answered before, and gives that answer:
// what a verb asks before it gathers anything from outside, because the answer
// stands even when the request would be refused today. Error: ErrKeyReused.
func (db *DB) Replay(ctx context.Context, k RequestKey) (answer Answer, found bool, err error) {
	hash := sha256.Sum256(k.Body)
	err = db.As(ctx, k.User, func(ctx context.Context, tx pgx.Tx) error {
		answer, err = storedAnswer(ctx, tx, k, hash[:])
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Answer{}, false, nil
	}
	return answer, err == nil, err
}
