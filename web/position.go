package web

import (
	"time"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

// positionView is one position with its history, newest first.
type positionView struct {
	Row      ui.PositionRow
	Orders   []ui.OrderRow
	Fills    []fillView
	Events   []eventView
	Receipts []receiptView
}

type fillView struct {
	At       time.Time
	Side     string
	Quantity int
	Price    money.Price
	Realized money.Amount
}

type eventView struct {
	At        time.Time
	What, Who string
}

// receiptView is one delivery of an alert. Hops are always the same four: executed, known, sent, accepted.
type receiptView struct {
	Channel, State string
	Hops           [4]hop
	Attempts       int
}

type hop struct {
	Name string
	At   *time.Time
}
