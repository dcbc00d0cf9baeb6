package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alexedwards/scs/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What a session holds. Role and status are not among it: they are read from the
// user at every request.
const (
	keySignIn   = "sid"       // string, the row in sign_ins
	keyUser     = "uid"       // string
	keyEpoch    = "epoch"     // int
	keyAuthTime = "auth_time" // int64, Unix seconds
	keyShownAt  = "shown_at"  // int64, Unix seconds, of a passkey; 0: never
	keyIdentity = "identity"  // string, who the provider said it is; see Identity.key
	keyAttempts = "attempts"  // string, JSON; see attempt.go
)

const seenEvery = time.Minute // how exact last_seen_at is

var (
	errUndecodable = errors.New("session cannot be read")
	errEnded       = errors.New("sign-in has ended")
)

// newSessions sets up scs. Its middleware is not used: only the handlers of this
// package change sessions, and they save them, so that no other request can write
// one back after it ended. For the same reason scs does not know about idle
// sessions: it would rewrite one at every request; sign_ins keeps the time instead.
func newSessions(o Options, s scs.Store) *scs.SessionManager {
	m := scs.New()
	m.Store = s
	m.Codec = codec{}
	m.HashTokenInStore = true
	m.Lifetime = o.Lifetime
	m.Cookie.Name = "alertsify_dev"
	if strings.HasPrefix(o.AppURL, "https://") {
		// Browsers take a __Host- cookie only with Secure, Path=/ and no Domain.
		m.Cookie.Name, m.Cookie.Secure = "__Host-alertsify", true
	}
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode // Strict would lose it on the way back from a provider
	return m
}

// codec marks what cannot be decoded, so that a format of another release means
// "sign in again" and not an error for ever.
type codec struct{ scs.GobCodec }

func (c codec) Decode(b []byte) (time.Time, map[string]any, error) {
	deadline, values, err := c.GobCodec.Decode(b)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("%w: %w", errUndecodable, err)
	}
	return deadline, values, nil
}

// session reads the request's session, or begins an anonymous one.
func (g *Guard) session(r *http.Request) (context.Context, error) {
	token := ""
	if cookie, err := r.Cookie(g.sessions.Cookie.Name); err == nil {
		token = cookie.Value
	}
	ctx, err := g.sessions.Load(r.Context(), token)
	if errors.Is(err, errUndecodable) {
		ctx, err = g.sessions.Load(r.Context(), "")
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return ctx, nil
}

// save stores the session and gives the browser its cookie. Called before the
// first byte of the answer, and only by what changed the session.
func (g *Guard) save(ctx context.Context, w http.ResponseWriter) error {
	token, expiry, err := g.sessions.Commit(ctx)
	if err != nil {
		return unavailable(err)
	}
	g.sessions.WriteSessionCookie(ctx, w, token, expiry)
	return nil
}

// drop ends the session for good: its row in sign_ins, its values, its cookie.
func (g *Guard) drop(ctx context.Context, w http.ResponseWriter) error {
	id, idErr := uuid.Parse(g.sessions.GetString(ctx, keySignIn))
	user, userErr := uuid.Parse(g.sessions.GetString(ctx, keyUser))
	if idErr == nil && userErr == nil {
		err := g.EndSignIn(ctx, user, id)
		if err != nil && !errors.Is(err, fault.NotFound()) {
			return unavailable(err)
		}
	}
	if err := g.sessions.Destroy(ctx); err != nil {
		return unavailable(err)
	}
	g.dropCookie(w)
	return nil
}

func (g *Guard) dropCookie(w http.ResponseWriter) {
	g.sessions.WriteSessionCookie(context.Background(), w, "", time.Time{})
	w.Header().Set("Cache-Control", "no-store")
}

// bySession tells whose session ctx holds: nobody's (zero), somebody's, or
// errEnded when it must be thrown away.
func (g *Guard) bySession(ctx context.Context) (Principal, error) {
	sid, err := uuid.Parse(g.sessions.GetString(ctx, keySignIn))
	if err != nil {
		return Principal{}, nil //nolint:nilerr // anonymous: a sign-in on its way
	}
	// scs does not look at the deadline when it loads.
	if !g.sessions.Deadline(ctx).After(g.now()) {
		return Principal{}, errEnded
	}
	uid, err := uuid.Parse(g.sessions.GetString(ctx, keyUser))
	if err != nil {
		return Principal{}, errEnded
	}
	p := Principal{
		Method: MethodSession, SignInID: sid,
		AuthTime: time.Unix(g.sessions.GetInt64(ctx, keyAuthTime), 0),
	}
	if shown := g.sessions.GetInt64(ctx, keyShownAt); shown > 0 {
		p.ShownAt = time.Unix(shown, 0)
	}
	p.User.ID, p.User.SessionEpoch = uid, g.sessions.GetInt(ctx, keyEpoch)
	return g.confirm(ctx, p, true)
}

// confirm holds a session against its row and its user as they are now. seen says
// that somebody is acting, which keeps the session from going idle.
func (g *Guard) confirm(ctx context.Context, p Principal, seen bool) (Principal, error) {
	var err error
	if p.Asked, err = g.checkSignIn(ctx, p, seen); err != nil {
		return Principal{}, err
	}
	epoch := p.User.SessionEpoch
	user, err := g.user(ctx, p.User.ID)
	if errors.Is(err, fault.NotFound()) {
		return Principal{}, errEnded
	}
	if err != nil {
		return Principal{}, unavailable(err)
	}
	if user.SessionEpoch != epoch || !user.Active() {
		return Principal{}, errEnded
	}
	p.User = user
	return p, nil
}

// checkSignIn requires the session's row: signing out deletes it, and no slow
// request can bring it back. Where a passkey is asked for at sign-in, a session that none
// was ever shown to is over: it began before that held, on a provider's word alone.
func (g *Guard) checkSignIn(ctx context.Context, p Principal, seen bool) (asked bool, err error) {
	var lastSeen time.Time
	var method string
	err = g.db.Pool().QueryRow(ctx, `
		select last_seen_at, method, exists (select from second_factors f where f.user_id = s.user_id and f.since <= $3)
		from sign_ins s where id = $1 and user_id = $2`, p.SignInID, p.User.ID, g.now().Add(-factorWait)).
		Scan(&lastSeen, &method, &asked)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, errEnded
	}
	if err != nil {
		return false, unavailable(err)
	}
	idle := g.now().Sub(lastSeen)
	if idle >= g.idle || g.refused(method) || asked && p.ShownAt.IsZero() {
		return false, errEnded
	}
	if seen && idle >= seenEvery {
		return asked, g.touch(ctx, p.SignInID)
	}
	return asked, nil
}

func (g *Guard) touch(ctx context.Context, signIn uuid.UUID) error {
	if g.db.ReadOnly() {
		return nil
	}
	_, err := g.db.Pool().Exec(ctx, "update sign_ins set last_seen_at = $2 where id = $1 and last_seen_at < $2",
		signIn, g.now())
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// StillValid tells whether a long-lived stream of p may go on: it is asked every
// 30 s and counts as nobody acting. An error means that it is not known.
func (g *Guard) StillValid(ctx context.Context, p Principal) (bool, error) {
	if p.Method == MethodToken {
		return g.tokenStillValid(ctx, p)
	}
	_, err := g.confirm(ctx, p, false)
	if errors.Is(err, errEnded) {
		return false, nil
	}
	return err == nil, err
}

// unavailable marks an absent database; other errors stay our bugs.
func unavailable(err error) error {
	if postgres.IsUnavailable(err) {
		return fault.Unavailable(err)
	}
	return err
}
