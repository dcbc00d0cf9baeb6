package ui

import (
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// Ticket is the order form as it stands. Values are text, exactly as typed, so
// that a form that comes back with a problem shows what was written.
type Ticket struct {
	Side                   string // BTO or STC
	Line                   string
	Underlying, OptionType string
	Strike, Expiration     string
	PositionID             string // STC
	Quantity               string
	OrderType, TimeInForce string
	LimitPrice, StopPrice  string
	AccountID              string
	Expirations            []exchange.Date // what is listed; empty without market data
	Strikes                []string
	Quote                  *Quote
	Presets                []Preset
	Holdings               []PositionRow // what can be sold
	Accounts               []Account
	Tick, TickHigh         string            // legal steps under and from $3
	Problem                string            // what is wrong with the whole
	Fields                 map[string]string // and with each field
	Chips                  []Chip            // the quick line, word by word
	MarketData             bool              // false: say that no quotes come
	Slow                   bool              // the market's answer did not come in time: ask again
	Today                  exchange.Date
	WarnSpread             string // "the spread is 14% of mid" when a market order would cross it
}

// Quote is the market of one contract.
type Quote struct {
	Symbol              string // OCC: whose quotes keep it fresh while the page is open
	Multiplier          int
	Bid, Ask, Mid, Last *money.Price
	At                  *time.Time
}

// Preset fills the quantity; it never sends.
type Preset struct {
	Label    string // "$1,000"
	Amount   money.Amount
	Quantity int
	Cost     money.Amount
}

// sizing tells the page's script how to keep what a preset buys right while the ask moves.
func (t Ticket) sizing(p Preset) templ.Attributes {
	if t.Quote == nil {
		return nil
	}
	return templ.Attributes{
		"data-quote": t.Quote.Symbol, "data-amount": p.Amount.Decimal.String(), "data-multiplier": strconv.Itoa(t.Quote.Multiplier),
	}
}

// Chip is one word of the quick line. Problem says what is wrong with it.
type Chip struct{ Text, Meaning, Problem string }

func (t Ticket) selling() bool { return t.Side == "STC" }

// judged marks a field that something is wrong with, and says which sentence says what.
func (t Ticket) judged(field string) templ.Attributes {
	return judged(t.Fields, field, problemID(field))
}

func judged(problems map[string]string, field, sentence string) templ.Attributes {
	if problems[field] == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": sentence}
}

func problemID(field string) string { return "problem-" + field }

// strikeListed reports whether the strike can be shown in the list of strikes.
func (t Ticket) strikeListed() bool { return slices.Contains(t.Strikes, t.Strike) }

func (t Ticket) expirationListed() bool {
	return slices.ContainsFunc(t.Expirations, func(d exchange.Date) bool { return d.String() == t.Expiration })
}

// Field is one value that a form carries along unseen.
type Field struct{ Name, Value string }

// Confirmation is what a person agrees to before an order leaves.
type Confirmation struct {
	Fields           []Field // the intent, to be posted unchanged
	Key              string  // makes a second click the same order
	Account          Account
	Side             string
	Contract         exchange.Contract
	Quantity         int
	OrderType        string
	Limit, Stop      *money.Price
	TimeInForce      string
	CashEffect       *money.Amount
	Fees             *money.Amount
	BuyingPowerAfter *money.Amount
	BreakEven        *money.Price
	MaxLoss          *money.Amount
	Source           string // broker, estimate, none
	Warnings         []string
	Problem          string // why it was refused the last time
	Asks             []Ask  // what must be agreed to before it is sent all the same
	Back             string // where "Change" leads
}

// Ask is a box to tick: the second question of an order that looks wrong.
type Ask struct{ Name, Sentence string }

func (c Confirmation) sourceWords() string {
	switch c.Source {
	case "broker":
		return "Broker's preview"
	case "estimate":
		return "Our estimate"
	}
	return "Not available"
}

func (c Confirmation) typeWords() string {
	words := typeWords(c.OrderType)
	if c.Stop != nil {
		words += ", stop " + c.Stop.Display()
	}
	if c.Limit != nil {
		words += " " + c.Limit.Display()
	}
	return words
}

func (c Confirmation) validWords() string {
	if c.TimeInForce == "GTC" {
		return "Until cancelled"
	}
	return "Today"
}

func (c Confirmation) sendWords() string {
	verb := "Buy "
	if c.Side == "STC" {
		verb = "Sell "
	}
	return verb + strconv.Itoa(c.Quantity) + " " + c.Contract.Underlying
}

func priceValue(p *money.Price) string {
	if p == nil {
		return ""
	}
	return p.String()
}

func orDash(s string) string {
	if s == "" {
		return "—"
	}
	return s
}

func orChoose(s string) string {
	if s == "" {
		return "Choose…"
	}
	return s
}
