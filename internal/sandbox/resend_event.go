package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// resendEvent is a report about a mail on its way.
type resendEvent struct {
	mail   resendMail
	kind   string // email.bounced
	bounce string // Permanent, Transient, Undetermined
	done   chan<- int
}

// happen lets a mail arrive, or not, by the name of its mailbox.
func (s *resend) happen(m resendMail) {
	kinds := []string{"email.sent", "email.delivered"}
	local, _, _ := strings.Cut(m.To[0], "@")
	switch name, _, _ := strings.Cut(local, "+"); name {
	case "bounced":
		kinds = []string{"email.sent", "email.bounced"}
	case "suppressed":
		kinds = []string{"email.suppressed"}
	case "failed":
		kinds = []string{"email.failed"}
	case "complained":
		kinds = append(kinds, "email.complained")
	}
	for _, kind := range kinds {
		s.report(resendEvent{mail: m, kind: kind, bounce: "Permanent"})
	}
}

// report queues an event; the caller holds the lock.
func (s *resend) report(e resendEvent) {
	if s.url == "" {
		if e.done != nil {
			e.done <- 0
		}
		return
	}
	s.waiting = append(s.waiting, e)
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// run sends events until ctx ends.
func (s *resend) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		s.mu.Lock()
		events := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		for _, e := range events {
			s.first(ctx, e)
		}
	}
}

// first sends an event, with the faults set for it.
func (s *resend) first(ctx context.Context, e resendEvent) {
	at, key := s.now(), s.secret
	call := "POST " + pathOf(s.url) + " " + e.kind
	if _, hit := s.faults.takeMode(faultStaleWebhook, "resend", call, ""); hit {
		at = at.Add(-staleBy)
	}
	if _, hit := s.faults.takeMode(faultBadSignature, "resend", call, ""); hit {
		key = "whsec_" + base64.StdEncoding.EncodeToString([]byte("not the key that was agreed"))
	}
	_, twice := s.faults.takeMode(faultDuplicateWebhook, "resend", call, "")
	id, body := "msg_"+s.rand.UUID(), s.write(e, at)
	status := s.post(ctx, id, at, key, body)
	if twice {
		status = s.post(ctx, id, at, key, body)
	}
	if e.done != nil {
		e.done <- status
	}
}

// write makes the event's body. Tags have two forms; this is the one of today.
func (s *resend) write(e resendEvent, at time.Time) []byte {
	tags := map[string]string{}
	for _, t := range e.mail.Tags {
		tags[t.Name] = t.Value
	}
	data := map[string]any{
		"email_id": e.mail.ID, "created_at": e.mail.At.UTC().Format(time.RFC3339Nano), "from": e.mail.From, "to": e.mail.To,
		"subject": e.mail.Subject, "tags": tags,
	}
	switch e.kind {
	case "email.bounced":
		data["bounce"] = map[string]any{
			"type": e.bounce, "subType": "General", "message": "The recipient's mail server refused it.", "diagnosticCode": []string{"smtp; 550 5.1.1 user unknown"},
		}
	case "email.failed":
		data["failed"] = map[string]any{"reason": "The mail could not be made."}
	}
	body, err := json.Marshal(map[string]any{"type": e.kind, "created_at": at.UTC().Format(time.RFC3339Nano), "data": data})
	if err != nil {
		s.logger.Error("sandbox: write mail event", "error", err)
	}
	return body
}

// svix signs as Svix does.
func svix(secret, id, timestamp string, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (s *resend) post(ctx context.Context, id string, at time.Time, secret string, body []byte) (status int) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("svix-id", id)
	request.Header.Set("svix-timestamp", timestamp)
	request.Header.Set("svix-signature", svix(secret, id, timestamp, body))
	response, err := s.client.Do(request)
	if err == nil {
		status = response.StatusCode
		_ = response.Body.Close()
	}
	s.log.Add("resend", http.MethodPost, pathOf(s.url), status, json.RawMessage(body))
	return status
}

// control mounts what a test or a developer may look at and let happen.
func (s *resend) control(r chi.Router) {
	r.Get("/resend/mails", s.controlMails)
	r.Post("/resend/settings", s.controlSettings)
	r.Post("/resend/event", handle(s.controlEvent))
}

// controlMails lists the mails that were taken, to one mailbox or to all.
func (s *resend) controlMails(w http.ResponseWriter, r *http.Request) {
	found := []resendMail{}
	s.mu.Lock()
	for _, m := range s.mails {
		if to := r.URL.Query().Get("to"); to == "" || slices.Contains(m.To, to) {
			found = append(found, m)
		}
	}
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"data": found})
}

func (s *resend) controlSettings(w http.ResponseWriter, r *http.Request) {
	in := resendSettings{PerSecond: 2, Verified: true}
	if !playerInput(w, r, &in) {
		return
	}
	s.mu.Lock()
	s.settings = in
	s.mu.Unlock()
	reply(w, http.StatusOK, in)
}

type resendEventWanted struct {
	Type       string `json:"type"`       // email.bounced
	To         string `json:"to"`         // about the latest mail to this mailbox
	EmailID    string `json:"emailId"`    // or about this one
	BounceType string `json:"bounceType"` // default Permanent
}

// controlEvent sends an event about a mail that was taken, and answers what the
// application answered.
func (s *resend) controlEvent(in resendEventWanted) (any, error) {
	s.mu.Lock()
	i := len(s.mails) - 1
	for ; i >= 0; i-- {
		if s.mails[i].ID == in.EmailID || in.EmailID == "" && slices.Contains(s.mails[i].To, in.To) {
			break
		}
	}
	if i < 0 {
		s.mu.Unlock()
		return nil, badRequest("no such mail was taken")
	}
	if in.BounceType == "" {
		in.BounceType = "Permanent"
	}
	done := make(chan int, 1)
	s.mails[i].LastEvent = in.Type
	s.report(resendEvent{mail: s.mails[i], kind: in.Type, bounce: in.BounceType, done: done})
	s.mu.Unlock()
	select {
	case status := <-done:
		return map[string]int{"status": status}, nil
	case <-time.After(2 * hookTimeout):
		return nil, badRequest("the application does not answer")
	}
}
