package snaptrade

import (
	"time"

	"github.com/shopspring/decimal"
)

// record reads the members of one object and remembers whether any of them
// could not be understood. Absent and null members are no fault: most response
// schemas require nothing.
type record struct {
	v   Value
	bad bool
}

func readRecord(v Value) *record { return &record{v: v, bad: v.Kind() != Object} }

func (r *record) text(key string) string { return r.v.Get(key).Text() }

func (r *record) id(key string) string { return r.v.Get(key).ID() }

func (r *record) isTrue(key string) bool { return r.v.Get(key).IsTrue() }

func (r *record) decimal(key string) *decimal.Decimal {
	d, ok := r.v.Get(key).Decimal()
	r.bad = r.bad || !ok
	return d
}

func (r *record) time(key string) time.Time {
	t, ok := r.v.Get(key).Time()
	r.bad = r.bad || !ok
	return t
}

// list reads every item of an array; one that cannot be read fails the whole,
// because a list with a hole would pass for the truth.
func list[T any](op string, v Value, one func(Value) (T, bool)) ([]T, error) {
	if v.Kind() != Array {
		return nil, unreadable(op, answer{}, "not a list")
	}
	out := make([]T, 0, len(v.Items()))
	for _, item := range v.Items() {
		t, ok := one(item)
		if !ok {
			return nil, unreadable(op, answer{}, "an entry cannot be read")
		}
		out = append(out, t)
	}
	return out, nil
}

// object reads one object.
func object[T any](op string, v Value, one func(Value) (T, bool)) (T, error) {
	t, ok := one(v)
	if !ok {
		return t, unreadable(op, answer{}, "not the promised object")
	}
	return t, nil
}
