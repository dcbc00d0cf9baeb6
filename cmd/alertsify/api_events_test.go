package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// told is one event of a stream.
type told struct {
	ID, Kind string
	Data     []byte
}

// stream is an open event stream.
type stream struct {
	t      *testing.T
	events chan told // closed when the stream has ended
	stop   context.CancelFunc
}

// listen opens a person's stream, from the last event on.
func (s *show) listen(user, last string) *stream {
	s.t.Helper()
	return s.listenTo(user, last, "/api/events")
}

func (s *show) listenTo(user, last, path string) *stream {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token(user, "trade"))
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := s.client.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("listen: %v %v", resp, err)
	}
	st := &stream{t: s.t, events: make(chan told, 100), stop: stop}
	go func() {
		defer close(st.events)
		defer resp.Body.Close()
		read(resp, st.events)
	}()
	s.t.Cleanup(st.close)
	return st
}

// read takes a stream apart as the standard says, as far as ours needs it.
func read(resp *http.Response, to chan<- told) {
	var e told
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			e.ID = value
		case "event":
			e.Kind = value
		case "data":
			e.Data = append(e.Data, value...)
		case "":
			if e.Kind != "" {
				to <- e
			}
			e = told{}
		}
	}
}

// close ends the stream and waits for its reader.
func (st *stream) close() {
	st.stop()
	for range st.events {
	}
}

// until reads events until one satisfies, and gives all that were read.
func (st *stream) until(what string, ok func(told) bool) []told {
	st.t.Helper()
	deadline := time.After(30 * time.Second)
	var seen []told
	for {
		select {
		case e, open := <-st.events:
			if !open {
				st.t.Fatalf("the stream ended before %s; it told %d events", what, len(seen))
			}
			if seen = append(seen, e); ok(e) {
				return seen
			}
		case <-deadline:
			st.t.Fatalf("never told: %s", what)
		}
	}
}

func kindIs(kind string) func(told) bool { return func(e told) bool { return e.Kind == kind } }

// What happens to a person is told on their open pages in the document's shapes,
// and on nobody else's; a page that comes back goes on where it was.
func TestAPIEventsTellTheirOwner(t *testing.T) {
	t.Parallel()
	s, c := openChecked(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	ava, ben := s.listen("ava", ""), s.listen("cara", "")
	id := s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	var seen []told
	for _, kind := range []string{"order", "position", "notification", "unread"} {
		if !slices.ContainsFunc(seen, kindIs(kind)) {
			seen = append(seen, ava.until("an event "+kind, kindIs(kind))...)
		}
	}
	shapes := map[string]string{
		"order": "OrderEvent", "position": "PositionEvent", "notification": "NotificationEvent", "unread": "UnreadEvent", "feed": "FeedEvent",
		"decision": "DecisionEvent",
	}
	for _, e := range seen {
		c.fits("event "+e.Kind, shapes[e.Kind], e.Data)
		var wire struct{ ID string }
		if err := json.Unmarshal(e.Data, &wire); err != nil || wire.ID != e.ID {
			t.Errorf("the event %s carries the id %q: %s", e.ID, wire.ID, e.Data)
		}
	}
	if !bytes.Contains(seen[0].Data, []byte(id)) {
		t.Errorf("the first event is not the order's: %s", seen[0].Data)
	}
	others := ben.until("cara is asked", kindIs("decision"))
	for _, e := range others {
		c.fits("event "+e.Kind, shapes[e.Kind], e.Data)
		if e.Kind != "decision" && bytes.Contains(e.Data, []byte(id)) {
			t.Errorf("cara was told about ava's order: %s %s", e.Kind, e.Data)
		}
		if e.Kind == "order" || e.Kind == "position" {
			t.Errorf("cara has neither orders nor positions: %s %s", e.Kind, e.Data)
		}
	}
	ava.close()
	s.do("ava", "POST", "/api/notifications/read-all", "").want(t, 200)
	again := s.listen("ava", seen[0].ID)
	missed := again.until("what happened meanwhile", func(e told) bool { return bytes.Contains(e.Data, []byte(`"unread":0`)) })
	if slices.ContainsFunc(missed, kindIs("resync")) || missed[0].ID == seen[0].ID {
		t.Errorf("the stream did not go on after %s: %+v", seen[0].ID, missed[0])
	}
	if resync := s.listen("ava", "1.1."+uuid.NewString()).until("a new beginning", kindIs("resync")); len(resync) != 1 {
		t.Errorf("an id that is none of ours: %+v", resync)
	} else {
		c.fits("event resync", "ResyncEvent", resync[0].Data)
	}
}

// A page that names contracts hears what they cost now, and every change after.
func TestAPIEventsTellQuotes(t *testing.T) {
	t.Parallel()
	s, c := openChecked(t)
	s.quote(apple, "3.45", "3.50")
	st := s.listenTo("ben", "", "/api/events?symbols="+url.QueryEscape(apple))
	for _, bid := range []string{"3.45", "3.60"} {
		s.quote(apple, bid, "3.75")
		seen := st.until("the bid of "+bid, func(e told) bool { return bytes.Contains(e.Data, []byte(`"bid":"`+bid+`"`)) })
		last := seen[len(seen)-1]
		c.fits("event quote", "QuoteEvent", last.Data)
		if last.Kind != "quote" || last.ID != "" {
			t.Errorf("the quote came as %q with id %q", last.Kind, last.ID)
		}
	}
	s.do("ben", "GET", "/api/events?symbols=AAPL", "").want(t, 422)
}

// A person has so many streams and no more; one that is left makes room.
func TestAPIEventsHaveSeats(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t, "STREAMS_PER_USER=2")
	first, _ := s.listen("ava", ""), s.listen("ava", "")
	if a := s.do("ava", "GET", "/api/events", "").want(t, 429); a.code() != "rate_limited" || a.header.Get("Retry-After") == "" {
		t.Errorf("the third of two: %s %v", a.body, a.header)
	}
	s.listen("ben", "").close()
	first.close()
	s.eventually("the seat is free", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.token("ava", "trade"))
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
