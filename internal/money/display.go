package money

import (
	"regexp"
	"strings"

	"github.com/shopspring/decimal"
)

// Minus is the true minus sign that pages show; a hyphen is shorter and reads as a dash.
const Minus = "−"

// Display writes a price for people: "$3.50", "$3.4567" with at most four decimals.
func (p Price) Display() string {
	d := p.RoundBank(4)
	return sign(d) + "$" + grouped(minDecimals(d.Abs(), 2))
}

// Display writes dollars and cents: "$1,750.00", "−$120.50". What rounds to
// nothing is "$0.00", without a sign.
func (a Amount) Display() string {
	d := a.RoundBank(2)
	return sign(d) + "$" + grouped(d.Abs().StringFixed(2))
}

// Signed is Display with a plus before gains, for profit and loss.
func (a Amount) Signed() string {
	d := a.RoundBank(2)
	if d.IsPositive() {
		return "+" + a.Display()
	}
	return a.Display()
}

// Short drops the cents when there are none: "$1,750", "$120.50".
func (a Amount) Short() string {
	d := a.RoundBank(2)
	text := d.Abs().StringFixed(2)
	return sign(d) + "$" + grouped(strings.TrimSuffix(text, ".00"))
}

// Whole is the amount in whole dollars, for where cents have no room; what is shown of it and
// its Direction go together.
func (a Amount) Whole() Amount { return Amount{Decimal: a.RoundBank(0)} }

// SignedShort is Short with a plus before gains.
func (a Amount) SignedShort() string {
	if a.Direction() > 0 {
		return "+" + a.Short()
	}
	return a.Short()
}

// Share writes an amount that is a part in hundredths: "63.93%".
func (a Amount) Share() string {
	d := a.RoundBank(2)
	return sign(d) + d.Abs().StringFixed(2) + "%"
}

// Direction is -1, 0 or 1 of the value as shown: what prints as $0.00 is 0.
func (a Amount) Direction() int { return a.RoundBank(2).Sign() }

// Percent is part of whole in hundredths, rounded once, half-even, to two places.
// It is null when the whole is zero.
func Percent(part, whole decimal.Decimal) decimal.NullDecimal {
	if whole.IsZero() {
		return decimal.NullDecimal{}
	}
	// 16 digits are far more than two places need, so the one rounding that counts is the last.
	exact := part.Mul(decimal.NewFromInt(100)).DivRound(whole, 16)
	return decimal.NewNullDecimal(exact.RoundBank(2))
}

// DisplayPercent writes "+50.00%", "−12.30%", or "—" when there is none.
func DisplayPercent(p decimal.NullDecimal) string {
	if !p.Valid {
		return "—"
	}
	d := p.Decimal.RoundBank(2)
	plus := ""
	if d.IsPositive() {
		plus = "+"
	}
	return plus + sign(d) + d.Abs().StringFixed(2) + "%"
}

// Hidden stands where an amount is not to be seen: hidden by its owner, or on a lock screen.
const Hidden = "•••••"

var dollarAmount = regexp.MustCompile(`[+−-]?\$\d[\d,]*(?:\.\d+)?`)

// Discreet is a sentence with Hidden in the place of each dollar amount and price in it.
func Discreet(sentence string) string { return dollarAmount.ReplaceAllString(sentence, Hidden) }

func sign(d decimal.Decimal) string {
	if d.IsNegative() {
		return Minus
	}
	return ""
}

func minDecimals(d decimal.Decimal, places int32) string {
	if -d.Exponent() < places {
		return d.StringFixed(places)
	}
	text := d.String()
	if _, fraction, _ := strings.Cut(text, "."); len(fraction) < int(places) {
		return d.StringFixed(places)
	}
	return text
}

// grouped puts a comma between thousands.
func grouped(s string) string {
	whole, fraction, dotted := strings.Cut(s, ".")
	var b strings.Builder
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	if dotted {
		b.WriteString("." + fraction)
	}
	return b.String()
}
