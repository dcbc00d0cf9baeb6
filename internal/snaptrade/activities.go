package snaptrade

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Activity is one line of an account's history, a day late.
type Activity struct {
	ID          string
	Type        string // "BUY", "SELL", "OPTIONEXPIRATION", "OPTIONEXERCISE", "FEE", …
	OptionType  string // "BUY_TO_OPEN", … of an option's buy or sell
	Symbol      string // OCC symbol of an option, else the ticker
	Option      bool
	Price       *decimal.Decimal // per share
	Units       *decimal.Decimal
	Amount      *decimal.Decimal // what it added to the account, negative what it took
	Fee         *decimal.Decimal
	Currency    string // of its prices, amount and fee: "USD"; "" when it does not say
	Description string
	TradedAt    time.Time
	SettledAt   time.Time
	ReferenceID string // same for the parts of one transaction
}

// activityPage is the most that one call returns; a year of an active account fits.
const activityPage = 1000

// Activities lists an account's history between two civil dates (YYYY-MM-DD,
// both inclusive), newest first, from offset on, at most 1,000 at a time. total
// is how many there are.
func (c *Client) Activities(ctx context.Context, user User, accountID, from, to string, offset int) (activities []Activity, total int, err error) {
	const op = "list activities"
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodGet, path: "/accounts/%s/activities", ids: []string{accountID}, user: user, class: Sync, read: true,
		query: url.Values{
			"startDate": {from}, "endDate": {to},
			"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(activityPage)},
		},
	})
	if err != nil {
		return nil, 0, err
	}
	activities, err = list(op, v.Get("data"), readActivity)
	if n, ok := v.Get("pagination").Get("total").Decimal(); ok && n != nil {
		total = int(n.IntPart())
	}
	return activities, max(total, len(activities)), err
}

// InDollars reports whether its prices, amount and fee are dollars: what says nothing is
// in the currency that options trade in.
func (a Activity) InDollars() bool { return a.Currency == "" || strings.EqualFold(a.Currency, "USD") }

func readActivity(v Value) (Activity, bool) {
	r := readRecord(v)
	symbol, option := readSymbol(v)
	a := Activity{
		ID: r.id("id"), Type: r.text("type"), OptionType: r.text("option_type"), Symbol: symbol, Option: option,
		Price: r.decimal("price"), Units: r.decimal("units"), Amount: r.decimal("amount"), Fee: r.decimal("fee"),
		Currency: v.Get("currency").Get("code").Text(), Description: r.text("description"), TradedAt: r.time("trade_date"), SettledAt: r.time("settlement_date"),
		ReferenceID: r.id("external_reference_id"),
	}
	return a, !r.bad
}

// readSymbol finds what an order or activity is about: an option's OCC symbol,
// or the ticker of anything else.
func readSymbol(v Value) (symbol string, option bool) {
	if ticker := v.Get("option_symbol").Get("ticker").Text(); ticker != "" {
		return ticker, true
	}
	for _, key := range []string{"universal_symbol", "symbol"} {
		for _, name := range []string{"raw_symbol", "symbol"} {
			if text := v.Get(key).Get(name).Text(); text != "" {
				return text, false
			}
		}
	}
	return "", false
}
