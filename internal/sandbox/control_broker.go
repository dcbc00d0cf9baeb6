package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// BookRow is one order of the referee's book. Prices per share.
type BookRow struct {
	BrokerOrderID string    `json:"brokerOrderId"`
	Account       string    `json:"account"`
	User          string    `json:"user"`
	Symbol        string    `json:"symbol"`
	Action        string    `json:"action"`
	Quantity      int64     `json:"quantity"`
	Filled        int64     `json:"filled"`
	AveragePrice  *string   `json:"averagePrice"`
	Status        string    `json:"status"`
	OrderType     string    `json:"orderType"`
	LimitPrice    *string   `json:"limitPrice"`
	TimeInForce   string    `json:"timeInForce"`
	PlacedAt      time.Time `json:"placedAt"`
	ListedAt      time.Time `json:"listedAt"` // lists leave it out before
	Via           string    `json:"via"`      // snaptrade, app
	Reason        string    `json:"reason,omitempty"`
	Replaces      string    `json:"replaces,omitempty"`
}

func (w *World) row(o paperOrder) BookRow {
	row := BookRow{
		BrokerOrderID: o.ID, Account: o.Account, User: w.ownerName(o.Account), Symbol: o.Symbol, Action: o.Action,
		Quantity: o.Quantity, Filled: o.Filled, Status: o.Status, OrderType: o.Type, TimeInForce: o.TIF,
		PlacedAt: o.Placed, ListedAt: o.ListedAt, Via: o.Via, Reason: o.Reason, Replaces: o.Replaces,
	}
	if o.Filled > 0 {
		text := o.Average.String()
		row.AveragePrice = &text
	}
	if o.Limit != nil {
		text := o.Limit.String()
		row.LimitPrice = &text
	}
	return row
}

// ownerName is the username (else user id) behind an account, closed ones too.
func (w *World) ownerName(account string) string {
	return w.snaptrade.registry.username(w.paper.owner(account))
}

func (w *World) showBook(rw http.ResponseWriter, r *http.Request) {
	wanted := r.URL.Query().Get("account")
	orders := w.paper.book(func(account string) bool {
		return wanted == "" || wanted == "*" || account == wanted
	})
	if user := w.snaptrade.registry.userNamed(wanted); user != "" {
		owned := w.paper.allOf(user)
		orders = w.paper.book(func(account string) bool { return slices.Contains(owned, account) })
	}
	rows := make([]BookRow, 0, len(orders))
	for _, o := range orders {
		rows = append(rows, w.row(o))
	}
	respond(rw, rows, nil)
}

func (w *World) showAccounts(rw http.ResponseWriter, r *http.Request) {
	wanted := r.URL.Query().Get("account")
	user := w.snaptrade.registry.userNamed(wanted)
	list := []map[string]any{}
	for _, a := range w.paper.accountsOf(func(a *paperAccount) bool {
		return wanted == "" || a.ID == wanted || a.User == user
	}) {
		list = append(list, map[string]any{
			"id": a.ID, "user": w.snaptrade.registry.username(a.User), "connection": a.Connection, "broker": a.Broker,
			"cash": a.Cash.StringFixed(2), "positions": a.Holdings,
		})
	}
	respond(rw, list, nil)
}

// accountNamed finds an open account by its id, or the oldest of a user, one
// that can trade first.
func (w *World) accountNamed(name string) (string, error) {
	if a, _, open := w.paper.account(name); open {
		return a.ID, nil
	}
	user := w.snaptrade.registry.userNamed(name)
	accounts := w.paper.accountsOf(func(a *paperAccount) bool { return user != "" && a.User == user })
	for _, a := range accounts {
		if c, _ := w.snaptrade.registry.connection(a.Connection); c.Type == "trade" {
			return a.ID, nil
		}
	}
	if len(accounts) == 0 {
		return "", fmt.Errorf("%w: %q", errNoAccount, name)
	}
	return accounts[0].ID, nil
}

func (w *World) setMode(m accountMode) (any, error) {
	if m.Account == "" {
		m.Account = "*"
	}
	names := []string{m.Account}
	if m.Account != "*" {
		if user := w.snaptrade.registry.userNamed(m.Account); user != "" {
			names = w.paper.allOf(user)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%w: %q", errNoAccount, m.Account)
		}
	}
	for _, name := range names {
		if err := w.paper.setMode(name, m.Mode); err != nil {
			return nil, badRequest("%v", err)
		}
	}
	return m, nil
}

// setFee says what an account's broker takes for each contract from now on. No order
// tells of it; the account's history does.
func (w *World) setFee(body struct {
	Account string          `json:"account"`
	Fee     decimal.Decimal `json:"perContract"`
}) (any, error) {
	if body.Fee.IsNegative() {
		return nil, badRequest("perContract is negative")
	}
	account, err := w.accountNamed(body.Account)
	if err != nil {
		return nil, err
	}
	return body, w.paper.setFee(account, body.Fee)
}

func (w *World) fillOrder(body struct {
	ID       string           `json:"brokerOrderId"`
	Quantity int64            `json:"quantity"`
	Price    *decimal.Decimal `json:"price"`
}) (any, error) {
	if body.Price != nil && body.Price.IsNegative() {
		return nil, badRequest("price is negative")
	}
	o, err := w.paper.fillMore(body.ID, body.Quantity, body.Price)
	if err != nil {
		return nil, err
	}
	return w.row(o), nil
}

func (w *World) tradeInApp(body struct {
	Account  string           `json:"account"`
	Symbol   string           `json:"symbol"`
	Side     string           `json:"side"`
	Quantity int64            `json:"quantity"`
	Price    *decimal.Decimal `json:"price"`
}) (any, error) {
	account, err := w.accountNamed(body.Account)
	if err != nil {
		return nil, err
	}
	actions := map[string]string{
		"BTO": "BUY_TO_OPEN", "BUY": "BUY_TO_OPEN", "BUY_TO_OPEN": "BUY_TO_OPEN",
		"STC": "SELL_TO_CLOSE", "SELL": "SELL_TO_CLOSE", "SELL_TO_CLOSE": "SELL_TO_CLOSE",
	}
	t := ticket{
		Symbol: body.Symbol, Action: actions[strings.ToUpper(body.Side)], Quantity: body.Quantity,
		Type: "Market", TIF: "Day",
	}
	if body.Price != nil {
		t.Type, t.Limit = "Limit", body.Price
	}
	o, err := w.paper.tradeInApp(account, t)
	if err != nil {
		return nil, err
	}
	return w.row(o), nil
}

// replaceInApp replaces an open order in the broker's own app.
func (w *World) replaceInApp(body struct {
	ID       string           `json:"brokerOrderId"`
	Quantity int64            `json:"quantity"`
	Price    *decimal.Decimal `json:"price"`
}) (any, error) {
	rows := w.paper.book(func(string) bool { return true })
	i := slices.IndexFunc(rows, func(o paperOrder) bool { return o.ID == body.ID })
	if i < 0 {
		return nil, errNoOrder
	}
	old := rows[i]
	t := ticket{Quantity: body.Quantity, Type: old.Type, Limit: old.Limit, Stop: old.Stop, TIF: old.TIF, InApp: true}
	if body.Price != nil {
		t.Limit = body.Price
	}
	o, err := w.paper.replace(old.Account, old.ID, t)
	if err != nil {
		return nil, err
	}
	return w.row(o), nil
}

func (w *World) setMarket(s setting) (any, error) {
	if err := w.market.set(s); err != nil {
		return nil, badRequest("%v", err)
	}
	if err := w.paper.tick(); err != nil {
		return nil, err
	}
	return w.quoteView(s.Symbol)
}

func (w *World) showQuote(rw http.ResponseWriter, r *http.Request) {
	data, err := w.quoteView(r.URL.Query().Get("symbol"))
	respond(rw, data, err)
}

func (w *World) quoteView(symbol string) (any, error) {
	if symbol == "" {
		return map[string]any{"underlyings": w.market.order, "frozen": w.market.isFrozen()}, nil
	}
	q, known := w.market.stock(symbol)
	if !known {
		c, err := parseOCC(symbol)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		if q, known = w.market.option(c); !known {
			return nil, problem{http.StatusNotFound, symbol + " is not listed"}
		}
	}
	return map[string]any{
		"symbol": q.Symbol, "bid": dollars(q.Bid).StringFixed(2), "ask": dollars(q.Ask).StringFixed(2),
		"last": dollars(q.Last).StringFixed(2), "at": q.At.UTC(),
	}, nil
}

// connectOrder is POST /_sandbox/connect. What it leaves out is taken from the
// portal link the user has open, if any.
type connectOrder struct {
	User           string `json:"user"`
	Broker         string `json:"broker"`
	Login          string `json:"login"`
	ConnectionType string `json:"connectionType"`
	Reconnect      string `json:"reconnect"`
}

// connectNow finishes the portal without a browser; an unknown SnapTrade user is
// refused, since the application registers its users itself.
func (w *World) connectNow(order connectOrder) (any, error) {
	user, registered := w.snaptrade.registry.user(w.snaptrade.registry.userNamed(order.User))
	if !registered {
		return nil, problem{http.StatusNotFound, fmt.Sprintf("%q is not registered at SnapTrade yet", order.User)}
	}
	visit, _ := w.portal.pending(user.ID)
	a := attempt{
		User: user.ID, Login: first(order.Login, "main"), Reconnect: first(order.Reconnect, visit.form.Reconnect),
		ConnectionType: first(order.ConnectionType, visit.form.ConnectionType, "trade-if-available"),
	}
	slug := first(order.Broker, visit.form.Broker, "ALPACA-PAPER")
	if c, known := w.snaptrade.registry.connection(a.Reconnect); known {
		a.Login, slug = first(order.Login, c.Login), first(order.Broker, c.Broker)
	}
	var known bool
	if a.Broker, known = w.snaptrade.registry.brokerNamed(slug); !known {
		return nil, badRequest("unknown broker %q", slug)
	}
	c, err := w.snaptrade.connect(a)
	if err != nil {
		return nil, problem{http.StatusConflict, err.Error()}
	}
	ids := []string{}
	for _, account := range w.snaptrade.accountsOn(c.ID) {
		ids = append(ids, account.ID)
	}
	return map[string]any{"connectionId": c.ID, "accounts": ids, "type": c.Type}, nil
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// eventOrder is POST /_sandbox/snaptrade/event: an event of ours, or a raw body
// with the signature it shall carry (absent: the right one).
type eventOrder struct {
	EventType string          `json:"eventType"`
	User      string          `json:"user"`
	Account   string          `json:"account"`
	Details   json.RawMessage `json:"details"`
	Raw       *string         `json:"raw"`
	Signature *string         `json:"signature"`
}

func (w *World) sendEvent(order eventOrder) (any, error) {
	if order.Raw != nil {
		return w.deliver(delivery{body: []byte(*order.Raw), signature: order.Signature})
	}
	if order.EventType == "" {
		return nil, badRequest("eventType or raw is required")
	}
	e, err := w.snaptrade.happen(order, w.accountNamed)
	if err != nil {
		return nil, err
	}
	return w.deliver(delivery{event: e})
}

// deliver sends a webhook and waits for the application's answer to it.
func (w *World) deliver(d delivery) (any, error) {
	answered := make(chan int, 1)
	d.done = answered
	w.hooks.enqueue(d)
	ctx, cancel := context.WithTimeout(context.Background(), hookTimeout+reorderHold)
	defer cancel()
	select {
	case status := <-answered:
		return map[string]any{"status": status}, nil
	case <-ctx.Done():
		return map[string]any{"status": 0, "note": "not answered yet"}, nil
	}
}
