package sandbox

import (
	"errors"

	"github.com/shopspring/decimal"
)

// What a program in the same process can do with the sandbox without HTTP. With
// Options.Stepped nothing happens by itself, and with a seed and a clock of its
// own the same steps lead to the same world.

// Step works the broker's orders and walks the market once.
func (w *World) Step() error {
	w.market.step(walkPace)
	return errors.Join(w.paper.tick(), w.paper.settle())
}

// Faults are the instructions to fail.
func (w *World) Faults() *Faults { return w.deps.faults }

// Webhook is one that SnapTrade wants to send, signed at the time it was taken.
type Webhook struct {
	Type      string
	Body      []byte
	Signature string
}

// Webhooks takes what waits to be sent, oldest first: whoever steps the world
// carries it, or loses it.
func (w *World) Webhooks() []Webhook {
	var list []Webhook
	for _, d := range w.hooks.takeWaiting() {
		if d.body == nil && !w.hooks.write(&d) {
			continue
		}
		if d.signature == nil {
			d.signature = w.hooks.sign(d.body, w.hooks.consumerKey)
		}
		list = append(list, Webhook{Type: d.event.Type, Body: d.body, Signature: *d.signature})
	}
	return list
}

// SetMode changes how an account's orders are worked: market, immediate, manual,
// partial, reject or expire.
func (w *World) SetMode(account, mode string) error { return w.paper.setMode(account, mode) }

// Book is the referee's view: every order of every account, in order of arrival.
func (w *World) Book() []BookRow {
	orders := w.paper.book(func(string) bool { return true })
	rows := make([]BookRow, 0, len(orders))
	for _, o := range orders {
		rows = append(rows, w.row(o))
	}
	return rows
}

// Order is one order of the book.
func (w *World) Order(id string) (BookRow, bool) {
	o, known := w.paper.one(id)
	return w.row(o), known
}

// Newest is the account's order that arrived last.
func (w *World) Newest(account string) (BookRow, bool) {
	o, any := w.paper.newest(account)
	return w.row(o), any
}

// Fill executes further contracts of an order, at the limit or the quote when
// price is nil.
func (w *World) Fill(id string, quantity int64, price *decimal.Decimal) error {
	_, err := w.paper.fillMore(id, quantity, price)
	return err
}

// CancelInApp ends an order as its owner does in the broker's own app.
func (w *World) CancelInApp(account, id string) error { return w.paper.cancel(account, id, nil) }

// TradeInApp is a trade made in the broker's own app, executed at once: side is
// BTO or STC, the price a limit, nil for a market order.
func (w *World) TradeInApp(account, symbol, side string, quantity int64, price *decimal.Decimal) (BookRow, error) {
	t := ticket{Symbol: symbol, Action: "BUY_TO_OPEN", Quantity: quantity, Type: "Market", TIF: "Day"}
	if side == "STC" {
		t.Action = "SELL_TO_CLOSE"
	}
	if price != nil {
		t.Type, t.Limit = "Limit", price
	}
	o, err := w.paper.tradeInApp(account, t)
	return w.row(o), err
}

// Holdings are the contracts of one account, by padded symbol.
func (w *World) Holdings(account string) map[string]int64 {
	held := map[string]int64{}
	a, _, _ := w.paper.account(account)
	for symbol, h := range a.Holdings {
		held[symbol] = h.Units
	}
	return held
}

// Quote is a contract's bid and ask, in cents a share; false when it is not listed.
func (w *World) Quote(symbol string) (bid, ask decimal.Decimal, listed bool) {
	c, err := parseOCC(symbol)
	if err != nil {
		return bid, ask, false
	}
	q, listed := w.market.option(c)
	return dollars(q.Bid), dollars(q.Ask), listed
}
