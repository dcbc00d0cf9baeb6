package otlp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/trace"
)

// What is begun and ended arrives as it was, under its parent, when the exporter closes.
func TestASpanArrivesAsItWas(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got collector.ExportTraceServiceRequest // of all requests: a busy machine may need two
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var one collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &one); err != nil || r.URL.Path != "/base/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		mu.Lock()
		defer mu.Unlock()
		proto.Merge(&got, &one)
		header = r.Header
	}))
	defer server.Close()
	e, err := Open(Options{
		Endpoint: server.URL + "/base/", Headers: secret.New("x-key=a%20b, x-other=c"), Share: "1", Version: "v1", Instance: "i", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Second)
	ctx, root := e.Tracer().Begin(t.Context(), "request", trace.Server)
	carried := trace.Carry(ctx)
	_, child := trace.Start(ctx, "postgres insert orders", trace.Client, trace.Number("statements", 2), trace.Word("long", strings.Repeat("x", 1000)))
	child.End(errors.New("duplicate key value violates hunter2"))
	trace.Past(ctx, "call snaptrade", trace.Client, began, nil)
	_, later := e.Tracer().Begin(trace.Resume(context.Background(), carried), "job order_send", trace.Consumer)
	later.End(nil)
	root.Rename("POST /api/trading/orders")
	root.Fail()
	root.End(nil)
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if header.Get("X-Key") != "a b" || header.Get("X-Other") != "c" {
		t.Errorf("sent along: %v", header)
	}
	var spans []*tracev1.Span
	for _, r := range got.GetResourceSpans() {
		for _, s := range r.GetScopeSpans() {
			spans = append(spans, s.GetSpans()...)
		}
	}
	if len(spans) != 4 {
		t.Fatalf("%d spans", len(spans))
	}
	top := spans[3]
	if top.GetName() != "POST /api/trading/orders" || top.GetKind().String() != "SPAN_KIND_SERVER" || top.GetStatus().GetCode().String() != "STATUS_CODE_ERROR" || len(top.GetParentSpanId()) != 0 {
		t.Errorf("the root is %v", top)
	}
	for _, s := range spans[:3] {
		if string(s.GetTraceId()) != string(top.GetTraceId()) || string(s.GetParentSpanId()) != string(top.GetSpanId()) {
			t.Errorf("%s hangs elsewhere", s.GetName())
		}
	}
	text := got.String()
	for _, says := range []string{"service.name", `"v1"`, "int_value:2", "*errors.errorString"} {
		if !strings.Contains(strings.Join(strings.Fields(text), ""), says) {
			t.Errorf("it does not say %s: %s", says, text)
		}
	}
	if strings.Contains(text, "hunter2") || strings.Contains(text, strings.Repeat("x", wordMax+1)) {
		t.Errorf("it says too much: %s", text)
	}
	if took := spans[1].GetEndTimeUnixNano() - spans[1].GetStartTimeUnixNano(); took < uint64(time.Second) {
		t.Errorf("what was over took %d ns", took)
	}
}

// A receiver that hangs, refuses or is away costs the product nothing, and stopping waits for
// it as long as it is told to and no longer.
func TestAReceiverThatDoesNotTakeCostsNothing(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	const gone = "http://127.0.0.1:1" // not a port that was given back, which somebody may take
	defer func() { close(hung); hanging.Close(); refusing.Close() }()
	for name, url := range map[string]string{"hangs": hanging.URL, "refuses": refusing.URL, "is gone": gone} {
		var sent, lost atomic.Int64
		e, err := Open(Options{
			Endpoint: url, Share: "1", Logger: slog.New(slog.DiscardHandler), Observe: func(s, l int) { sent.Add(int64(s)); lost.Add(int64(l)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 3 * queueMax {
			_, span := e.Tracer().Begin(t.Context(), "x", trace.Internal)
			span.End(nil)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("one that %s: telling took %s", name, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_ = e.Close(ctx)
		cancel()
		if took := time.Since(began); took > 8*time.Second || sent.Load() != 0 || lost.Load() != 3*queueMax {
			t.Errorf("one that %s: %d sent, %d lost, ended after %s", name, sent.Load(), lost.Load(), took)
		}
	}
}

// Off is off: no span, no text to carry, and nothing but a look into the context.
func TestWithoutAnExporterNothingIsNoted(t *testing.T) { // by itself: it counts allocations
	var none *Exporter
	ctx, span := none.Tracer().Begin(t.Context(), "x", trace.Server)
	span.Rename("y")
	span.Note(trace.Word("a", "b"))
	span.End(nil)
	if trace.Carry(ctx) != "" || none.Tracer().On() {
		t.Error("something is carried")
	}
	if allocs := testing.AllocsPerRun(100, func() {
		_, span := trace.Start(ctx, "x", trace.Client)
		span.End(nil)
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	for _, bad := range []string{"collector:4318", "http://user@c", "ftp://c", "", "http://c?x=1"} {
		if _, err := Open(Options{Endpoint: bad, Share: "1"}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
