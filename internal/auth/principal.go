package auth

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
)

// Ways somebody is known.
const (
	MethodSession = "session" // the cookie of a browser
	MethodToken   = "token"   // a personal access token
)

// Scopes of tokens, from least to most. A session has all that its role has.
const (
	ScopeRead  = "read"
	ScopeTrade = "trade"
	ScopeAdmin = "admin"
)

func scopeRank(scope string) int {
	switch scope {
	case ScopeRead:
		return 1
	case ScopeTrade:
		return 2
	case ScopeAdmin:
		return 3
	}
	return 0
}

// Principal is who is asking. User is at most 5 s old.
type Principal struct {
	User     users.User
	Method   string    // MethodSession or MethodToken
	Scope    string    // of a token; empty for a session
	AuthTime time.Time // when this person last proved who they are, any way; zero for a token
	ShownAt  time.Time // when they last showed a passkey in this session; zero: never
	Asked    bool      // they are asked for a passkey at sign-in, so that only one proves anything
	SignInID uuid.UUID // the session's row; zero for a token
	TokenID  uuid.UUID // the token's row; zero for a session
}

// fresh tells whether this person has proved lately that it is them: with a passkey where
// one is asked for, however the sign-in began.
func (p Principal) fresh(now time.Time) bool {
	if p.Asked {
		return now.Sub(p.ShownAt) <= stepUpAge
	}
	return now.Sub(p.AuthTime) <= stepUpAge
}

type principalKey struct{}

// From tells who is asking; false on public routes when nobody is signed in.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// With makes p the one who is asking, for tests of handlers.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}
