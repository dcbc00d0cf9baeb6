package snaptrade

import (
	"strings"

	"github.com/shopspring/decimal"
)

// Status is what became of an order, in one vocabulary for all of SnapTrade's.
type Status string

// The statuses (contract §8.5). Replaced means that another order took its
// place; it ends this one, but is not a cancellation to announce.
const (
	StatusUnknown   Status = "unknown" // keep looking
	StatusPending   Status = "pending"
	StatusPartial   Status = "partial"
	StatusFilled    Status = "filled"
	StatusCancelled Status = "cancelled" // may hold fills
	StatusRejected  Status = "rejected"  // may hold fills
	StatusExpired   Status = "expired"   // may hold fills
	StatusReplaced  Status = "replaced"  // may hold fills
)

// Final reports whether the broker will not change the order any more.
func (s Status) Final() bool {
	switch s {
	case StatusFilled, StatusCancelled, StatusRejected, StatusExpired, StatusReplaced:
		return true
	}
	return false
}

// statusOfWord maps the words of V1 orders, V2 orders and V2 legs, and the
// synonyms that brokers use. Any other word is unknown: none may be guessed.
func statusOfWord(word string) Status {
	switch strings.ToUpper(strings.TrimSpace(word)) {
	case "PENDING", "ACCEPTED", "QUEUED", "TRIGGERED", "ACTIVATED", "PENDING_RISK_REVIEW", "CONTINGENT_ORDER",
		"CANCEL_PENDING", "REPLACE_PENDING", "STOPPED", "SUSPENDED", "OPEN":
		return StatusPending
	case "PARTIAL", "PARTIALLY_EXECUTED", "PARTIALLY_FILLED":
		return StatusPartial
	case "EXECUTED", "FILLED":
		return StatusFilled
	case "CANCELED", "CANCELLED", "PARTIAL_CANCELED", "PARTIAL_CANCELLED":
		return StatusCancelled
	case "REPLACED":
		return StatusReplaced
	case "REJECTED", "FAILED":
		return StatusRejected
	case "EXPIRED":
		return StatusExpired
	default:
		return StatusUnknown
	}
}

// NormalStatus reads a status word together with the quantities, either of
// which may be nil: a pending order with fills is partial, and one said to be
// filled is only partial while fewer than all are known to be.
func NormalStatus(word string, filled, total *decimal.Decimal) Status {
	status := statusOfWord(word)
	if filled == nil || total == nil || !filled.LessThan(*total) {
		return status
	}
	if status == StatusFilled || status == StatusPending && filled.IsPositive() {
		return StatusPartial
	}
	return status
}

// Action is what an order does. Buy and Sell alone leave open whether a
// position is opened or closed.
type Action string

// The actions in one spelling (contract §8.4); ActionUnknown is a broker's own word.
const (
	ActionUnknown Action = ""
	Buy           Action = "BUY"
	Sell          Action = "SELL"
	BuyToOpen     Action = "BUY_TO_OPEN"
	BuyToClose    Action = "BUY_TO_CLOSE"
	SellToOpen    Action = "SELL_TO_OPEN"
	SellToClose   Action = "SELL_TO_CLOSE"
)

// IsBuy reports whether the action buys.
func (a Action) IsBuy() bool { return strings.HasPrefix(string(a), "BUY") }

// IsSell reports whether the action sells.
func (a Action) IsSell() bool { return strings.HasPrefix(string(a), "SELL") }

// NormalAction reads an action word. Covering and selling short mean closing
// and opening on options; on shares they are kept as buying and selling.
func NormalAction(word string, option bool) Action {
	word = strings.ToUpper(strings.TrimSpace(word))
	switch word {
	case "BUY", "SELL", "BUY_TO_OPEN", "BUY_TO_CLOSE", "SELL_TO_OPEN", "SELL_TO_CLOSE":
		return Action(word)
	case "BUY_OPEN":
		return BuyToOpen
	case "BUY_CLOSE":
		return BuyToClose
	case "SELL_OPEN":
		return SellToOpen
	case "SELL_CLOSE":
		return SellToClose
	case "BUY_COVER":
		return choose(option, BuyToClose, Buy)
	case "SELL_SHORT":
		return choose(option, SellToOpen, Sell)
	default:
		return ActionUnknown
	}
}

func choose(first bool, a, b Action) Action {
	if first {
		return a
	}
	return b
}

// OrderType is how an order is priced.
type OrderType string

// The order types in one spelling; TypeUnknown is a broker's own word.
const (
	TypeUnknown   OrderType = ""
	TypeMarket    OrderType = "MARKET"
	TypeLimit     OrderType = "LIMIT"
	TypeStop      OrderType = "STOP"
	TypeStopLimit OrderType = "STOP_LIMIT"
)

// NormalType reads an order type in any of its spellings.
func NormalType(word string) OrderType {
	switch strings.ToUpper(strings.TrimSpace(word)) {
	case "MARKET":
		return TypeMarket
	case "LIMIT":
		return TypeLimit
	case "STOP", "STOP_LOSS_MARKET":
		return TypeStop
	case "STOPLIMIT", "STOP_LIMIT", "STOP_LOSS_LIMIT":
		return TypeStopLimit
	default:
		return TypeUnknown
	}
}

// TimeInForce is how long an order works, upper case: DAY, GTC, FOK, IOC, or a
// broker's word on orders that were not ours.
type TimeInForce string

// The four that we can send.
const (
	Day              TimeInForce = "DAY"
	GoodTilCancelled TimeInForce = "GTC"
	FillOrKill       TimeInForce = "FOK"
	ImmediateOrNone  TimeInForce = "IOC"
)

// onWire is the spelling of requests, where Day alone is in mixed case.
func (t TimeInForce) onWire() (string, bool) {
	switch t {
	case Day:
		return "Day", true
	case GoodTilCancelled, FillOrKill, ImmediateOrNone:
		return string(t), true
	default:
		return "", false
	}
}
