package web

import (
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/delivery"
)

func cannedChannels(now time.Time) channelsView {
	taken := now.Add(-4 * time.Minute)
	chat := delivery.Chat{Name: "@ava_stone", CreatedAt: &taken, LastSuccessAt: &taken}
	return channelsView{Hook: &delivery.Receiver{Host: "hooks.example.com", CreatedAt: taken, LastSuccessAt: &taken}, Chat: &chat, Mail: &delivery.Mailbox{
		Address: "ava@example.com", State: delivery.MailboxOK,
		LastMail: &delivery.LastMail{Subject: "Alpaca is disconnected", State: "delivered", At: now.Add(-3 * time.Hour)},
	}}
}

func deadChannels(now time.Time) channelsView {
	since, reason := now.Add(-26*time.Hour), "mail to it came back"
	stopped := "you sent /stop to our bot"
	chat := delivery.Chat{Name: "Somebody with a rather long name of…", CreatedAt: &since, DisabledAt: &since, DisabledReason: &stopped}
	return channelsView{Hook: &delivery.Receiver{Host: "hooks.example.com", CreatedAt: since, DisabledAt: &since}, Chat: &chat, Mail: &delivery.Mailbox{
		Address: "a.rather.long.name.of.somebody@mail.department.example.com", State: delivery.MailboxBounced,
		DisabledAt: &since, DisabledReason: &reason,
		LastMail: &delivery.LastMail{Subject: "Payment failed", State: "bounced", At: since},
	}}
}

func unwantedChannels(now time.Time) channelsView {
	v := cannedChannels(now)
	v.Mail.State, v.Mail.Complained, v.Mail.LastMail.State = delivery.MailboxOff, true, "complained"
	return v
}

func linkedChannels(now time.Time) channelsView {
	until := now.Add(10 * time.Minute)
	return channelsView{
		Chat: &delivery.Chat{LinkValidUntil: &until},
		Link: &delivery.ChatLink{URL: "https://t.me/alertsify_bot?start=Zk3v9QpX0dYt7nRb2sLmAeUi5GhJwKcV", ValidUntil: until},
	}
}

func pendingChannels(now time.Time) channelsView {
	return channelsView{
		LinkWrong: "This link has expired or was replaced. Connect Telegram again.",
		Chat:      &delivery.Chat{Pending: &delivery.PendingChat{ID: uuid.UUID{4}, Name: "@ava_stone", ValidUntil: now.Add(9 * time.Minute)}},
	}
}
