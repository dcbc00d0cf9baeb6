package brokers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// A burst costs two readings: the one under way, and one that began after everybody asked.
func TestWhoArrivesDuringARunSharesTheNext(t *testing.T) {
	t.Parallel()
	turns, user := newTurns(), uuid.New()
	var runs atomic.Int64
	running, finish := make(chan struct{}), make(chan struct{})
	read := func() (Changes, error) {
		if runs.Add(1) == 1 {
			close(running)
			<-finish
		}
		return Changes{}, nil
	}
	var all sync.WaitGroup
	all.Go(func() { _, _ = turns.do(context.Background(), user, read) })
	<-running
	for range 10 {
		all.Go(func() {
			if _, err := turns.do(context.Background(), user, read); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < 11; { // all eleven are inside
		turns.mu.Lock()
		waiting = turns.users[user].waiting
		turns.mu.Unlock()
	}
	close(finish)
	all.Wait()
	if n := runs.Load(); n != 2 {
		t.Errorf("%d readings, want 2", n)
	}
	if len(turns.users) != 0 {
		t.Errorf("%d users are still remembered", len(turns.users))
	}
}

// A failed reading is only its own caller's: the next one reads again.
func TestAFailedRunIsNotShared(t *testing.T) {
	t.Parallel()
	turns, user := newTurns(), uuid.New()
	broken := errors.New("broken")
	if _, err := turns.do(context.Background(), user, func() (Changes, error) { return Changes{}, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := turns.do(context.Background(), user, func() (Changes, error) { return Changes{}, nil }); err != nil {
		t.Errorf("%v", err)
	}
}
