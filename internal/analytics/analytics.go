// Package analytics measures results: profit, win rate, curve, heatmap.
//
// Everything it says counts a position once, when it has finished with a known result (it
// has an outcome), by its realised profit in dollars after the fees that are known. A day
// is the New York date on which it finished. Finished days are added up by RollUp; what is
// not added up yet, or has changed since, is read from the positions in the same statement:
// an answer is exact whether or not the job has run.
package analytics

import (
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Reports answers what people ask about their results.
type Reports struct {
	db    *postgres.DB
	book  *positions.Book
	clock *exchange.Clock
	now   func() time.Time
}

// Options are what reports need: the database, its positions, the market's clock for
// today's date, and the real time for what is over.
type Options struct {
	DB    *postgres.DB
	Book  *positions.Book
	Clock *exchange.Clock
	Now   func() time.Time
}

// New makes the reports of a database.
func New(o Options) *Reports { return &Reports{db: o.DB, book: o.Book, clock: o.Clock, now: o.Now} }

// Source says which positions count by how they were opened.
type Source string

// Copied is what copy trading opened; manual is everything else, also what was detected.
const (
	All    Source = "all"
	Manual Source = "manual"
	Copied Source = "copied"
)

// Filter says which finished positions count. The zero Filter is all of them.
type Filter struct {
	Source  Source         // "" is All
	Account *uuid.UUID     // one of the user's own
	Trader  string         // the username of whom they were copied from; "" is anybody and nobody
	From    *exchange.Date // trading days, both included; nil is open
	To      *exchange.Date
}

// since narrows the filter to days from a day on.
func (f Filter) since(day exchange.Date) Filter {
	if f.From == nil || f.From.Before(day) {
		f.From = &day
	}
	return f
}

// until narrows the filter to days up to and with a day.
func (f Filter) until(day exchange.Date) Filter {
	if f.To == nil || day.Before(*f.To) {
		f.To = &day
	}
	return f
}

// check refuses days that run backwards.
func (f Filter) check() error {
	if f.From != nil && f.To != nil && f.To.Before(*f.From) {
		return fault.Field("to", "must not be before from")
	}
	return nil
}

// copied is the filter's source as the column has it; nil counts both.
func (f Filter) copied() *bool {
	if f.Source == "" || f.Source == All {
		return nil
	}
	is := f.Source == Copied
	return &is
}

// amount is a sum of dollars, or a percentage, that always has a value.
func amount(d decimal.Decimal) money.Amount { return money.Amount{Decimal: d} }

// known is a figure that may be undefined.
func known(d decimal.NullDecimal) *money.Amount {
	if !d.Valid {
		return nil
	}
	return &money.Amount{Decimal: d.Decimal}
}

// ratio is part ÷ whole, rounded once, half-even, to some places; nil where whole is zero.
func ratio(part, whole decimal.Decimal, places int32) *money.Amount {
	if whole.IsZero() {
		return nil
	}
	return &money.Amount{Decimal: part.DivRound(whole, 16).RoundBank(places)}
}

// percent is part ÷ whole in hundredths, as money.Percent has it.
func percent(part, whole decimal.Decimal) *money.Amount { return known(money.Percent(part, whole)) }

func count(n int) decimal.Decimal { return decimal.NewFromInt(int64(n)) }
