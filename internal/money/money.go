// Package money holds exact prices, amounts and percentages, and writes them for people.
package money

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Price is dollars for one share: what options are quoted in.
type Price struct{ decimal.Decimal }

// Amount is dollars.
type Amount struct{ decimal.Decimal }

var errNotString = errors.New("money is a JSON string such as \"3.50\", never a number")

// ParsePrice reads plain decimal text, such as "3.50".
func ParsePrice(s string) (Price, error) {
	d, err := parse(s)
	return Price{d}, err
}

// ParseAmount reads plain decimal text.
func ParseAmount(s string) (Amount, error) {
	d, err := parse(s)
	return Amount{d}, err
}

// MustPrice is ParsePrice for literals in code and tests.
func MustPrice(s string) Price { return Price{decimal.RequireFromString(s)} }

// MustAmount is ParseAmount for literals in code and tests.
func MustAmount(s string) Amount { return Amount{decimal.RequireFromString(s)} }

// parse refuses exponents, signs other than a leading minus, and blanks:
// decimal's own reader takes "1e9", which no person means as a price.
func parse(s string) (decimal.Decimal, error) {
	if len(s) == 0 || len(s) > 32 {
		return decimal.Decimal{}, errors.New("not a decimal number")
	}
	digits := strings.TrimPrefix(s, "-")
	whole, fraction, dotted := strings.Cut(digits, ".")
	if !isDigits(whole) || (dotted && !isDigits(fraction)) {
		return decimal.Decimal{}, errors.New("not a decimal number")
	}
	return decimal.NewFromString(s)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Cost is what quantity contracts cost at price p. The multiplier is the
// contract's own: 100 for most, 10 for minis.
func (p Price) Cost(quantity, multiplier int) Amount {
	return Amount{p.Mul(decimal.NewFromInt(int64(quantity) * int64(multiplier)))}
}

// String is the wire form: at least two decimals, no needless ones after them.
func (p Price) String() string { return plain(p.Decimal) }

// String is the wire form: at least two decimals, no needless ones after them.
func (a Amount) String() string { return plain(a.Decimal) }

// Format prints the wire form for %s and %v: the decimal within has a Format of its own,
// which would write 3.5 for 3.50 wherever a sentence names a price.
func (p Price) Format(f fmt.State, verb rune) { format(p.Decimal, f, verb) }

// Format prints the wire form for %s and %v.
func (a Amount) Format(f fmt.State, verb rune) { format(a.Decimal, f, verb) }

func format(d decimal.Decimal, f fmt.State, verb rune) {
	switch verb {
	case 's', 'v':
		fmt.Fprintf(f, fmt.FormatString(f, 's'), plain(d))
	default:
		d.Format(f, verb)
	}
}

// MarshalJSON writes a JSON string.
func (p Price) MarshalJSON() ([]byte, error) { return quote(plain(p.Decimal)), nil }

// MarshalJSON writes a JSON string.
func (a Amount) MarshalJSON() ([]byte, error) { return quote(plain(a.Decimal)), nil }

// UnmarshalJSON takes a JSON string only: a JSON number has passed through
// somebody's float.
func (p *Price) UnmarshalJSON(b []byte) error {
	d, err := unquote(b)
	p.Decimal = d
	return err
}

// UnmarshalJSON takes a JSON string only.
func (a *Amount) UnmarshalJSON(b []byte) error {
	d, err := unquote(b)
	a.Decimal = d
	return err
}

func quote(s string) []byte { return []byte(`"` + s + `"`) }

func unquote(b []byte) (decimal.Decimal, error) {
	b = bytes.TrimSpace(b)
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return decimal.Decimal{}, errNotString
	}
	return parse(string(b[1 : len(b)-1]))
}

// plain prints the exact value with at least two decimals.
func plain(d decimal.Decimal) string {
	s := d.String()
	_, fraction, _ := strings.Cut(s, ".")
	switch len(fraction) {
	case 0:
		return s + ".00"
	case 1:
		return s + "0"
	}
	return s
}

// Trim prints the exact value with no needless decimals: strikes are "200" and "197.5".
func Trim(d decimal.Decimal) string { return d.String() }
