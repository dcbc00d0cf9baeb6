package httpio

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serverDeadline is long enough for a request on a busy machine, and short enough to outlive.
const serverDeadline = time.Second

func streamServer(t *testing.T, deadline time.Duration, events <-chan Event, o StreamOptions, ended chan<- struct{}) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(Handler(func(w http.ResponseWriter, r *http.Request) error {
		defer close(ended)
		return Stream(w, r, events, o)
	}))
	// A busy machine may take its time between a connection and its request.
	server.Config.ReadHeaderTimeout = 10 * time.Second
	server.Config.ReadTimeout = deadline
	server.Config.WriteTimeout = deadline
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func listen(t *testing.T, url string) *bufio.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream; charset=utf-8" {
		t.Errorf("content type = %q", kind)
	}
	return bufio.NewReader(answer.Body)
}

func readBlock(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var block strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", block.String(), err)
		}
		if line == "\n" {
			return block.String()
		}
		block.WriteString(line)
	}
}

func TestAStreamOutlivesTheServersDeadlines(t *testing.T) {
	t.Parallel()
	events, ended := make(chan Event), make(chan struct{})
	server := streamServer(t, serverDeadline, events, StreamOptions{Heartbeat: serverDeadline / 10}, ended)
	body := listen(t, server.URL)

	if got := readBlock(t, body); got != "retry: 2000\n" {
		t.Errorf("first block = %q", got)
	}
	for range 30 { // three times the deadlines
		if got := readBlock(t, body); got != ":\n" {
			t.Fatalf("heartbeat = %q", got)
		}
	}
	close(events)
	<-ended
	if _, err := io.ReadAll(body); err != nil {
		t.Errorf("the stream did not end cleanly: %v", err)
	}
}

func TestEventsKeepTheirFieldsApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Event{ID: "7", Kind: "order", Data: []byte(`{"a":1}`)}, "id: 7\nevent: order\ndata: {\"a\":1}\n\n"},
		{Event{Data: []byte("one\ntwo\r\nthree\rfour")}, "data: one\ndata: two\ndata: three\ndata: four\n\n"},
		{Event{ID: "7\ndata: forged", Kind: "x\r\nid: 9"}, "id: 7data: forged\nevent: xid: 9\ndata: \n\n"},
	} {
		if got := string(c.event.wire()); got != c.want {
			t.Errorf("%+v = %q, want %q", c.event, got, c.want)
		}
	}
}

func TestAStreamEndsWithTheRightToListen(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{"ended": nil, "not known": errors.New("database away")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, ended := 0, make(chan struct{})
			server := streamServer(t, time.Minute, make(chan Event), StreamOptions{
				Check: 5 * time.Millisecond,
				Valid: func(context.Context) (bool, error) {
					asked++
					return asked < 3, answer
				},
			}, ended)
			_, _ = io.ReadAll(listen(t, server.URL))
			<-ended
			if (answer == nil && asked != 3) || (answer != nil && asked != 1) {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

func TestAStreamEndsWhenTheReaderLeaves(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	server := streamServer(t, time.Minute, make(chan Event), StreamOptions{}, ended)
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the stream goes on without a reader")
	}
}

func TestWhatCannotStreamSaysSo(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	if err := Stream(httptest.NewRecorder(), r, nil, StreamOptions{}); err == nil {
		t.Error("a recorder without deadlines was taken for a connection")
	}
}
