package exchange

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
)

// OptionType is call or put.
type OptionType string

// The two sides of the chain.
const (
	Call OptionType = "call"
	Put  OptionType = "put"
)

// Letter is C or P, as in an OCC symbol.
func (t OptionType) Letter() string {
	if t == Put {
		return "P"
	}
	return "C"
}

// Valid reports whether t is call or put.
func (t OptionType) Valid() bool { return t == Call || t == Put }

// Contract is one listed option. Symbol is its OCC name of 21 characters;
// Multiplier is shares for each contract: 100 for most, 10 for minis.
type Contract struct {
	Symbol     string          `json:"symbol"`
	Underlying string          `json:"underlying"`
	Type       OptionType      `json:"optionType"`
	Strike     decimal.Decimal `json:"strike"`
	Expiration Date            `json:"expiration"`
	Multiplier int             `json:"multiplier"`
}

// StandardMultiplier is what a contract delivers unless its listing says otherwise.
const StandardMultiplier = 100

// NewContract builds a standard contract from its parts and names it.
func NewContract(underlying string, t OptionType, strike decimal.Decimal, expiration Date) (Contract, error) {
	symbol, err := BuildSymbol(underlying, t, strike, expiration)
	if err != nil {
		return Contract{}, err
	}
	return Contract{
		Symbol: symbol, Underlying: strings.ToUpper(strings.TrimSpace(underlying)), Type: t,
		Strike: strike, Expiration: expiration, Multiplier: StandardMultiplier,
	}, nil
}

// Display is the contract in words: "AAPL 15 Jan 27 200 C".
func (c Contract) Display() string {
	return fmt.Sprintf("%s %s %s %s", c.Underlying, c.Expiration.Display(), money.Trim(c.Strike), c.Type.Letter())
}

// Line is the contract as traders type it: "AAPL 200C 1/15/27".
func (c Contract) Line() string {
	return fmt.Sprintf("%s %s%s %s", c.Underlying, money.Trim(c.Strike), c.Type.Letter(), c.Expiration.Short())
}
