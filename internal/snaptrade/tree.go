package snaptrade

import (
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Kind says what a Value is.
type Kind uint8

// The kinds of a Value. Missing is the zero kind: what Get gives for a key that
// is not there.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Value is one node of a parsed JSON text. Numbers keep their token, so nothing
// is lost to a float; a doubled key has its last value (correctness §11.2).
type Value struct {
	kind Kind
	text string // Number: the token; String: its content; Bool: "true" or "false"
	kids *children
}

// children are the members of an array (no keys) or of an object, sorted by key.
type children struct {
	keys   []string
	values []Value
}

// Kind says what v is.
func (v Value) Kind() Kind { return v.kind }

// Get returns the member called key, case and all, or a Missing value.
func (v Value) Get(key string) Value {
	if v.kind != Object {
		return Value{}
	}
	i, found := slices.BinarySearch(v.kids.keys, key)
	if !found {
		return Value{}
	}
	return v.kids.values[i]
}

// Items returns the members of an array, nil for anything else.
func (v Value) Items() []Value {
	if v.kind != Array {
		return nil
	}
	return v.kids.values
}

// Text returns the content of a string, and "" for anything else. What a
// database would refuse (unpaired surrogates, NUL) becomes U+FFFD.
func (v Value) Text() string {
	if v.kind != String {
		return ""
	}
	return strings.ReplaceAll(strings.ToValidUTF8(v.text, "\uFFFD"), "\x00", "\uFFFD")
}

// ID returns an identifier, which some brokers send as a string and some as a number.
func (v Value) ID() string {
	if v.kind == Number {
		return v.text
	}
	return v.Text()
}

// IsTrue reports whether v is the token true.
func (v Value) IsTrue() bool { return v.kind == Bool && v.text == "true" }

const (
	decimalTextMax     = 64 // characters; prices and quantities have a dozen
	decimalExponentMax = 40 // keeps "1e999999999" from filling the memory
)

// Decimal reads an exact number from a string or a number. Null, a missing
// value and an empty string give nil, true; anything unreadable nil, false.
func (v Value) Decimal() (*decimal.Decimal, bool) {
	switch v.kind {
	case Missing, Null:
		return nil, true
	case String, Number:
		return readDecimal(v.text)
	default:
		return nil, false
	}
}

func readDecimal(text string) (*decimal.Decimal, bool) {
	if text == "" {
		return nil, true
	}
	if len(text) > decimalTextMax {
		return nil, false
	}
	d, err := decimal.NewFromString(text)
	if err != nil || d.Exponent() > decimalExponentMax || d.Exponent() < -decimalTextMax {
		return nil, false
	}
	return &d, true
}

// Time reads an instant: RFC 3339, or with a space instead of the T as in
// last_successful_sync, or a bare date (midnight UTC). Null, a missing value and
// an empty string give the zero time, true; anything unreadable zero, false.
func (v Value) Time() (time.Time, bool) {
	if v.kind == Missing || v.kind == Null || v.kind == String && v.text == "" {
		return time.Time{}, true
	}
	if v.kind != String {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, v.text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
