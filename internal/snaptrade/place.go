package snaptrade

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/shopspring/decimal"
)

// OptionOrder is an order for one option contract.
type OptionOrder struct {
	Symbol      string           // 21-character OCC symbol, spaces included
	Action      Action           // BuyToOpen or SellToClose
	Units       int              // contracts
	Type        OrderType        // TypeMarket, TypeLimit, TypeStop, TypeStopLimit
	LimitPrice  *decimal.Decimal // per share; for limit types and no others
	StopPrice   *decimal.Decimal // per share; for stop types and no others
	TimeInForce TimeInForce      // Day, GoodTilCancelled, FillOrKill, ImmediateOrNone
}

// Placed says that SnapTrade took the order; the broker may still reject it.
type Placed struct {
	OrderID   string  // the broker's, never empty
	Orders    []Order // the first look, one per leg; empty when it could not be read
	RequestID string  // X-Request-ID
}

// Impact is what an order would cost. nil is unknown: never show it as $0.00.
type Impact struct {
	CashChange *decimal.Decimal // before fees
	Direction  string           // "CREDIT", "DEBIT", "EVEN", "UNKNOWN" or ""
	Fees       *decimal.Decimal
}

type optionBody struct {
	OrderType   string      `json:"order_type"`
	TimeInForce string      `json:"time_in_force"`
	LimitPrice  string      `json:"limit_price,omitempty"`
	StopPrice   string      `json:"stop_price,omitempty"`
	PriceEffect string      `json:"price_effect,omitempty"`
	Legs        []optionLeg `json:"legs"`
}

type optionLeg struct {
	Instrument optionInstrument `json:"instrument"`
	Action     string           `json:"action"`
	Units      int              `json:"units"`
}

type optionInstrument struct {
	Symbol         string `json:"symbol"`
	InstrumentType string `json:"instrument_type"`
}

// PlaceOption sends an order once, on a connection of its own. There is no
// idempotency key for options: the same order sent twice is two orders. The
// error is a *PlaceError and says whether it may be sent again. The context's
// deadline bounds everything, waiting for the budget too (45 s without one).
func (c *Client) PlaceOption(ctx context.Context, user User, accountID string, o OptionOrder) (Placed, error) {
	const op = "place option order"
	body, err := o.body()
	if err != nil {
		return Placed{}, invalid(op, err)
	}
	v, a, err := c.once(ctx, request{
		op: op, method: http.MethodPost, path: "/accounts/%s/trading/options", ids: []string{accountID},
		user: user, body: body, class: o.class(),
	})
	if err != nil {
		return Placed{}, err
	}
	return readPlaced(op, v, a)
}

func readPlaced(op string, v Value, a answer) (Placed, error) {
	p := Placed{OrderID: v.Get("brokerage_order_id").ID(), RequestID: a.requestID}
	for _, item := range v.Get("orders").Items() {
		if o, ok := readOrder(item); ok {
			p.Orders = append(p.Orders, o)
		}
	}
	if p.OrderID == "" && len(p.Orders) > 0 {
		p.OrderID = p.Orders[0].ID
	}
	if p.OrderID == "" {
		return Placed{}, &PlaceError{Unknown, unreadable(op, a, "no order id")}
	}
	return p, nil
}

// OptionImpact asks what an order would cost. Brokers without it answer 400 or
// 501, which does not forbid the order.
func (c *Client) OptionImpact(ctx context.Context, user User, accountID string, o OptionOrder) (Impact, error) {
	const op = "preview option order"
	body, err := o.body()
	if err != nil {
		return Impact{}, invalid(op, err).Err
	}
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodPost, path: "/accounts/%s/trading/options/impact", ids: []string{accountID},
		user: user, body: body, class: Manual, read: true,
	})
	if err != nil {
		return Impact{}, err
	}
	return object(op, v, readImpact)
}

func readImpact(v Value) (Impact, bool) {
	r := readRecord(v)
	i := Impact{
		CashChange: r.decimal("estimated_cash_change"), Direction: r.text("cash_change_direction"),
		Fees: r.decimal("estimated_fee_total"),
	}
	return i, !r.bad
}

// class is the default when the context does not say: selling goes first.
func (o OptionOrder) class() Class {
	if o.Action == SellToClose {
		return Exit
	}
	return Manual
}

// unitsMax is the most contracts of one order (correctness §8.7).
const unitsMax = 10_000

// body checks the order and puts it into SnapTrade's words (contract §8.1).
func (o OptionOrder) body() (optionBody, error) {
	if !isOCC(o.Symbol) {
		return optionBody{}, errors.New("symbol is not a 21-character OCC symbol")
	}
	if o.Units < 1 || o.Units > unitsMax {
		return optionBody{}, errors.New("units are not 1 to 10,000")
	}
	effect, ok := map[Action]string{BuyToOpen: "DEBIT", SellToClose: "CREDIT"}[o.Action]
	if !ok {
		return optionBody{}, errors.New("action is neither buy to open nor sell to close")
	}
	orderType, err := optionType(o.Type)
	if err != nil {
		return optionBody{}, err
	}
	force, ok := o.TimeInForce.onWire()
	if !ok {
		return optionBody{}, errors.New("unknown time in force")
	}
	limit, stop, err := prices(o.Type, o.LimitPrice, o.StopPrice)
	if err != nil {
		return optionBody{}, err
	}
	if limit == "" {
		effect = "" // only for limit types
	}
	return optionBody{
		OrderType: orderType, TimeInForce: force, LimitPrice: limit, StopPrice: stop, PriceEffect: effect,
		Legs: []optionLeg{{
			Instrument: optionInstrument{Symbol: o.Symbol, InstrumentType: "OPTION"},
			Action:     string(o.Action), Units: o.Units,
		}},
	}, nil
}

// isOCC checks the shape of a padded OCC symbol: root of up to six letters and
// digits, YYMMDD, C or P, strike in thousandths of a dollar (contract §10).
func isOCC(symbol string) bool {
	if len(symbol) != 21 {
		return false
	}
	root, tail := strings.TrimRight(symbol[:6], " "), symbol[6:]
	notRoot := func(r rune) bool { return !isUpperOrDigit(r) }
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	return root != "" && !strings.ContainsFunc(root, notRoot) &&
		strings.ContainsAny(tail[6:7], "CP") && !strings.ContainsFunc(tail[:6]+tail[7:], notDigit)
}

func isUpperOrDigit(r rune) bool { return 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' }

// optionType is the spelling of the options call; replacing has another.
func optionType(t OrderType) (string, error) {
	switch t {
	case TypeMarket, TypeLimit:
		return string(t), nil
	case TypeStop:
		return "STOP_LOSS_MARKET", nil
	case TypeStopLimit:
		return "STOP_LOSS_LIMIT", nil
	default:
		return "", errors.New("unknown order type")
	}
}

// prices checks that an order has exactly the prices of its type, all above
// zero, and spells them plainly.
func prices(t OrderType, limit, stop *decimal.Decimal) (limitText, stopText string, err error) {
	needLimit, needStop := t == TypeLimit || t == TypeStopLimit, t == TypeStop || t == TypeStopLimit
	if needLimit != (limit != nil) || needStop != (stop != nil) {
		return "", "", errors.New("prices do not fit the order type")
	}
	if limitText, err = price(limit); err != nil {
		return "", "", err
	}
	stopText, err = price(stop)
	return limitText, stopText, err
}

func price(p *decimal.Decimal) (string, error) {
	if p == nil {
		return "", nil
	}
	if !p.IsPositive() || plainNumber(p.String()) != nil {
		return "", errors.New("price is not a plain positive number")
	}
	return p.String(), nil
}
