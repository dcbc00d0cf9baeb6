package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

// store keeps sessions in Postgres for scs, which hands over hashes of tokens. It
// cannot list sessions, on purpose: sign_ins is the list.
type store struct {
	db  *postgres.DB
	now func() time.Time
}

// FindCtx gives the session's data; false when there is none or it has expired.
func (s *store) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	err := s.db.Pool().QueryRow(ctx,
		"select data from sessions where token_hash = $1 and expires_at > $2", token, s.now()).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	return data, true, nil
}

// CommitCtx stores the session. One that has expired is deleted: a request that
// ends just after the deadline must not store a session for ever.
func (s *store) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	if !expiry.After(s.now()) {
		return s.DeleteCtx(ctx, token)
	}
	_, err := s.db.Pool().Exec(ctx, `
		insert into sessions (token_hash, data, expires_at) values ($1, $2, $3)
		on conflict (token_hash) do update set data = excluded.data, expires_at = excluded.expires_at`,
		token, data, expiry)
	if err != nil {
		return fmt.Errorf("store session: %w", err)
	}
	return nil
}

// DeleteCtx deletes the session; none is fine.
func (s *store) DeleteCtx(ctx context.Context, token string) error {
	if _, err := s.db.Pool().Exec(ctx, "delete from sessions where token_hash = $1", token); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// Find, Commit and Delete complete scs.Store; scs calls the ones with a context.
func (s *store) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit see Find.
func (s *store) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete see Find.
func (s *store) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
