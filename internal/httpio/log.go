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
)

// logged writes one wide line for each request. The query is left out: it may
// hold codes, and bodies never appear.
func logged(log *slog.Logger, observe Observe) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			counted := &recorder{ResponseWriter: w}
			routed := chi.NewRouteContext() // chi fills it in, so that the line can name the route
			ctx := context.WithValue(r.Context(), chi.RouteCtxKey, routed)
			defer func() {
				took := time.Since(began)
				writeLine(ctx, log, r, counted, took)
				if observe != nil {
					observe(r.Method, routed.RoutePattern(), counted.status(), took)
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
	case strings.HasPrefix(r.URL.Path, "/assets/"), strings.HasPrefix(r.URL.Path, "/api/health"), r.URL.Path == "/metrics":
		return slog.LevelDebug
	}
	return slog.LevelInfo
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
