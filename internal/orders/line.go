package orders

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Line is an order as traders type it: "BTO 5 AAPL 200C 1/15/27 @ 3.50". A
// price of m is a market order; without a year the expiration is the next
// listed one on that day.
type Line struct {
	Side       Side
	Quantity   int
	Underlying string
	Strike     decimal.Decimal
	OptionType exchange.OptionType
	Month, Day int
	Year       int // 0: not said
	Limit      *money.Price
}

// word is one word of the line and where it stands, in bytes.
type word struct {
	text  string
	start int
}

func words(s string) []word {
	var list []word
	start := -1
	for i, r := range s + " " {
		blank := r == ' ' || r == '\t'
		if blank && start >= 0 {
			list = append(list, word{s[start:i], start})
			start = -1
		}
		if !blank && start < 0 {
			start = i
		}
	}
	return list
}

// lineFault points at the word that is wrong.
func lineFault(w word, sentence string) error {
	return fault.Field("line", sentence).With("position", w.start).With("length", len(w.text)).With("word", w.text)
}

const lineForm = "Write it like BTO 5 AAPL 200C 1/15/27 @ 3.50."

// ParseLine reads the quick line. Its error names the wrong word and where it stands.
func ParseLine(s string) (Line, error) {
	if len(s) > 100 {
		return Line{}, fault.Field("line", "The line is longer than 100 characters.")
	}
	list := words(s)
	end := word{start: len(s)}
	at := func(i int) word {
		if i < len(list) {
			return list[i]
		}
		return end
	}
	var l Line
	for i, read := range []func(word) error{l.side, l.quantity, l.underlying, l.contract, l.date, l.at, l.price} {
		if err := read(at(i)); err != nil {
			return Line{}, err
		}
	}
	if len(list) > 7 {
		return Line{}, lineFault(list[7], "The line ends after the price.")
	}
	return l, nil
}

func (l *Line) side(w word) error {
	l.Side = Side(strings.ToUpper(w.text))
	if l.Side != BTO && l.Side != STC {
		return lineFault(w, "An order begins with BTO or STC. "+lineForm)
	}
	return nil
}

func (l *Line) quantity(w word) error {
	n, err := strconv.ParseUint(w.text, 10, 31)
	if err != nil || n < 1 || n > 10_000 || strings.HasPrefix(w.text, "+") {
		return lineFault(w, "The quantity is a whole number from 1 to 10,000.")
	}
	l.Quantity = int(n)
	return nil
}

func (l *Line) underlying(w word) error {
	l.Underlying = strings.ToUpper(w.text)
	root := strings.NewReplacer(".", "", "/", "").Replace(l.Underlying)
	if root == "" || len(root) > 6 || strings.Trim(root, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return lineFault(w, "This is not a ticker.")
	}
	return nil
}

func (l *Line) contract(w word) error {
	text := strings.ToUpper(w.text)
	kind, known := map[byte]exchange.OptionType{'C': exchange.Call, 'P': exchange.Put}[last(text)]
	if !known {
		return lineFault(w, "A strike ends in C for calls or P for puts, like 200C.")
	}
	strike, err := money.ParsePrice(text[:len(text)-1])
	if err != nil || !strike.IsPositive() {
		return lineFault(w, "A strike is a number, like 200C or 197.5P.")
	}
	l.Strike, l.OptionType = strike.Decimal, kind
	return nil
}

func last(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}

func (l *Line) date(w word) error {
	parts := strings.Split(w.text, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return lineFault(w, "An expiration is month/day or month/day/year, like 1/15/27.")
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || len(part) > 4 || strings.HasPrefix(part, "+") {
			return lineFault(w, "An expiration is month/day or month/day/year, like 1/15/27.")
		}
		numbers[i] = int(n)
	}
	l.Month, l.Day, l.Year = numbers[0], numbers[1], numbers[2]
	if len(parts) == 3 && len(parts[2]) == 2 {
		l.Year += 2000
	}
	year := l.Year
	if len(parts) == 2 {
		year = 2028 // a leap year, so that 2/29 can be meant
	}
	if _, err := exchange.ParseDate(fmt.Sprintf("%04d-%02d-%02d", year, l.Month, l.Day)); err != nil || year < 2000 {
		return lineFault(w, "There is no such day.")
	}
	return nil
}

func (l *Line) at(w word) error {
	if w.text != "@" {
		return lineFault(w, "Between contract and price stands @. "+lineForm)
	}
	return nil
}

func (l *Line) price(w word) error {
	if strings.EqualFold(w.text, "m") {
		return nil
	}
	p, err := money.ParsePrice(w.text)
	if err != nil || !p.IsPositive() {
		return lineFault(w, "A price is a number like 3.50, or m for market.")
	}
	l.Limit = &p
	return nil
}

// Expiration is the date the line means: the one it says, or the first of the
// listed ones on its month and day. False when nothing is listed then.
func (l Line) Expiration(listed []exchange.Date) (exchange.Date, bool) {
	for _, d := range listed {
		if int(d.Month) == l.Month && d.Day == l.Day && (l.Year == 0 || d.Year == l.Year) {
			return d, true
		}
	}
	if l.Year == 0 {
		return exchange.Date{}, false
	}
	return exchange.Date{Year: l.Year, Month: time.Month(l.Month), Day: l.Day}, len(listed) == 0
}

// LineOf writes an order as a line, the inverse of ParseLine.
func LineOf(side Side, quantity int, c exchange.Contract, limit *money.Price) string {
	price := "m"
	if limit != nil {
		price = limit.String()
	}
	return fmt.Sprintf("%s %d %s @ %s", side, quantity, c.Line(), price)
}
