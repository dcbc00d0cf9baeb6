package auth

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	signInsShown = 100   // of one user's list
	purgeMax     = 5_000 // rows one sweep deletes
)

// SignIn is one browser somebody is signed in with.
type SignIn struct {
	ID         uuid.UUID
	Method     string // the provider
	Device     string // "Firefox on Windows"
	IPPrefix   string // "203.0.113.0/24"
	CreatedAt  time.Time
	LastSeenAt time.Time // to the minute
}

// SignIns lists a user's browsers, the latest first.
func (g *Guard) SignIns(ctx context.Context, userID uuid.UUID) ([]SignIn, error) {
	now := g.now()
	list, err := postgres.OwnRows(ctx, g.db, userID, pgx.RowToStructByPos[SignIn], `
		select id, method, device, ip_prefix, created_at, last_seen_at from sign_ins
		where user_id = $1 and last_seen_at > $2 and created_at > $3
		order by created_at desc limit $4`,
		userID, now.Add(-g.idle), now.Add(-g.sessions.Lifetime), signInsShown)
	if err != nil {
		return nil, fmt.Errorf("list sign-ins: %w", err)
	}
	return list, nil
}

// EndSignIn ends one of a user's sessions; fault.NotFound when it is not there or
// not theirs.
func (g *Guard) EndSignIn(ctx context.Context, userID, id uuid.UUID) error {
	var ended int64
	err := g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "delete from sign_ins where id = $1 and user_id = $2", id, userID)
		ended = tag.RowsAffected()
		return err
	})
	if err != nil {
		return fmt.Errorf("end sign-in: %w", err)
	}
	if ended == 0 {
		return fault.NotFound()
	}
	return nil
}

// SignOutEverywhere ends all sessions of a user, this one too, on every server.
// Access tokens stay, and so do open orders and copying.
func (g *Guard) SignOutEverywhere(ctx context.Context, userID uuid.UUID) error {
	err := g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		if err := g.EndSessions(ctx, tx, userID); err != nil {
			return err
		}
		return g.tell(ctx, tx, userID, "You were signed out everywhere",
			"Orders, copying and access tokens go on. If that was not you, sign in and look at your ways to sign in.")
	})
	if err != nil {
		return fmt.Errorf("sign out everywhere: %w", err)
	}
	g.recent.forget(userID)
	return nil
}

// EndAccess takes every way in from a user, in the caller's transaction, for good: sessions,
// access tokens, passkeys with what they were asked to sign, and the identities, so that the
// same account of a provider may sign up anew.
func (g *Guard) EndAccess(ctx context.Context, tx pgx.Tx, userID uuid.UUID) error {
	if err := lockPasskeys(ctx, tx, userID); err != nil { // one that is being added is there to be deleted, or finds its owner gone
		return err
	}
	for _, sql := range []string{
		`delete from sign_ins where user_id = $1`,
		`update access_tokens set revoked_at = now() where user_id = $1 and revoked_at is null`,
		`delete from passkey_challenges where user_id = $1`,
		`delete from second_factors where user_id = $1`,
		`delete from passkeys where user_id = $1`,
		`delete from identities where user_id = $1`,
	} {
		if _, err := tx.Exec(ctx, sql, userID); err != nil {
			return fmt.Errorf("end the access of %s: %w", userID, err)
		}
	}
	return nil
}

// SignOut is POST /auth/logout: it ends this browser's session. Its rule is
// Public, because ending what has ended already is fine.
func (g *Guard) SignOut(w http.ResponseWriter, r *http.Request) error {
	if _, byToken := bearer(r); byToken { // whatever cookie came along is not meant
		seeOther(w, "/")
		return nil
	}
	ctx, err := g.session(r)
	if err != nil {
		return err
	}
	if err := g.drop(ctx, w); err != nil {
		return err
	}
	seeOther(w, "/")
	return nil
}

// Purge deletes sessions and challenges nobody can use any more, some thousands at a time, and
// tells how many, also beside an error.
func (g *Guard) Purge(ctx context.Context) (purged int64, err error) {
	now := g.now()
	for _, old := range []struct {
		what, sql string
		args      []any
	}{
		{"sessions", `
			delete from sessions where token_hash in (select token_hash from sessions where expires_at <= $1 limit $2)`,
			[]any{now, purgeMax}},
		{"sign-ins", `
			delete from sign_ins where id in (
				select id from sign_ins where last_seen_at <= $1 or created_at <= $2 limit $3)`,
			[]any{now.Add(-g.idle), now.Add(-g.sessions.Lifetime), purgeMax}},
		{"passkey challenges", `
			delete from passkey_challenges where (session_hash, purpose) in (
				select session_hash, purpose from passkey_challenges where expires_at <= $1 limit $2)`,
			[]any{now, purgeMax}},
	} {
		tag, err := g.db.Pool().Exec(ctx, old.sql, old.args...)
		if err != nil {
			return purged, fmt.Errorf("purge %s: %w", old.what, err)
		}
		purged += tag.RowsAffected()
	}
	return purged, nil
}
