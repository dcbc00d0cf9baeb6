package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	spans "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// grouped are spans as the protocol has them. All come from one resource and one scope.
func grouped(list []sdk.ReadOnlySpan) []*spans.ResourceSpans {
	if len(list) == 0 {
		return nil
	}
	out := make([]*spans.Span, len(list))
	for i, s := range list {
		out[i] = spanOf(s)
	}
	return []*spans.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: attributesOf(list[0].Resource().Attributes())},
		ScopeSpans: []*spans.ScopeSpans{{Scope: &common.InstrumentationScope{Name: list[0].InstrumentationScope().Name}, Spans: out}},
	}}
}

func spanOf(s sdk.ReadOnlySpan) *spans.Span {
	trace, span := s.SpanContext().TraceID(), s.SpanContext().SpanID()
	out := &spans.Span{
		TraceId: trace[:], SpanId: span[:], Name: s.Name(), Kind: kindOf(s.SpanKind()),
		StartTimeUnixNano: uint64(max(0, s.StartTime().UnixNano())), EndTimeUnixNano: uint64(max(0, s.EndTime().UnixNano())),
		Attributes: attributesOf(s.Attributes()), DroppedAttributesCount: uint32(max(0, s.DroppedAttributes())),
		Status: &spans.Status{},
	}
	if parent := s.Parent().SpanID(); parent.IsValid() {
		out.ParentSpanId = parent[:]
	}
	if s.Status().Code == codes.Error {
		out.Status.Code = spans.Status_STATUS_CODE_ERROR
	}
	return out
}

func kindOf(k otel.SpanKind) spans.Span_SpanKind {
	switch k {
	case otel.SpanKindServer:
		return spans.Span_SPAN_KIND_SERVER
	case otel.SpanKindClient:
		return spans.Span_SPAN_KIND_CLIENT
	case otel.SpanKindProducer:
		return spans.Span_SPAN_KIND_PRODUCER
	case otel.SpanKindConsumer:
		return spans.Span_SPAN_KIND_CONSUMER
	}
	return spans.Span_SPAN_KIND_INTERNAL
}

// attributesOf knows the two types that our spans say something in.
func attributesOf(list []attribute.KeyValue) []*common.KeyValue {
	out := make([]*common.KeyValue, 0, len(list))
	for _, a := range list {
		value := &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: a.Value.String()}}
		if a.Value.Type() == attribute.INT64 {
			value.Value = &common.AnyValue_IntValue{IntValue: a.Value.AsInt64()}
		}
		out = append(out, &common.KeyValue{Key: string(a.Key), Value: value})
	}
	return out
}
