package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// idOf is the lasting id of something named: the same at every run.
func idOf(kind, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("sandbox/"+kind+"/"+name)).String()
}

// currency is a Currency.
type currency struct {
	ID   string `json:"id"`
	Code string `json:"code"`
	Name string `json:"name"`
}

func currencyShape() currency {
	return currency{ID: idOf("currency", "USD"), Code: "USD", Name: "US Dollar"}
}

func (u underlying) mic() string {
	switch u.Kind {
	case "etf":
		return "ARCX"
	case "index":
		return "XCBO"
	default:
		return "XNAS"
	}
}

func (u underlying) typeCode() string {
	switch u.Kind {
	case "etf":
		return "et"
	case "index":
		return "ut"
	default:
		return "cs"
	}
}

func underlyingNamed(symbol string) underlying {
	for _, u := range listedUnderlyings() {
		if u.Symbol == symbol {
			return u
		}
	}
	return underlying{Symbol: symbol, Name: symbol, Kind: "stock"}
}

// universalSymbol is a UniversalSymbol.
type universalSymbol struct {
	ID             string       `json:"id"`
	Symbol         string       `json:"symbol"`
	RawSymbol      string       `json:"raw_symbol"`
	Description    string       `json:"description"`
	Currency       currency     `json:"currency"`
	Currencies     []currency   `json:"currencies"`
	FigiCode       *string      `json:"figi_code"`
	FigiInstrument *string      `json:"figi_instrument"`
	Type           symbolType   `json:"type"`
	Exchange       exchangeInfo `json:"exchange"`
}

type symbolType struct {
	ID          string `json:"id"`
	Code        string `json:"code"`
	Description string `json:"description"`
	IsSupported bool   `json:"is_supported"`
}

type exchangeInfo struct {
	ID        string  `json:"id"`
	Code      string  `json:"code"`
	MICCode   string  `json:"mic_code"`
	Name      string  `json:"name"`
	Timezone  string  `json:"timezone"`
	StartTime string  `json:"start_time"`
	CloseTime string  `json:"close_time"`
	Suffix    *string `json:"suffix"`
}

func universalShape(symbol string) universalSymbol {
	u := underlyingNamed(symbol)
	return universalSymbol{
		ID: idOf("symbol", u.Symbol), Symbol: u.Symbol, RawSymbol: u.Symbol, Description: u.Name,
		Currency: currencyShape(), Currencies: []currency{currencyShape()},
		Type: symbolType{ID: idOf("type", u.typeCode()), Code: u.typeCode(), Description: u.Kind, IsSupported: true},
		Exchange: exchangeInfo{
			ID: idOf("exchange", u.mic()), Code: u.mic(), MICCode: u.mic(), Name: u.mic(),
			Timezone: "America/New_York", StartTime: "09:30:00", CloseTime: "16:00:00",
		},
	}
}

// optionSymbol is the OptionSymbol of V1 orders and activities.
type optionSymbol struct {
	ID           string          `json:"id"`
	Ticker       string          `json:"ticker"`
	OptionType   string          `json:"option_type"`
	StrikePrice  float64         `json:"strike_price"`
	Expiration   string          `json:"expiration_date"`
	IsMiniOption bool            `json:"is_mini_option"`
	Underlying   universalSymbol `json:"underlying_symbol"`
}

// optionSymbols keeps what was made once: a day's list repeats its contracts.
//
//nolint:gochecknoglobals // what is made of a symbol is the same for ever
var optionSymbols sync.Map

func optionSymbolShape(symbol string) *optionSymbol {
	if kept, _ := optionSymbols.Load(symbol); kept != nil {
		if made, ok := kept.(*optionSymbol); ok {
			return made
		}
	}
	c, err := parseOCC(symbol)
	if err != nil {
		return nil
	}
	made := &optionSymbol{
		ID: idOf("option", symbol), Ticker: symbol, OptionType: c.optionType(),
		StrikePrice: c.strikeDollars(), Expiration: c.Expiration.String(), Underlying: universalShape(c.Underlying),
	}
	optionSymbols.Store(symbol, made)
	return made
}

func describe(c contract) string {
	return fmt.Sprintf("%s %s %d/%d %s", c.Root, c.optionType(), c.Expiration.Month, c.Expiration.Day, c.strikeText())
}

// view is an order as a read reports it; a stale read may know of less.
type view struct {
	paperOrder
	vague bool // executed, and it does not say how much or at what price
}

// staleBy makes a view of the moment before the last contracts were filled.
func (v view) staleBy(contracts int64) view {
	if v.Filled == 0 {
		return v
	}
	v.Filled = max(v.Filled-contracts, 0)
	v.Status = statusPartial
	if v.Filled == 0 {
		v.Status, v.Executed = statusPending, nil
	}
	return v
}

// units prints contracts the way brokers pass them on: "1.000000000".
func units(n int64) string { return strconv.FormatInt(n, 10) + ".000000000" }

func priceText(d *decimal.Decimal, places int32) any {
	if d == nil {
		return nil
	}
	return d.StringFixed(places)
}

func (v view) average(places int32) any {
	if v.Filled == 0 {
		return nil
	}
	if !v.Average.Equal(v.Average.Round(places)) {
		return v.Average.String()
	}
	return v.Average.StringFixed(places)
}

func timeText(t *time.Time) any {
	if t == nil {
		return nil
	}
	return stamp(*t)
}

func (v view) canceled() int64 {
	switch v.Status {
	case statusCanceled, statusPartCanceled, statusReplaced, statusExpired, statusRejected:
		return v.rest()
	default:
		return 0
	}
}

// orderRecord is an OrderV1: one record, words in mixed case, BUY_OPEN style actions.
type orderRecord struct {
	ID             string        `json:"brokerage_order_id"`
	Group          *string       `json:"brokerage_group_order_id"`
	Role           *string       `json:"order_role"`
	Status         string        `json:"status"`
	Universal      *string       `json:"universal_symbol"`
	Option         *optionSymbol `json:"option_symbol"`
	QuoteUniversal *string       `json:"quote_universal_symbol"`
	QuoteCurrency  *string       `json:"quote_currency"`
	Action         string        `json:"action"`
	Total          string        `json:"total_quantity"`
	Open           string        `json:"open_quantity"`
	Canceled       string        `json:"canceled_quantity"`
	Filled         any           `json:"filled_quantity"`
	Price          any           `json:"execution_price"`
	Limit          any           `json:"limit_price"`
	Stop           any           `json:"stop_price"`
	TrailingStop   *string       `json:"trailing_stop"`
	Type           string        `json:"order_type"`
	TimeInForce    string        `json:"time_in_force"`
	Placed         string        `json:"time_placed"`
	Updated        string        `json:"time_updated"`
	Executed       any           `json:"time_executed"`
	Expiry         *string       `json:"expiry_date"`
}

func (v view) v1() orderRecord {
	shape := orderRecord{
		ID: v.ID, Status: v.Status, Option: optionSymbolShape(v.Symbol),
		Action: strings.Replace(v.Action, "_TO_", "_", 1),
		Total:  units(v.Quantity), Open: units(v.rest() - v.canceled()), Canceled: units(v.canceled()),
		Filled: units(v.Filled), Price: v.average(4), Limit: priceText(v.Limit, 4), Stop: priceText(v.Stop, 4),
		Type: v.Type, TimeInForce: v.TIF,
		Placed: stamp(v.Placed), Updated: stamp(v.Updated), Executed: timeText(v.Executed),
	}
	if v.vague {
		shape.Filled, shape.Price = nil, nil
	}
	return shape
}

// v2 is an OrderV2: one record with legs, words in upper case, ten decimals.
func (v view) v2() map[string]any {
	kind := strings.ToUpper(v.Type)
	if v.Type == "StopLimit" {
		kind = "STOP_LIMIT"
	}
	stop := priceText(v.Stop, 10)
	if v.Type == "Limit" {
		stop = "0.0000000000" // some brokers print none as zero
	}
	effect := "CREDIT"
	if v.buys() {
		effect = "DEBIT"
	}
	return map[string]any{
		"brokerage_order_id": v.ID, "brokerage_group_order_id": nil, "order_role": nil, "status": v.Status,
		"order_type": kind, "time_in_force": strings.ToUpper(v.TIF), "time_placed": stamp(v.Placed),
		"time_executed": timeText(v.Executed), "price_currency": "USD", "price_effect": effect,
		"execution_price": v.average(10), "limit_price": priceText(v.Limit, 10), "stop_price": stop, "trailing_stop": nil,
		"legs": []any{v.leg()},
	}
}

func (v view) leg() map[string]any {
	c, err := parseOCC(v.Symbol)
	if err != nil {
		return map[string]any{}
	}
	status := v.Status
	if status == statusPartial {
		status = "PARTIALLY_EXECUTED"
	}
	return map[string]any{
		"leg_id": nil, "status": status, "action": v.Action, "execution_price": v.average(10),
		"total_quantity": units(v.Quantity), "canceled_quantity": units(v.canceled()), "filled_quantity": units(v.Filled),
		"instrument": map[string]any{
			"symbol": v.Symbol, "asset_type": "OPTION", "description": describe(c), "figi_code": nil,
		},
	}
}
