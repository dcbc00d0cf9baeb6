package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// body writes an event the way Python's json.dumps does by default: a space
// after comma and colon, keys as they come, ASCII only.
func (e event) body(id, clientID string, at time.Time) ([]byte, error) {
	fields := []struct {
		key   string
		value any
	}{
		{"webhookId", id}, {"clientId", clientID}, {"eventTimestamp", eventStamp(at)}, {"userId", e.User},
		{"eventType", e.Type}, {"brokerageId", e.Broker}, {"brokerageAuthorizationId", e.Connection},
		{"accountId", e.Account}, {"connectionAttemptedResult", e.AttemptResult}, {"details", e.Details},
		{"webhookSecret", "deprecated-value"},
	}
	var compact bytes.Buffer
	compact.WriteByte('{')
	for _, field := range fields {
		if field.value == "" || field.value == nil {
			continue
		}
		value, err := json.Marshal(field.value)
		if err != nil {
			return nil, fmt.Errorf("write %s of %s: %w", field.key, e.Type, err)
		}
		if compact.Len() > 1 {
			compact.WriteByte(',')
		}
		fmt.Fprintf(&compact, "%q:%s", field.key, value)
	}
	compact.WriteByte('}')
	return pythonSpaced(compact.Bytes())
}

// eventStamp prints 2022-05-31T11:16:54.658533+00:00.
func eventStamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000-07:00") }

// pythonSpaced rewrites JSON with Python's default spacing, order and numbers
// untouched.
func pythonSpaced(compact []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(compact))
	decoder.UseNumber()
	var out bytes.Buffer
	if err := spaceValue(&out, decoder); err != nil {
		return nil, fmt.Errorf("space JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("space JSON: text after the value")
	}
	return out.Bytes(), nil
}

func spaceValue(out *bytes.Buffer, decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	switch value := token.(type) {
	case json.Delim:
		return spaceNested(out, decoder, value)
	case string:
		printString(out, value)
	case json.Number:
		out.WriteString(value.String())
	case bool:
		fmt.Fprintf(out, "%t", value)
	default:
		out.WriteString("null")
	}
	return nil
}

func spaceNested(out *bytes.Buffer, decoder *json.Decoder, open json.Delim) error {
	out.WriteString(open.String())
	for first := true; decoder.More(); first = false {
		if !first {
			out.WriteString(", ")
		}
		if open == '{' {
			if err := spaceKey(out, decoder); err != nil {
				return err
			}
		}
		if err := spaceValue(out, decoder); err != nil {
			return err
		}
	}
	closing, err := decoder.Token()
	if err != nil {
		return err
	}
	fmt.Fprint(out, closing)
	return nil
}

func spaceKey(out *bytes.Buffer, decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	key, isString := token.(string)
	if !isString {
		return fmt.Errorf("key %v is not a string", token)
	}
	printString(out, key)
	out.WriteString(": ")
	return nil
}
