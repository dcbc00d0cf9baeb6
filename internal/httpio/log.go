package httpio

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/trace"
)

// logged writes one wide line for each request. The query is left out: it may
// hold codes, and bodies never appear.
func logged(o FrontOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			counted := &recorder{ResponseWriter: w}
			routed := chi.NewRouteContext() // chi fills it in, so that the line can name the route
			ctx := context.WithValue(r.Context(), chi.RouteCtxKey, routed)
			ctx, span := traced(ctx, o.Tracer, r)
			defer func() {
				took := time.Since(began)
				endTrace(ctx, span, r.Method, routed.RoutePattern(), counted.status())
				writeLine(ctx, o.Logger, r, counted, took)
				if o.Observe != nil {
					o.Observe(r.Method, routed.RoutePattern(), counted.status(), took)
				}
				if o.Failed != nil {
					tellFailure(ctx, o.Failed, r.Method, routed.RoutePattern())
				}
			}()
			next.ServeHTTP(counted, r.WithContext(ctx))
		})
	}
}

func writeLine(ctx context.Context, log *slog.Logger, r *http.Request, w *recorder, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("request_id", RequestID(ctx)),
		slog.String("method", r.Method),
		slog.String("path", loggedPath(ctx, r)),
		slog.Int("status", w.status()),
		slog.Int64("bytes", w.bytes),
		slog.Duration("took", took),
		slog.String("address", AddressPrefix(Address(ctx))),
	}
	level := lineLevel(r, w.status())
	if rec := recordOf(ctx); rec != nil {
		more, f, cause := rec.outcome()
		if errors.Is(cause, errBusy) {
			level = slog.LevelInfo // said once when the level changed; thousands of errors would only add to it
		}
		attrs = append(attrs, more...)
		if f != nil {
			attrs = append(attrs, slog.String("code", f.Code), slog.Any("err", cause))
		}
	}
	log.LogAttrs(ctx, level, "request", attrs...)
}

// loggedPath is the path, or its route where a part of it is a key: who has an address of a mail
// of ours can do what it says.
func loggedPath(ctx context.Context, r *http.Request) string {
	routed := chi.RouteContext(ctx)
	if routed != nil && slices.Contains(routed.URLParams.Keys, "token") {
		return routed.RoutePattern()
	}
	return r.URL.Path
}

func lineLevel(r *http.Request, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case quiet(r):
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// tellFailure tells of a request that failed by our fault, also where its answer had begun.
func tellFailure(ctx context.Context, tell func(Failure), method, route string) {
	rec := recordOf(ctx)
	if rec == nil {
		return
	}
	if _, f, cause := rec.outcome(); f != nil && f.Status == http.StatusInternalServerError {
		tell(Failure{RequestID: rec.id, Method: method, Route: route, Code: f.Code, Err: cause})
	}
}

// quiet is what is asked for all the time and says nothing.
func quiet(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/assets/") || strings.HasPrefix(r.URL.Path, "/api/health") || r.URL.Path == "/metrics"
}

// traced begins the request's trace. A stream would be one without an end.
func traced(ctx context.Context, tracer *trace.Tracer, r *http.Request) (context.Context, trace.Span) {
	if !tracer.On() || quiet(r) || r.URL.Path == "/api/events" {
		return ctx, trace.Span{}
	}
	return tracer.Begin(ctx, "request", trace.Server)
}

// endTrace says which route it was, once that is known: never the path, in which secrets stand.
func endTrace(ctx context.Context, span trace.Span, method, route string, status int) {
	if !span.Noted() {
		return
	}
	if route == "" {
		method, route = "request", "none"
	}
	span.Rename(method + " " + route)
	span.Note(trace.Word("http.route", route), trace.Number("http.response.status_code", status), trace.Word("request_id", RequestID(ctx)))
	if status >= http.StatusInternalServerError {
		span.Fail()
	}
	span.End(nil)
}

// recorder counts what was answered. Unwrap keeps flushing and deadlines working
// through http.ResponseController.
type recorder struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (w *recorder) WriteHeader(code int) {
	if w.code == 0 && code >= http.StatusOK { // 103 and its like come before the answer
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) status() int {
	if w.code == 0 {
		return statusClientGone // nothing was answered
	}
	return w.code
}

// started tells whether the first byte of an answer is out, as far as a recorder
// around w knows.
func started(w http.ResponseWriter) bool {
	for {
		if rec, ok := w.(*recorder); ok {
			return rec.code != 0
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = inner.Unwrap()
	}
}
