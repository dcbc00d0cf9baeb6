// Package httpio reads requests, writes answers, and makes guarded calls outside, the same way everywhere.
package httpio

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/fault"
)

// statusClientGone is what the log shows when the client left before the answer.
const statusClientGone = 499

// Handler answers a request or says why not. Its error becomes an error page or
// the JSON error of every API answer: this is the only place that knows how.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP runs the handler and answers its error. A handler that failed after
// its first byte cannot be answered any more: the connection is cut, so that the
// client does not take half an answer for a whole one.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	if started(w) {
		note(r.Context(), fault.Of(err), err)
		panic(http.ErrAbortHandler)
	}
	Fail(w, r, err)
}

// Fail answers err: as a page when the path is a page's and the program has given
// Front a way to draw one, else as {"error","code","request_id","details"}.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	f := describe(r.Context(), err)
	note(r.Context(), f, err)
	if f.Status == statusClientGone {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if rec := recordOf(r.Context()); rec != nil && rec.page != nil && IsPage(r) {
		rec.page(w, r, f)
		return
	}
	writeFault(w, f, RequestID(r.Context()))
}

// IsPage tells whether people look at the answer: everything outside /api/, and
// the sign-in callback, which kept the address it is registered under.
func IsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/api/auth/callback/")
}

// describe turns any error into a fault. Ending contexts are not our bugs: a
// client that left gets nothing, a deadline of ours means overload.
func describe(ctx context.Context, err error) *fault.Error {
	if rec := recordOf(ctx); rec != nil && rec.explain != nil {
		err = rec.explain(err)
	}
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return fault.New(statusClientGone, "client_gone", "The client left.").Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Unavailable(err)
	}
	return fault.Internal(err)
}

// NotFound answers what has no route.
func NotFound() http.Handler {
	return Handler(func(http.ResponseWriter, *http.Request) error { return fault.NotFound() })
}
