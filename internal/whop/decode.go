package whop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// decode reads one JSON value, numbers as they are written: a float would lose cents.
func decode(body []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end")
	}
	return nil
}

// ref is something named either by an id beside it or as an object with an id.
type ref struct {
	ID string `json:"id"`
}

func (r *ref) id() string {
	if r == nil {
		return ""
	}
	return r.ID
}

// either is the first that says something.
func either(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// instant is a time as Whop writes it: RFC 3339, null, or seconds of 1970 in old shapes.
type instant struct{ time.Time }

// secondsMost is the year 9999: what is later is no time.
const secondsMost = 253402300799

// UnmarshalJSON reads it; the zero time is null.
func (i *instant) UnmarshalJSON(raw []byte) error {
	text := strings.TrimSpace(string(raw))
	if text == "null" || text == `""` {
		return nil
	}
	if text[0] != '"' {
		var seconds int64
		if err := json.Unmarshal(raw, &seconds); err != nil || seconds < 0 || seconds > secondsMost {
			return fmt.Errorf("%s is no time", cut(text, 40))
		}
		i.Time = time.Unix(seconds, 0).UTC()
		return nil
	}
	var t time.Time
	if err := json.Unmarshal(raw, &t); err != nil {
		return fmt.Errorf("%s is no time", cut(text, 40))
	}
	i.Time = t.UTC()
	return nil
}

// first is the first of several times that is one.
func first(times ...instant) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t.Time
		}
	}
	return time.Time{}
}

// Money is an amount in a currency's smallest unit: 4900 with 2 decimals is 49.00.
type Money struct {
	Minor    int64
	Currency string // lower case: usd
	Decimals int
}

// What is read as a number, and how many decimals a currency has, at most; nothing that
// is paid has more.
const moneyTextMax, decimalsMost = 40, 12

// amount is money as it comes: an object with a decimal string, or a bare number in the
// shapes of before, whose currency stands beside it.
type amount struct {
	text, currency string
	decimals       int // -1 where not said
}

// UnmarshalJSON reads both forms; null and an object without an amount are no money.
func (a *amount) UnmarshalJSON(raw []byte) error {
	a.decimals = -1
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "null":
		return nil
	case strings.HasPrefix(text, "{"):
		var object struct {
			Amount   json.RawMessage `json:"amount"`
			Currency string          `json:"currency"`
			Decimals *int            `json:"decimals"`
		}
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
		a.currency = object.Currency
		if object.Decimals != nil {
			a.decimals = *object.Decimals
		}
		if text = strings.TrimSpace(string(object.Amount)); text == "" || text == "null" {
			return nil
		}
	}
	a.text = strings.Trim(text, `"`)
	return nil
}

// money is the amount exactly, or an error: what would have to be rounded is not what
// was paid.
func (a amount) money(currency string) (Money, error) {
	m := Money{Currency: strings.ToLower(either(a.currency, currency)), Decimals: a.decimals}
	if m.Decimals < 0 {
		m.Decimals = decimalsOf(m.Currency)
	}
	if m.Decimals > decimalsMost {
		return Money{}, fmt.Errorf("no money has %d decimals", m.Decimals)
	}
	if a.text == "" {
		return m, nil
	}
	if len(a.text) > moneyTextMax || strings.ContainsAny(a.text, "eE") {
		return Money{}, fmt.Errorf("%q is no amount of money", cut(a.text, moneyTextMax))
	}
	d, err := decimal.NewFromString(a.text)
	if err != nil {
		return Money{}, fmt.Errorf("%q is no amount of money", a.text)
	}
	minor := d.Shift(int32(m.Decimals))
	if !minor.IsInteger() {
		return Money{}, fmt.Errorf("%q has more than %d decimals", a.text, m.Decimals)
	}
	if !minor.BigInt().IsInt64() {
		return Money{}, fmt.Errorf("%q is no amount of money", a.text)
	}
	m.Minor = minor.IntPart()
	return m, nil
}

// decimalsOf is how many decimals a currency has where the answer does not say (ISO 4217).
func decimalsOf(currency string) int {
	switch currency {
	case "jpy", "krw", "clp", "vnd", "isk", "pyg", "ugx", "xaf", "xof", "xpf", "rwf", "kmf", "gnf", "djf", "bif", "vuv":
		return 0
	case "kwd", "bhd", "omr", "tnd", "jod", "iqd", "lyd":
		return 3
	}
	return 2
}
