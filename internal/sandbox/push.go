package sandbox

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// push plays a push service together with the browsers that subscribed to it: it
// checks what RFC 8030 and 8292 ask for, and decrypts every message with the
// browser's own key, so that an undecryptable one cannot pass for delivered.
type push struct {
	deps

	mu            sync.Mutex
	subscriptions map[string]pushSubscription
	messages      []pushMessage
}

// pushSubscription is one browser. Key and Auth are its secrets.
type pushSubscription struct {
	ID        string `json:"id"`
	Key       []byte `json:"key"`       // P-256 private key
	Auth      []byte `json:"auth"`      // 16 bytes
	ServerKey string `json:"serverKey"` // VAPID key it was made with; empty: the first one seen
	MaxBody   int    `json:"maxBody"`   // bytes it takes
	Answer    string `json:"answer"`    // how it refuses; empty: it does not
}

// pushMessage is a message that arrived and was decrypted.
type pushMessage struct {
	ID           string          `json:"id"`
	Subscription string          `json:"subscription"`
	At           time.Time       `json:"at"`
	TTL          int             `json:"ttl"`
	Urgency      string          `json:"urgency"`
	Topic        string          `json:"topic,omitempty"`
	Body         json.RawMessage `json:"body"`
}

const (
	pushMaxBody         = 4096 // bytes every service must take
	pushFirefoxAndroid  = 3070 // bytes Firefox on Android takes
	pushTTLCap          = 2_419_200
	pushMessagesKept    = 100_000
	pushAnswerRedirect  = "redirect"
	pushAnswerLimitDate = "429date"
)

// pushAnswers are the refusals a subscription can be told to give.
func pushAnswers() []string {
	return []string{"", "400", "401", "403", "404", "410", "413", "429", pushAnswerLimitDate, "500", "503", pushAnswerRedirect}
}

func newPush(d deps) *push {
	p := &push{deps: d, subscriptions: map[string]pushSubscription{}}
	d.journal.On("push.subscription", replayInto(func(s pushSubscription) { p.subscriptions[s.ID] = s }))
	d.journal.On("push.message", replayInto(p.store))
	d.faults.style("push", faultStyle{write: func(w http.ResponseWriter, _ *http.Request, status int) {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		reply(w, status, pushFailure{Code: status, Errno: 999, Error: http.StatusText(status)})
	}})
	return p
}

// routes mounts the endpoints browsers hand out.
func (p *push) routes(r chi.Router) { r.HandleFunc("/{id}", p.receive) }

// control mounts browsers to be had without a browser.
func (p *push) control(r chi.Router) {
	r.Post("/push/subscriptions", p.controlSubscribe)
	r.Post("/push/subscriptions/{id}", p.controlAnswer)
	r.Get("/push/messages", p.controlMessages)
}

type pushFailure struct {
	Code    int    `json:"code"`
	Errno   int    `json:"errno"` // Mozilla's numbers
	Error   string `json:"error"`
	Message string `json:"message,omitempty"`
}

// pushAnswer is what to reply and what the log learns.
type pushAnswer struct {
	status int
	header http.Header
	body   any
	logged any
}

func pushRefuse(status, errno int, message string) pushAnswer {
	return pushAnswer{status: status, body: pushFailure{Code: status, Errno: errno, Error: http.StatusText(status), Message: message}}
}

func (p *push) receive(w http.ResponseWriter, r *http.Request) {
	a := p.answer(w, r)
	p.log.Add("push", r.Method, r.URL.Path, a.status, a.logged)
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	reply(w, a.status, a.body)
}

func (p *push) answer(w http.ResponseWriter, r *http.Request) pushAnswer {
	if r.Method != http.MethodPost {
		return pushRefuse(http.StatusMethodNotAllowed, 0, "POST only")
	}
	p.mu.Lock()
	s, known := p.subscriptions[chi.URLParam(r, "id")]
	p.mu.Unlock()
	if !known {
		return pushRefuse(http.StatusNotFound, 102, "no such endpoint")
	}
	if s.Answer != "" {
		return p.refuseAsTold(s.Answer)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || len(body) > s.MaxBody {
		return pushRefuse(http.StatusRequestEntityTooLarge, 104, "at most "+strconv.Itoa(s.MaxBody)+" bytes")
	}
	m, refusal := pushHeaders(r.Header)
	if refusal.status != 0 {
		return refusal
	}
	if refusal := p.authorize(&s, r.Header.Get("Authorization")); refusal.status != 0 {
		return refusal
	}
	plain, err := pushDecrypt(s.Key, s.Auth, body)
	if err != nil {
		return pushRefuse(http.StatusBadRequest, 110, "the browser cannot decrypt it: "+err.Error())
	}
	return p.accept(s, m, plain)
}

func (p *push) accept(s pushSubscription, m pushMessage, plain []byte) pushAnswer {
	m.ID, m.Subscription, m.At, m.Body = p.rand.UUID(), s.ID, p.now().UTC(), asJSON(json.RawMessage(plain))
	p.mu.Lock()
	p.store(m)
	p.write("push.message", m)
	p.mu.Unlock()
	h := http.Header{}
	h.Set("Location", p.base()+"/push/m/"+m.ID)
	h.Set("TTL", strconv.Itoa(min(m.TTL, pushTTLCap)))
	return pushAnswer{status: http.StatusCreated, header: h, logged: pushLogged(m)}
}

// store keeps a message; one that still waits with the same topic is replaced.
func (p *push) store(m pushMessage) {
	if m.Topic != "" {
		p.messages = slices.DeleteFunc(p.messages, func(old pushMessage) bool {
			return old.Subscription == m.Subscription && old.Topic == m.Topic
		})
	}
	p.messages = append(p.messages, m)
	if len(p.messages) > pushMessagesKept {
		p.messages = slices.Clone(p.messages[pushMessagesKept/10:])
	}
}

func (p *push) write(kind string, v any) {
	if err := p.journal.Append(kind, v); err != nil {
		p.logger.Error("sandbox: journal push", "error", err)
	}
}

var (
	pushTopic   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	pushTTL     = regexp.MustCompile(`^[0-9]{1,10}$`)
	pushUrgency = []string{"", "very-low", "low", "normal", "high"}
)

// pushHeaders checks what RFC 8030 and 8188 want in the header.
func pushHeaders(h http.Header) (pushMessage, pushAnswer) {
	topic, urgency := h.Get("Topic"), h.Get("Urgency")
	switch {
	case h.Get("Content-Encoding") != "aes128gcm":
		return pushMessage{}, pushRefuse(http.StatusBadRequest, 110, "Content-Encoding must be aes128gcm")
	case !pushTTL.MatchString(h.Get("TTL")):
		return pushMessage{}, pushRefuse(http.StatusBadRequest, 111, "TTL must be seconds")
	case len(h.Values("Topic")) > 0 && !pushTopic.MatchString(topic):
		return pushMessage{}, pushRefuse(http.StatusBadRequest, 113, "Topic must be up to 32 characters of base64url")
	case !slices.Contains(pushUrgency, urgency):
		return pushMessage{}, pushRefuse(http.StatusBadRequest, 112, "unknown Urgency")
	}
	ttl, err := strconv.Atoi(h.Get("TTL"))
	if err != nil {
		return pushMessage{}, pushRefuse(http.StatusBadRequest, 111, "TTL must be seconds")
	}
	if urgency == "" {
		urgency = "normal"
	}
	return pushMessage{TTL: ttl, Urgency: urgency, Topic: topic}, pushAnswer{}
}

func (p *push) refuseAsTold(how string) pushAnswer {
	h := http.Header{}
	switch how {
	case pushAnswerRedirect:
		h.Set("Location", "http://169.254.169.254/latest/meta-data/")
		return pushAnswer{status: http.StatusTemporaryRedirect, header: h}
	case pushAnswerLimitDate:
		h.Set("Retry-After", p.now().Add(2*time.Minute).UTC().Format(http.TimeFormat))
		return pushAnswer{status: http.StatusTooManyRequests, header: h}
	}
	status, err := strconv.Atoi(how)
	if err != nil {
		status = http.StatusInternalServerError
	}
	a := pushRefuse(status, 999, "as told")
	if status == http.StatusTooManyRequests {
		h.Set("Retry-After", "120")
		a.header = h
	}
	return a
}

// subscribe is a browser that allows notifications.
func (p *push) subscribe(serverKey string, maxBody int) (pushSubscription, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return pushSubscription{}, err
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth)
	s := pushSubscription{
		ID: p.rand.UUID(), Key: key.Bytes(), Auth: auth, MaxBody: maxBody,
		ServerKey: strings.TrimRight(serverKey, "="),
	}
	p.keep(s)
	return s, nil
}

func (p *push) keep(s pushSubscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subscriptions[s.ID] = s
	p.write("push.subscription", s)
}

func (p *push) controlSubscribe(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ApplicationServerKey string `json:"applicationServerKey"`
		FirefoxAndroid       bool   `json:"firefoxAndroid"`
	}
	if !playerInput(w, r, &in) {
		return
	}
	limit := pushMaxBody
	if in.FirefoxAndroid {
		limit = pushFirefoxAndroid
	}
	s, err := p.subscribe(in.ApplicationServerKey, limit)
	if err != nil {
		reply(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	reply(w, http.StatusOK, p.toJSON(s))
}

// toJSON is what PushSubscription.toJSON() gives a page.
func (p *push) toJSON(s pushSubscription) map[string]any {
	return map[string]any{
		"endpoint": p.base() + "/push/" + s.ID, "expirationTime": nil,
		"keys": map[string]string{
			"p256dh": base64.RawURLEncoding.EncodeToString(pushPublic(s.Key)),
			"auth":   base64.RawURLEncoding.EncodeToString(s.Auth),
		},
	}
}

// controlAnswer tells a subscription how to refuse from now on.
func (p *push) controlAnswer(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Answer string `json:"answer"`
	}
	if !playerInput(w, r, &in) {
		return
	}
	p.mu.Lock()
	s, known := p.subscriptions[chi.URLParam(r, "id")]
	p.mu.Unlock()
	if !known || !slices.Contains(pushAnswers(), in.Answer) {
		reply(w, http.StatusBadRequest, map[string]any{"error": "unknown subscription or answer", "answers": pushAnswers()})
		return
	}
	s.Answer = in.Answer
	p.keep(s)
	reply(w, http.StatusOK, in)
}

func (p *push) controlMessages(w http.ResponseWriter, r *http.Request) {
	found := []pushMessage{}
	p.mu.Lock()
	for _, m := range p.messages {
		if id := r.URL.Query().Get("subscription"); id == "" || id == m.Subscription {
			found = append(found, m)
		}
	}
	p.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"data": found})
}

// pushLogged is the plaintext, with the headers beside it when it is an object.
func pushLogged(m pushMessage) any {
	var object map[string]json.RawMessage
	if json.Unmarshal(m.Body, &object) != nil || object == nil {
		return m.Body
	}
	object["_push"] = asJSON(map[string]any{"subscription": m.Subscription, "ttl": m.TTL, "urgency": m.Urgency, "topic": m.Topic})
	return object
}
