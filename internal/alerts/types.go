package alerts

import (
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
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
	System             Type = "system"
)

// Types lists them all.
func Types() []Type {
	return []Type{
		OrderFilled, OrderCancelled, OrderRejected, CopyTradeAlert, CopyTradeClose, CopyTradeExecuted,
		CopyTradeFailed, SubscriptionNew, Achievement, Leaderboard, BrokerDisconnected, PaymentFailed,
		MembershipEnding, System,
	}
}

// channels are the roads a notification takes by default besides the inbox,
// which it always reaches. A user's own program hears of all of them.
func channels(t Type) []string {
	switch t {
	case OrderFilled, CopyTradeExecuted, CopyTradeFailed, SubscriptionNew:
		return []string{delivery.ChannelWebhook, delivery.ChannelPush}
	case CopyTradeAlert, CopyTradeClose, Achievement:
		return []string{delivery.ChannelWebhook, delivery.ChannelPush, delivery.ChannelFeed}
	case Leaderboard:
		return []string{delivery.ChannelWebhook, delivery.ChannelFeed}
	case BrokerDisconnected:
		return []string{delivery.ChannelWebhook, delivery.ChannelPush, delivery.ChannelEmail}
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
