// Package redis keeps what may be forgotten: cache, rate limits, bells between processes.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
	"golang.org/x/sync/singleflight"
)

const (
	// Redis only saves effort, so nobody waits long for it.
	opTimeout   = 500 * time.Millisecond
	dialTimeout = 300 * time.Millisecond
	// After a failure it is left alone this long; requests go on without it.
	restAfterFailure = time.Second
	keyPrefix        = "alertsify:"
)

// ErrAway says that Redis could not be asked. Nothing depends on it (INV-44).
var ErrAway = errors.New("redis away")

// Options says which Redis to use.
type Options struct {
	URL string // redis://… or rediss://… ; never logged
	// InProcess runs one inside this process instead, for a single process
	// without a Redis; what it holds ends with the process.
	InProcess bool
	Trace     bool // notes commands within traces
	Logger    *slog.Logger

	patience time.Duration // of an exchange and of a dial; tests only, else opTimeout and dialTimeout
}

func (o Options) timeouts() (op, dial time.Duration) {
	if o.patience > 0 {
		return o.patience, o.patience
	}
	return opTimeout, dialTimeout
}

// Client is one Redis. It may be away at any time; every method says what happens then.
type Client struct {
	rdb       *goredis.Client
	log       *slog.Logger
	inside    *inProcess // nil for a real server
	now       func() time.Time
	opTimeout time.Duration
	restUntil atomic.Int64 // unix nanoseconds; before it nobody asks; 0 while Redis is there
	flight    singleflight.Group
	window    *goredis.Script
	local     localLimiter
	memory    memory

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup // loads in flight
}

// Open prepares the client. A server that does not answer is only logged, because
// the program must start without it; the error is about a URL that makes no sense.
func Open(ctx context.Context, o Options) (*Client, error) {
	c := &Client{log: o.Logger, now: time.Now, window: goredis.NewScript(slide)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	opts, err := c.options(o)
	if err != nil {
		return nil, err
	}
	c.opTimeout, opts.DialTimeout = o.timeouts()
	opts.ReadTimeout, opts.WriteTimeout = c.opTimeout, c.opTimeout
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = 1
	opts.DialerRetries = 1
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	goredis.SetLogger(&logging.VoidLogger{}) // it has one for all clients; we say ourselves when Redis goes and comes
	c.rdb = goredis.NewClient(opts)
	if o.Trace {
		c.rdb.AddHook(commands{})
	}
	_ = c.Ping(ctx) // logged when it fails
	return c, nil
}

func (c *Client) options(o Options) (*goredis.Options, error) {
	if o.InProcess {
		inside, err := startInProcess()
		if err != nil {
			return nil, err
		}
		c.inside = inside
		return &goredis.Options{Addr: inside.mini.Addr(), Password: inside.password}, nil
	}
	opts, err := goredis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("read redis URL: it is not a redis:// or rediss:// URL") // the cause may show the password
	}
	return opts, nil
}

// Close waits for loads in flight and ends the connections.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.work.Wait()
	err := c.rdb.Close()
	if c.inside != nil {
		c.inside.stop()
	}
	if err != nil {
		return fmt.Errorf("close redis: %w", err)
	}
	return nil
}

// Ping asks for a sign of life; ErrAway when there is none.
func (c *Client) Ping(ctx context.Context) error {
	return c.ask(ctx, func(ctx context.Context) error { return c.rdb.Ping(ctx).Err() })
}

// ask runs one exchange with Redis. While it rests after a failure the answer is
// ErrAway at once, so that an absent Redis costs a request nothing.
func (c *Client) ask(ctx context.Context, exchange func(context.Context) error) error {
	if c.now().UnixNano() < c.restUntil.Load() {
		return ErrAway
	}
	bounded, cancel := context.WithTimeout(ctx, c.opTimeout)
	defer cancel()
	err := exchange(bounded)
	var answered goredis.Error
	if err == nil || errors.Is(err, goredis.Nil) || errors.As(err, &answered) { // Redis is there
		if c.restUntil.Swap(0) != 0 {
			c.memory.clear()
			c.log.InfoContext(ctx, "redis is back")
		}
		return err
	}
	if ctx.Err() != nil { // the caller has left; that says nothing about Redis
		return fmt.Errorf("ask redis: %w", err)
	}
	if c.restUntil.Swap(c.now().Add(restAfterFailure).UnixNano()) == 0 {
		c.log.WarnContext(ctx, "redis is away; going on without it", "err", err)
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// begin counts a load that Close waits for; false when it is too late for one.
func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.work.Add(1)
	}
	return !c.closed
}
