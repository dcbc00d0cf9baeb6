package web

import (
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
)

func cannedChannels(now time.Time) channelsView {
	taken := now.Add(-4 * time.Minute)
	return channelsView{Hook: &delivery.Receiver{Host: "hooks.example.com", CreatedAt: taken, LastSuccessAt: &taken}, Mail: &delivery.Mailbox{
		Address: "ava@example.com", State: delivery.MailboxOK,
		LastMail: &delivery.LastMail{Subject: "Alpaca is disconnected", State: "delivered", At: now.Add(-3 * time.Hour)},
	}}
}

func deadChannels(now time.Time) channelsView {
	since, reason := now.Add(-26*time.Hour), "mail to it came back"
	return channelsView{Hook: &delivery.Receiver{Host: "hooks.example.com", CreatedAt: since, DisabledAt: &since}, Mail: &delivery.Mailbox{
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
