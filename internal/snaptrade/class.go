package snaptrade

import (
	"context"
	"time"
)

// Class says what a call is for, and so its place in the shared budget
// (correctness §12). Lower numbers go first.
type Class int16

// The classes by priority. Previews and the portal count as Manual.
const (
	Exit Class = iota + 1
	Cancel
	Manual
	UnresolvedLook
	CopiedEntry
	WorkingLook
	Sync
)

const classes = int(Sync)

// String is the class's name in logs and metrics.
func (c Class) String() string {
	if !c.valid() {
		return "none"
	}
	return [classes]string{"exit", "cancel", "manual", "unresolved_look", "copied_entry", "working_look", "sync"}[c-1]
}

func (c Class) valid() bool { return c >= Exit && c <= Sync }

type classKey struct{}

// WithClass says what the calls made with the context are for. Without it every
// call has the class in its own nature: selling Exit, buying Manual, cancelling
// Cancel, reading orders WorkingLook, the rest Sync.
func WithClass(ctx context.Context, class Class) context.Context {
	return context.WithValue(ctx, classKey{}, class)
}

// WithDefaultClass is WithClass for calls whose context says nothing of it yet.
func WithDefaultClass(ctx context.Context, class Class) context.Context {
	return WithClass(ctx, classOf(ctx, class))
}

type beginByKey struct{}

// BeginBy bounds how long a call may wait for its place in the budget: one that
// would begin later is NotSent. A call that has begun has the context's own time.
func BeginBy(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, beginByKey{}, at)
}

type begunKey struct{}

// NoteBegin lets a call write down when it had its place in the budget and began;
// into stays as it is when it does not begin.
func NoteBegin(ctx context.Context, into *time.Time) context.Context {
	return context.WithValue(ctx, begunKey{}, into)
}

func classOf(ctx context.Context, otherwise Class) Class {
	if class, ok := ctx.Value(classKey{}).(Class); ok && class.valid() {
		return class
	}
	return otherwise
}
