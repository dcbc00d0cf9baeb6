// Package otlp brings traces to a receiver, in OpenTelemetry's protocol over HTTP.
//
// It has an exporter of its own because that of OpenTelemetry brings all of gRPC along, which
// makes the program a third larger; what is sent is the same protobuf message.
package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/trace"
)

// Spans wait in a queue of their own until they are sent; what finds it full is lost, and what
// a receiver does not take within its time too. Nothing of the product waits for either.
const (
	queueMax   = 2048
	batchMax   = 512
	batchEvery = 2 * time.Second
	sendTime   = 10 * time.Second

	// What one span may say, whatever goes wrong.
	attributesMax, wordMax = 32, 200
)

// Options say where traces go.
type Options struct {
	Endpoint string               // "http://collector:4318"; "/v1/traces" is added
	Headers  secret.Text          // "name=value,name=value", sent along; may be empty
	Share    string               // of traces that are kept, "0" to "1"
	Version  string               // of the program
	Instance string               // which of its processes
	Observe  func(sent, lost int) // must not block; may be nil
	Logger   *slog.Logger
}

// Exporter sends traces. Close it when done.
type Exporter struct {
	sender   *sender
	provider *sdk.TracerProvider
	tracer   *trace.Tracer
}

// ParseEndpoint checks the address of a receiver.
func ParseEndpoint(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("is not an http(s) address without user and query, such as http://collector:4318")
	}
	return u, nil
}

// ParseHeaders reads what is sent along. The error does not repeat it.
func ParseHeaders(text secret.Text) (http.Header, error) {
	headers := http.Header{}
	for pair := range strings.SplitSeq(text.Reveal(), ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil || strings.ContainsAny(name+plain, "\r\n") {
			return nil, errors.New("is not name=value, several separated by commas")
		}
		headers.Set(name, plain)
	}
	return headers, nil
}

// ParseShare reads the share of traces that are kept.
func ParseShare(text string) (float64, error) {
	share, err := strconv.ParseFloat(text, 64)
	if within := share >= 0 && share <= 1; err != nil || !within { // NaN is neither
		return 0, fmt.Errorf("is %q; it must be a share between 0 and 1", text)
	}
	return share, nil
}

// Open makes an exporter. It calls nobody before there is something to send.
func Open(o Options) (*Exporter, error) {
	base, err := ParseEndpoint(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint %w", err)
	}
	headers, err := ParseHeaders(o.Headers)
	if err != nil {
		return nil, fmt.Errorf("headers: one %w", err)
	}
	share, err := ParseShare(o.Share)
	if err != nil {
		return nil, fmt.Errorf("the share %w", err)
	}
	to := &sender{
		url: base.JoinPath("v1/traces").String(), headers: headers, observe: o.Observe, log: o.Logger,
		client: &http.Client{
			Timeout: sendTime, Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	limits := sdk.NewSpanLimits()
	limits.AttributeCountLimit, limits.AttributeValueLengthLimit = attributesMax, wordMax
	batches := sdk.NewBatchSpanProcessor(to,
		sdk.WithMaxQueueSize(queueMax), sdk.WithMaxExportBatchSize(batchMax), sdk.WithBatchTimeout(batchEvery), sdk.WithExportTimeout(sendTime))
	provider := sdk.NewTracerProvider(
		sdk.WithSpanProcessor(gate{batches, to}),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(share))), sdk.WithRawSpanLimits(limits),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "alertsify"), attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Instance))),
	)
	return &Exporter{to, provider, trace.NewTracer(provider)}, nil
}

// Tracer begins the traces that are sent; nil without an exporter.
func (e *Exporter) Tracer() *trace.Tracer {
	if e == nil {
		return nil
	}
	return e.tracer
}

// Check asks whether the receiver takes traces, by sending it none.
func (e *Exporter) Check(ctx context.Context) error { return e.sender.send(ctx, nil) }

// Close sends what waits, as long as ctx lasts, and ends.
func (e *Exporter) Close(ctx context.Context) error {
	err := e.provider.Shutdown(ctx)
	e.sender.close()
	if err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// sender is the last step of an exporter.
type sender struct {
	url     string
	headers http.Header
	client  *http.Client
	observe func(sent, lost int)
	log     *slog.Logger
	silent  atomic.Bool // nothing was taken lately, and that was said

	mu      sync.Mutex
	waiting int // spans that ended and are neither sent nor lost
	closed  bool
}

// gate lets as many spans wait as the queue behind it holds, so that those it cannot hold are
// counted: it says nothing of them itself.
type gate struct {
	sdk.SpanProcessor
	sender *sender
}

// OnEnd lets a span that is kept wait to be sent, or counts it as lost.
func (g gate) OnEnd(span sdk.ReadOnlySpan) {
	if span.SpanContext().IsSampled() && g.sender.admit() {
		g.SpanProcessor.OnEnd(span)
	}
}

func (s *sender) admit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.waiting >= queueMax {
		s.tell(0, 1)
		return false
	}
	s.waiting++
	return true
}

// settle counts what became of spans that waited.
func (s *sender) settle(sent, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed { // else they were counted when it closed
		s.waiting -= sent + lost
		s.tell(sent, lost)
	}
}

// close counts what waits still as lost.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.tell(0, s.waiting)
	}
}

func (s *sender) tell(sent, lost int) {
	if s.observe != nil {
		s.observe(sent, lost)
	}
}

// ExportSpans sends a batch, once: traces may be lost. It never fails, so that nobody else
// tells of it.
func (s *sender) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	err := s.send(ctx, spans)
	sent, lost := len(spans), 0
	if err != nil {
		sent, lost = 0, len(spans)
	}
	s.settle(sent, lost)
	if was := s.silent.Swap(err != nil); err != nil && !was {
		s.log.WarnContext(ctx, "traces are not taken; they are lost until they are", "err", err)
	} else if err == nil && was {
		s.log.InfoContext(ctx, "traces are taken again")
	}
	return nil
}

// Shutdown closes the connection.
func (s *sender) Shutdown(context.Context) error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *sender) send(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: grouped(spans)})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("build the request")
	}
	r.Header = s.headers.Clone()
	r.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.client.Do(r)
	if err != nil {
		return httpio.WithoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, httpio.AnswerMax)) // so that the connection serves again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver answered %d", resp.StatusCode)
	}
	return nil
}
