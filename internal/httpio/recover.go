package httpio

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/alertsify/alertsify/internal/fault"
)

// recovered turns a panic into 500 with the request id; the stack is for the log.
// When the answer had begun, the connection is cut instead.
func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			caught := recover()
			if caught == nil {
				return
			}
			if caught == http.ErrAbortHandler { //nolint:errorlint // net/http compares the value itself
				panic(caught)
			}
			err := &PanicError{caught, debug.Stack()}
			if started(w) {
				note(r.Context(), fault.Internal(err), err)
				panic(http.ErrAbortHandler)
			}
			Fail(w, r, fault.Internal(err))
		}()
		next.ServeHTTP(w, r)
	})
}

// PanicError is the error of a handler that panicked.
type PanicError struct {
	Value any
	Stack []byte // as runtime/debug has it
}

// Error says both.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }
