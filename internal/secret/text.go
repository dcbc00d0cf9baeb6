// Package secret holds values that must not be seen: redacted in print, sealed at rest, and
// taken out of errors that quote them.
package secret

import "log/slog"

const redacted = "[redacted]"

// Text is a string that every printer, logger and encoder shows as "[redacted]".
// The value leaves it only through Reveal, as late as possible, in the client
// that sends it. It holds a pointer because fmt looks into unexported fields
// without asking for String: what it finds there is an address. Two Texts are
// compared by what they reveal, never by ==.
type Text struct{ value *string }

// New wraps a secret value.
func New(value string) Text { return Text{value: &value} }

// Reveal returns the value itself, "" for the zero Text.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether there is no value.
func (t Text) IsZero() bool { return t.Reveal() == "" }

// String, GoString, MarshalJSON, MarshalText and LogValue never show the value.
func (t Text) String() string { return redacted }

// GoString is what %#v prints.
func (t Text) GoString() string { return redacted }

// MarshalJSON writes the placeholder, so that a struct holding a secret can be encoded by mistake without harm.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText serves map keys and text encoders.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is what slog prints.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }
