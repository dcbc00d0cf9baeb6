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

// Order is one order as the broker lists it (one leg of it, if it has several),
// its words in our spelling. nil quantities and prices are unknown, not zero.
// Always book FilledQuantity, whatever the status says.
type Order struct {
	ID            string // the broker's order id
	GroupID       string
	Status        Status
	StatusWord    string // the broker's own
	Symbol        string // OCC symbol as listed (spacing may differ), else the ticker
	Option        bool
	Action        Action
	ActionWord    string
	Type          OrderType
	TypeWord      string
	TimeInForce   TimeInForce
	Total         *decimal.Decimal // contracts for options
	Open          *decimal.Decimal
	Cancelled     *decimal.Decimal
	Filled        *decimal.Decimal
	AveragePrice  *decimal.Decimal // of what is filled, per share
	LimitPrice    *decimal.Decimal // per share
	StopPrice     *decimal.Decimal // per share; nil when SnapTrade says zero, which means none
	PlacedAt      time.Time
	UpdatedAt     time.Time
	ExecutedAt    time.Time
	ChildOrderIDs []string // orders that this one gave rise to
}

// OrderList is one look at an account's orders.
type OrderList struct {
	Orders     []Order
	Unreadable int       // entries that could not be understood; more than 0 means: incomplete
	AskedAt    time.Time // when the look began: what happened later may be missing
}

// RecentOrders lists the last 24 hours live, whatever state the orders are in,
// usually at most 100. Some brokers answer 501, some keys 403 with code 1141.
func (c *Client) RecentOrders(ctx context.Context, user User, accountID string) (OrderList, error) {
	asked := c.now()
	v, err := c.ask(ctx, request{
		op: "list recent orders", method: http.MethodGet, path: "/accounts/%s/recentOrders", ids: []string{accountID},
		user: user, query: url.Values{"only_executed": {"false"}}, class: WorkingLook, read: true,
	})
	if err != nil {
		return OrderList{}, err
	}
	return readOrders("list recent orders", v.Get("orders"), asked)
}

// OrderState narrows Orders.
type OrderState string

// The states that SnapTrade filters by.
const (
	AllOrders      OrderState = "all"
	OpenOrders     OrderState = "open"
	ExecutedOrders OrderState = "executed"
)

// Orders lists an account's orders of the last days (1 to 90), as fresh as the
// plan makes them.
func (c *Client) Orders(ctx context.Context, user User, accountID string, state OrderState, days int) (OrderList, error) {
	asked := c.now()
	v, err := c.ask(ctx, request{
		op: "list orders", method: http.MethodGet, path: "/accounts/%s/orders", ids: []string{accountID},
		user: user, query: url.Values{"state": {string(state)}, "days": {strconv.Itoa(days)}}, class: WorkingLook, read: true,
	})
	if err != nil {
		return OrderList{}, err
	}
	return readOrders("list orders", v, asked)
}

type orderIDBody struct {
	BrokerageOrderID string `json:"brokerage_order_id"`
}

// OrderDetails reads one order live. 404 (code 1011) means that it was not
// placed through SnapTrade, or, within the first minute, is not known yet.
func (c *Client) OrderDetails(ctx context.Context, user User, accountID, orderID string) (Order, error) {
	const op = "read order"
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodPost, path: "/accounts/%s/orders/details", ids: []string{accountID},
		user: user, body: orderIDBody{orderID}, class: WorkingLook, read: true,
	})
	if err != nil {
		return Order{}, err
	}
	return object(op, v, readOrder)
}

func readOrders(op string, v Value, asked time.Time) (OrderList, error) {
	if v.Kind() != Array {
		return OrderList{}, unreadable(op, answer{}, "not a list")
	}
	l := OrderList{AskedAt: asked, Orders: make([]Order, 0, len(v.Items()))}
	for _, item := range v.Items() {
		o, ok := readOrder(item)
		if !ok {
			l.Unreadable++
			continue
		}
		l.Orders = append(l.Orders, o)
	}
	return l, nil
}

// readOrder reads a V1 record (contract §8.4).
func readOrder(v Value) (Order, bool) {
	r := readRecord(v)
	symbol, option := readSymbol(v)
	o := Order{
		ID: r.id("brokerage_order_id"), GroupID: r.id("brokerage_group_order_id"),
		StatusWord: r.text("status"), Symbol: symbol, Option: option,
		ActionWord: r.text("action"), Action: NormalAction(r.text("action"), option),
		TypeWord: r.text("order_type"), Type: NormalType(r.text("order_type")), TimeInForce: TimeInForce(strings.ToUpper(r.text("time_in_force"))),
		Total: r.decimal("total_quantity"), Open: r.decimal("open_quantity"),
		Cancelled: r.decimal("canceled_quantity"), Filled: r.decimal("filled_quantity"),
		AveragePrice: r.decimal("execution_price"), LimitPrice: r.decimal("limit_price"), StopPrice: r.decimal("stop_price"),
		PlacedAt: r.time("time_placed"), UpdatedAt: r.time("time_updated"), ExecutedAt: r.time("time_executed"),
		ChildOrderIDs: readChildren(v.Get("child_brokerage_order_ids")),
	}
	if o.StopPrice != nil && o.StopPrice.IsZero() {
		o.StopPrice = nil
	}
	o.Status = NormalStatus(o.StatusWord, o.Filled, o.Total)
	return o, !r.bad && o.ID != ""
}

// readChildren collects the ids, which come as the values of an object.
func readChildren(v Value) []string {
	if v.Kind() != Object {
		return nil
	}
	var ids []string
	for _, child := range v.kids.values {
		if id := child.ID(); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
