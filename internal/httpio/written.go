package httpio

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// Written remembers whether a request may have reached the other side. A call
// that failed before anything was written can simply be made again; one that
// failed later may have been carried out.
type Written struct{ began atomic.Bool }

// WatchWritten returns a context for one request and what will be known of it.
// It looks above TLS: a failed handshake does not count. It errs on the safe
// side, so a request that was only prepared on a dead connection counts.
//
// After the call has failed the answer is final with HTTP/1.1, whose transport
// waits for its writer; the clients of NewEgress speak that unless told otherwise.
func WatchWritten(ctx context.Context) (context.Context, *Written) {
	w := &Written{}
	mark := func() { w.began.Store(true) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The first header is put into the write buffer before any byte leaves it.
		WroteHeaderField: func(string, []string) { mark() },
		WroteHeaders:     mark,
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				mark()
			}
		},
	}), w
}

// Any reports whether a byte of the request may have left.
func (w *Written) Any() bool { return w.began.Load() }
