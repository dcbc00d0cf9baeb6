package brokers

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// turns lets one refresh of a user run at a time in this process. Whoever
// arrives while one runs shares the next: a burst of webhooks about one new
// connection costs two readings, not one each.
type turns struct {
	mu    sync.Mutex
	users map[uuid.UUID]*turn
}

type turn struct {
	gate    chan struct{} // holds one token
	waiting int           // callers inside do
	started int           // runs begun, under gate
	changes Changes       // of the latest run
	err     error
}

func newTurns() *turns { return &turns{users: map[uuid.UUID]*turn{}} }

// do runs read for the user, or takes the result of a run that began after it was called.
func (t *turns) do(ctx context.Context, user uuid.UUID, read func() (Changes, error)) (Changes, error) {
	mine, enough := t.join(user)
	defer t.leave(user, mine)
	select {
	case <-ctx.Done():
		return Changes{}, ctx.Err()
	case <-mine.gate:
	}
	defer func() { mine.gate <- struct{}{} }()
	if mine.started >= enough && mine.err == nil {
		return mine.changes, nil
	}
	t.mu.Lock()
	mine.started++
	t.mu.Unlock()
	mine.changes, mine.err = read()
	return mine.changes, mine.err
}

func (t *turns) join(user uuid.UUID) (mine *turn, enough int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine = t.users[user]
	if mine == nil {
		mine = &turn{gate: make(chan struct{}, 1)}
		mine.gate <- struct{}{}
		t.users[user] = mine
	}
	mine.waiting++
	return mine, mine.started + 1
}

func (t *turns) leave(user uuid.UUID, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine.waiting--
	if mine.waiting == 0 {
		delete(t.users, user)
	}
}
