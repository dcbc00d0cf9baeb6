package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// discordLimits are the rates in force. Discord promises none of them; the
// defaults are what has been observed. A count of 0 switches a limit off.
type discordLimits struct {
	PerWebhook      int `json:"perWebhook"`
	WebhookWindowMs int `json:"webhookWindowMs"`
	PerChannel      int `json:"perChannel"` // hidden: shows only as a 429
	ChannelWindowMs int `json:"channelWindowMs"`
}

func discordDefaultLimits() discordLimits {
	return discordLimits{PerWebhook: 5, WebhookWindowMs: 2000, PerChannel: 30, ChannelWindowMs: 60_000}
}

// discordRate counts calls per webhook and kind of route, and per channel.
type discordRate struct {
	now func() time.Time

	mu      sync.Mutex
	limits  discordLimits
	windows map[string]discordWindow
}

type discordWindow struct {
	used int
	ends time.Time
}

func newDiscordRate(now func() time.Time) *discordRate {
	return &discordRate{now: now, limits: discordDefaultLimits(), windows: map[string]discordWindow{}}
}

func (l *discordRate) set(limits discordLimits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits, l.windows = limits, map[string]discordWindow{}
}

// take counts one call, refused ones too, and sets the rate headers. The bucket's
// name is the same for all webhooks, as Discord's is.
func (l *discordRate) take(h http.Header, kind string, hook discordHook) (discordAnswer, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	per, window := l.limits.PerWebhook, time.Duration(l.limits.WebhookWindowMs)*time.Millisecond
	if per > 0 {
		used, left := l.count(kind+" "+hook.ID, window)
		h.Set("X-RateLimit-Bucket", fmt.Sprintf("%x", "webhook-"+kind))
		h.Set("X-RateLimit-Limit", strconv.Itoa(per))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, per-used)))
		h.Set("X-RateLimit-Reset-After", discordSeconds(left))
		h.Set("X-RateLimit-Reset", discordSeconds(time.Duration(l.now().Add(left).UnixNano())))
		if used > per {
			h.Set("X-RateLimit-Scope", "user")
			h.Set("Retry-After", strconv.Itoa(int(left/time.Second)+1))
			return discordLimited(left, false), true
		}
	}
	if kind != "create" || l.limits.PerChannel <= 0 {
		return discordAnswer{}, false
	}
	used, left := l.count("channel "+hook.ChannelID, time.Duration(l.limits.ChannelWindowMs)*time.Millisecond)
	if used <= l.limits.PerChannel {
		return discordAnswer{}, false
	}
	h.Set("X-RateLimit-Scope", "shared")
	h.Set("Retry-After", strconv.Itoa(int(left/time.Second)+1))
	return discordLimited(left, false), true
}

func (l *discordRate) count(name string, window time.Duration) (used int, left time.Duration) {
	now := l.now()
	w := l.windows[name]
	if !now.Before(w.ends) {
		w = discordWindow{ends: now.Add(window)}
	}
	w.used++
	l.windows[name] = w
	return w.used, w.ends.Sub(now)
}

func discordLimited(wait time.Duration, global bool) discordAnswer {
	return discordAnswer{status: http.StatusTooManyRequests, body: discordFailure{
		Message: "You are being rate limited.", RetryAfter: wait.Seconds(), Global: &global,
	}}
}

func discordSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
