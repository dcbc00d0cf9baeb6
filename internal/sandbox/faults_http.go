package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// faultStyle is how one party looks when it fails. write sends its error answer
// for a status (429 too); path is what the log may show of a request's path. Both
// may be nil: then a plain JSON error, and the path without query.
type faultStyle struct {
	write func(w http.ResponseWriter, r *http.Request, status int)
	path  func(r *http.Request) string
}

// style registers a party's look; called before the first request.
func (f *Faults) style(target string, s faultStyle) { f.styles[target] = s }

// wrap plays the HTTP faults of one party around its handler. account names the
// account or user a request is about (nil: none). Dropping closes the connection
// without an answer; accept_then_… runs the handler, then spoils the answer.
func (f *Faults) wrap(target string, account func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		about := ""
		if account != nil {
			about = account(r)
		}
		fault, hit := f.Take(target, r.Method+" "+r.URL.Path, about)
		if !hit {
			next.ServeHTTP(w, r)
			return
		}
		f.play(fault, target, w, r, next)
	})
}

func (f *Faults) play(fault Fault, target string, w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch fault.Mode {
	case faultError:
		f.refuse(fault, target, orStatus(fault.Status, http.StatusInternalServerError), w, r)
	case faultThrottle:
		f.refuse(fault, target, http.StatusTooManyRequests, w, r)
	case faultEcho:
		f.echo(fault, target, w, r)
	case faultDropBefore:
		pause(r.Context(), fault.DelayMs)
		f.note(target, r, 0)
		panic(http.ErrAbortHandler)
	default:
		f.accept(fault, target, w, r, next)
	}
}

// refuse answers an error without having done anything.
func (f *Faults) refuse(fault Fault, target string, status int, w http.ResponseWriter, r *http.Request) {
	pause(r.Context(), fault.DelayMs)
	f.note(target, r, status)
	f.writeError(target, w, r, status)
}

// echo answers an error in the words of the request, as a proxy's debugging page does.
func (f *Faults) echo(fault Fault, target string, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 16<<10)) // what cannot be read is not repeated
	said := r.Method + " " + r.URL.String() + fmt.Sprint(r.Header) + string(body)
	f.note(target, r, orStatus(fault.Status, http.StatusInternalServerError))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-Id", said[:min(len(said), 300)])
	w.WriteHeader(orStatus(fault.Status, http.StatusInternalServerError))
	answer, _ := json.Marshal(map[string]any{
		"detail": said, "message": said, "description": said, "exception": said, "error": map[string]string{"message": said}, "name": said,
	})
	_, _ = w.Write(answer)
}

// accept does what was asked, then holds, drops or spoils the answer. The work
// does not stop when the caller gives up: a broker would not either.
func (f *Faults) accept(fault Fault, target string, w http.ResponseWriter, r *http.Request, next http.Handler) {
	answer := newAnswer()
	next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	pause(r.Context(), fault.DelayMs)
	switch fault.Mode {
	case faultAcceptDrop:
		panic(http.ErrAbortHandler)
	case faultAcceptError:
		f.writeError(target, w, r, orStatus(fault.Status, http.StatusInternalServerError))
	case faultAcceptGarbage:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(orStatus(fault.Status, http.StatusOK))
		_, _ = w.Write([]byte("<html><body>\x00 not what you expec"))
	default:
		answer.send(w)
	}
}

func (f *Faults) note(target string, r *http.Request, status int) {
	path := r.URL.Path
	if show := f.styles[target].path; show != nil {
		path = show(r)
	}
	f.log.Add(target, r.Method, path, status, nil)
}

func (f *Faults) writeError(target string, w http.ResponseWriter, r *http.Request, status int) {
	if write := f.styles[target].write; write != nil {
		write(w, r, status)
		return
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"message":"simulated failure","status":` + strconv.Itoa(status) + `}`))
}

func orStatus(status, otherwise int) int {
	if status == 0 {
		return otherwise
	}
	return status
}

// pause waits, or returns early when the caller has gone.
func pause(ctx context.Context, ms int) {
	if ms <= 0 {
		return
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// answer is a response held back: written by a handler, sent (or not) later.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}} }

// Header is the header to be sent.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the first status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write keeps the body.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// send gives the held answer to the real caller.
func (a *answer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(orStatus(a.status, http.StatusOK))
	_, _ = w.Write(a.body.Bytes())
}
