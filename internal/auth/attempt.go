package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"golang.org/x/oauth2"
)

const (
	attemptLife = 10 * time.Minute
	attemptsMax = 5                // tabs that may be signing in at once
	anonymous   = 30 * time.Minute // how long a session lasts that nobody signed in to
)

// What a sign-in is for.
const (
	intentLogin  = "login"
	intentLink   = "link"   // one more identity for who is signed in
	intentReauth = "reauth" // the same person again, for step-up
)

// attempt is one sign-in on its way. It lives in the browser's session, so that
// nobody else's browser can finish it, and is taken out by its first callback.
type attempt struct {
	State    string    `json:"state"`
	Provider string    `json:"provider"`
	Verifier string    `json:"verifier"`
	Nonce    string    `json:"nonce"`
	Intent   string    `json:"intent"`
	User     uuid.UUID `json:"user"` // who asked to link or to prove again
	ReturnTo string    `json:"return_to"`
	At       time.Time `json:"at"`
	Notes    string    `json:"notes"` // goth's
}

func newAttempt(provider, intent, returnTo string, now time.Time) attempt {
	return attempt{
		State: randomText(32), Provider: provider, Verifier: oauth2.GenerateVerifier(), Nonce: randomText(16),
		Intent: intent, ReturnTo: LocalPath(returnTo), At: now,
	}
}

// turnedBackTo is where an attempt ends that came to nothing: on the sign-in page, or
// where somebody who is signed in wanted to link.
func (a attempt) turnedBackTo(problem string) string {
	if a.Intent != intentLink {
		return loginURL(a.ReturnTo, a.Intent == intentReauth, problem)
	}
	page, err := url.Parse(a.ReturnTo)
	if err != nil {
		return loginURL("", false, problem)
	}
	page.RawQuery, page.Fragment = url.Values{"problem": {problem}}.Encode(), ""
	return LocalPath(page.String())
}

func randomText(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // never fails: the runtime ends the program instead
	return base64.RawURLEncoding.EncodeToString(raw)
}

// addAttempt puts a into the session; the oldest leave when there are too many.
func (g *Guard) addAttempt(ctx context.Context, a attempt) error {
	waiting := append(g.attempts(ctx), a)
	if len(waiting) > attemptsMax {
		waiting = waiting[len(waiting)-attemptsMax:]
	}
	return g.putAttempts(ctx, waiting)
}

// takeAttempt takes the attempt of that state out of the session, whether or not
// it is still good; false when there is none.
func (g *Guard) takeAttempt(ctx context.Context, state string) (attempt, bool, error) {
	waiting := g.attempts(ctx)
	for i, a := range waiting {
		if state != "" && subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) == 1 {
			return a, true, g.putAttempts(ctx, append(waiting[:i:i], waiting[i+1:]...))
		}
	}
	return attempt{}, false, nil
}

// attempts are the ones still good. What cannot be read is none.
func (g *Guard) attempts(ctx context.Context) []attempt {
	return goodAttempts(g.sessions.GetString(ctx, keyAttempts), g.now())
}

func goodAttempts(text string, now time.Time) (good []attempt) {
	var stored []attempt
	if json.Unmarshal([]byte(text), &stored) != nil {
		return nil
	}
	for _, a := range stored {
		if now.Sub(a.At) <= attemptLife {
			good = append(good, a)
		}
	}
	return good
}

func (g *Guard) putAttempts(ctx context.Context, waiting []attempt) error {
	text, err := json.Marshal(waiting)
	if err != nil {
		return fmt.Errorf("keep sign-in attempts: %w", err)
	}
	g.sessions.Put(ctx, keyAttempts, string(text))
	return nil
}
