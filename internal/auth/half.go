package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
)

// What a session holds of somebody whose provider has spoken and whose passkey has not.
// It is no sign-in: everything but the passkey's own pages takes the browser for who it
// was before, which is nobody or who was signed in with it.
const (
	keyHalfUser   = "half_uid"       // string
	keyHalfEpoch  = "half_epoch"     // int
	keyHalfAt     = "half_at"        // int64, Unix seconds
	keyHalfMethod = "half_method"    // string, the provider
	keyHalfWho    = "half_identity"  // string, see Identity.key
	keyHalfReturn = "half_return_to" // string, a path of ours
)

const halfLife = 10 * time.Minute

// half is a sign-in that still wants a passkey.
type half struct {
	user     uuid.UUID
	epoch    int
	method   string
	identity string
	returnTo string
}

// startHalf notes it in the browser's session. Whoever is signed in with it stays so until
// the passkey was shown: they may be on their way out of a position. The token changes here
// and once more when the sign-in is whole.
func (g *Guard) startHalf(ctx context.Context, w http.ResponseWriter, user users.User, who Identity, returnTo string) error {
	until := g.now().Add(halfLife).UTC()
	if g.sessions.Exists(ctx, keySignIn) {
		until = g.sessions.Deadline(ctx)
	}
	if err := g.sessions.RenewToken(ctx); err != nil {
		return err
	}
	g.sessions.Put(ctx, keyHalfUser, user.ID.String())
	g.sessions.Put(ctx, keyHalfEpoch, user.SessionEpoch)
	g.sessions.Put(ctx, keyHalfAt, g.now().Unix())
	g.sessions.Put(ctx, keyHalfMethod, who.Provider)
	g.sessions.Put(ctx, keyHalfWho, who.key())
	g.sessions.Put(ctx, keyHalfReturn, returnTo)
	g.sessions.SetDeadline(ctx, until)
	return g.save(ctx, w)
}

// halfOf reads it; false when there is none, or none that is still good.
func (g *Guard) halfOf(ctx context.Context) (half, bool) {
	user, err := uuid.Parse(g.sessions.GetString(ctx, keyHalfUser))
	begun := time.Unix(g.sessions.GetInt64(ctx, keyHalfAt), 0)
	method := g.sessions.GetString(ctx, keyHalfMethod)
	if err != nil || g.now().Sub(begun) > halfLife || g.refused(method) {
		return half{}, false
	}
	return half{
		user: user, epoch: g.sessions.GetInt(ctx, keyHalfEpoch), method: method,
		identity: g.sessions.GetString(ctx, keyHalfWho), returnTo: LocalPath(g.sessions.GetString(ctx, keyHalfReturn)),
	}, true
}

// HalfSignedIn tells whether this browser's sign-in still wants a passkey, and r is not
// about the one before it (AgainQuery).
func (g *Guard) HalfSignedIn(r *http.Request) (bool, error) {
	ctx, err := g.session(r)
	if err != nil {
		return false, err
	}
	_, ok := g.halfOf(ctx)
	return ok && !again(r), nil
}
