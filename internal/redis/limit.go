package redis

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Rate is how often something may happen: Limit times in any stretch of Per.
type Rate struct {
	Limit int
	Per   time.Duration
}

// Verdict is the answer to one attempt.
type Verdict struct {
	Allowed   bool
	Limit     int           // what held: half the rate while Redis is away
	Remaining int           // further attempts allowed right now
	Reset     time.Duration // until one more is allowed than now; for Retry-After
}

// slide keeps the times of the last attempts in a list, oldest first, by Redis's
// own clock, so that all processes agree. It never allows more than the limit in
// any window, at its exact edge (INV-47), which a fixed window or a bucket would.
// An attempt that is refused does not count. The key outlives its window by a second,
// because the Redis in process lets keys expire in steps.
const slide = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and now - tonumber(oldest) >= window do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end
local used = redis.call('LLEN', KEYS[1])
local allowed = 0
if used < limit then
  allowed = 1
  used = used + 1
  redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000) + 1000)
  if not oldest then oldest = now end
end
return {allowed, limit - used, oldest and (tonumber(oldest) + window - now) or window}`

// Allow counts one attempt under key and tells whether it may go on. All processes
// share the count. While Redis is away each process counts for itself, at half the
// rate (rule 18); an answer is always given.
func (c *Client) Allow(ctx context.Context, key string, rate Rate) Verdict {
	var numbers []int64
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		numbers, err = c.slide(ctx, keyPrefix+"rate:"+key, rate)
		return err
	})
	if err != nil || len(numbers) != 3 {
		return c.local.allow(key, Rate{Limit: max(1, rate.Limit/2), Per: rate.Per}, c.now())
	}
	return Verdict{
		Allowed:   numbers[0] == 1,
		Limit:     rate.Limit,
		Remaining: int(max(0, numbers[1])),
		Reset:     time.Duration(numbers[2]) * time.Microsecond,
	}
}

func (c *Client) slide(ctx context.Context, key string, rate Rate) ([]int64, error) {
	// Run sends the script's hash, and its text to a Redis that has not seen it or was emptied.
	numbers, err := c.window.Run(ctx, c.rdb, []string{key}, rate.Limit, rate.Per.Microseconds()).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("count attempt: %w", err)
	}
	return numbers, nil
}

// localLimiter is the same count inside one process.
type localLimiter struct {
	mu    sync.Mutex
	keys  map[string][]time.Time
	wide  time.Duration // the longest window seen; a key older than it says nothing any more
	swept time.Time
}

const localKeysMax = 50_000 // users and addresses one process counts; about 50 bytes an attempt

func (l *localLimiter) allow(key string, rate Rate, now time.Time) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wide = max(l.wide, rate.Per)
	times := slices.DeleteFunc(l.keys[key], func(t time.Time) bool { return now.Sub(t) >= rate.Per })
	v := Verdict{Limit: rate.Limit, Reset: rate.Per}
	if len(times) < rate.Limit {
		v.Allowed = true
		times = append(times, now)
	}
	l.keep(key, times, now)
	v.Reset = rate.Per - now.Sub(times[0])
	v.Remaining = max(0, rate.Limit-len(times))
	return v
}

// keep stores a key's times. When the map is full, what is old goes (at most once a
// second), else any one key: bounded memory is worth a few forgotten attempts.
func (l *localLimiter) keep(key string, times []time.Time, now time.Time) {
	if l.keys == nil {
		l.keys = make(map[string][]time.Time)
	}
	if _, known := l.keys[key]; !known && len(l.keys) >= localKeysMax {
		l.sweep(now)
	}
	l.keys[key] = times
}

func (l *localLimiter) sweep(now time.Time) {
	if now.Sub(l.swept) >= time.Second {
		l.swept = now
		for k, times := range l.keys {
			if now.Sub(times[len(times)-1]) >= l.wide {
				delete(l.keys, k)
			}
		}
	}
	for k := range l.keys {
		if len(l.keys) < localKeysMax {
			return
		}
		delete(l.keys, k)
	}
}
