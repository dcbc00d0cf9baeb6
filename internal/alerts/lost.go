package alerts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
)

// TellLost is delivery's word that a destination no longer takes messages; its
// owner is told at most once a day for each destination and reason.
func (a *Announcer) TellLost(ctx context.Context, tx pgx.Tx, l delivery.Lost) error {
	if l.UserID == nil {
		a.log.ErrorContext(ctx, "platform destination lost", "destination", l.DestinationID, "channel", l.Channel, "reason", l.Reason)
		return nil
	}
	n := Notification{
		UserID: *l.UserID, Type: System, LearntAt: a.now(),
		Data: map[string]any{"destinationId": l.DestinationID, "channel": l.Channel},
	}
	about := l.DestinationID.String() + ":" + a.now().UTC().Format(time.DateOnly)
	switch {
	case l.Channel == delivery.ChannelEmail && l.Paused:
		n.Title, n.Body = "Mail to you is switched off", "We send none because "+l.Reason+". Only you can switch it on again."
		n.URL, n.SubjectKey = delivery.SettingsPath, "mail-off:"+about
	case l.Channel == delivery.ChannelEmail:
		n.Title, n.Body = "Mail no longer reaches you", "We have stopped sending to your address because "+l.Reason+". Confirm that it works, or change it."
		n.URL, n.SubjectKey = delivery.SettingsPath, "mail-gone:"+about
	case l.Channel == delivery.ChannelWebhook:
		n.Title, n.Body = "Your webhook is switched off", "The receiver at "+label(l, "your address")+" did not take our events. Save its address again to go on."
		n.URL, n.SubjectKey = delivery.SettingsPath, "webhook:"+about
	case l.Channel == delivery.ChannelTelegram:
		n.Title, n.Body = "Telegram alerts have stopped", "Nothing more goes to "+label(l, "your chat")+", because "+delivery.ChatReason(l.Reason)+". Connect Telegram again to go on."
		n.URL, n.SubjectKey = delivery.SettingsPath, "telegram:"+about
	case l.Channel == delivery.ChannelPush:
		n.Title, n.Body = "A browser no longer takes notifications", "Turn notifications on again in "+label(l, "that browser")+"."
		n.URL, n.SubjectKey = "/settings/notifications", "push:"+about
	case l.Paused:
		n.Title, n.Body = "Discord alerts are paused", "Discord does not accept messages for the webhook "+label(l, "you gave us")+". Check its channel and thread, then save it again."
		n.URL, n.SubjectKey = "/settings/notifications", "discord-paused:"+about
	default:
		n.Title, n.Body = "Discord alerts have stopped", "Discord says that the webhook "+label(l, "you gave us")+" no longer works. Reconnect it to go on."
		n.URL, n.SubjectKey = "/settings/notifications", "discord-gone:"+about
	}
	return a.Notify(ctx, tx, n)
}

func label(l delivery.Lost, otherwise string) string {
	if l.Label == "" {
		return otherwise
	}
	return l.Label
}
