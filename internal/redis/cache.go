package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// loadTimeout bounds one load, which outlives the request that began it because
// others may be waiting for the same.
const loadTimeout = 10 * time.Second

// Cached gives the value under key, or loads and keeps it for ttl. Many who miss the
// same key at once share one load, also while Redis is away; the value they get is
// shared and must not be changed. Only load's errors and the caller's own
// cancellation come back. Key names the kind too: two types under one key is a defect.
func Cached[T any](ctx context.Context, c *Client, key string, ttl time.Duration, load func(context.Context) (T, error)) (T, error) {
	var value T
	if found, err := c.Get(ctx, key, &value); err == nil && found {
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
	if found, err := c.Get(ctx, key, &value); err == nil && found {
		return value, nil // another load ended between the caller's look and this one
	}
	value, err := load(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.Set(ctx, key, value, ttl); err != nil && !errors.Is(err, ErrAway) {
		c.log.WarnContext(ctx, "cache value not kept", "key", key, "err", err)
	}
	return value, nil
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
	return c.ask(ctx, func(ctx context.Context) error { return c.rdb.Del(ctx, keyPrefix+"cache:"+key).Err() })
}
