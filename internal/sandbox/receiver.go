package sandbox

import (
	"crypto/hmac"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// receivers play the programs to which users have their events sent: they check the
// signature as the Standard Webhooks specification says, and know a repeat by its id.
type receivers struct {
	deps

	mu       sync.Mutex
	list     map[string]receiver
	received []receivedEvent
}

// receiver is one of them.
type receiver struct {
	ID     string `json:"id"`
	Secret string `json:"secret"` // empty: nothing is checked
	Answer int    `json:"answer"` // a status to refuse with; 0: it takes what is rightly signed
}

// receivedEvent is an event that came.
type receivedEvent struct {
	Receiver string          `json:"receiver"`
	ID       string          `json:"id"`
	Repeat   bool            `json:"repeat"`
	At       time.Time       `json:"at"`
	Body     json.RawMessage `json:"body"`
}

const receiverTolerance = 5 * time.Minute

func newReceivers(d deps) *receivers {
	p := &receivers{deps: d, list: map[string]receiver{}}
	d.journal.On("receiver", replayInto(func(r receiver) { p.list[r.ID] = r }))
	return p
}

func (p *receivers) routes(r chi.Router) { r.HandleFunc("/{id}", p.receive) }

// control mounts receivers to be had without a program.
func (p *receivers) control(r chi.Router) {
	r.Post("/webhook/receivers", p.controlMake)
	r.Post("/webhook/receivers/{id}", p.controlChange)
	r.Get("/webhook/events", p.controlEvents)
}

func (p *receivers) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	status := http.StatusRequestEntityTooLarge
	if err == nil {
		status = p.answer(r, body)
	}
	p.log.Add("receiver", r.Method, r.URL.Path, status, json.RawMessage(body))
	w.WriteHeader(status)
}

func (p *receivers) answer(r *http.Request, body []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, found := p.list[chi.URLParam(r, "id")]
	switch {
	case !found:
		return http.StatusNotFound
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed
	case known.Answer != 0:
		return known.Answer
	case !p.signed(known, r.Header, body):
		return http.StatusUnauthorized
	}
	id := r.Header.Get("webhook-id")
	repeat := slices.ContainsFunc(p.received, func(e receivedEvent) bool { return e.Receiver == known.ID && e.ID == id })
	p.received = append(p.received, receivedEvent{known.ID, id, repeat, p.now(), asJSON(json.RawMessage(body))})
	return http.StatusNoContent
}

// signed checks time and signature; one of several signatures is enough.
func (p *receivers) signed(r receiver, h http.Header, body []byte) bool {
	if r.Secret == "" {
		return true
	}
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || p.now().Sub(time.Unix(seconds, 0)).Abs() > receiverTolerance {
		return false
	}
	want := svix(r.Secret, id, stamp, body)
	return slices.ContainsFunc(strings.Fields(h.Get("webhook-signature")), func(given string) bool {
		return want != "" && hmac.Equal([]byte(given), []byte(want))
	})
}

func (p *receivers) keep(r receiver) {
	if err := p.journal.Append("receiver", r); err != nil {
		p.logger.Error("sandbox: journal receiver", "error", err)
	}
	p.mu.Lock()
	p.list[r.ID] = r
	p.mu.Unlock()
}

func (p *receivers) controlMake(w http.ResponseWriter, r *http.Request) {
	made := receiver{ID: p.rand.UUID()}
	if !playerInput(w, r, &made) {
		return
	}
	p.keep(made)
	reply(w, http.StatusOK, map[string]string{"id": made.ID, "url": p.base() + "/receiver/" + made.ID})
}

func (p *receivers) controlChange(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	known, found := p.list[chi.URLParam(r, "id")]
	p.mu.Unlock()
	if !found {
		reply(w, http.StatusNotFound, map[string]string{"error": "no such receiver"})
		return
	}
	id := known.ID
	if !playerInput(w, r, &known) {
		return
	}
	known.ID = id
	p.keep(known)
	reply(w, http.StatusOK, known)
}

func (p *receivers) controlEvents(w http.ResponseWriter, r *http.Request) {
	found := []receivedEvent{}
	p.mu.Lock()
	for _, e := range p.received {
		if id := r.URL.Query().Get("receiver"); id == "" || id == e.Receiver {
			found = append(found, e)
		}
	}
	p.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"data": found})
}
