package web

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/status"
)

func cannedSecurity(now time.Time) securityView {
	return securityView{
		Ways: []auth.Linked{
			{Provider: "google", Subject: "1", Email: "ava.example@gmail.com", LinkedAt: now.AddDate(0, -7, 0), LastUsedAt: now.Add(-6 * time.Minute), Offered: true},
			{Provider: "discord", Subject: "2", LinkedAt: now.AddDate(0, -2, -3), LastUsedAt: now.AddDate(0, 0, -9), Offered: true},
			{Provider: "github", Subject: "3", Email: "a-very-long-name-of-somebody-who-signs-in@users.noreply.example.com", LinkedAt: now.AddDate(0, -1, 0), LastUsedAt: now.AddDate(0, -1, 0)},
		},
		Linkable: []Provider{{"google", "Google"}, {"discord", "Discord"}},
		Passkeys: auth.Passkeys{Offered: true, Keys: []auth.Passkey{
			{ID: uuid.UUID{3}, Name: "This laptop", Synced: true, CreatedAt: now.AddDate(0, -1, 0), LastUsedAt: before(now, 3*time.Hour)},
			{ID: uuid.UUID{4}, Name: "The blue key in the drawer at home, for when the laptop is gone", CreatedAt: now.AddDate(0, 0, -2)},
		}},
		Here: uuid.UUID{1},
		Browsers: []auth.SignIn{
			{ID: uuid.UUID{1}, Method: "google", Device: "Firefox on Linux", IPPrefix: "203.0.113.0/24", CreatedAt: now.Add(-6 * time.Minute), LastSeenAt: now},
			{ID: uuid.UUID{2}, Method: "discord", Device: "Safari on iPhone", IPPrefix: "2001:db8:1::/48", CreatedAt: now.AddDate(0, 0, -9), LastSeenAt: now.Add(-5 * time.Hour)},
		},
	}
}

// plainSecurity is somebody with one way in, who tried to lose it.
func plainSecurity(now time.Time) securityView {
	v := cannedSecurity(now)
	v.Ways, v.Browsers = v.Ways[:1], v.Browsers[:1]
	v.Passkeys.Keys = nil
	v.Wrong = "This is the only way you can sign in. Link another one first."
	return v
}

// guardedSecurity is somebody who is asked for a passkey at sign-in.
func guardedSecurity(now time.Time) securityView {
	v := cannedSecurity(now)
	v.Passkeys.Asked, v.Passkeys.HoldsAt = true, now.Add(70*time.Hour)
	return v
}

// numberedSecurity is on a server whose address is a number.
func numberedSecurity(now time.Time) securityView {
	v := plainSecurity(now)
	v.Wrong, v.Passkeys = "", auth.Passkeys{}
	return v
}

func cannedTokens(now time.Time) tokensView {
	return tokensView{List: []auth.Token{
		{ID: uuid.UUID{1}, Name: "Spreadsheet", Scope: auth.ScopeRead, CreatedAt: now.AddDate(0, 0, -12), LastUsedAt: before(now, 4*time.Minute), ExpiresAt: before(now, -78*24*time.Hour)},
		{ID: uuid.UUID{2}, Name: "A program with an unusually long name that says what it does, for whom, since when and why", Scope: auth.ScopeTrade, CreatedAt: now.AddDate(-1, 0, 0)},
		{ID: uuid.UUID{3}, Name: "Old laptop", Scope: auth.ScopeRead, CreatedAt: now.AddDate(0, -2, 0), LastUsedAt: before(now, 900*time.Hour), ExpiresAt: before(now, 700*time.Hour)},
	}}
}

func wrongTokens(now time.Time) tokensView {
	v := cannedTokens(now)
	v.Full = "You have 20 access tokens. Revoke one first."
	v.Days, v.Wrong = "30", map[string]string{"name": "must have 1 to 100 characters"}
	return v
}

// cannedQueues is a queue that works, but for one kind of job.
func cannedQueues(now time.Time) queuesView {
	return queuesView{
		First: true, Next: "17",
		Kinds: []status.KindNow{
			{Queue: "changed", Kind: "order_changed", Waiting: 312, Running: 8, Oldest: before(now, 3*time.Minute), Done: 12480},
			{Queue: "changed", Kind: "copy_execute", Waiting: 4, Running: 8, Later: 12, Oldest: before(now, 2*time.Second), Done: 88012},
			{Queue: "exits", Kind: "order_send", Running: 3, Done: 410},
			{Queue: "hourly", Kind: "leaderboard", Later: 1, Failing: 1, Done: 0},
			{Queue: "sends", Kind: "order_send", Waiting: 2, Running: 24, GivenUp: 1, Oldest: before(now, time.Second), Done: 5120},
		},
		Failed: []status.FailedJob{
			{ID: 48211, Queue: "hourly", Kind: "leaderboard", Attempt: 2, MaxAttempts: 5, FailedAt: before(now, 40*time.Second), Next: now.Add(16 * time.Second), Error: "make the leaderboards: timeout: context deadline exceeded"},
			{ID: 48102, Queue: "sends", Kind: "order_send", GivenUp: true, Attempt: 25, MaxAttempts: 25, FailedAt: before(now, 26*time.Hour), Next: now, Error: "send order 0192f3c4-7a51-7c1e-9a55-3f1d2c4b5a60: read the account: api.snaptrade.com/…: 503 " + strings.Repeat("a long story ", 12)},
		},
	}
}
