package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Two instances live through whatever can happen to them, in an order drawn by lot, while
// orders come in, are copied, and webhooks arrive: kill -9, the database's death, an empty
// Redis and none, a network that is cut, a broker that lies, and a clock that jumps. Every
// second the stored data is held to the invariants; at the end the broker's book, the
// referee, to what is stored, and everything that was taken is there. A minute of it is in
// the suite, and each thing happens once at least; `make chaos` goes on for half an hour.
func TestChaosBreaksNothing(t *testing.T) {
	t.Parallel()
	c := newChaos(t)
	watching, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { c.watchInvariants(watching) })
	enough := func() { cancel(); watch.Wait() }
	defer enough()
	stop := c.pour(chaosPerSecond, c.trade)
	defer stop() // whatever ends the test: nobody reports to one that is over
	began := time.Now()
	over := func() bool { return len(c.happened) == len(c.events()) && time.Since(began) >= c.lasts }
	for ; !over(); c.endBreakers() {
		for _, e := range c.shuffled() {
			if !over() {
				c.happens(e)
			}
		}
	}
	c.clear()
	stop()
	c.patiently("everything comes to its end", func() bool { return c.left() == "" })
	enough()
	if n := c.lost(); n > 0 {
		t.Errorf("%d orders that were taken are not there", n)
	}
	copies := c.show.number(`select count(*) from copy_decisions`)
	t.Logf("%s of chaos, cut by %s, seed %d: %s", time.Since(began).Round(time.Second), c.instances[0].reach.name(), c.seed, c.told(c.happened))
	t.Logf("invariants: looked %d times, broken %d; %d orders were taken, none lost; %d copies decided; ready within %s of the database's return; answers: %s",
		c.looks.Load(), c.broken.Load(), len(c.acked), copies, c.slowest.Round(time.Millisecond), c.storm.told())
	if copies == 0 || len(c.acked) < 20 || c.looks.Load() < 5 {
		t.Error("too little went on: this proved nothing")
	}
	c.show.examine()
}

const (
	chaosPeople    = 12
	chaosPerSecond = 8
)

type chaos struct {
	*storm

	balancer  *balancer
	instances []*victim
	seed      uint64
	random    *rand.Rand
	happened  map[string]int
	slowest   time.Duration // from the database's return until all are ready

	looks, broken atomic.Int64
	cutAt         atomic.Int64 // when an instance was cut off last, in Unix seconds
}

// wasCutLately tells whether what the database hears of an instance may be what the cut left:
// a transaction of it seems to wait for something else, which the database ends by itself.
func (c *chaos) wasCutLately() bool { return time.Since(time.Unix(c.cutAt.Load(), 0)) < 30*time.Second }

// victim is one of the instances.
type victim struct {
	*childServer

	reach reach
	found string // where the proxy finds it
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	seed := uint64(countOf(t, "CHAOS_SEED", int(time.Now().UnixNano()&0xffffff)+1))
	c := &chaos{storm: gatherStorm(t, chaosPeople), seed: seed, random: rand.New(rand.NewPCG(seed, 1)), happened: map[string]int{}}
	c.lasts = time.Duration(countOf(t, "CHAOS_MINUTES", 1)) * time.Minute
	c.balancer = newBalancer(t, c.stage.listener)
	for n := range 2 {
		v := &victim{reach: newReach(t, c.storm, n)}
		c.instances = append(c.instances, v)
		c.rise(v)
	}
	c.through(c.balancer.url)
	if _, err := c.stage.cast(t.Context(), c.app); err != nil {
		t.Fatal(err)
	}
	if err := c.app.Invent(t.Context(), 6, "ava", "auto", "chaos_", connector(c.stage.env["SANDBOX_URL"])); err != nil {
		t.Fatal(err)
	}
	ava, err := c.stage.meet(t.Context(), c.app)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := c.app.Guard().MakeToken(t.Context(), ava["ava"], "chaos", "trade")
	if err != nil {
		t.Fatal(err)
	}
	c.tokens = append(c.tokens, token.Reveal()) // she trades as the others do, and is copied
	c.stock()
	c.acked, c.answers = nil, map[string]int{}
	return c
}

// rise starts an instance, or starts it again.
func (c *chaos) rise(v *victim) {
	c.t.Helper()
	command, settings := v.reach.command(built(c.t), c.stage.dir)
	v.childServer = startCommand(c.t, command, slices.Concat(quietly, settings)...)
	v.found = v.reach.at(v.url)
	c.balancer.add(c.t, v.found)
}

// trade is what a client does that wants its order: it asks again with the same key until
// it has an answer.
func (c *chaos) trade(n int) {
	line, once := c.line(n), uuid.NewString()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-time.After(300 * time.Millisecond) {
		a, err := c.order(n%c.size(), line, once)
		if err != nil || slices.Contains([]int{http.StatusBadGateway, http.StatusServiceUnavailable}, a.status) || a.code() == "idempotency_in_progress" {
			continue
		}
		c.answered(a, line)
		return
	}
	c.t.Errorf("%s had no answer for two minutes", line)
}

// answered counts an answer. A refusal says why; anything else is a fault of ours.
func (c *chaos) answered(a answer, line string) {
	var taken struct{ ID string }
	what := a.code()
	switch {
	case a.status == http.StatusAccepted:
		a.into(c.t, &taken)
		what = "taken"
	case a.status >= http.StatusInternalServerError || what == "":
		c.t.Errorf("%s: %d %s", line, a.status, a.body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[what]++
	if taken.ID != "" {
		c.acked = append(c.acked, taken.ID)
	}
}

// watchInvariants holds the stored data to the invariants every second, and says of each
// that breaks once what broke it.
func (c *chaos) watchInvariants(ctx context.Context) {
	said := map[string]bool{}
	bounds := c.app.Bounds()
	bounds.Idle = 10 * time.Second // when the database ends it: this machine may keep a process waiting for as long
	for ; ctx.Err() == nil; <-time.After(time.Second) {
		bounds.Now = time.Now()
		findings, err := app.ExamineInvariants(ctx, c.stage.db, bounds)
		if postgres.IsUnavailable(err) || ctx.Err() != nil {
			continue // the database is away, which the test did
		}
		if err != nil {
			c.t.Logf("invariants were not examined: %v", err)
			continue
		}
		c.looks.Add(1)
		for _, f := range findings {
			if f.Rows == 0 || f.Name == "INV-38" && c.wasCutLately() {
				continue
			}
			c.broken.Add(1)
			if !said[f.Name] {
				said[f.Name] = true
				c.t.Errorf("after %s: %s", c.latest(), f.Line())
			}
		}
	}
}

func (c *chaos) latest() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told(c.happened)
}

// event is one thing that happens.
type event struct {
	name string
	play func()
}

func (c *chaos) shuffled() []event {
	list := c.events()
	c.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func (c *chaos) happens(e event) {
	e.play()
	c.mu.Lock()
	c.happened[e.name]++
	c.mu.Unlock()
	c.pause(300 * time.Millisecond)
}

func (c *chaos) events() []event {
	return []event{
		{"an instance killed", func() {
			v := c.anyone()
			v.kill()
			c.balancer.drop(v.found)
			c.rise(v)
		}},
		{"an instance stopped and started", func() {
			v := c.anyone()
			v.stop(c.t)
			c.balancer.drop(v.found)
			c.rise(v)
		}},
		{"the database killed", func() {
			c.slowest = max(c.slowest, c.killPostgres(c.instances[0].found, c.instances[1].found))
		}},
		{"Redis emptied", c.emptyRedis},
		{"Redis away", func() {
			c.redis.stop()
			c.pause(2 * time.Second)
			c.redis.start()
		}},
		{"an instance cut off", func() {
			v := c.anyone()
			c.cutAt.Store(time.Now().Unix())
			v.reach.cut()
			c.pause(3 * time.Second)
			v.reach.mend()
		}},
		{"the broker executes and fails", c.faulty(map[string]any{"match": placing, "mode": "accept_then_error", "count": 4, "status": 502})},
		{"the broker executes and hangs up", c.faulty(map[string]any{"match": placing, "mode": "accept_then_drop", "count": 4})},
		{"the broker hangs up", c.faulty(map[string]any{"match": placing, "mode": "drop_before", "count": 4})},
		{"the broker is slow", c.faulty(map[string]any{"match": "", "mode": "delay", "delayMs": 900})},
		{"the broker throttles", c.faulty(map[string]any{"match": "", "mode": "throttle"})},
		{"webhooks come twice and late", func() {
			c.fault(map[string]any{"match": "", "mode": "duplicate_webhook", "count": 10})
			c.fault(map[string]any{"match": "", "mode": "reorder_webhooks", "count": 10})
			c.pause(2 * time.Second)
			c.clear()
		}},
		{"the clock jumps", func() {
			day := nextSession(time.Now())
			for _, at := range []time.Time{day.Add(15 * time.Hour), day.Add(20*time.Hour + 59*time.Minute + 58*time.Second), day.Add(16 * time.Hour)} {
				c.control(http.MethodPost, "/_sandbox/clock", map[string]string{"now": at.Format(time.RFC3339)})
				c.pause(time.Second)
			}
			c.control(http.MethodDelete, "/_sandbox/clock", nil)
		}},
	}
}

// nextSession is midnight UTC of the next Monday to Friday.
func nextSession(now time.Time) time.Time {
	day := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

func (c *chaos) anyone() *victim { return c.instances[c.random.IntN(len(c.instances))] }

func (c *chaos) pause(d time.Duration) { <-time.After(d) }

// faulty lets SnapTrade fail in a way for two seconds.
func (c *chaos) faulty(f map[string]any) func() {
	return func() {
		c.fault(f)
		c.pause(2 * time.Second)
		c.clear()
	}
}

func (c *chaos) emptyRedis() {
	conn, err := net.Dial("tcp", c.redis.address)
	if err != nil {
		c.t.Errorf("empty Redis: %v", err)
		return
	}
	defer conn.Close()
	answer := make([]byte, 5)
	if _, err = fmt.Fprint(conn, "FLUSHALL\r\n"); err == nil {
		_, err = conn.Read(answer)
	}
	if err != nil || !bytes.HasPrefix(answer, []byte("+OK")) {
		c.t.Errorf("empty Redis: %q %v", answer, err)
	}
}

// endBreakers is the operator who looks at what a breaker has stopped, and resumes it.
func (c *chaos) endBreakers() {
	var said bytes.Buffer
	var stopped string
	err := c.stage.db.Pool().QueryRow(c.t.Context(), `select coalesce(string_agg(scope || ' ' || key, ',' order by scope, key), '') from trading_switches where cause = 'breaker'`).Scan(&stopped)
	if postgres.IsUnavailable(err) || postgres.IsTimeout(err) {
		return // a connection of before the database's death, or one that is recovering; the next round looks again
	}
	if err != nil {
		c.t.Errorf("look for breakers: %v", err)
		return
	}
	for _, what := range strings.Split(stopped, ",") {
		if what == "" {
			continue
		}
		words := slices.Concat([]string{"halt", "off"}, strings.Fields(what), []string{"--data", c.stage.dir})
		if code := run(context.Background(), console{out: &said, err: &said, env: func(string) (string, bool) { return "", false }}, words); code != 0 {
			c.t.Errorf("resume %s: %s", what, said.String())
		}
	}
}

// told lists what happened how often.
func (*chaos) told(counts map[string]int) string {
	var list []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d × %s", counts[what], what))
	}
	return strings.Join(list, ", ")
}
