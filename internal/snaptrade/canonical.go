package snaptrade

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// This file alone uses float64: the canonical form prints numbers with a point
// or an exponent as Python prints a float (contract §2.1, rule 5).

// Canonical prints v as Python's json.dumps(v, separators=(",", ":"),
// sort_keys=True) would: the text that SnapTrade signs (contract §2.1).
func (v Value) Canonical() []byte { return appendCanonical(nil, v) }

func appendCanonical(out []byte, v Value) []byte {
	switch v.kind {
	case Object:
		return appendObject(out, v.kids)
	case Array:
		return appendArray(out, v.kids)
	case String:
		return appendString(out, v.text)
	case Number:
		return append(out, canonicalNumber(v.text)...)
	case Bool:
		return append(out, v.text...)
	default:
		return append(out, "null"...)
	}
}

func appendObject(out []byte, kids *children) []byte {
	out = append(out, '{')
	for i, key := range kids.keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, key), ':')
		out = appendCanonical(out, kids.values[i])
	}
	return append(out, '}')
}

func appendArray(out []byte, kids *children) []byte {
	out = append(out, '[')
	for i, item := range kids.values {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendCanonical(out, item)
	}
	return append(out, ']')
}

func appendString(out []byte, text string) []byte {
	out = append(out, '"')
	for text != "" {
		if c := text[0]; c >= 0x20 && c < 0x7F && c != '"' && c != '\\' { // nearly all of it
			out, text = append(out, c), text[1:]
			continue
		}
		r, size := nextRune(text)
		out = appendRune(out, r)
		text = text[size:]
	}
	return append(out, '"')
}

// nextRune is utf8.DecodeRuneInString that also knows the three bytes in which
// the parser keeps an unpaired surrogate.
func nextRune(text string) (rune, int) {
	r, size := utf8.DecodeRuneInString(text)
	if r != utf8.RuneError || size != 1 || len(text) < 3 {
		return r, size
	}
	return rune(text[0]&0x0F)<<12 | rune(text[1]&0x3F)<<6 | rune(text[2]&0x3F), 3
}

func appendRune(out []byte, r rune) []byte {
	if i := strings.IndexRune("\"\\\b\f\n\r\t", r); i >= 0 {
		return append(out, '\\', `"\bfnrt`[i])
	}
	if r > 0xFFFF {
		high, low := utf16.EncodeRune(r)
		return appendEscape(appendEscape(out, high), low)
	}
	return appendEscape(out, r)
}

func appendEscape(out []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// isFloat reports whether a number token is one that Python reads as a float.
func isFloat(token string) bool { return strings.ContainsAny(token, ".eE") }

func floatFits(token string) bool {
	f, _ := strconv.ParseFloat(token, 64)
	return !math.IsInf(f, 0)
}

func canonicalNumber(token string) string {
	if !isFloat(token) {
		if token == "-0" {
			return "0"
		}
		return token
	}
	f, _ := strconv.ParseFloat(token, 64) // the parser refused what does not fit
	scientific := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(scientific[strings.IndexByte(scientific, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return scientific
	}
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	return plain
}
