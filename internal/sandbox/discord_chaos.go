package sandbox

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// discordChaos spoils a share of the calls at random, and judges whether those who call
// keep to what they were told: a call that comes although an answer said "not before
// then" is early. What they did not hear, because the answer was lost, they cannot keep.
type discordChaos struct {
	now  func() time.Time
	rand *dice

	mu    sync.Mutex
	set   discordChaosSet
	until map[string]time.Time // webhook, or webhook and kind of call: told to wait until then
	seen  discordChaosSeen
}

// discordChaosSet says how much goes wrong: of all calls so many in a hundred, a third
// of them each way.
type discordChaosSet struct {
	Percent int `json:"percent"`
	HangMs  int `json:"hangMs"` // how long a lost answer keeps its caller waiting
}

// discordChaosSeen counts what came and what became of it.
type discordChaosSeen struct {
	Calls   int `json:"calls"`
	Limited int `json:"limited"` // 429, scope shared, a wait in fractions of a second
	Failed  int `json:"failed"`  // 500, nothing was done
	Lost    int `json:"lost"`    // done, and the answer never came
	Early   int `json:"early"`   // came while their caller knew better
}

func newDiscordChaos(now func() time.Time, rand *dice) *discordChaos {
	return &discordChaos{now: now, rand: rand, until: map[string]time.Time{}}
}

func (c *discordChaos) control(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodPost {
		set := discordChaosSet{}
		if !playerInput(w, r, &set) {
			return
		}
		c.set, c.seen, c.until = set, discordChaosSeen{}, map[string]time.Time{}
	}
	reply(w, http.StatusOK, map[string]any{"data": c.seen})
}

// arrive judges a call, and may refuse it.
func (c *discordChaos) arrive(h http.Header, kind string, hook discordHook) (a discordAnswer, refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Calls++
	if now := c.now(); now.Before(c.until[hook.ID]) || now.Before(c.until[hook.ID+kind]) {
		c.seen.Early++
	}
	if c.set.Percent == 0 || c.rand.Intn(300) >= 2*c.set.Percent {
		return a, false
	}
	if c.rand.Intn(2) == 0 {
		c.seen.Failed++
		return discordError(http.StatusInternalServerError, 0, "500: Internal Server Error"), true
	}
	c.seen.Limited++
	wait := time.Duration(50+c.rand.Intn(1450)) * time.Millisecond
	h.Set("X-RateLimit-Scope", "shared")
	h.Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	return discordLimited(wait, false), true
}

// answered decides whether the answer arrives, and remembers what it told.
func (c *discordChaos) answered(h http.Header, kind string, hook discordHook, a *discordAnswer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.status < 300 && c.set.Percent > 0 && c.rand.Intn(300) < c.set.Percent {
		c.seen.Lost++
		a.lost = true
		return
	}
	if f, ok := a.body.(discordFailure); ok && a.status == http.StatusTooManyRequests {
		c.until[hook.ID] = c.now().Add(time.Duration(f.RetryAfter * float64(time.Second)))
	}
	if h.Get("X-RateLimit-Remaining") == "0" {
		if after, err := strconv.ParseFloat(h.Get("X-RateLimit-Reset-After"), 64); err == nil {
			c.until[hook.ID+kind] = c.now().Add(time.Duration(after * float64(time.Second)))
		}
	}
}

// lose ends a call without an answer.
func (c *discordChaos) lose(r *http.Request) {
	c.mu.Lock()
	hang := c.set.HangMs
	c.mu.Unlock()
	pause(r.Context(), hang)
	panic(http.ErrAbortHandler)
}
