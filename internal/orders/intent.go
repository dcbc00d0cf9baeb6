package orders

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Request is an order as the API and the ticket send it: either Line, or the
// fields. A BTO names the contract, an STC the position.
type Request struct {
	Line             string       `json:"line,omitempty"`
	Side             Side         `json:"side,omitempty"`
	Underlying       string       `json:"underlying,omitempty"`
	OptionType       string       `json:"optionType,omitempty"`
	Strike           *money.Price `json:"strike,omitempty"`
	Expiration       string       `json:"expiration,omitempty"`
	PositionID       string       `json:"positionId,omitempty"`
	Quantity         *int         `json:"quantity,omitempty"`
	OrderType        Type         `json:"orderType,omitempty"`
	LimitPrice       *money.Price `json:"limitPrice,omitempty"`
	StopPrice        *money.Price `json:"stopPrice,omitempty"`
	TimeInForce      TimeInForce  `json:"timeInForce,omitempty"`
	AccountID        string       `json:"accountId,omitempty"`
	ConfirmDuplicate bool         `json:"confirmDuplicate,omitempty"`
	ConfirmPrice     bool         `json:"confirmPrice,omitempty"`
}

// Entry tells whether the request asks to buy, as far as that can be read from it; one
// that says neither side is refused anyway.
func (r Request) Entry() bool {
	if r.Line == "" {
		return r.Side == BTO
	}
	l, err := ParseLine(r.Line)
	return err == nil && l.Side == BTO
}

// Intent is one decision to trade, well formed. Contract is set for entries
// and for exits that came as a line; PositionID for other exits.
type Intent struct {
	Side                           Side
	Contract                       *exchange.Contract
	PositionID                     *uuid.UUID
	Quantity                       int
	Type                           Type
	Limit, Stop                    *money.Price
	TimeInForce                    TimeInForce
	AccountID                      *uuid.UUID
	ConfirmDuplicate, ConfirmPrice bool
}

const maxQuantity = 10_000

// problems collects what is wrong with a request, a sentence for each field.
type problems map[string]string

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return fault.Validation(p)
}

// intent checks the shape of a request made of fields. All problems are named at once.
func (r Request) intent() (Intent, error) {
	wrong := problems{}
	in := Intent{
		Side: r.Side, Type: r.OrderType, Limit: r.LimitPrice, Stop: r.StopPrice, TimeInForce: r.TimeInForce,
		ConfirmDuplicate: r.ConfirmDuplicate, ConfirmPrice: r.ConfirmPrice,
	}
	if in.TimeInForce == "" {
		in.TimeInForce = Day
	}
	if in.Type == "" {
		in.Type = Limit
	}
	if in.TimeInForce != Day && in.TimeInForce != GTC {
		wrong["timeInForce"] = "Day or GTC."
	}
	if r.Quantity == nil {
		wrong["quantity"] = "How many contracts?"
	} else {
		in.Quantity = *r.Quantity
		checkQuantity(wrong, in.Quantity)
	}
	in.AccountID = readID(wrong, "accountId", r.AccountID)
	checkPrices(wrong, in)
	switch r.Side {
	case BTO:
		in.Contract = r.contract(wrong)
		if r.PositionID != "" {
			wrong["positionId"] = "A BTO names a contract, not a position."
		}
	case STC:
		in.PositionID = readID(wrong, "positionId", r.PositionID)
		if r.PositionID == "" {
			wrong["positionId"] = "Which position?"
		}
	default:
		wrong["side"] = "BTO or STC."
	}
	return in, wrong.err()
}

func checkQuantity(wrong problems, n int) {
	if n < 1 || n > maxQuantity {
		wrong["quantity"] = "A whole number from 1 to 10,000."
	}
}

func checkPrices(wrong problems, in Intent) {
	wantLimit := in.Type == Limit || in.Type == StopLimit
	wantStop := in.Type == Stop || in.Type == StopLimit
	if in.Type != Market && !wantLimit && !wantStop {
		wrong["orderType"] = "Market, Limit, Stop or StopLimit."
		return
	}
	checkPrice(wrong, "limitPrice", in.Limit, wantLimit, in.Type)
	checkPrice(wrong, "stopPrice", in.Stop, wantStop, in.Type)
}

func checkPrice(wrong problems, field string, p *money.Price, wanted bool, t Type) {
	switch {
	case wanted && p == nil:
		wrong[field] = fmt.Sprintf("A %s order needs a price.", t)
	case !wanted && p != nil:
		wrong[field] = fmt.Sprintf("A %s order has no such price.", t)
	case p != nil && !p.IsPositive():
		wrong[field] = "Above 0."
	}
}

func (r Request) contract(wrong problems) *exchange.Contract {
	if r.Underlying == "" {
		wrong["underlying"] = "Which ticker?"
	}
	kind := exchange.OptionType(r.OptionType)
	if !kind.Valid() {
		wrong["optionType"] = "call or put."
	}
	if r.Strike == nil {
		wrong["strike"] = "Which strike?"
	}
	day, err := exchange.ParseDate(r.Expiration)
	if err != nil {
		wrong["expiration"] = "A date like 2027-01-15."
	}
	if len(wrong) > 0 {
		return nil
	}
	return build(wrong, r.Underlying, kind, r.Strike.Decimal, day)
}

func build(wrong problems, underlying string, kind exchange.OptionType, strike decimal.Decimal, day exchange.Date) *exchange.Contract {
	c, err := exchange.NewContract(underlying, kind, strike, day)
	if err != nil {
		wrong["contract"] = err.Error() + "."
		return nil
	}
	return &c
}

func readID(wrong problems, field, text string) *uuid.UUID {
	if text == "" {
		return nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		wrong[field] = "Not an id."
		return nil
	}
	return &id
}
