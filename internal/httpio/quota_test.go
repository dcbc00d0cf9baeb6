package httpio

import (
	"net/http"
	"testing"
	"time"
)

// What is left is read in every spelling that our parties have; nonsense says nothing.
func TestWhatAPartySaysIsLeftIsRead(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		headers []string
		want    Quota
		there   bool
	}{
		"SnapTrade, Alpaca": {[]string{"X-RateLimit-Limit", "250", "X-RateLimit-Remaining", "249", "X-RateLimit-Reset", "1800000060"}, Quota{250, 249, now.Add(time.Minute), now}, true},
		"Discord":           {[]string{"X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1800000002.123", "X-RateLimit-Reset-After", "2.123"}, Quota{5, 0, now.Add(2 * time.Second), now}, true},
		"Resend":            {[]string{"ratelimit-limit", "10", "ratelimit-remaining", "9", "ratelimit-reset", "1"}, Quota{10, 9, now.Add(time.Second), now}, true},
		"no time":           {[]string{"X-RateLimit-Remaining", "3"}, Quota{Remaining: 3, At: now}, true},
		"milliseconds":      {[]string{"X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "1800000060000"}, Quota{Remaining: 3, At: now}, true},
		"no end":            {[]string{"X-RateLimit-Remaining", "3", "X-RateLimit-Reset-After", "9223372036854775807"}, Quota{Remaining: 3, At: now}, true},
		"nothing":           {nil, Quota{}, false},
		"nonsense":          {[]string{"X-RateLimit-Remaining", "many"}, Quota{}, false},
		"below nothing":     {[]string{"X-RateLimit-Remaining", "-1"}, Quota{}, false},
	} {
		h := http.Header{}
		for i := 0; i < len(c.headers); i += 2 {
			h.Set(c.headers[i], c.headers[i+1])
		}
		if got, there := ReadQuota(h, now); got != c.want || there != c.there {
			t.Errorf("%s: %+v, %v", name, got, there)
		}
	}
	var q Quotas
	q.Note("a", http.Header{"X-Ratelimit-Remaining": {"7"}}, now)
	q.Note("a", http.Header{}, now.Add(time.Minute)) // an answer that says nothing takes nothing back
	if said, there := q.Of("a"); !there || said.Remaining != 7 {
		t.Errorf("%+v, %v", said, there)
	}
	if _, there := q.Of("b"); there {
		t.Error("another party said something")
	}
}
