package auth

import (
	"context"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
)

const (
	recentAge = 5 * time.Second // a role or epoch changed elsewhere holds here at the latest after this
	recentMax = 10_000          // users kept; all are forgotten when it is reached
)

// recentUsers saves a read for every request of a page that makes many.
type recentUsers struct {
	now func() time.Time

	mu    sync.Mutex
	known map[uuid.UUID]recentUser
}

type recentUser struct {
	user users.User
	at   time.Time
}

func newRecentUsers(now func() time.Time) *recentUsers {
	return &recentUsers{now: now, known: map[uuid.UUID]recentUser{}}
}

func (c *recentUsers) get(id uuid.UUID) (users.User, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.known[id]
	return entry.user, ok && c.now().Sub(entry.at) < recentAge
}

// put keeps a user as of the moment the read began: a change after that may not
// be in it.
func (c *recentUsers) put(u users.User, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= recentMax {
		clear(c.known)
	}
	c.known[u.ID] = recentUser{user: u, at: at}
}

func (c *recentUsers) forget(id uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, id)
}

// user reads a user, at most 5 s old.
func (g *Guard) user(ctx context.Context, id uuid.UUID) (users.User, error) {
	if u, ok := g.recent.get(id); ok {
		return u, nil
	}
	at := g.now()
	u, err := g.users.ByID(ctx, id)
	if err != nil {
		return users.User{}, err
	}
	g.recent.put(u, at)
	return u, nil
}

// Forget makes the next request of a user read the user anew, after a change made
// in this process.
func (g *Guard) Forget(id uuid.UUID) { g.recent.forget(id) }
