package redis

import (
	"context"
	"time"
)

// Ring tells every process that listens to the bell that there is something new.
// A ring may get lost, so listeners also look by themselves; ErrAway when it could
// not be rung.
func (c *Client) Ring(ctx context.Context, bell string) error {
	return c.ask(ctx, func(ctx context.Context) error { return c.rdb.Publish(ctx, keyPrefix+"bell:"+bell, "").Err() })
}

// Listen calls heard for every ring until ctx ends. It reconnects by itself. heard
// is called from one goroutine and must not wait.
func (c *Client) Listen(ctx context.Context, bell string, heard func()) {
	for ctx.Err() == nil {
		c.listenOnce(ctx, keyPrefix+"bell:"+bell, heard)
		timer := time.NewTimer(restAfterFailure)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// listenOnce listens over one subscription until it fails or ctx ends.
func (c *Client) listenOnce(ctx context.Context, channel string, heard func()) {
	sub := c.rdb.Subscribe(ctx, channel)
	defer sub.Close()
	defer context.AfterFunc(ctx, func() { sub.Close() })() // receiving does not notice the end of ctx by itself
	for {
		_, err := sub.ReceiveTimeout(ctx, time.Minute)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil: // a confirmed subscription is a ring too: what came before it was missed
			heard()
		case sub.Ping(ctx) != nil: // a minute of silence may be a dead connection
			return
		}
	}
}
