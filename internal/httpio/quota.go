package httpio

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Quota is what a party said was left when it answered last, in the headers that most have in
// one spelling or another.
type Quota struct {
	Limit     int       // 0: it does not say
	Remaining int       //
	Reset     time.Time // when there is more; zero: it does not say
	At        time.Time // when it said so
}

// ReadQuota reads the headers of an answer; there is false where they say nothing.
func ReadQuota(h http.Header, now time.Time) (q Quota, there bool) {
	first := func(names ...string) (number int, there bool) {
		for _, name := range names {
			whole, _, _ := strings.Cut(h.Get(name), ".") // Discord's seconds have a fraction
			if n, err := strconv.Atoi(strings.TrimSpace(whole)); err == nil && n >= 0 {
				return n, true
			}
		}
		return 0, false
	}
	q.At = now
	if q.Remaining, there = first("X-RateLimit-Remaining", "RateLimit-Remaining"); !there {
		return Quota{}, false
	}
	q.Limit, _ = first("X-RateLimit-Limit", "RateLimit-Limit")
	if seconds, said := first("X-RateLimit-Reset-After"); said {
		q.Reset = within(seconds, now)
	} else if seconds, said := first("X-RateLimit-Reset", "RateLimit-Reset"); said {
		q.Reset = resetAt(seconds, now)
	}
	return q, true
}

const year = 365 * 24 * 3600 // in seconds: no quota is given for longer

// resetAt is when there is more: some say how many seconds that takes, others the Unix time.
// What is neither, such as milliseconds, says nothing.
func resetAt(seconds int, now time.Time) time.Time {
	if seconds <= year {
		return within(seconds, now)
	}
	if at := time.Unix(int64(seconds), 0); at.Before(now.Add(year * time.Second)) {
		return at
	}
	return time.Time{}
}

func within(seconds int, now time.Time) time.Time {
	if seconds > year {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// Quotas keeps what each party said last, to this process.
type Quotas struct {
	mu   sync.Mutex
	said map[string]Quota
}

// Note keeps what an answer's headers say.
func (q *Quotas) Note(party string, h http.Header, now time.Time) {
	said, _ := ReadQuota(h, now)
	q.Keep(party, said)
}

// Keep keeps what a party said; the zero quota says nothing.
func (q *Quotas) Keep(party string, said Quota) {
	if said.At.IsZero() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.said == nil {
		q.said = map[string]Quota{}
	}
	q.said[party] = said
}

// Of is what a party said last.
func (q *Quotas) Of(party string) (said Quota, there bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	said, there = q.said[party]
	return said, there
}
