package snaptrade

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// depthMax is how deep arrays and objects may be nested (correctness §11.1).
const depthMax = 100

var errMalformed = errors.New("malformed JSON")

// Parse reads one JSON text strictly: RFC 8259, UTF-8, nothing after it, at most
// 100 levels deep, no number beyond float64. An unpaired surrogate escape is kept.
func Parse(raw []byte) (Value, error) {
	if !utf8.Valid(raw) {
		return Value{}, fmt.Errorf("%w: not UTF-8", errMalformed)
	}
	p := parser{in: string(raw)}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	p.space()
	if p.at < len(p.in) {
		return Value{}, p.fail("bytes after the end")
	}
	return v, nil
}

type parser struct {
	in string
	at int
}

// fail names the place, never the content: bodies may hold secrets.
func (p *parser) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", errMalformed, what, p.at)
}

func (p *parser) space() {
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

// peek gives the next byte, 0 at the end (a raw NUL is refused everywhere).
func (p *parser) peek() byte {
	if p.at == len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *parser) value(depth int) (Value, error) {
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '"':
		text, err := p.str()
		return Value{kind: String, text: text}, err
	case c == '-' || isDigit(c):
		return p.number()
	default:
		return p.word()
	}
}

func (p *parser) word() (Value, error) {
	rest := p.in[p.at:]
	switch {
	case strings.HasPrefix(rest, "true"):
		p.at += len("true")
		return Value{kind: Bool, text: "true"}, nil
	case strings.HasPrefix(rest, "false"):
		p.at += len("false")
		return Value{kind: Bool, text: "false"}, nil
	case strings.HasPrefix(rest, "null"):
		p.at += len("null")
		return Value{kind: Null}, nil
	default:
		return Value{}, p.fail("no value")
	}
}

func (p *parser) array(depth int) (Value, error) {
	kids := &children{}
	err := p.members(depth, ']', func() error {
		v, err := p.value(depth)
		kids.values = append(kids.values, v)
		return err
	})
	return Value{kind: Array, kids: kids}, err
}

func (p *parser) object(depth int) (Value, error) {
	kids := &children{}
	err := p.members(depth, '}', func() error {
		key, v, err := p.member(depth)
		kids.keys, kids.values = append(kids.keys, key), append(kids.values, v)
		return err
	})
	if err != nil {
		return Value{}, err
	}
	return Value{kind: Object, kids: kids.sorted()}, nil
}

func (p *parser) member(depth int) (string, Value, error) {
	p.space()
	if p.peek() != '"' {
		return "", Value{}, p.fail("no key")
	}
	key, err := p.str()
	if err != nil {
		return "", Value{}, err
	}
	p.space()
	if p.peek() != ':' {
		return "", Value{}, p.fail("no colon")
	}
	p.at++
	v, err := p.value(depth)
	return key, v, err
}

// members reads what stands between the brackets of an array or object.
func (p *parser) members(depth int, end byte, one func() error) error {
	if depth > depthMax {
		return p.fail("nested too deep")
	}
	p.at++
	p.space()
	if p.peek() == end {
		p.at++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case end:
			p.at++
			return nil
		default:
			return p.fail("no comma")
		}
	}
}

// sorted orders the members by key and keeps the last of doubled ones. Keys are
// UTF-8 (unpaired surrogates in the same scheme), whose byte order is that of
// the code points.
func (c *children) sorted() *children {
	order := make([]int, len(c.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(c.keys[a], c.keys[b]) })
	out := &children{keys: make([]string, 0, len(order)), values: make([]Value, 0, len(order))}
	for _, i := range order {
		if n := len(out.keys); n > 0 && out.keys[n-1] == c.keys[i] {
			out.values[n-1] = c.values[i]
			continue
		}
		out.keys, out.values = append(out.keys, c.keys[i]), append(out.values, c.values[i])
	}
	return out
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *parser) digits() bool {
	start := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	return p.at > start
}

func (p *parser) number() (Value, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	zero := p.peek() == '0'
	first := p.at
	if !p.digits() || zero && p.at > first+1 {
		return Value{}, p.fail("bad number")
	}
	if err := p.fraction(); err != nil {
		return Value{}, err
	}
	token := p.in[start:p.at]
	if isFloat(token) && !floatFits(token) {
		return Value{}, p.fail("number too large")
	}
	return Value{kind: Number, text: token}, nil
}

func (p *parser) fraction() error {
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return p.fail("bad fraction")
		}
	}
	if c := p.peek(); c != 'e' && c != 'E' {
		return nil
	}
	p.at++
	if c := p.peek(); c == '+' || c == '-' {
		p.at++
	}
	if !p.digits() {
		return p.fail("bad exponent")
	}
	return nil
}

func (p *parser) str() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.in) && p.in[p.at] >= 0x20 && p.in[p.at] != '"' && p.in[p.at] != '\\' {
		p.at++
	}
	if p.peek() == '"' { // the common case: nothing to unescape
		p.at++
		return p.in[start : p.at-1], nil
	}
	out := []byte(p.in[start:p.at])
	for p.at < len(p.in) {
		c := p.in[p.at]
		switch {
		case c == '"':
			p.at++
			return string(out), nil
		case c < 0x20:
			return "", p.fail("control character in a string")
		case c != '\\':
			out = append(out, c)
			p.at++
		default:
			var err error
			if out, err = p.escape(out); err != nil {
				return "", err
			}
		}
	}
	return "", p.fail("string without an end")
}

func (p *parser) escape(out []byte) ([]byte, error) {
	p.at++
	c := p.peek()
	if c == 'u' {
		return p.unicode(out)
	}
	from, to := `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := strings.IndexByte(from, c)
	if c == 0 || i < 0 {
		return nil, p.fail("unknown escape")
	}
	p.at++
	return append(out, to[i]), nil
}

// unicode reads \uXXXX at the u. A high and a low surrogate in a row are one
// character; one alone is kept in the three bytes its code point would have.
func (p *parser) unicode(out []byte) ([]byte, error) {
	r, ok := p.hex4(p.at)
	if !ok {
		return nil, p.fail("bad \\u escape")
	}
	p.at += 5
	if isHigh(r) && strings.HasPrefix(p.in[p.at:], `\u`) {
		if low, ok := p.hex4(p.at + 1); ok && isLow(low) {
			p.at += 6
			return utf8.AppendRune(out, joinSurrogates(r, low)), nil
		}
	}
	if isHigh(r) || isLow(r) {
		return append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F), nil
	}
	return utf8.AppendRune(out, r), nil
}

// hex4 reads the four digits after the u at position at.
func (p *parser) hex4(at int) (rune, bool) {
	if at+5 > len(p.in) {
		return 0, false
	}
	digits := p.in[at+1 : at+5]
	if strings.ContainsAny(digits, "+-_") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 16)
	return rune(n), err == nil
}

func isHigh(r rune) bool { return 0xD800 <= r && r < 0xDC00 }

func isLow(r rune) bool { return 0xDC00 <= r && r < 0xE000 }

func joinSurrogates(high, low rune) rune { return 0x10000 + (high-0xD800)<<10 + (low - 0xDC00) }
