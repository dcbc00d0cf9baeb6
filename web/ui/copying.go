package ui

import (
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// Approval is a copy that waits for its follower.
type Approval struct {
	ID, Trader, Side string
	Subscription     string
	Paper            bool // nothing is traded
	Contract         exchange.Contract
	Theirs           money.Price  // the trader's average fill
	Now              *money.Price // what it costs now
	NowAt            *time.Time
	SourceQuantity   int
	Quantity         int
	Cost             *money.Amount
	BuyingPowerAfter *money.Amount
	AtMost           *money.Price // the limit the copy would carry
	ExpiresAt        time.Time
}

// DecisionRow is one line of the ledger: what was decided for the follower, and why.
type DecisionRow struct {
	ID, Trader, Side string
	Paper            bool // nothing is traded
	At               time.Time
	Contract         exchange.Contract
	Theirs           money.Price
	Yours            *money.Price
	Slippage         string // "+1.43%", "—"
	SourceQuantity   int
	Quantity         int
	Result           string // the machine's word
	Reason           string // in words
	PositionID       string
	Delay            string // "sent +1.8 s"
	Place, PlaceOf   int
	Numbers          []Field // what was compared
}

// SubscriptionRow is one trader the person copies.
type SubscriptionRow struct {
	ID, Trader, Status string
	Mode               string // auto, approve, paper
	Sentence           string // the settings in one sentence
	Since              time.Time
	Muted              bool   // no more of their buys today
	Unmanaged          string // why nothing of the trader reaches the copies; empty while it does
}

func resultTone(result string) Tone {
	switch result {
	case "queued", "approved":
		return Busy
	case "awaiting_approval":
		return Wait
	case "executed":
		return Good
	case "failed":
		return Bad
	}
	return Plain
}

func resultWords(result string) string {
	if result == "awaiting_approval" {
		return "Waiting for you"
	}
	return capitalised(result)
}
