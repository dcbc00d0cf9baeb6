package ui

import "github.com/a-h/templ"

// Replacing is the form that asks for another price or quantity of a working order.
// Values are text, exactly as typed.
type Replacing struct {
	Order                OrderRow
	LimitPrice, Quantity string
	Key                  string // makes a second click the same request
	ReturnTo             string
	Tick, TickHigh       string            // legal steps under and from $3
	Problem              string            // what is wrong with the whole
	Fields               map[string]string // and with each field
	Asks                 []Ask
}

// judged is Ticket.judged for the dialog, which may stand over a ticket.
func (r Replacing) judged(field string) templ.Attributes {
	return judged(r.Fields, field, "replace-"+problemID(field))
}

func (r Replacing) nowWords() string {
	words := typeWords(r.Order.Type) + " " + r.Order.TimeInForce
	if r.Order.Stop != nil {
		words += ", stop " + r.Order.Stop.Display()
	}
	if r.Order.Limit != nil {
		words += ", " + r.Order.Limit.Display()
	}
	return words
}
