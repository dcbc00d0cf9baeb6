package discord

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// answer is a response whose body was read, as far as it could be.
type answer struct {
	*http.Response
	body    []byte
	readErr error
}

// failure is Discord's error body. Only the status is certain: a proxy before
// Discord answers with HTML, and some errors have no body at all.
type failure struct {
	Message    string          `json:"message"`
	Code       int             `json:"code"`
	RetryAfter json.Number     `json:"retry_after"`
	Global     bool            `json:"global"`
	Errors     json.RawMessage `json:"errors"`
}

func (c *Client) understand(w Webhook, route string, a answer, into any) error {
	c.limits.Learn(route, w.ID, a.Header)
	c.countInvalid(a)
	if a.StatusCode >= 200 && a.StatusCode < 300 {
		return accepted(a, into)
	}
	var f failure
	if err := json.Unmarshal(a.body, &f); err != nil && isBanPage(a) {
		return c.banned(a)
	}
	outcome, duplicate := judge(a.StatusCode, f.Code)
	e := &Error{Outcome: outcome, Status: a.StatusCode, Code: f.Code, Message: words(f), PossibleDuplicate: duplicate}
	switch {
	case f.Code == codeTooManyOldEdits:
		e.RetryAfter, e.Limited, e.Alone = oldEditPause, true, true
	case a.StatusCode == http.StatusTooManyRequests:
		c.limited(e, w, a, f)
	}
	return e
}

// isBanPage tells Cloudflare's page (HTML, or "error code: 1015") from Discord's
// own answers. An empty body is neither.
func isBanPage(a answer) bool {
	refused := a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusForbidden
	return refused && len(a.body) > 0 && !json.Valid(a.body)
}

// accepted reads the message Discord stored. If the answer breaks off, the
// message is there but its id is not known.
func accepted(a answer, into any) error {
	if into == nil {
		return nil
	}
	err := errors.Join(a.readErr, json.Unmarshal(a.body, into))
	if sent, isMessage := into.(*Sent); err == nil && isMessage && sent.MessageID == "" {
		err = errors.New("no message id")
	}
	if err != nil {
		return &Error{Outcome: Unknown, Status: a.StatusCode, cause: fmt.Errorf("read answer: %w", err)}
	}
	return nil
}

// limited obeys a 429. What it costs to be wrong here is a ban of our address.
func (c *Client) limited(e *Error, w Webhook, a answer, f failure) {
	wait := defaultWait
	for _, told := range []string{f.RetryAfter.String(), a.Header.Get("Retry-After"), a.Header.Get("X-RateLimit-Reset-After")} {
		if s, ok := seconds(told); ok {
			wait = s
			break
		}
	}
	e.RetryAfter, e.Limited = wait+c.jitter(), true
	e.Global = f.Global || strings.EqualFold(a.Header.Get("X-RateLimit-Global"), "true")
	if until := c.now().Add(wait); e.Global {
		c.limits.CloseAll(until)
	} else {
		c.limits.Close(w.ID, until)
	}
}

// banned: the page is Cloudflare's, not Discord's. Everything stops, because
// each further request can make it longer.
func (c *Client) banned(a answer) *Error {
	wait := banPause
	if told, ok := seconds(a.Header.Get("Retry-After")); ok {
		wait = max(told, time.Minute)
	}
	c.limits.CloseAll(c.now().Add(wait))
	return &Error{
		Outcome: Retry, Status: a.StatusCode, RetryAfter: wait, Limited: true, Global: true,
		Message: "answered by a ban page",
	}
}

// countInvalid keeps us far from the number of refusals that gets an address
// banned. A shared limit is not our doing, and Discord does not count it.
func (c *Client) countInvalid(a answer) {
	refused := a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden
	limited := a.StatusCode == http.StatusTooManyRequests && a.Header.Get("X-RateLimit-Scope") != "shared"
	if refused || limited {
		c.breaker.Failure(breakInvalid)
		return
	}
	c.breaker.Success(breakInvalid)
}

func words(f failure) string {
	text := f.Message
	if len(f.Errors) > 0 {
		text += " " + string(f.Errors)
	}
	return strings.ToValidUTF8(text[:min(len(text), errorMessageMax)], "")
}
