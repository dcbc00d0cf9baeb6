package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
)

// What a session holds of somebody whose provider has spoken and whose passkey has not.
// It has no sign-in, so that everything but the passkey's own pages takes them for nobody.
const (
	keyHalfUser   = "half_uid"       // string
	keyHalfEpoch  = "half_epoch"     // int
	keyHalfAt     = "half_at"        // int64, Unix seconds
	keyHalfMethod = "half_method"    // string, the provider
	keyHalfReturn = "half_return_to" // string, a path of ours
)

const halfLife = 10 * time.Minute

// half is a sign-in that still wants a passkey.
type half struct {
	user     uuid.UUID
	epoch    int
	method   string
	returnTo string
}

// startHalf gives the browser a new session that is nobody's yet. The token changes here
// and once more when the sign-in is whole.
func (g *Guard) startHalf(ctx context.Context, w http.ResponseWriter, user users.User, method, returnTo string) error {
	if err := g.sessions.RenewToken(ctx); err != nil {
		return err
	}
	if err := g.sessions.Clear(ctx); err != nil {
		return err
	}
	g.sessions.Put(ctx, keyHalfUser, user.ID.String())
	g.sessions.Put(ctx, keyHalfEpoch, user.SessionEpoch)
	g.sessions.Put(ctx, keyHalfAt, g.now().Unix())
	g.sessions.Put(ctx, keyHalfMethod, method)
	g.sessions.Put(ctx, keyHalfReturn, returnTo)
	g.sessions.SetDeadline(ctx, g.now().Add(halfLife).UTC())
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
		user: user, epoch: g.sessions.GetInt(ctx, keyHalfEpoch), method: method, returnTo: LocalPath(g.sessions.GetString(ctx, keyHalfReturn)),
	}, true
}

// HalfSignedIn tells whether this browser's sign-in still wants a passkey.
func (g *Guard) HalfSignedIn(r *http.Request) (bool, error) {
	ctx, err := g.session(r)
	if err != nil {
		return false, err
	}
	_, ok := g.halfOf(ctx)
	return ok, nil
}
