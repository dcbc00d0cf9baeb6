package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	// ErrKeyReused says that the key came before with another body: 422.
	ErrKeyReused = errors.New("idempotency key was used with another body")

	// ErrInProgress says that the same request is being worked on and did not
	// finish within lock_timeout (2 s): 409.
	ErrInProgress = errors.New("a request with this idempotency key is in progress")
)

const (
	keepKeys = 30 * 24 * time.Hour // how long an answer can be repeated (rule 9)
)

// RequestKey is a client request that may come more than once.
type RequestKey struct {
	User  uuid.UUID
	Route string // such as "POST /api/orders"
	Key   string // the Idempotency-Key header, 16 to 255 printable characters
	Body  []byte // as it came; only its hash is stored
}

// Answer is what a request was told. Status is 2xx: refusals are errors and are
// not stored, so that a corrected request may come with the same key.
type Answer struct {
	Status   int
	Body     json.RawMessage
	Replayed bool // it was told this before; nothing happened this time

	queued bool // it is stored already, see QueueAnswer
}

// Once runs effect in the user's transaction unless this key did already, and
// stores its answer with it: one key, one effect, one answer (INV-33). The same key
// and body gives the stored answer again. Errors: those of effect, ErrKeyReused,
// ErrInProgress.
func (db *DB) Once(ctx context.Context, k RequestKey, effect func(context.Context, pgx.Tx) (Answer, error), opts ...TxOption) (Answer, error) {
	var answer Answer
	err := db.As(ctx, k.User, func(ctx context.Context, tx pgx.Tx) (err error) {
		answer, err = Once(ctx, tx, k, effect)
		return err
	}, opts...)
	if err != nil {
		return Answer{}, err
	}
	return answer, nil
}

// Once is DB.Once inside a transaction that the caller holds and must roll back
// on any error.
func Once(ctx context.Context, tx pgx.Tx, k RequestKey, effect func(context.Context, pgx.Tx) (Answer, error)) (Answer, error) {
	hash := sha256.Sum256(k.Body)
	fresh, err := takeKey(ctx, tx, k, hash[:])
	if err != nil {
		return Answer{}, err
	}
	if !fresh {
		return storedAnswer(ctx, tx, k, hash[:])
	}
	answer, err := effect(ctx, tx)
	if err != nil {
		return Answer{}, err
	}
	if !answer.queued {
		b := &pgx.Batch{}
		QueueAnswer(b, k, &answer)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return Answer{}, fmt.Errorf("store answer: %w", err)
		}
	}
	answer.Replayed, answer.queued = false, false
	return answer, nil
}

// takeKey inserts the key's row. Where another transaction has inserted it and not
// ended yet, the statement waits for that one, at most lock_timeout.
func takeKey(ctx context.Context, tx pgx.Tx, k RequestKey, hash []byte) (fresh bool, err error) {
	tag, err := tx.Exec(ctx, `
		insert into idempotency_keys (user_id, route, key, body_hash, status) values ($1, $2, $3, $4, 200)
		on conflict do nothing`, k.User, k.Route, k.Key, hash)
	if IsLockTimeout(err) {
		return false, ErrInProgress // without the cause, so that the transaction is not tried again
	}
	if err != nil {
		return false, fmt.Errorf("take idempotency key: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const answerOf = `select body_hash, status, body::text from idempotency_keys where user_id = $1 and route = $2 and key = $3`

func storedAnswer(ctx context.Context, tx pgx.Tx, k RequestKey, hash []byte) (Answer, error) {
	return scanAnswer(tx.QueryRow(ctx, answerOf, k.User, k.Route, k.Key), hash)
}

func scanAnswer(row pgx.Row, hash []byte) (Answer, error) {
	answer := Answer{Replayed: true}
	var before []byte
	err := row.Scan(&before, &answer.Status, (*textOrNil)(&answer.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("read stored answer: %w", err)
	}
	if !bytes.Equal(before, hash) {
		return Answer{}, ErrKeyReused
	}
	return answer, nil
}

// QueueAnswer stores the answer to a request as the next statement of a batch, for the
// effect of Once that writes something else with its answer: the round trip is the same.
// Such an effect must send the batch, and returns this answer.
func QueueAnswer(b *pgx.Batch, k RequestKey, answer *Answer) {
	var body *string
	if answer.Body != nil {
		text := string(answer.Body)
		body = &text
	}
	b.Queue(`
		update idempotency_keys set status = $4, body = $5::text::json where user_id = $1 and route = $2 and key = $3`,
		k.User, k.Route, k.Key, answer.Status, body)
	answer.queued = true
}

// textOrNil scans text into bytes, null into nil.
type textOrNil json.RawMessage

func (t *textOrNil) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = nil
	case string:
		*t = textOrNil(v)
	default:
		return fmt.Errorf("cannot scan %T as text", src)
	}
	return nil
}

// TrimKeys removes answers older than 30 days, in slices, and tells how many.
func TrimKeys(ctx context.Context, db *DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim idempotency keys", `
		delete from idempotency_keys where (user_id, route, key) in (
			select user_id, route, key from idempotency_keys where created_at < $1 limit $2)`, now.Add(-keepKeys))
}
