package httpio

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// BodyMax is the most a JSON request may hold; our largest is about 2 kB.
	BodyMax = 64 << 10
	// depthMax is how deep a request may nest; ours go four deep.
	depthMax = 32
	// nameMax keeps a field name we repeat in an answer short, in characters.
	nameMax = 64
)

// Decode reads the JSON object of a request into v, strictly: unknown or doubled
// fields, other capitals, trailing data and wrong types (5.0 for a quantity) are
// 400 invalid_json and name the field and the byte offset; another content type
// is 415, more than 64 KiB is 413.
func Decode(r *http.Request, v any) error {
	if err := checkContentType(r.Header); err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	return DecodeBytes(body, v)
}

// DecodeBytes is Decode for a body that was read already.
func DecodeBytes(body []byte, v any) error {
	if err := checkShape(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return explainJSON(err)
	}
	return nil
}

func checkContentType(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err != nil || kind != "application/json" || (charset != "" && charset != "utf-8") {
		return fault.NotJSON()
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fault.NotJSON()
	}
	return nil
}

func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > BodyMax {
		return nil, fault.TooLarge()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, BodyMax+1))
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit), len(body) > BodyMax:
		return nil, fault.TooLarge()
	case err != nil:
		return nil, fault.InvalidJSON("The body could not be read.").Because(err)
	}
	return body, nil
}

// checkShape walks the tokens once: one object, nothing after it, not too deep.
// The decoder itself would go ten thousand deep.
func checkShape(body []byte) error {
	dec := jsontext.NewDecoder(strings.NewReader(string(body)))
	if kind := dec.PeekKind(); kind != '{' && kind != 0 {
		return fault.InvalidJSON("The body must be one JSON object.").With("offset", 0)
	}
	for tokens := 0; ; tokens++ {
		_, err := dec.ReadToken()
		switch {
		case errors.Is(err, io.EOF) && tokens == 0:
			return fault.InvalidJSON("The body is empty; send a JSON object.").With("offset", 0)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return explainJSON(err)
		case tokens > 0 && dec.StackDepth() == 0 && dec.PeekKind() != 0:
			return fault.InvalidJSON("There is more after the end of the JSON object.").With("offset", dec.InputOffset())
		case dec.StackDepth() > depthMax:
			return fault.InvalidJSON(fmt.Sprintf("The body nests deeper than %d levels.", depthMax)).
				With("offset", dec.InputOffset())
		}
	}
}

// explainJSON says where a body is wrong without repeating values from it.
func explainJSON(err error) error {
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		name := fieldName(syntax.JSONPointer)
		return at(fmt.Sprintf("The field %q stands there twice.", name), name, syntax.ByteOffset).Because(err)
	case errors.As(err, &syntax):
		return at("The body is not valid JSON.", fieldName(syntax.JSONPointer), syntax.ByteOffset).Because(err)
	case errors.As(err, &meaning) && errors.Is(err, json.ErrUnknownName):
		name := fieldName(meaning.JSONPointer)
		return at(fmt.Sprintf("There is no field %q here.", name), name, meaning.ByteOffset).Because(err)
	case errors.As(err, &meaning):
		name := fieldName(meaning.JSONPointer)
		return at(fmt.Sprintf("The field %q must be %s.", name, wanted(meaning.GoType)), name, meaning.ByteOffset).Because(err)
	}
	return fault.InvalidJSON("The body is not valid JSON.").Because(err)
}

func at(public, field string, offset int64) *fault.Error {
	f := fault.InvalidJSON(public).With("offset", offset)
	if field != "" {
		f = f.With("field", field)
	}
	return f
}

// fieldName writes a JSON pointer the way people do: legs.0.quantity.
func fieldName(p jsontext.Pointer) string {
	var names []string
	for token := range p.Tokens() {
		names = append(names, token)
	}
	name := strings.Join(names, ".")
	if utf8.RuneCountInString(name) > nameMax {
		name = string([]rune(name)[:nameMax]) + "…"
	}
	return name
}

// wanted names a type for people. Everything of ours that is not a plain kind is
// written as a string: prices, ids, dates.
func wanted(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number, written without point or exponent"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "an object"
	case reflect.String:
		return "a string"
	}
	return "a valid value written as a string"
}
