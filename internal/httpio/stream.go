package httpio

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	streamHeartbeat = 20 * time.Second // under the 30 to 60 s after which proxies drop a silent answer
	streamCheck     = 30 * time.Second // how long an ended sign-in may still hear events
	streamWrite     = 10 * time.Second // a reader slower than this is gone
)

// Event is one message of a server-sent event stream. ID is what a browser sends
// back as Last-Event-ID; Kind may be empty for an unnamed message.
type Event struct {
	ID   string
	Kind string
	Data []byte // one line or several, usually JSON
}

// StreamOptions say how a stream lives. Zero values are the product's.
type StreamOptions struct {
	Heartbeat time.Duration // 20 s
	Check     time.Duration // 30 s
	// Valid is asked every Check whether this reader may still listen; false or an
	// error ends the stream, and the browser's reconnect learns why. May be nil.
	Valid func(ctx context.Context) (bool, error)
}

// Stream writes events until the channel closes, the reader leaves, or its right
// to listen ends. It returns an error only when streaming cannot start.
func Stream(w http.ResponseWriter, r *http.Request, events <-chan Event, o StreamOptions) error {
	s := &stream{w: w, control: http.NewResponseController(w)}
	if err := s.open(); err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	stopCounting(r.Context())
	s.run(r.Context(), events, withStreamDefaults(o))
	return nil
}

func withStreamDefaults(o StreamOptions) StreamOptions {
	if o.Heartbeat <= 0 {
		o.Heartbeat = streamHeartbeat
	}
	if o.Check <= 0 {
		o.Check = streamCheck
	}
	if o.Valid == nil {
		o.Valid = func(context.Context) (bool, error) { return true, nil }
	}
	return o
}

type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *stream) open() error {
	// The server's read deadline was for the request; left in place it would end
	// the stream when it passes.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would otherwise collect events
	s.w.WriteHeader(http.StatusOK)
	return s.write([]byte("retry: 2000\n\n"))
}

func (s *stream) run(ctx context.Context, events <-chan Event, o StreamOptions) {
	beat, check := time.NewTicker(o.Heartbeat), time.NewTicker(o.Check)
	defer beat.Stop()
	defer check.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case event, open := <-events:
			if !open {
				return
			}
			err = s.write(event.wire())
		case <-beat.C:
			err = s.write([]byte(":\n\n"))
		case <-check.C:
			if valid, failed := o.Valid(ctx); failed != nil || !valid {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write sends at once, under its own deadline: the server's write timeout is for
// answers that end.
func (s *stream) write(b []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}

// Frame is the event as it goes over the wire. Made once, it can be written to any
// number of streams.
func (e Event) Frame() []byte { return e.wire() }

// wire is the event as the standard writes it. Line breaks in id or kind would
// forge further fields, so they are dropped; each line of data is its own field.
func (e Event) wire() []byte {
	oneLine := strings.NewReplacer("\r", "", "\n", "", "\x00", "")
	var b bytes.Buffer
	if e.ID != "" {
		b.WriteString("id: " + oneLine.Replace(e.ID) + "\n")
	}
	if e.Kind != "" {
		b.WriteString("event: " + oneLine.Replace(e.Kind) + "\n")
	}
	data := bytes.ReplaceAll(bytes.ReplaceAll(e.Data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		b.WriteString("data: ")
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return b.Bytes()
}
