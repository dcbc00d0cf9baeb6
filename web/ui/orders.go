package ui

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/alertsify/alertsify/internal/exchange"
)

// OrderTable are orders in whatever state. returnTo is the page that shows them, where their
// buttons come back to.
func OrderTable(returnTo string) Table[OrderRow] {
	return Table[OrderRow]{
		Name: "orders", Title: "Orders", TestID: "orders",
		Row: func(o OrderRow) templ.Attributes {
			return templ.Attributes{"id": "order-" + o.ID, "data-testid": "order-row", "data-order": o.ID}
		},
		Columns: []Column[OrderRow]{
			{
				Key: "time", Label: "Time", Down: true, Cell: func(o OrderRow) templ.Component { return Moment(o.At) },
				Data: []Datum[OrderRow]{{"time", func(o OrderRow) Value { return Instant(&o.At) }}},
			},
			{
				Key: "side", Label: "Side", Cell: func(o OrderRow) templ.Component { return Side(o.Side) },
				Data: []Datum[OrderRow]{{"side", func(o OrderRow) Value { return Words(o.Side) }}},
			},
			{
				Key: "contract", Label: "Contract", Kept: true, Class: "max-sm:order-first", Cell: orderContract,
				Data: contractData(func(o OrderRow) exchange.Contract { return o.Contract }),
			},
			{
				Key: "quantity", Label: "Filled", Right: true, Down: true, Cell: filledBar,
				Data: []Datum[OrderRow]{{"filled", func(o OrderRow) Value { return Whole(o.Filled) }}, {"quantity", func(o OrderRow) Value { return Whole(o.Quantity) }}},
			},
			{
				Key: "type", Label: "Type", Room: Roomy, Cell: typeCell,
				Data: []Datum[OrderRow]{{"type", func(o OrderRow) Value { return Words(typeWords(o.Type)) }}, {"time_in_force", func(o OrderRow) Value { return Words(o.TimeInForce) }}},
			},
			{
				Key: "limit", Label: "Limit", Right: true, Cell: limitCell,
				Data: []Datum[OrderRow]{{"limit", func(o OrderRow) Value { return Each(o.Limit) }}, {"stop", func(o OrderRow) Value { return Each(o.Stop) }}},
			},
			{
				Key: "average", Label: "Average", Right: true, Room: Desk, Cell: func(o OrderRow) templ.Component { return PriceOf(o.Average) },
				Data: []Datum[OrderRow]{{"average", func(o OrderRow) Value { return Each(o.Average) }}},
			},
			{
				Key: "state", Label: "State", Class: "wide", Cell: stateCell,
				Data: []Datum[OrderRow]{{"state", func(o OrderRow) Value { return Words(o.Label) }}, {"reason", func(o OrderRow) Value { return Words(strings.Join(o.asides(), "; ")) }}},
			},
			{
				Key: "account", Label: "Account", Room: Wide, Cell: func(o OrderRow) templ.Component { return quietly(o.Account) },
				Data: []Datum[OrderRow]{{"account", func(o OrderRow) Value { return Words(o.Account) }}},
			},
			{
				Key: "source", Label: "Source", Room: Widest, Cell: func(o OrderRow) templ.Component { return quietly(o.Source) },
				Data: []Datum[OrderRow]{{"source", func(o OrderRow) Value { return Words(o.Source) }}},
			},
			{
				Key: "broker", Label: "Broker id", Room: Widest, Cell: brokerID,
				Data: []Datum[OrderRow]{{"broker_id", func(o OrderRow) Value { return Words(o.BrokerID) }}},
			},
			{
				Key: "actions", Label: "Actions", Right: true, Kept: true, Unnamed: true,
				Cell: func(o OrderRow) templ.Component { return orderActions(o, returnTo) },
			},
		},
	}
}

// asides are what is said beside an order's state.
func (o OrderRow) asides() (list []string) {
	if o.CancelRequested && o.Cancellable {
		list = append(list, "cancelling")
	}
	if o.Replacing != "" {
		list = append(list, "it is to be "+o.Replacing)
	}
	if o.NotReplaced != "" {
		list = append(list, "not replaced: "+o.NotReplaced)
	}
	if o.Reason != "" {
		list = append(list, o.Reason)
	}
	return list
}

// shortID is the end of a broker's id, by which people tell them apart.
func shortID(id string) string {
	if r := []rune(id); len(r) > 8 {
		return "…" + string(r[len(r)-8:])
	}
	return id
}

func replaceLink(o OrderRow, returnTo string) templ.SafeURL {
	return templ.SafeURL("/orders/" + o.ID + "/replace?return_to=" + url.QueryEscape(returnTo))
}

func capitalised(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
