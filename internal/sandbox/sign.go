package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The sandbox checks and makes SnapTrade signatures by its own reading of the
// rule (what Python prints for json.dumps with sorted keys and no spaces), so
// that a mistake in the client's reading does not agree with itself.

// signature is base64(HMAC-SHA256(key, text)).
func signature(consumerKey string, text []byte) string {
	mac := hmac.New(sha256.New, []byte(consumerKey))
	mac.Write(text)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// requestText is what a request's signature covers: body (null when there is
// none or it is {}), path and raw query exactly as they came over the wire.
func requestText(body []byte, path, rawQuery string) ([]byte, error) {
	content := any(nil)
	if len(bytes.TrimSpace(body)) > 0 {
		tree, err := parseStrict(body)
		if err != nil {
			return nil, err
		}
		content = tree
	}
	if object, isObject := content.(map[string]any); isObject && len(object) == 0 {
		content = nil
	}
	return pythonSorted(map[string]any{"content": content, "path": path, "query": rawQuery})
}

// canonical is the text a webhook's signature covers.
func canonical(body []byte) ([]byte, error) {
	tree, err := parseStrict(body)
	if err != nil {
		return nil, err
	}
	return pythonSorted(tree)
}

// parseStrict reads exactly one JSON value, numbers kept as written.
func parseStrict(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(shieldSurrogates(raw)))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("body is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("body has text after its JSON")
	}
	return tree, nil
}

// shieldBase is the start of plane 16, private use: an unpaired surrogate
// escape \ud8ab, which Go cannot hold in a string, travels as U+10D8AB.
const shieldBase = 0x100000

func shieldSurrogates(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(`\u`)) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		width, unit := escapeAt(raw, i)
		if width != 6 || !utf16.IsSurrogate(unit) {
			out = append(out, raw[i:i+width]...)
			i += width
			continue
		}
		if _, next := escapeAt(raw, min(i+6, len(raw)-1)); utf16.DecodeRune(unit, next) != utf8.RuneError {
			out = append(out, raw[i:i+12]...)
			i += 12
			continue
		}
		out = utf8.AppendRune(out, shieldBase+unit)
		i += 6
	}
	return out
}

// escapeAt returns how many bytes belong together at i (6 for \uXXXX, 2 for
// another escape, else 1) and the unit of a \uXXXX.
func escapeAt(raw []byte, i int) (width int, unit rune) {
	if raw[i] != '\\' || i+1 >= len(raw) {
		return 1, 0
	}
	if raw[i+1] != 'u' || i+6 > len(raw) {
		return 2, 0
	}
	value, err := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
	if err != nil {
		return 2, 0
	}
	return 6, rune(value)
}

// pythonSorted prints a tree as json.dumps(v, separators=(",", ":"), sort_keys=True).
func pythonSorted(tree any) ([]byte, error) {
	var out bytes.Buffer
	err := printSorted(&out, tree)
	return out.Bytes(), err
}

func printSorted(out *bytes.Buffer, node any) error {
	switch value := node.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(value))
	case string:
		printString(out, value)
	case json.Number:
		return printNumber(out, string(value))
	case []any:
		return printArray(out, value)
	case map[string]any:
		return printObject(out, value)
	default:
		return fmt.Errorf("cannot print %T as JSON", node)
	}
	return nil
}

func printArray(out *bytes.Buffer, items []any) error {
	out.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := printSorted(out, item); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return nil
}

func printObject(out *bytes.Buffer, object map[string]any) error {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return slices.Compare(codePoints(a), codePoints(b)) })
	out.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			out.WriteByte(',')
		}
		printString(out, key)
		out.WriteByte(':')
		if err := printSorted(out, object[key]); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

// codePoints undoes the surrogate shield.
func codePoints(s string) []rune {
	points := []rune(s)
	for i, r := range points {
		if utf16.IsSurrogate(r - shieldBase) {
			points[i] = r - shieldBase
		}
	}
	return points
}

var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}

// printString writes ASCII only, as Python's ensure_ascii does; U+007F too.
func printString(out *bytes.Buffer, s string) {
	out.WriteByte('"')
	for _, r := range codePoints(s) {
		short, isShort := shortEscapes[r]
		switch {
		case isShort:
			out.WriteString(short)
		case r >= 0x20 && r < 0x7f:
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(out, `\u%04x`, r)
		}
	}
	out.WriteByte('"')
}

// printNumber writes integers digit for digit and floats as Python's repr.
func printNumber(out *bytes.Buffer, token string) error {
	if !strings.ContainsAny(token, ".eE") {
		if token == "-0" {
			token = "0"
		}
		out.WriteString(token)
		return nil
	}
	f, err := strconv.ParseFloat(token, 64)
	if err != nil || math.IsInf(f, 0) {
		return fmt.Errorf("number %s is out of range", token)
	}
	out.WriteString(pythonFloat(f))
	return nil
}

func pythonFloat(f float64) string {
	scientific := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(scientific, "e")
	x, err := strconv.Atoi(exponent)
	if err != nil || x < -4 || x >= 16 {
		return scientific
	}
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	return plain
}
