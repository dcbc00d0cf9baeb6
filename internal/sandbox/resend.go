package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// What the simulated Resend team has.
const (
	ResendKey    = "re_sandbox_sending"
	ResendDomain = "mail.alertsify.example" // the one verified sender's domain
)

// resend plays Resend: it checks key, form and sender, keeps idempotency keys for a day,
// counts the rate and the quotas, and reports what became of each mail by signed
// webhooks. A mailbox named bounced@…, suppressed@…, complained@… or failed@… does so.
type resend struct {
	deps
	key    string
	url    string
	secret string
	client *http.Client
	wake   chan struct{}

	mu       sync.Mutex
	mails    []resendMail
	keys     map[string]resendAnswered
	settings resendSettings
	window   getstreamWindow // this second's requests
	today    getstreamWindow
	waiting  []resendEvent
}

// resendSettings are what the team's plan allows. A count of 0 switches a limit off.
type resendSettings struct {
	PerSecond  int  `json:"perSecond"`
	DailyQuota int  `json:"dailyQuota"`
	Verified   bool `json:"verified"` // the sender's domain
	Silent     bool `json:"silent"`   // no events by itself
}

// resendMail is a mail that was taken.
type resendMail struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	Key       string            `json:"key"`
	From      string            `json:"from"`
	To        []string          `json:"to"`
	ReplyTo   string            `json:"reply_to"`
	Subject   string            `json:"subject"`
	HTML      string            `json:"html"`
	Text      string            `json:"text"`
	Headers   map[string]string `json:"headers"`
	Tags      []resendTag       `json:"tags"`
	LastEvent string            `json:"lastEvent"`
}

type resendTag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// resendAnswered is a key that was used.
type resendAnswered struct {
	Body []byte    `json:"body"`
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
}

const (
	resendKeyKept  = 24 * time.Hour
	resendKeyMax   = 256
	resendMailsMax = 10_000
)

func newResend(d deps, o Options) *resend {
	r := &resend{
		deps: d, key: o.ResendKey, url: o.ResendWebhookURL, secret: o.ResendWebhookSecret,
		client: hookClient(hookTimeout), wake: make(chan struct{}, 1), keys: map[string]resendAnswered{},
		settings: resendSettings{PerSecond: 2, DailyQuota: 0, Verified: true},
	}
	if r.key == "" {
		r.key = ResendKey
	}
	d.journal.On("resend.mail", replayInto(r.store))
	d.journal.On("resend.key", replayInto(func(k resendKeyed) { r.keys[k.Key] = k.resendAnswered }))
	d.faults.style("resend", faultStyle{write: func(w http.ResponseWriter, _ *http.Request, status int) {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		a := resendRefuse(status, resendFaultName(status), "simulated")
		reply(w, a.status, a.body)
	}})
	return r
}

func resendFaultName(status int) string {
	return map[int]string{
		http.StatusTooManyRequests: "rate_limit_exceeded", http.StatusConflict: "concurrent_idempotent_requests",
		http.StatusForbidden: "invalid_api_key", http.StatusUnprocessableEntity: "invalid_parameter",
		http.StatusUnavailableForLegalReasons: "security_error",
	}[status]
}

type resendKeyed struct {
	Key string `json:"key"`
	resendAnswered
}

func (s *resend) store(m resendMail) {
	s.mails = append(s.mails, m)
	if len(s.mails) > resendMailsMax {
		s.mails = slices.Delete(s.mails, 0, len(s.mails)-resendMailsMax)
	}
}

// routes mounts what a key for sending reaches, and what it is refused.
func (s *resend) routes(r chi.Router) {
	r.Post("/emails", s.send)
	r.Get("/domains", s.domains)
}

type resendAnswer struct {
	status int
	body   any
}

func resendRefuse(status int, name, message string) resendAnswer {
	return resendAnswer{status, map[string]any{"statusCode": status, "name": name, "message": message}}
}

func (s *resend) send(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	a := resendRefuse(http.StatusBadRequest, "validation_error", "the body cannot be read")
	if err == nil {
		a = s.answer(w.Header(), r, body)
	}
	s.log.Add("resend", r.Method, r.URL.Path, a.status, json.RawMessage(body))
	reply(w, a.status, a.body)
}

// domains refuses a key that may only send, as ours is.
func (s *resend) domains(w http.ResponseWriter, r *http.Request) {
	a := s.authorize(r)
	if a.status == 0 {
		a = resendRefuse(http.StatusUnauthorized, "restricted_api_key", "This API key is restricted to only send emails")
	}
	s.log.Add("resend", r.Method, r.URL.Path, a.status, nil)
	reply(w, a.status, a.body)
}

func (s *resend) authorize(r *http.Request) resendAnswer {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.UserAgent() == "" || strings.HasPrefix(r.UserAgent(), "Go-http-client"):
		return resendRefuse(http.StatusForbidden, "1010", "error code: 1010")
	case !ok:
		return resendRefuse(http.StatusUnauthorized, "missing_api_key", "Missing API key in the authorization header")
	case bearer != s.key:
		return resendRefuse(http.StatusForbidden, "invalid_api_key", "API key is invalid")
	}
	return resendAnswer{}
}

func (s *resend) answer(h http.Header, r *http.Request, body []byte) resendAnswer {
	if a := s.authorize(r); a.status != 0 {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.take(h); a.status != 0 {
		return a
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > resendKeyMax {
		return resendRefuse(http.StatusBadRequest, "invalid_idempotency_key", "The key must be between 1-256 chars")
	}
	if known, used := s.keys[key]; key != "" && used && s.now().Sub(known.At) < resendKeyKept {
		if !bytes.Equal(known.Body, body) {
			return resendRefuse(http.StatusConflict, "invalid_idempotent_request", "Same idempotency key used with a different request payload")
		}
		return resendAnswer{http.StatusOK, map[string]string{"id": known.ID}}
	}
	m, a := s.read(body)
	if a.status != 0 {
		return a
	}
	if a := s.spendQuota(); a.status != 0 {
		return a
	}
	return s.accept(m, key, body)
}

// take counts a request against the rate and sets the headers every answer has.
func (s *resend) take(h http.Header) resendAnswer {
	if s.settings.PerSecond == 0 {
		return resendAnswer{}
	}
	now := s.now()
	if !now.Before(s.window.ends) {
		s.window = getstreamWindow{ends: now.Add(time.Second)}
	}
	s.window.used++
	h.Set("RateLimit-Limit", strconv.Itoa(s.settings.PerSecond))
	h.Set("RateLimit-Remaining", strconv.Itoa(max(0, s.settings.PerSecond-s.window.used)))
	h.Set("RateLimit-Reset", "1")
	if s.window.used > s.settings.PerSecond {
		h.Set("Retry-After", "1")
		return resendRefuse(http.StatusTooManyRequests, "rate_limit_exceeded", "Too many requests")
	}
	return resendAnswer{}
}

func (s *resend) spendQuota() resendAnswer {
	if s.settings.DailyQuota == 0 {
		return resendAnswer{}
	}
	now := s.now()
	if !now.Before(s.today.ends) {
		s.today = getstreamWindow{ends: now.Truncate(24 * time.Hour).Add(24 * time.Hour)}
	}
	if s.today.used >= s.settings.DailyQuota {
		return resendRefuse(http.StatusTooManyRequests, "daily_quota_exceeded", "You have reached your daily email sending quota")
	}
	s.today.used++
	return resendAnswer{}
}

var resendTagShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// read checks a mail as Resend does.
func (s *resend) read(body []byte) (resendMail, resendAnswer) {
	var m resendMail
	if err := json.Unmarshal(body, &m); err != nil {
		return m, resendRefuse(http.StatusUnprocessableEntity, "invalid_parameter", "the body is not a mail")
	}
	from, err := mail.ParseAddress(m.From)
	switch {
	case err != nil:
		return m, resendRefuse(http.StatusUnprocessableEntity, "invalid_from_address", "Invalid `from` field")
	case !s.settings.Verified || !strings.HasSuffix(from.Address, "@"+ResendDomain):
		return m, resendRefuse(http.StatusForbidden, "validation_error", "The domain is not verified")
	case len(m.To) == 0 || m.Subject == "" || m.HTML == "" && m.Text == "":
		return m, resendRefuse(http.StatusUnprocessableEntity, "missing_required_field", "to, subject or content is missing")
	case len(m.To) > 50:
		return m, resendRefuse(http.StatusUnprocessableEntity, "invalid_parameter", "more than 50 recipients")
	}
	for _, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return m, resendRefuse(http.StatusUnprocessableEntity, "validation_error", "Invalid `to` field")
		}
	}
	if _, err := mail.ParseAddress(m.ReplyTo); m.ReplyTo != "" && err != nil {
		return m, resendRefuse(http.StatusUnprocessableEntity, "validation_error", "Invalid `reply_to` field")
	}
	for _, t := range m.Tags {
		if !resendTagShape.MatchString(t.Name) || !resendTagShape.MatchString(t.Value) {
			return m, resendRefuse(http.StatusUnprocessableEntity, "invalid_parameter", "Tags should only contain ASCII letters, numbers, underscores, or dashes")
		}
	}
	for name, value := range m.Headers {
		if strings.ContainsAny(name+value, "\r\n") {
			return m, resendRefuse(http.StatusUnprocessableEntity, "invalid_parameter", "a header has more than one line")
		}
	}
	return m, resendAnswer{}
}

// accept keeps the mail and its key, and lets what follows happen.
func (s *resend) accept(m resendMail, key string, body []byte) resendAnswer {
	m.ID, m.Key, m.At, m.LastEvent = s.rand.UUID(), key, s.now(), "sent"
	answered := resendAnswered{Body: body, ID: m.ID, At: m.At}
	for kind, value := range map[string]any{"resend.mail": m, "resend.key": resendKeyed{key, answered}} {
		if err := s.journal.Append(kind, value); err != nil {
			s.logger.Error("sandbox: journal resend", "error", err)
		}
	}
	s.store(m)
	if key != "" {
		s.keys[key] = answered
	}
	if !s.settings.Silent {
		s.happen(m)
	}
	return resendAnswer{http.StatusOK, map[string]string{"id": m.ID}}
}
