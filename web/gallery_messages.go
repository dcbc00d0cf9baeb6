package web

import (
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
)

func cannedPreferences(now time.Time) preferencesView {
	usually := alerts.Manners(nil).Usual
	p := alerts.Preferences{Channels: []string{delivery.ChannelPush, delivery.ChannelEmail}, Muted: []alerts.MutedTrader{{ID: uuid.UUID{7}, Username: "ava"}}}
	for _, g := range alerts.Groups() {
		one := alerts.Preference{Group: g, Wanted: map[string]bool{}, Usual: map[string]bool{}}
		for _, channel := range p.Channels {
			for _, t := range usually[channel] {
				one.Wanted[channel] = one.Wanted[channel] || t == g.Types[0]
			}
		}
		p.Groups = append(p.Groups, one)
	}
	return preferencesView{
		Preferences: p, On: true, Hours: alerts.Quiet{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin", UrgentThrough: true},
		Browsers: []delivery.Browser{
			{ID: uuid.UUID{1}, Label: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", LastSuccessAt: before(now, 3*time.Minute)},
			{ID: uuid.UUID{2}, Label: "Chrome on Android", DisabledAt: before(now, 26*time.Hour)},
		},
		Discord: &delivery.Webhook{Name: "Ben's alerts", LastSuccessAt: before(now, 12*time.Minute)},
	}
}

func wrongPreferences(now time.Time) preferencesView {
	v := cannedPreferences(now)
	v.Browsers, v.Discord, v.Mute = nil, nil, "nobody"
	v.Hours.TimeZone = "Mars/Phobos"
	v.Wrong = map[string]string{"quietHours.timeZone": "A time zone, such as America/New_York.", "mutedTraders": "No trader other than you is called nobody."}
	return v
}

func cannedReceipts(now time.Time) []receiptView {
	why, gone := "push host fcm.googleapis.com: 503", "switched off in the settings of notifications; it is in the inbox"
	return receiptViews([]delivery.Receipt{
		{
			Channel: delivery.ChannelEmail, Op: delivery.Create, State: "superseded", LastError: &gone,
			ExecutedAt: before(now, 9*time.Second), LearntAt: before(now, 8*time.Second), DecidedAt: now.Add(-8 * time.Second),
		},
		{
			Channel: delivery.ChannelPush, Label: "Firefox on Linux", Op: delivery.Create, State: "delivered", PossibleDuplicate: true, LastError: &why,
			ExecutedAt: before(now, 9*time.Second), LearntAt: before(now, 8*time.Second), DecidedAt: now.Add(-8 * time.Second),
			SentAt: before(now, 7*time.Second), AcceptedAt: before(now, 3*time.Second),
			Attempts: []delivery.Attempt{
				{At: now.Add(-6 * time.Second), Outcome: "unknown", Detail: "the connection broke after the request was written", TookMs: 412},
				{At: now.Add(-3 * time.Second), Outcome: "accepted", TookMs: 88},
			},
		},
	})
}

func cannedNotification(now time.Time) notificationView {
	return notificationView{
		InboxItem: alerts.InboxItem{
			ID: uuid.UUID{3}, Type: alerts.OrderFilled, Title: "AAPL 15 Jan 27 200 C filled", Body: "Bought 5 at $3.50", URL: "/positions/" + uuid.UUID{4}.String(),
			CreatedAt: now.Add(-8 * time.Second), ReadAt: before(now, 2*time.Second),
		},
		Receipts: cannedReceipts(now),
	}
}

func cannedDeliveries(now time.Time) deliveriesView {
	dead := cannedDeadLetter(now).DeadLetter
	platform := delivery.DeadLetter{
		ID: uuid.UUID{6}, Channel: delivery.ChannelDiscord, Platform: true, Label: "Alertsify", About: "BTO 5 AAPL 15 Jan 27 200 C of @ava", Op: delivery.Update,
		Reason: "discord 400: Invalid Form Body", Tries: 1, DeadAt: now.Add(-2 * time.Hour), Cutoff: now.Add(20 * time.Hour),
	}
	return deliveriesView{
		Health: []delivery.ChannelHealth{
			{Channel: delivery.ChannelDiscord, Accepted: 812, Failed: 3, Limited: 14, Waiting: 2, OldestWaiting: before(now, 4*time.Second), Dead: 1, Destinations: 42, Disabled: 2, Paused: 1, PausedUntil: before(now, -30*time.Second)},
			{Channel: delivery.ChannelPush, Accepted: 2104, Failed: 41, Waiting: 118, OldestWaiting: before(now, 95*time.Second), Dead: 1, Destinations: 310, RestsUntil: before(now, -8*time.Second)},
			{Channel: delivery.ChannelEmail, Accepted: 96, Limited: 1, Waiting: 12, OldestWaiting: before(now, 11*time.Minute), Destinations: 280, HeldUntil: before(now, -49*time.Minute), HeldReason: "resend: misconfigured: status 429 daily_quota_exceeded: You have reached your daily email sending quota"},
			{Channel: delivery.ChannelFeed, Destinations: 2},
		},
		Dead: []delivery.DeadLetter{dead, platform}, Next: "older",
		Log: []delivery.Ruling{{DeliveryID: uuid.UUID{8}, Act: "replayed", By: "root", Reason: "no answer", At: now.Add(-3 * time.Hour)}},
	}
}

func cannedDeadLetter(now time.Time) delivery.DeadDetail {
	return delivery.DeadDetail{
		DeadLetter: delivery.DeadLetter{
			ID: uuid.UUID{5}, Channel: delivery.ChannelPush, Username: "ben", Label: "Firefox on Linux", About: "AAPL 15 Jan 27 200 C filled", Op: delivery.Create,
			Reason: "push host updates.push.services.mozilla.com: 400", Tries: 2, CreatedAt: now.Add(-12 * time.Minute), DeadAt: now.Add(-11 * time.Minute), Cutoff: now.Add(3 * time.Hour),
		},
		State: "dead", Body: "Bought 5 at $3.50",
		Attempts: []delivery.Attempt{
			{At: now.Add(-12 * time.Minute), Outcome: "retry", Detail: "push host updates.push.services.mozilla.com: 503", TookMs: 1204},
			{At: now.Add(-11 * time.Minute), Outcome: "rejected", Detail: "push host updates.push.services.mozilla.com: 400", TookMs: 96},
		},
	}
}

func pastDeadLetter(now time.Time) delivery.DeadDetail {
	l := cannedDeadLetter(now)
	l.Cutoff, l.Refusal = now.Add(-time.Minute), "It is past any use: it was worth sending until a time that has passed."
	l.Log = []delivery.Ruling{{DeliveryID: l.ID, Act: "replayed", By: "root", Reason: "no answer", At: now.Add(-3 * time.Hour)}}
	return l
}

func cannedAnnouncements(now time.Time) announcementsView {
	return announcementsView{List: []alerts.Announcement{
		{ID: uuid.UUID{1}, Title: "A new page: receipts", Body: "Every notification now shows where it went, hop by hop.", By: "root", CreatedAt: now.Add(-time.Minute), Told: 5000},
		{ID: uuid.UUID{2}, Title: "Maintenance tonight", By: "root", CreatedAt: now.Add(-26 * time.Hour), Told: 12345, DoneAt: before(now, 26*time.Hour)},
	}}
}
