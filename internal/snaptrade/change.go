package snaptrade

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/shopspring/decimal"
)

// CancelOrder asks the broker to cancel, once. It is a request: confirm by
// looking, a fill can win the race. Before repeating it read the order. The
// error is a *PlaceError.
func (c *Client) CancelOrder(ctx context.Context, user User, accountID, orderID string) error {
	const op = "cancel order"
	if orderID == "" {
		return invalid(op, errors.New("no order id"))
	}
	_, _, err := c.once(ctx, request{
		op: op, method: http.MethodPost, path: "/accounts/%s/trading/cancel", ids: []string{accountID},
		user: user, body: orderIDBody{orderID}, class: Cancel,
	})
	return err
}

// Replacement is what an open option order is to become.
type Replacement struct {
	OrderID     string // the broker's id of the open order
	Symbol      string // 21-character OCC symbol
	Action      Action
	Units       int // contracts
	Type        OrderType
	LimitPrice  *decimal.Decimal // per share
	StopPrice   *decimal.Decimal // per share
	TimeInForce TimeInForce
}

type replaceBody struct {
	BrokerageOrderID string      `json:"brokerage_order_id"`
	Action           string      `json:"action"`
	OrderType        string      `json:"order_type"`
	TimeInForce      string      `json:"time_in_force"`
	Price            json.Number `json:"price,omitempty"`
	Stop             json.Number `json:"stop,omitempty"`
	Symbol           string      `json:"symbol"`
	Units            int         `json:"units"`
}

// ReplaceOption asks the broker to change an open order, once. The order in the
// answer may have another id: keep it. Some brokers only. The error is a
// *PlaceError; after Unknown look for either order, never send again.
func (c *Client) ReplaceOption(ctx context.Context, user User, accountID string, p Replacement) (Order, error) {
	const op = "replace option order"
	body, err := p.body()
	if err != nil {
		return Order{}, invalid(op, err)
	}
	v, a, err := c.once(ctx, request{
		op: op, method: http.MethodPost, path: "/accounts/%s/trading/replace", ids: []string{accountID},
		user: user, body: body, class: p.asOrder().class(),
	})
	if err != nil {
		return Order{}, err
	}
	o, ok := readOrder(v)
	if !ok {
		return Order{}, &PlaceError{Unknown, unreadable(op, a, "no order")}
	}
	return o, nil
}

func (p Replacement) asOrder() OptionOrder {
	return OptionOrder{
		Symbol: p.Symbol, Action: p.Action, Units: p.Units, Type: p.Type,
		LimitPrice: p.LimitPrice, StopPrice: p.StopPrice, TimeInForce: p.TimeInForce,
	}
}

// body checks like a new order and spells as this call wants it: mixed-case
// types, prices as JSON numbers (contract §8.2).
func (p Replacement) body() (replaceBody, error) {
	if p.OrderID == "" {
		return replaceBody{}, errors.New("no order id")
	}
	o, err := p.asOrder().body()
	if err != nil {
		return replaceBody{}, err
	}
	words := map[OrderType]string{TypeMarket: "Market", TypeLimit: "Limit", TypeStop: "Stop", TypeStopLimit: "StopLimit"}
	return replaceBody{
		BrokerageOrderID: p.OrderID, Action: string(p.Action), OrderType: words[p.Type], TimeInForce: o.TimeInForce,
		Price: json.Number(o.LimitPrice), Stop: json.Number(o.StopPrice), Symbol: p.Symbol, Units: p.Units,
	}, nil
}
