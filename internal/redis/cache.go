package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// loadTimeout bounds one load, which outlives the request that began it because
// others may be waiting for the same.
const loadTimeout = 10 * time.Second

// Cached gives the value under key, or loads and keeps it for ttl; while Redis is away
// this process keeps it for itself. Many who miss the same key at once share one load;
// the value they get is shared and must not be changed. Only load's errors and the caller's own
// cancellation come back. Key names the kind too: two types under one key is a defect.
func Cached[T any](ctx context.Context, c *Client, key string, ttl time.Duration, load func(context.Context) (T, error)) (T, error) {
	var value T
	if find(ctx, c, key, &value) {
		return value, nil
	}
	var none T
	shared := c.flight.DoChan(key, func() (any, error) { return loadOnce(ctx, c, key, ttl, load) })
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-shared:
		if result.Err != nil {
			return none, result.Err
		}
		loaded, ok := result.Val.(T)
		if !ok {
			return none, fmt.Errorf("cache key %s holds a %T", key, result.Val)
		}
		return loaded, nil
	}
}

func loadOnce[T any](ctx context.Context, c *Client, key string, ttl time.Duration, load func(context.Context) (T, error)) (any, error) {
	if !c.begin() {
		return nil, goredis.ErrClosed
	}
	defer c.work.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	var value T
	if find(ctx, c, key, &value) {
		return value, nil // another load ended between the caller's look and this one
	}
	value, err := load(ctx)
	if err != nil {
		return nil, err
	}
	switch err := c.Set(ctx, key, value, ttl); {
	case errors.Is(err, ErrAway):
		c.memory.keep(key, value, c.now().Add(ttl), c.now())
	case err != nil:
		c.log.WarnContext(ctx, "cache value not kept", "key", key, "err", err)
	}
	return value, nil
}

// find looks for a value in Redis, and while that is away in this process.
func find[T any](ctx context.Context, c *Client, key string, value *T) bool {
	found, err := c.Get(ctx, key, value)
	if !errors.Is(err, ErrAway) {
		return err == nil && found
	}
	kept, there := c.memory.find(key, c.now()).(T)
	if there {
		*value = kept
	}
	return there
}

// memory is what this process keeps for itself while Redis is away.
type memory struct {
	mu   sync.Mutex
	kept map[string]remembered
}

type remembered struct {
	value any
	until time.Time
}

// memoryMost is of the largest values, option chains, some 20 MiB.
const memoryMost = 100

func (m *memory) find(key string, now time.Time) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.kept[key]; now.Before(r.until) {
		return r.value
	}
	return nil
}

// keep makes room by forgetting what is over, else any one: it can be loaded again.
func (m *memory) keep(key string, value any, until, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string]remembered{}
	}
	if len(m.kept) >= memoryMost {
		maps.DeleteFunc(m.kept, func(_ string, r remembered) bool { return !now.Before(r.until) })
	}
	for other := range m.kept {
		if len(m.kept) < memoryMost {
			break
		}
		delete(m.kept, other)
	}
	m.kept[key] = remembered{value, until}
}

// clear gives the room back, and what would be older than Redis' the next time.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = nil
}

func (m *memory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, key)
}

// Get reads the JSON under key into value and tells whether there was any. The
// error is ErrAway, or says that what is there does not fit.
func (c *Client) Get(ctx context.Context, key string, value any) (bool, error) {
	var raw []byte
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		raw, err = c.rdb.Get(ctx, keyPrefix+"cache:"+key).Bytes()
		return err
	})
	if errors.Is(err, goredis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(raw, value); err != nil {
		return false, fmt.Errorf("read cache key %s: %w", key, err)
	}
	return true, nil
}

// Set keeps value as JSON under key for ttl; ErrAway when it could not.
func (c *Client) Set(ctx context.Context, key string, value any, ttl time.Duration) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write cache key %s: %w", key, err)
	}
	return c.ask(ctx, func(ctx context.Context) error { return c.rdb.Set(ctx, keyPrefix+"cache:"+key, raw, ttl).Err() })
}

// Delete forgets the key; ErrAway when it could not, and then the old value may
// show until its ttl ends.
func (c *Client) Delete(ctx context.Context, key string) error {
	c.memory.forget(key)
	return c.ask(ctx, func(ctx context.Context) error { return c.rdb.Del(ctx, keyPrefix+"cache:"+key).Err() })
}
