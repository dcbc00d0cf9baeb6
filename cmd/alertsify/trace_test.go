package main

import (
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/alertsify/alertsify/internal/jobs"
	"github.com/alertsify/alertsify/internal/orders"
)

// traceReceiver takes traces as a collector does, over real HTTP.
type traceReceiver struct {
	url string

	mu    sync.Mutex
	raw   strings.Builder
	spans map[string][]string // names, by trace
	ids   map[string]string   // trace by span
	above map[string]string   // parent by span
}

func newTraceReceiver(t *testing.T) *traceReceiver {
	t.Helper()
	r := &traceReceiver{spans: map[string][]string{}, ids: map[string]string{}, above: map[string]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// ServeHTTP is a collector's door.
func (r *traceReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var batch collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &batch); err != nil || req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw.WriteString(batch.String()) // texts as they are
	r.raw.Write(body)
	for _, of := range batch.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				trace, span := hex.EncodeToString(s.GetTraceId()), hex.EncodeToString(s.GetSpanId())
				r.spans[trace] = append(r.spans[trace], s.GetName())
				r.ids[span], r.above[span] = trace, hex.EncodeToString(s.GetParentSpanId())
			}
		}
	}
}

func (r *traceReceiver) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.raw.String()
}

// spanning is a trace with all of these in it; empty when there is none.
func (r *traceReceiver) spanning(names ...string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for trace, there := range r.spans {
		if !slices.ContainsFunc(names, func(name string) bool {
			return !slices.ContainsFunc(there, func(s string) bool { return strings.HasPrefix(s, name) })
		}) {
			return trace
		}
	}
	return ""
}

// strays are spans of a trace that hang under a span of another.
func (r *traceReceiver) strays() (found []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for span, parent := range r.above {
		if of, known := r.ids[parent]; known && of != r.ids[span] {
			found = append(found, span)
		}
	}
	return found
}

func (r *traceReceiver) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]bool{}
	for _, names := range r.spans {
		for _, n := range names {
			all[n] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// oneTraceFromClickToAlert: what somebody's click became, through every process and however
// much later, is one trace.
func (s *show) oneTraceFromClickToAlert(t *testing.T, traces *traceReceiver) {
	t.Helper()
	way := []string{
		"POST /api/trading/orders", "postgres insert orders", "postgres batch", "redis ", "job order_send", "call snaptrade", "book order", "job order_changed",
		"deliver discord", "call discord",
	}
	s.eventually("one trace goes from click to alert", func() bool { return traces.spanning(way...) != "" })
	if strays := traces.strays(); len(strays) > 0 {
		t.Errorf("%d spans hang under another trace's", len(strays))
	}
	for _, name := range traces.names() {
		if regexp.MustCompile(`[0-9a-f]{8}-|\?|https?:|\$\d`).MatchString(name) {
			t.Errorf("a span is called %q", name)
		}
	}
}

// everyHopIsMeasured: the metrics show how long an order and its alerts took, hop by hop, how
// full everything is, and name nobody.
func (s *show) everyHopIsMeasured(t *testing.T) {
	t.Helper()
	metrics := func() string { return string(s.do("", "GET", "/metrics", "").want(t, 200).body) }
	var want []string
	for _, hop := range orders.Hops() {
		want = append(want, `alertsify_order_hop_seconds_count{hop="`+string(hop)+`",side="BTO"}`)
	}
	want = append(want,
		`alertsify_alert_hop_seconds_count{channel="discord",hop="sent"}`, `alertsify_alert_hop_seconds_count{channel="discord",hop="accepted"}`,
		`alertsify_alert_hop_seconds_count{channel="discord",hop="whole"}`,
		`alertsify_http_request_seconds_count{method="POST",route="/api/trading/orders",status="202"}`,
		`alertsify_job_seconds_count{kind="order_send",outcome="`+string(jobs.Done)+`"}`, `alertsify_job_wait_seconds_count{kind="order_send"}`,
		`alertsify_call_seconds_count{outcome="ok",party="snaptrade"}`, `alertsify_call_seconds_count{outcome="ok",party="discord"}`, `alertsify_calls_open{party="discord"} 0`,
		`alertsify_delivery_seconds_count{channel="discord",outcome="accepted"}`,
		`alertsify_snaptrade_budget_left{class="`, `alertsify_pool_connections{pool="requests",state="max"}`, `alertsify_pool_connections{pool="members",state="taken"}`,
		`alertsify_pool_connections{pool="jobs",state="open"}`, `alertsify_pool_connections{pool="redis",state="open"}`, `alertsify_pool_waits_total{pool="requests"}`, `alertsify_pool_waited_seconds_total{pool="redis"}`,
		`alertsify_orders_unresolved `, `alertsify_spans_total{outcome="sent"}`, `alertsify_trimmed_rows_total{what="webhooks"}`,
	)
	var missing []string
	s.eventually("everything is measured", func() bool {
		text := metrics()
		missing = slices.DeleteFunc(slices.Clone(want), func(line string) bool { return strings.Contains(text, "\n"+line) })
		return len(missing) == 0 || t.Failed()
	})
	series := map[string]int{}
	for line := range strings.SplitSeq(metrics(), "\n") {
		name, _, _ := strings.Cut(line, "{")
		if strings.HasPrefix(name, "alertsify_") && !strings.HasSuffix(name, "_bucket") {
			series[name]++
		}
		if regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-`).MatchString(line) {
			t.Errorf("a metric names somebody or something: %s", line)
		}
	}
	for name, n := range series {
		if n > 300 {
			t.Errorf("%s has %d series", name, n)
		}
	}
}
