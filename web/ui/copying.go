package ui

import (
	"time"

	"github.com/a-h/templ"
	"github.com/shopspring/decimal"

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
	Slippage         decimal.NullDecimal // percent; null: nothing filled
	SourceQuantity   int
	Quantity         int
	Result           string // the machine's word
	Reason           string // in words
	PositionID       string
	Sent             bool                // the delay is until it was sent, not until it was decided
	Delay            decimal.NullDecimal // seconds since their fill; null: not known
	Place, PlaceOf   int                 // in line
	Numbers          []Compared
}

// Compared is one of the numbers that a decision was made from.
type Compared struct {
	Name, Value string
	Own         bool // an amount or a quantity that the eye hides
}

// Decisions are the ledger of everything decided for a follower. It goes by time only.
var Decisions = Table[DecisionRow]{
	Name: "decisions", Title: "Copy decisions", TestID: "decisions",
	Row: func(d DecisionRow) templ.Attributes {
		return templ.Attributes{"id": "decision-" + d.ID, "data-testid": "decision-row"}
	},
	Columns: []Column[DecisionRow]{
		{
			Key: "time", Label: "Time", Down: true, Cell: func(d DecisionRow) templ.Component { return Moment(d.At) },
			Data: []Datum[DecisionRow]{{"time", func(d DecisionRow) Value { return Instant(&d.At) }}},
		},
		{
			Key: "trader", Label: "Trader", Cell: func(d DecisionRow) templ.Component { return plain("@" + d.Trader) },
			Data: []Datum[DecisionRow]{{"trader", func(d DecisionRow) Value { return Words(d.Trader) }}},
		},
		{
			Key: "side", Label: "Side", Cell: func(d DecisionRow) templ.Component { return Side(d.Side) },
			Data: []Datum[DecisionRow]{{"side", func(d DecisionRow) Value { return Words(d.Side) }}},
		},
		{
			Key: "contract", Label: "Contract", Kept: true, Class: "max-sm:order-first", Cell: decisionContract,
			Data: contractData(func(d DecisionRow) exchange.Contract { return d.Contract }),
		},
		{
			Key: "theirs", Label: "Theirs", Right: true, Cell: func(d DecisionRow) templ.Component { return PriceOf(&d.Theirs) },
			Data: []Datum[DecisionRow]{{"their_price", func(d DecisionRow) Value { return Each(&d.Theirs) }}},
		},
		{
			Key: "yours", Label: "Yours", Right: true, Cell: func(d DecisionRow) templ.Component { return PriceOf(d.Yours) },
			Data: []Datum[DecisionRow]{{"your_price", func(d DecisionRow) Value { return Each(d.Yours) }}},
		},
		{
			Key: "slippage", Label: "Slippage", Right: true, Cell: func(d DecisionRow) templ.Component { return plain(money.DisplayPercent(d.Slippage)) },
			Data: []Datum[DecisionRow]{{"slippage_percent", func(d DecisionRow) Value { return Number(d.Slippage) }}},
		},
		{
			Key: "contracts", Label: "Contracts", Right: true, Cell: decisionQuantity,
			Data: []Datum[DecisionRow]{{"their_contracts", func(d DecisionRow) Value { return Whole(d.SourceQuantity) }}, {"your_contracts", func(d DecisionRow) Value { return Whole(d.Quantity) }}},
		},
		{
			Key: "result", Label: "Result", Cell: decisionResult,
			Data: []Datum[DecisionRow]{{"result", func(d DecisionRow) Value { return Words(resultWords(d.Result)) }}, {"paper", func(d DecisionRow) Value { return Words(yesNo(d.Paper)) }}},
		},
		{
			Key: "reason", Label: "Reason", Class: "wide", Cell: decisionReason,
			Data: []Datum[DecisionRow]{{"reason", func(d DecisionRow) Value { return Words(d.Reason) }}},
		},
		{
			Key: "delay", Label: "Delay", Right: true, Cell: decisionDelay,
			Data: []Datum[DecisionRow]{
				{"place", func(d DecisionRow) Value { return Whole(d.Place) }}, {"place_of", func(d DecisionRow) Value { return Whole(d.PlaceOf) }},
				{"delay_seconds", func(d DecisionRow) Value { return Number(d.Delay) }}, {"sent", func(d DecisionRow) Value { return Words(yesNo(d.Sent)) }},
			},
		},
	},
}

// delayWords are how long after the trader's fill it was sent, or decided where it was not:
// "sent +1.8 s".
func (d DecisionRow) delayWords() string {
	switch {
	case !d.Delay.Valid:
		return "—"
	case d.Sent:
		return "sent +" + d.Delay.Decimal.Truncate(1).StringFixed(1) + " s"
	}
	return "+" + d.Delay.Decimal.String() + " s"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
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
