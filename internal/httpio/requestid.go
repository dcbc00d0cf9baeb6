package httpio

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
)

// HeaderRequestID is where the answer carries the id that people quote to us.
const HeaderRequestID = "X-Request-Id"

type recordKey struct{}

// record is what one request gathers for its single log line.
type record struct {
	id      string
	explain func(error) error
	page    func(http.ResponseWriter, *http.Request, *fault.Error)

	mu    sync.Mutex
	attrs []slog.Attr
	fault *fault.Error
	cause error
}

func recordOf(ctx context.Context) *record {
	rec, _ := ctx.Value(recordKey{}).(*record)
	return rec
}

// withRecord gives every request an id of its own. One sent by the client is not
// taken over: it would let strangers write into our logs.
func withRecord(o FrontOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := &record{id: uuid.NewString(), explain: o.Explain, page: o.Page}
			w.Header().Set(HeaderRequestID, rec.id)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), recordKey{}, rec)))
		})
	}
}

// RequestID is the id of the request ctx belongs to; empty outside of one.
func RequestID(ctx context.Context) string {
	if rec := recordOf(ctx); rec != nil {
		return rec.id
	}
	return ""
}

// Annotate adds to the request's log line: ids, never values of requests or secrets.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	rec := recordOf(ctx)
	if rec == nil {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.attrs = append(rec.attrs, attrs...)
}

// note remembers what was answered and why.
func note(ctx context.Context, f *fault.Error, cause error) {
	rec := recordOf(ctx)
	if rec == nil {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.fault, rec.cause = f, cause
}

func (rec *record) outcome() ([]slog.Attr, *fault.Error, error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.attrs, rec.fault, rec.cause
}
