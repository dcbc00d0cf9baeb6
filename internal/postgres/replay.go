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

// QueueReplay is the look of Replay as the next statement of a batch: then hears of the
// stored answer, or of none.
func QueueReplay(b *pgx.Batch, k RequestKey, then func(answer Answer, found bool)) {
	hash := sha256.Sum256(k.Body)
	b.Queue(answerOf, k.User, k.Route, k.Key).QueryRow(func(row pgx.Row) error {
		answer, err := scanAnswer(row, hash[:])
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			then(Answer{}, false)
			return nil
		case err != nil:
			return err
		}
		then(answer, true)
		return nil
	})
}
