package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// idOf is the lasting id of something named: the same at every run.
func idOf(kind, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("sandbox/"+kind+"/"+name)).String()
}

func currencyShape() map[string]any {
	return map[string]any{"id": idOf("currency", "USD"), "code": "USD", "name": "US Dollar"}
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

// universalShape is a UniversalSymbol.
func universalShape(symbol string) map[string]any {
	u := underlyingNamed(symbol)
	return map[string]any{
		"id": idOf("symbol", u.Symbol), "symbol": u.Symbol, "raw_symbol": u.Symbol, "description": u.Name,
		"currency": currencyShape(), "currencies": []any{currencyShape()}, "figi_code": nil, "figi_instrument": nil,
		"type": map[string]any{"id": idOf("type", u.typeCode()), "code": u.typeCode(), "description": u.Kind, "is_supported": true},
		"exchange": map[string]any{
			"id": idOf("exchange", u.mic()), "code": u.mic(), "mic_code": u.mic(), "name": u.mic(),
			"timezone": "America/New_York", "start_time": "09:30:00", "close_time": "16:00:00", "suffix": nil,
		},
	}
}

// optionSymbolShape is the OptionSymbol of V1 orders and activities.
func optionSymbolShape(symbol string) map[string]any {
	c, err := parseOCC(symbol)
	if err != nil {
		return nil
	}
	return map[string]any{
		"id": idOf("option", symbol), "ticker": symbol, "option_type": c.optionType(),
		"strike_price": c.strikeDollars(), "expiration_date": c.Expiration.String(), "is_mini_option": false,
		"underlying_symbol": universalShape(c.Underlying),
	}
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

// v1 is an OrderV1: one record, words in mixed case, BUY_OPEN style actions.
func (v view) v1() map[string]any {
	open := v.rest() - v.canceled()
	shape := map[string]any{
		"brokerage_order_id": v.ID, "brokerage_group_order_id": nil, "order_role": nil, "status": v.Status,
		"universal_symbol": nil, "option_symbol": optionSymbolShape(v.Symbol), "quote_universal_symbol": nil, "quote_currency": nil,
		"action":         strings.Replace(v.Action, "_TO_", "_", 1),
		"total_quantity": units(v.Quantity), "open_quantity": units(open), "canceled_quantity": units(v.canceled()),
		"filled_quantity": units(v.Filled), "execution_price": v.average(4), "limit_price": priceText(v.Limit, 4),
		"stop_price": priceText(v.Stop, 4), "trailing_stop": nil, "order_type": v.Type, "time_in_force": v.TIF,
		"time_placed": stamp(v.Placed), "time_updated": stamp(v.Updated), "time_executed": timeText(v.Executed),
		"expiry_date": nil,
	}
	if v.vague {
		shape["filled_quantity"], shape["execution_price"] = nil, nil
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
