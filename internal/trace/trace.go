// Package trace says of a piece of work when it began and ended, and what it was part of.
//
// A span belongs to the trace that its context carries; where that carries none, nothing is
// noted, and it costs a look into the context. What a span says is of a closed set: fixed words
// of the program, numbers and our own ids. Never an address, an argument or a text of others.
package trace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	otel "go.opentelemetry.io/otel/trace"
)

// name is the instrumentation's, as receivers show it.
const name = "alertsify"

// Tracer begins traces. A nil one begins none.
type Tracer struct{ provider otel.TracerProvider }

// NewTracer makes one whose spans go to a provider.
func NewTracer(p otel.TracerProvider) *Tracer { return &Tracer{p} }

// On tells whether traces are kept at all.
func (t *Tracer) On() bool { return t != nil }

// Kind says what part of a conversation a span is.
type Kind = otel.SpanKind

// The kinds.
const (
	Server   = otel.SpanKindServer
	Client   = otel.SpanKindClient
	Producer = otel.SpanKindProducer
	Consumer = otel.SpanKindConsumer
	Internal = otel.SpanKindInternal
)

// Word is something that a span says.
func Word(key, word string) attribute.KeyValue { return attribute.String(key, word) }

// Number is a number that a span says.
func Number(key string, n int) attribute.KeyValue { return attribute.Int(key, n) }

// Span is a piece of work. The zero one notes nothing.
type Span struct{ span otel.Span }

// Begin begins a span that goes on with the trace of its context, also where that was begun
// by another process, or begins a trace.
func (t *Tracer) Begin(ctx context.Context, what string, kind Kind, says ...attribute.KeyValue) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.provider.Tracer(name).Start(ctx, what, otel.WithSpanKind(kind), otel.WithAttributes(says...))
	return ctx, Span{span}
}

// Start begins a span within that of the context, which this process began; otherwise nothing.
func Start(ctx context.Context, what string, kind Kind, says ...attribute.KeyValue) (context.Context, Span) {
	within := otel.SpanFromContext(ctx)
	if !within.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := within.TracerProvider().Tracer(name).Start(ctx, what, otel.WithSpanKind(kind), otel.WithAttributes(says...))
	return ctx, Span{span}
}

// Past notes a span that is over: it began at a time and ends now.
func Past(ctx context.Context, what string, kind Kind, began time.Time, failed error, says ...attribute.KeyValue) {
	within := otel.SpanFromContext(ctx)
	if !within.IsRecording() {
		return
	}
	_, span := within.TracerProvider().Tracer(name).Start(ctx, what, otel.WithTimestamp(began), otel.WithSpanKind(kind), otel.WithAttributes(says...))
	Span{span}.End(failed)
}

// Noted tells whether the context's work is noted: whether Start would begin a span.
func Noted(ctx context.Context) bool { return otel.SpanFromContext(ctx).IsRecording() }

// Left tells whether the context's work is part of a trace that was chosen not to be kept.
func Left(ctx context.Context) bool {
	of := otel.SpanContextFromContext(ctx)
	return of.IsValid() && !of.IsSampled()
}

// Of is the span that a context carries.
func Of(ctx context.Context) Span { return Span{otel.SpanFromContext(ctx)} }

// Noted tells whether it notes anything.
func (s Span) Noted() bool { return s.span != nil }

// Rename gives it the name that was not known when it began.
func (s Span) Rename(what string) {
	if s.span != nil {
		s.span.SetName(what)
	}
}

// Note adds to what it says.
func (s Span) Note(says ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(says...)
	}
}

// ErrPanicked is what work ended with that did not return: who ends a span in a defer begins
// with it.
var ErrPanicked = errors.New("panicked")

// End ends it. Of an error the span says what type it is, not its words: those may name what
// is secret, and the log has them.
func (s Span) End(failed error) {
	if s.span == nil {
		return
	}
	if failed != nil {
		s.span.SetStatus(codes.Error, "")
		s.span.SetAttributes(attribute.String("error.type", TypeOf(failed)))
	}
	s.span.End()
}

// Fail marks it as failed without an error; End follows.
func (s Span) Fail() {
	if s.span != nil {
		s.span.SetStatus(codes.Error, "")
	}
}

// TypeOf is the type of an error's first cause, or a word where that says more: canceled,
// deadline_exceeded, panic.
func TypeOf(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline_exceeded"
	case errors.Is(err, ErrPanicked):
		return "panic"
	}
	for {
		cause := errors.Unwrap(err)
		if cause == nil {
			return fmt.Sprintf("%T", err)
		}
		err = cause
	}
}

// Carry is the trace of a context as a text, in W3C's form, for a row or a job by which another
// process goes on; empty where nothing is kept of it.
func Carry(ctx context.Context) string {
	if !otel.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Resume gives a context the trace of such a text. One that makes no sense changes nothing.
func Resume(ctx context.Context, carried string) context.Context {
	if carried == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": carried})
}
