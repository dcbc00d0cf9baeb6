package ui

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

func position(testID string) func(PositionRow) templ.Attributes {
	return func(p PositionRow) templ.Attributes {
		return templ.Attributes{"id": "position-" + p.ID, "data-testid": testID}
	}
}

func positionContract(p PositionRow) exchange.Contract { return p.Contract }

// remarkData is what is unusual about a position, in the words of its badges.
var remarkData = Datum[PositionRow]{"remarks", func(p PositionRow) Value {
	var words []string
	for _, r := range remarksOf(p, strconv.Itoa(p.Missing)) {
		words = append(words, r.Text)
	}
	return Words(strings.Join(words, ", "))
}}

// OpenPositions are what is held.
var OpenPositions = Table[PositionRow]{
	Name: "open", Title: "Open positions", TestID: "positions", Row: position("position-row"),
	Columns: []Column[PositionRow]{
		{
			Key: "contract", Label: "Contract", Kept: true, Cell: openContract,
			Data: append(contractData(positionContract), remarkData),
		},
		{
			Key: "held", Label: "Open", Right: true, Down: true, Cell: heldOfBought,
			Data: []Datum[PositionRow]{{"open", func(p PositionRow) Value { return Whole(p.Held()) }}, {"bought", func(p PositionRow) Value { return Whole(p.Bought) }}},
		},
		{
			Key: "average", Label: "Average", Right: true, Room: Desk, Cell: func(p PositionRow) templ.Component { return PriceOf(p.Average) },
			Data: []Datum[PositionRow]{{"average", func(p PositionRow) Value { return Each(p.Average) }}},
		},
		{
			Key: "mark", Label: "Mark", Right: true, Cell: markCell,
			Data: []Datum[PositionRow]{{"mark", func(p PositionRow) Value { return Each(p.Mark) }}, {"mark_at", markAt}},
		},
		{
			Key: "value", Label: "Value", Right: true, Down: true, Room: Roomy, Cell: func(p PositionRow) templ.Component { return Dollars(p.Value) },
			Data: []Datum[PositionRow]{{"value", func(p PositionRow) Value { return Sum(p.Value) }}},
		},
		{
			Key: "pnl", Label: "P&L", Right: true, Strong: true, Down: true, Cell: func(p PositionRow) templ.Component { return Gain(p.Unrealized) },
			Data: []Datum[PositionRow]{{"pnl", func(p PositionRow) Value { return Sum(p.Unrealized) }}},
		},
		{
			Key: "percent", Label: "P&L %", Right: true, Down: true, Cell: func(p PositionRow) templ.Component { return GainPercent(money.DisplayPercent(p.Percent), p.Unrealized) },
			Data: []Datum[PositionRow]{{"pnl_percent", func(p PositionRow) Value { return percentOf(p, p.Unrealized) }}},
		},
		{
			Key: "today", Label: "Today", Right: true, Down: true, Cell: func(p PositionRow) templ.Component { return Gain(p.Today) },
			Data: []Datum[PositionRow]{{"today", func(p PositionRow) Value { return Sum(p.Today) }}},
		},
		{
			Key: "expires", Label: "Expires", Right: true, Cell: expiresCell,
			Data: []Datum[PositionRow]{{"expiration", func(p PositionRow) Value { return Day(p.Contract.Expiration) }}, {"days_left", func(p PositionRow) Value { return Whole(p.DaysLeft) }}},
		},
		sourceColumn,
		{
			Key: "opened", Label: "Opened", Down: true, Extra: true, Cell: func(p PositionRow) templ.Component { return momentOf(p.OpenedAt) },
			Data: []Datum[PositionRow]{{"opened_at", func(p PositionRow) Value { return Instant(p.OpenedAt) }}},
		},
		{
			Key: "account", Label: "Account", Extra: true, Cell: func(p PositionRow) templ.Component { return quietly(p.Account) },
			Data: []Datum[PositionRow]{{"account", func(p PositionRow) Value { return Words(p.Account) }}},
		},
		{Key: "actions", Label: "Actions", Right: true, Kept: true, Unnamed: true, Cell: CloseButtons},
	},
}

// ClosedPositions are what has ended. Trades are the same rows under Analytics, which goes
// by more of their columns.
var (
	ClosedPositions = closedTable("closed", "Closed positions")
	Trades          = closedTable("trades", "All trades")
)

func closedTable(name, title string) Table[PositionRow] {
	return Table[PositionRow]{Name: name, Title: title, TestID: "closed", Row: position("closed-row"), Columns: closedColumns}
}

var closedColumns = []Column[PositionRow]{
	{
		Key: "contract", Label: "Contract", Kept: true, Cell: closedContract,
		Data: append(contractData(positionContract), remarkData, Datum[PositionRow]{"tags", tagsOf}),
	},
	{
		Key: "opened", Label: "Opened", Down: true, Room: Roomy, Cell: func(p PositionRow) templ.Component { return momentOf(p.OpenedAt) },
		Data: []Datum[PositionRow]{{"opened_at", func(p PositionRow) Value { return Instant(p.OpenedAt) }}},
	},
	{
		Key: "closed", Label: "Closed", Down: true, Cell: func(p PositionRow) templ.Component { return momentOf(p.ClosedAt) },
		Data: []Datum[PositionRow]{{"closed_at", func(p PositionRow) Value { return Instant(p.ClosedAt) }}},
	},
	{
		Key: "span", Label: "Held", Down: true, Cell: spanCell,
		Data: []Datum[PositionRow]{{"held_seconds", heldSeconds}},
	},
	{
		Key: "contracts", Label: "Contracts", Right: true, Room: Desk, Cell: func(p PositionRow) templ.Component { return Count(p.Bought) },
		Data: []Datum[PositionRow]{{"contracts", func(p PositionRow) Value { return Whole(p.Bought) }}},
	},
	{
		Key: "in", Label: "In", Right: true, Cell: func(p PositionRow) templ.Component { return Dollars(&p.In) },
		Data: []Datum[PositionRow]{{"in", func(p PositionRow) Value { return Sum(&p.In) }}},
	},
	{
		Key: "out", Label: "Out", Right: true, Cell: func(p PositionRow) templ.Component { return Dollars(&p.Out) },
		Data: []Datum[PositionRow]{{"out", func(p PositionRow) Value { return Sum(&p.Out) }}},
	},
	{
		Key: "pnl", Label: "P&L", Right: true, Strong: true, Down: true, Cell: func(p PositionRow) templ.Component { return Gain(&p.Realized) },
		Data: []Datum[PositionRow]{{"pnl", func(p PositionRow) Value { return Sum(&p.Realized) }}},
	},
	{
		Key: "percent", Label: "P&L %", Right: true, Down: true, Cell: func(p PositionRow) templ.Component { return GainPercent(money.DisplayPercent(p.Percent), &p.Realized) },
		Data: []Datum[PositionRow]{{"pnl_percent", func(p PositionRow) Value { return percentOf(p, &p.Realized) }}},
	},
	{
		Key: "fees", Label: "Fees", Right: true, Room: Roomy, Cell: func(p PositionRow) templ.Component { return Dollars(&p.Fees) },
		Data: []Datum[PositionRow]{{"fees", func(p PositionRow) Value { return Sum(&p.Fees) }}},
	},
	{
		Key: "ended", Label: "Ended", Cell: endedCell,
		Data: []Datum[PositionRow]{{"ended", func(p PositionRow) Value { return Words(EndWords(p.Status)) }}},
	},
	sourceColumn,
}

var sourceColumn = Column[PositionRow]{
	Key: "source", Label: "Source", Room: Roomy, Cell: func(p PositionRow) templ.Component { return quietly(p.Source) },
	Data: []Datum[PositionRow]{{"source", func(p PositionRow) Value { return Words(p.Source) }}},
}

// percentOf is a percentage that stands beside an amount, and not without it.
func percentOf(p PositionRow, of *money.Amount) Value {
	if of == nil {
		return Value{}
	}
	return Number(p.Percent)
}

func markAt(p PositionRow) Value {
	if p.Mark == nil {
		return Value{}
	}
	return Instant(p.MarkAt)
}

func heldSeconds(p PositionRow) Value {
	if p.OpenedAt == nil || p.ClosedAt == nil {
		return Value{}
	}
	return Whole(int(max(p.ClosedAt.Sub(*p.OpenedAt), 0).Seconds()))
}

func tagsOf(p PositionRow) Value {
	var tags []string
	for _, t := range p.Tags {
		tags = append(tags, t.Label)
	}
	return Words(strings.Join(tags, ", "))
}

// remark says what is unusual about a position, in a word or two and in a sentence.
type remark struct {
	Text, Title string
	Calm        bool // nothing to worry about
}

// remarksOf takes how many contracts are missing as it is to be read: the eye hides it.
func remarksOf(p PositionRow, missing string) (list []remark) {
	if p.Status == "expiry_pending" {
		list = append(list, remark{Text: "expiring", Title: "Past its expiration. The broker has not said yet what became of it."})
	}
	if p.Status == "open" && p.Held() == 0 {
		list = append(list, remark{"order working", "Everything is sold, and an order still works: it may buy again.", true})
	}
	if p.Missing > 0 {
		list = append(list, remark{Text: missing + " not at broker", Title: p.Review})
	}
	switch {
	case p.Unpriced > 0:
		list = append(list, remark{Text: "result incomplete", Title: p.Review})
	case p.Review != "" && p.Missing == 0:
		list = append(list, remark{Text: "review", Title: p.Review})
	}
	return list
}

func closeLink(p PositionRow, quantity int) string {
	return "/dashboard?position=" + p.ID + "&quantity=" + strconv.Itoa(quantity) + "#ticket"
}

// heldWords say why what is held cannot be closed.
func heldWords(p PositionRow) string {
	switch {
	case p.Status == "expiry_pending":
		return "waiting for the broker"
	case p.Missing > 0:
		return "checking with broker"
	}
	return "selling"
}

// EndWords are how a position ended, in words.
func EndWords(status string) string {
	switch status {
	case "closed":
		return "sold"
	case "expiry_pending":
		return "expiring"
	}
	return status
}
