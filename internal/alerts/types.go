package alerts

import (
	"slices"
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/exchange"
)

// Type is the kind of a notification.
type Type = string

// The kinds of notifications.
const (
	OrderFilled        Type = "order_filled"
	OrderCancelled     Type = "order_cancelled"
	OrderRejected      Type = "order_rejected"
	CopyTradeAlert     Type = "copy_trade_alert"
	CopyTradeClose     Type = "copy_trade_close"
	CopyTradeExecuted  Type = "copy_trade_executed"
	CopyTradeFailed    Type = "copy_trade_failed"
	SubscriptionNew    Type = "subscription_new"
	Achievement        Type = "achievement"
	Leaderboard        Type = "leaderboard"
	BrokerDisconnected Type = "broker_disconnected"
	PaymentFailed      Type = "payment_failed"
	MembershipEnding   Type = "membership_ending"
	Security           Type = "security" // a door of theirs has changed; nothing switches it off
	System             Type = "system"
)

// Types lists them all.
func Types() []Type {
	return []Type{
		OrderFilled, OrderCancelled, OrderRejected, CopyTradeAlert, CopyTradeClose, CopyTradeExecuted,
		CopyTradeFailed, SubscriptionNew, Achievement, Leaderboard, BrokerDisconnected, PaymentFailed,
		MembershipEnding, Security, System,
	}
}

// fixed are the types that nobody switches off: they are in no group, and go where they go
// by default.
func fixed() []Type { return []Type{Security} }

// channels are the roads a notification takes by default besides the inbox,
// which it always reaches. A user's own program hears of all of them, their chat of what
// their browsers do.
func channels(t Type) []string {
	switch t {
	case OrderFilled, CopyTradeExecuted, CopyTradeFailed, SubscriptionNew:
		return []string{delivery.ChannelWebhook, delivery.ChannelPush, delivery.ChannelTelegram}
	case CopyTradeAlert, CopyTradeClose, Achievement:
		return []string{delivery.ChannelWebhook, delivery.ChannelPush, delivery.ChannelTelegram, delivery.ChannelFeed}
	case Leaderboard:
		return []string{delivery.ChannelWebhook, delivery.ChannelFeed}
	case BrokerDisconnected, Security:
		return []string{delivery.ChannelWebhook, delivery.ChannelPush, delivery.ChannelTelegram, delivery.ChannelEmail}
	case PaymentFailed, MembershipEnding, System:
		return []string{delivery.ChannelWebhook, delivery.ChannelEmail}
	default: // order_cancelled, order_rejected
		return []string{delivery.ChannelWebhook}
	}
}

// worth is how long a notification is worth sending, unless it names an end itself.
func worth(t Type) time.Duration {
	switch t {
	case OrderFilled, CopyTradeExecuted, CopyTradeFailed, CopyTradeClose, CopyTradeAlert:
		return 4 * time.Hour
	default:
		return 24 * time.Hour
	}
}

// Group is types that are switched together.
type Group struct {
	Name, Label, About string
	Types              []Type
}

// Groups lists them in the order in which people see them; each type that can be switched is
// in one.
func Groups() []Group {
	return []Group{
		{"questions", "Questions to you", "A trader you copy has bought or sold: approve or reject.", []Type{CopyTradeAlert, CopyTradeClose}},
		{"copies", "Your copies", "A copy was made, or came to nothing.", []Type{CopyTradeExecuted, CopyTradeFailed}},
		{"fills", "Fills", "An order of yours has filled.", []Type{OrderFilled}},
		{"order_trouble", "Orders that ended", "An order of yours was cancelled or rejected.", []Type{OrderCancelled, OrderRejected}},
		{"broker", "Broker connection", "Your broker is not reached any more.", []Type{BrokerDisconnected}},
		{"followers", "Followers", "Somebody copies you.", []Type{SubscriptionNew}},
		{"achievements", "Achievements", "A first win, a streak, a round number.", []Type{Achievement}},
		{"leaderboard", "Leaderboard", "Your rank has changed.", []Type{Leaderboard}},
		{"billing", "Plan and payments", "A payment failed, or your plan ends.", []Type{PaymentFailed, MembershipEnding}},
		{"system", "From Alertsify", "Announcements, and what needs a look.", []Type{System}},
	}
}

// usual tells whether a type goes by a channel unless its reader chose otherwise.
func usual(t Type, channel string) bool { return slices.Contains(channels(t), channel) }

// urgent are the types that quiet hours let through where their reader has not said
// otherwise: what is over before the hours are, and what may cost money until somebody acts.
func urgent() []Type {
	return []Type{CopyTradeAlert, CopyTradeClose, CopyTradeFailed, OrderRejected, BrokerDisconnected, Security}
}

// Manners are what delivery has to know of the types when it is about to send.
func Manners(today func() exchange.Date) delivery.Manners {
	m := delivery.Manners{Usual: map[string][]string{}, Urgent: urgent(), Fixed: fixed(), Today: today}
	for _, channel := range delivery.Personal {
		for _, t := range Types() {
			if usual(t, channel) {
				m.Usual[channel] = append(m.Usual[channel], t)
			}
		}
	}
	return m
}
