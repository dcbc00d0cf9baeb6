package web

import (
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
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
