package redis_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/redis"
	goredis "github.com/redis/go-redis/v9"
)

// bothKinds runs a test against the Redis inside the process and a real one.
func bothKinds(t *testing.T, test func(t *testing.T, open func(t *testing.T) *redis.Client)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T) *redis.Client { t.Helper(); return open(t, redis.Options{InProcess: true}) })
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		url := realServer(t)
		test(t, func(t *testing.T) *redis.Client { t.Helper(); return open(t, redis.Options{URL: url}) })
	})
}

func open(t *testing.T, o redis.Options) *redis.Client {
	t.Helper()
	c, err := redis.Open(context.Background(), o.Patiently())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// realServer starts one of the test's own, or uses TEST_REDIS_URL.
func realServer(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("TEST_REDIS_URL"); url != "" {
		return url
	}
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		const how = "no redis-server: install it (apt-get install redis-server) or set TEST_REDIS_URL"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	socket := filepath.Join(shortDir(t), "s") // not a port, which somebody else may take first
	cmd := exec.Command(bin, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	waitFor(t, func() bool {
		rdb := goredis.NewClient(&goredis.Options{Network: "unix", Addr: socket})
		defer rdb.Close()
		return rdb.Ping(context.Background()).Err() == nil
	})
	return "unix://" + socket
}

// shortDir is for a socket, whose path may have some hundred characters: t.TempDir has the test's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// waitFor polls until ok, at most a minute.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("waited a minute in vain")
		}
		<-tick.C
	}
}

// away is a Redis that nobody runs: a port nobody listens on refuses at once.
func away(t *testing.T) *redis.Client {
	t.Helper()
	return open(t, redis.Options{URL: "redis://127.0.0.1:1"})
}

type quote struct {
	Symbol string `json:"symbol"`
	Ask    string `json:"ask"`
}

func TestACachedValueIsLoadedOnceAndForgottenInTime(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, open func(*testing.T) *redis.Client) {
		ctx := context.Background()
		c := open(t)
		var loads atomic.Int32
		load := func(context.Context) (quote, error) {
			loads.Add(1)
			return quote{"AAPL", "3.50"}, nil
		}
		cached := func(key string, ttl time.Duration) {
			t.Helper()
			q, err := redis.Cached(ctx, c, key, ttl, load)
			if err != nil || q.Ask != "3.50" {
				t.Fatalf("got %+v, %v", q, err)
			}
		}
		long := rand.Text() // a server that is not the test's own may still have an earlier run's
		for range 3 {
			cached(long, time.Minute)
		}
		if n := loads.Load(); n != 1 {
			t.Errorf("loaded %d times, want once", n)
		}
		cached("short", 400*time.Millisecond)
		waitFor(t, func() bool {
			found, err := c.Get(ctx, "short", &quote{})
			return err == nil && !found
		})
		if err := c.Set(ctx, "kept", quote{}, time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(ctx, "kept"); err != nil {
			t.Fatal(err)
		}
		if found, err := c.Get(ctx, "kept", &quote{}); found || err != nil {
			t.Errorf("a deleted key was found: %v, %v", found, err)
		}
	})
}

func TestManyMissesAtOnceShareOneLoad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*redis.Client{"here": open(t, redis.Options{InProcess: true}), "away": away(t)} {
		var loads atomic.Int32
		release := make(chan struct{})
		load := func(context.Context) (int, error) {
			loads.Add(1)
			<-release
			return 7, nil
		}
		var asked, all sync.WaitGroup
		for range 20 {
			asked.Add(1)
			all.Go(func() {
				asked.Done()
				if v, err := redis.Cached(context.Background(), c, "k", time.Minute, load); v != 7 || err != nil {
					t.Errorf("%s: %d, %v", name, v, err)
				}
			})
		}
		asked.Wait()
		waitFor(t, func() bool { return loads.Load() > 0 })
		close(release)
		all.Wait()
		if n := loads.Load(); n != 1 {
			t.Errorf("%s: loaded %d times, want once", name, n)
		}
	}
}

func TestACallerWhoLeavesDoesNotSpoilTheLoadForOthers(t *testing.T) {
	t.Parallel()
	c := open(t, redis.Options{InProcess: true})
	loading, release := make(chan struct{}), make(chan struct{})
	load := func(ctx context.Context) (int, error) {
		close(loading)
		<-release
		return 7, ctx.Err()
	}
	first, leave := context.WithCancel(context.Background())
	left := make(chan error, 1)
	go func() { _, err := redis.Cached(first, c, "k", time.Minute, load); left <- err }()
	<-loading
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left got %v", err)
	}
	close(release)
	waitFor(t, func() bool {
		var v int
		found, err := c.Get(context.Background(), "k", &v)
		return err == nil && found && v == 7
	})
}

func TestAnErrorOfLoadIsNotCached(t *testing.T) {
	t.Parallel()
	c := open(t, redis.Options{InProcess: true})
	broken := errors.New("provider down")
	_, err := redis.Cached(context.Background(), c, "k", time.Minute, func(context.Context) (int, error) { return 0, broken })
	if !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
	v, err := redis.Cached(context.Background(), c, "k", time.Minute, func(context.Context) (int, error) { return 7, nil })
	if v != 7 || err != nil {
		t.Errorf("afterwards %d, %v", v, err)
	}
}

func TestLimitsHoldAtTheExactEdge(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, open func(*testing.T) *redis.Client) {
		ctx := context.Background()
		one, two := open(t), open(t)
		if _, inProcess := sameServer(ctx, one, two); inProcess {
			two = one
		}
		rate := redis.Rate{Limit: 10, Per: time.Minute} // far longer than the eleven take
		ava := "orders:" + rand.Text()                  // a server that is not the test's own may still count an earlier run's
		for i := range 10 {
			c := one
			if i%2 == 1 {
				c = two
			}
			v := c.Allow(ctx, ava, rate)
			if !v.Allowed || v.Remaining != 9-i || v.Limit != 10 {
				t.Fatalf("attempt %d: %+v; all processes share one count", i+1, v)
			}
		}
		v := one.Allow(ctx, ava, rate)
		if v.Allowed || v.Remaining != 0 || v.Reset <= 0 || v.Reset > time.Minute {
			t.Errorf("the 11th: %+v, want a refusal with the time to wait", v)
		}
		if v := one.Allow(ctx, "orders:"+rand.Text(), rate); !v.Allowed {
			t.Errorf("somebody else: %+v", v)
		}
		cleo, soon := "orders:"+rand.Text(), redis.Rate{Limit: 1, Per: time.Second}
		if v := one.Allow(ctx, cleo, soon); !v.Allowed {
			t.Errorf("the first of one: %+v", v)
		}
		waitFor(t, func() bool { return one.Allow(ctx, cleo, soon).Allowed })
	})
}

// sameServer tells whether two clients see one another's keys.
func sameServer(ctx context.Context, one, two *redis.Client) (same, inProcess bool) {
	if one.Set(ctx, "here", 1, time.Minute) != nil {
		return false, true
	}
	var v int
	found, _ := two.Get(ctx, "here", &v)
	return found, !found
}

// No stretch of the window ever holds more than the limit, whatever the rhythm.
func TestNoWindowHoldsMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, open func(*testing.T) *redis.Client) {
		c := open(t)
		rate := redis.Rate{Limit: 5, Per: 150 * time.Millisecond}
		type span struct{ before, after time.Time }
		var allowed []span
		for end := time.Now().Add(time.Minute); len(allowed) < 12 && time.Now().Before(end); {
			before := time.Now()
			if c.Allow(context.Background(), "k", rate).Allowed {
				allowed = append(allowed, span{before, time.Now()})
			}
		}
		if len(allowed) < 12 {
			t.Fatalf("only %d were allowed", len(allowed))
		}
		for i := range len(allowed) - 5 {
			// The widest the six can lie apart must be a whole window.
			if wide := allowed[i+5].after.Sub(allowed[i].before); wide < rate.Per {
				t.Errorf("6 attempts within %s, limit is 5 in %s", wide, rate.Per)
			}
		}
	})
}

func TestWithoutRedisEachProcessAllowsHalf(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := away(t)
	if err := c.Ping(ctx); !errors.Is(err, redis.ErrAway) {
		t.Fatalf("ping: %v, want ErrAway", err)
	}
	rate := redis.Rate{Limit: 10, Per: time.Hour}
	allowed := 0
	for range 10 {
		if c.Allow(ctx, "orders:ava", rate).Allowed {
			allowed++
		}
	}
	if allowed != 5 {
		t.Errorf("allowed %d of 10, want half the rate (rule 18)", allowed)
	}
	if v := c.Allow(ctx, "lonely", redis.Rate{Limit: 1, Per: time.Hour}); !v.Allowed {
		t.Error("half of one must still be one")
	}
}

// Without Redis a process remembers for itself, as long and no longer, and not without bound: it
// would else ask the market for each order.
func TestWithoutRedisAProcessRemembersForItself(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := away(t)
	loads := 0
	cached := func(key string, ttl time.Duration) {
		t.Helper()
		v, err := redis.Cached(ctx, c, key, ttl, func(context.Context) (int, error) { loads++; return 7, nil })
		if v != 7 || err != nil {
			t.Fatalf("cached: %d, %v; an absent Redis is nobody's error", v, err)
		}
	}
	for range 3 {
		cached("kept", time.Minute)
	}
	if loads != 1 {
		t.Errorf("loaded %d times", loads)
	}
	if err := c.Delete(ctx, "kept"); !errors.Is(err, redis.ErrAway) {
		t.Errorf("delete: %v, want ErrAway", err)
	}
	if cached("kept", time.Minute); loads != 2 {
		t.Errorf("what was deleted is remembered: loaded %d times", loads)
	}
	for range 2 {
		cached("over at once", 0)
	}
	if loads != 4 {
		t.Errorf("what is over is remembered: loaded %d times", loads)
	}
	const many = 300
	for range 2 {
		for i := range many {
			cached(strconv.Itoa(i), time.Minute)
		}
	}
	if again := loads - 4 - many; again < many/2 {
		t.Errorf("all but %d of %d were remembered", again, many)
	}
}

// What a process remembered is forgotten when Redis is back: the next time it would be older than
// what Redis had.
func TestWhatWasRememberedGoesWhenRedisIsBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, redis.Options{InProcess: true})
	loads := 0
	cached := func() {
		t.Helper()
		if _, err := redis.Cached(ctx, c, "k", time.Minute, func(context.Context) (int, error) { loads++; return loads, nil }); err != nil {
			t.Fatal(err)
		}
	}
	for absence := range 2 {
		c.Leave(time.Hour)
		cached()
		cached()
		if loads != absence+1 {
			t.Errorf("absence %d: loaded %d times in all", absence, loads)
		}
		c.Leave(-time.Second)
		if err := c.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWithoutRedisNothingIsKeptForOthers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := away(t)
	if err := c.Set(ctx, "k", 1, time.Minute); !errors.Is(err, redis.ErrAway) {
		t.Errorf("set: %v, want ErrAway", err)
	}
	if found, err := c.Get(ctx, "k", new(int)); found || !errors.Is(err, redis.ErrAway) {
		t.Errorf("get: %v, %v, want ErrAway", found, err)
	}
}

func TestBellsAreHeardByOthers(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, open func(*testing.T) *redis.Client) {
		c := open(t)
		ctx, stop := context.WithCancel(context.Background())
		var heard atomic.Int32
		ended := make(chan struct{})
		go func() { defer close(ended); c.Listen(ctx, "live", func() { heard.Add(1) }) }()
		waitFor(t, func() bool { return heard.Load() >= 1 }) // joining counts as a ring
		if err := c.Ring(ctx, "live"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return heard.Load() >= 2 })
		stop()
		<-ended
	})
}

func TestAWrongURLIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	_, err := redis.Open(context.Background(), redis.Options{URL: "http://:hunter2@x"})
	if err == nil || err.Error() != "read redis URL: it is not a redis:// or rediss:// URL" {
		t.Errorf("err = %v", err)
	}
}
