package copytrade

import "encoding/json"

// Bound is a limit that its owner may switch off. In a request null switches it
// off, and leaving it out keeps what is set; in an answer null says that it is off.
type Bound[T any] struct {
	Value *T // nil: off
	given bool
}

// Off is a bound that is switched off.
func Off[T any]() Bound[T] { return Bound[T]{given: true} }

// At is a bound at a value.
func At[T any](v T) Bound[T] { return Bound[T]{Value: &v, given: true} }

// IsZero reports whether nothing was said of the bound.
func (b Bound[T]) IsZero() bool { return !b.given }

// MarshalJSON writes the value or null.
func (b Bound[T]) MarshalJSON() ([]byte, error) { return json.Marshal(b.Value) }

// UnmarshalJSON takes the value or null.
func (b *Bound[T]) UnmarshalJSON(text []byte) error {
	b.given = true
	return json.Unmarshal(text, &b.Value)
}

// or is the bound, or what was set before where nothing was said of it.
func (b Bound[T]) or(before Bound[T]) Bound[T] {
	if b.given {
		return b
	}
	return before
}

// Higher reports whether an upper bound lets through more than the one before:
// it lies higher, or is switched off. Saying nothing of it changes nothing.
func (b Bound[T]) Higher(before Bound[T], compare func(a, b T) int) bool {
	return b.given && before.Value != nil && (b.Value == nil || compare(*b.Value, *before.Value) > 0)
}

// Lower is Higher for a lower bound.
func (b Bound[T]) Lower(before Bound[T], compare func(a, b T) int) bool {
	return b.given && before.Value != nil && (b.Value == nil || compare(*b.Value, *before.Value) < 0)
}
