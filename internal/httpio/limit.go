package httpio

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
)

// Decision is a limiter's answer for one request.
type Decision struct {
	Allowed   bool
	Remaining int       // requests left until Reset
	Reset     time.Time // when the count starts anew
}

// Allow counts one request of key against perMinute. An error means that nobody
// counts at the moment.
type Allow func(ctx context.Context, key string, perMinute int) (Decision, error)

// Rate names who is counted and how much they may: "user:…" and 100. An empty key
// is not counted.
type Rate func(r *http.Request) (key string, perMinute int)

// RateLimit refuses with 429 and Retry-After once a rate is used up, and tells the
// state in X-RateLimit-Limit, -Remaining and -Reset (Unix seconds). Without a
// limiter requests pass: these rates protect us from load, not people's money,
// and an exit must not wait for Redis.
func RateLimit(allow Allow, rate Rate) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return Handler(func(w http.ResponseWriter, r *http.Request) error {
			key, perMinute := rate(r)
			if key != "" {
				if err := Spend(w, r, allow, key, perMinute); err != nil {
					return err
				}
			}
			next.ServeHTTP(w, r)
			return nil
		})
	}
}

// Spend counts this request and returns fault.RateLimited when there is none left.
func Spend(w http.ResponseWriter, r *http.Request, allow Allow, key string, perMinute int) error {
	decision, err := allow(r.Context(), key, perMinute)
	if err != nil {
		Annotate(r.Context(), slog.Any("limiter", err))
		return nil
	}
	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(perMinute))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(decision.Remaining, 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(decision.Reset.Unix(), 10))
	if decision.Allowed {
		return nil
	}
	return fault.RateLimited(max(time.Until(decision.Reset), time.Second))
}
