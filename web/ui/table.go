package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
)

// Table is a kind of list, described once: what draws it, what its picker offers, what a
// list can be sorted by and what its CSV writes all come from here.
type Table[R any] struct {
	Name    string // in addresses, and of what is remembered
	Title   string // "Open positions"
	TestID  string
	Row     func(R) templ.Attributes // what marks a row: its id, and what scripts and tests look for
	Columns []Column[R]
}

// Column is one column of a table of rows R.
type Column[R any] struct {
	Key     string // in addresses, forms, ?sort= and what is remembered
	Label   string // its head; on a phone the name of its cell
	Unnamed bool   // kept too; the head is for screen readers only
	Right   bool   // figures
	Strong  bool
	Down    bool   // a list that goes by it begins with the largest, as figures and times do
	Kept    bool   // cannot be hidden, and has the width of a card
	Extra   bool   // hidden until somebody picks it
	Room    Room   // how much the usual columns need before it stands among them
	Class   string // of its cells besides
	Cell    func(R) templ.Component
	Data    []Datum[R] // its fields in the CSV; none where it shows no data
}

// Room is the width of a table's place under which a column gives way to the others, unless
// it was picked by hand.
type Room string

// A column that stands anywhere has none. The first gives way beside the ticket at 1440
// pixels and stays on a phone's card; the others leave the card too. The last has no room
// on a page of its own at 1440 pixels either.
const (
	Desk   Room = "sm:@max-5xl:hidden"
	Roomy  Room = "@max-5xl:hidden max-sm:hidden!"
	Wide   Room = "@max-[74rem]:hidden max-sm:hidden!"
	Widest Room = "@max-[88rem]:hidden max-sm:hidden!"
)

// View is how somebody sees a table: with which columns, and in which order of rows.
type View struct {
	Chosen  []string // the columns picked by hand; nil: the usual ones
	Sorting Sorting
}

// Shown are the columns of somebody who chose these; nil is nobody's choice. What has gone
// out of use since is passed over.
func (t Table[R]) Shown(chosen []string) []Column[R] {
	var shown []Column[R]
	for _, c := range t.Columns {
		switch {
		case c.Kept, chosen == nil && !c.Extra:
		case !slices.Contains(chosen, c.Key):
			continue
		default:
			c.Room = "" // asked for by hand: the table scrolls before it gives way
		}
		shown = append(shown, c)
	}
	return shown
}

// Chosen reads which columns a form asks for: their keys in the table's order, those that
// are always shown among them. A column that the table has not got is refused.
func (t Table[R]) Chosen(asked []string) ([]string, error) {
	for _, key := range asked {
		if !slices.ContainsFunc(t.Columns, func(c Column[R]) bool { return c.Key == key }) {
			return nil, fault.Field("column", "must be columns of this table")
		}
	}
	var keys []string
	for _, c := range t.Columns {
		if c.Kept || slices.Contains(asked, c.Key) {
			keys = append(keys, c.Key)
		}
	}
	return keys, nil
}

// Pick is a column as the picker offers it.
type Pick struct {
	Key, Label string
	Shown      bool
	Kept       bool // cannot be hidden
}

// Picks are the columns that somebody may pick, of whom these are chosen; nil: none yet.
func (t Table[R]) Picks(chosen []string) []Pick {
	var picks []Pick
	for _, c := range t.Columns {
		picks = append(picks, Pick{c.Key, c.Label, c.Kept || chosen == nil && !c.Extra || slices.Contains(chosen, c.Key), c.Kept})
	}
	return picks
}

// Sorts are the sorts of the columns with these keys.
func (t Table[R]) Sorts(keys ...string) []SortColumn {
	var list []SortColumn
	for _, key := range keys {
		for _, c := range t.Columns {
			if c.Key == key {
				list = append(list, SortColumn{By: c.Key, Label: c.Label, Down: c.Down})
			}
		}
	}
	return list
}

// Names are the fields of these columns in a CSV, and Values those of a row.
func Names[R any](columns []Column[R]) (names []string) {
	for _, c := range columns {
		for _, d := range c.Data {
			names = append(names, d.Name)
		}
	}
	return names
}

// Values are a row's fields in the order of Names.
func Values[R any](columns []Column[R], row R) (values []string) {
	for _, c := range columns {
		for _, d := range c.Data {
			values = append(values, d.Of(row).text)
		}
	}
	return values
}

func (c Column[R]) headClass() string {
	return classes(string(c.Room), rightClass(c.Right), c.endClass())
}

func (c Column[R]) cellClass() string {
	wide, strong := "", ""
	if c.Kept {
		wide = "wide"
	}
	if c.Strong {
		strong = "font-semibold"
	}
	return classes(string(c.Room), rightClass(c.Right), wide, strong, c.Class, c.endClass())
}

// endClass keeps the column of buttons in sight while the others scroll, and off paper.
func (c Column[R]) endClass() string {
	if c.Unnamed {
		return "at-end print:hidden"
	}
	return ""
}

func rightClass(right bool) string {
	if right {
		return "right"
	}
	return ""
}

func classes(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}

// Datum is one field of a column in a CSV.
type Datum[R any] struct {
	Name string
	Of   func(R) Value
}

// Value is a field as data: a number with an ASCII minus and all its places, an instant of
// UTC, or words that no spreadsheet runs. What is not known is empty, never zero.
type Value struct{ text string }

// Words are text, whoever wrote it.
func Words(s string) Value { return Value{httpio.SpreadsheetText(s)} }

// Whole is a number of things.
func Whole(n int) Value { return Value{strconv.Itoa(n)} }

// Sum is an amount of dollars.
func Sum(a *money.Amount) Value {
	if a == nil {
		return Value{}
	}
	return Value{a.String()}
}

// Each is a price of one share.
func Each(p *money.Price) Value {
	if p == nil {
		return Value{}
	}
	return Value{p.String()}
}

// Number is a number without a unit.
func Number(d decimal.NullDecimal) Value {
	if !d.Valid {
		return Value{}
	}
	return Value{d.Decimal.String()}
}

// Instant is a time in UTC.
func Instant(at *time.Time) Value {
	if at == nil {
		return Value{}
	}
	return Value{at.UTC().Format(time.RFC3339Nano)}
}

// Day is a day of the calendar.
func Day(d exchange.Date) Value { return Value{d.String()} }

// contractData are the fields of a contract.
func contractData[R any](of func(R) exchange.Contract) []Datum[R] {
	return []Datum[R]{
		{"contract", func(r R) Value { return Words(of(r).Display()) }},
		{"symbol", func(r R) Value { return Words(of(r).Symbol) }},
	}
}

// Tools are what stands in a table's head: its picker and its CSV.
type Tools struct {
	Table    string // its name
	CSV      string // what the CSV is of, as the query of its address
	ReturnTo string // the page that shows it
	Of       string // "open positions"
}

func (t Tools) columns() templ.SafeURL {
	return templ.SafeURL("/tables/" + t.Table + "/columns?" + url.Values{"return_to": {t.ReturnTo}}.Encode())
}

func (t Tools) csv() templ.SafeURL {
	if t.CSV == "" {
		return templ.SafeURL("/tables/" + t.Table + "/csv")
	}
	return templ.SafeURL("/tables/" + t.Table + "/csv?" + t.CSV)
}

// Picker is the form that picks columns.
type Picker struct {
	Table, Title string
	Picks        []Pick
	ReturnTo     string
	Wrong        string // about what was asked for
}
