package httpio

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	hushed = "[redacted]"

	// secretLeast is how long a part of an address must be to be taken for a secret:
	// tokens of webhooks and bots, push endpoints. Longer ids of ours go with them, which
	// costs a log line a word.
	secretLeast = 20
)

// hush takes out of error answers what they repeat of the request's secrets, before
// anybody reads them: a provider's error page may show the address and the headers that
// it was asked with, and its words go into logs and to the owners of what failed.
type hush struct{ next http.RoundTripper }

// RoundTrip makes the call.
func (h hush) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := &overheard{ReadCloser: r.Body}
	if r.Body != nil && r.Body != http.NoBody {
		again := *r // a request is its caller's
		again.Body = sent
		r = &again
	}
	resp, err := h.next.RoundTrip(r)
	if err != nil || resp.StatusCode < http.StatusMultipleChoices {
		return resp, err
	}
	body, readErr := ReadBounded(resp.Body, AnswerMax)
	_ = resp.Body.Close()
	clean := strings.NewReplacer(secretsOf(r, sent.start())...).Replace(string(body))
	rest := io.Reader(bytes.NewReader(nil))
	switch {
	case errors.Is(readErr, ErrAnswerTooLarge): // as long as it was: whoever reads it finds that out
		rest = strings.NewReader(strings.Repeat(" ", AnswerMax))
	case readErr != nil:
		rest = failing{readErr}
	}
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(clean), rest))
	resp.ContentLength = -1
	return resp, nil
}

// CloseIdleConnections is what a client's method of that name calls.
func (h hush) CloseIdleConnections() {
	if t, ok := h.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

type failing struct{ err error }

// Read fails.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// overheard is a body whose beginning is remembered while it is sent, which may go on
// when the answer is there already.
type overheard struct {
	io.ReadCloser

	mu   sync.Mutex
	said []byte
}

const overheardMax = 16 << 10 // bytes; what carries a secret is short

// Read reads on.
func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = append(o.said, p[:min(n, overheardMax-len(o.said))]...)
	return n, err
}

func (o *overheard) start() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said
}

// secretField finds the members of a JSON body that are secret by their names.
var secretField = regexp.MustCompile(`"\w*(?i:secret|token|password|verifier|code)\w*"\s*:\s*"([^"]{12,})"`)

// secretsOf are pairs for a replacer: what of a request is secret, in every spelling in
// which it may come back.
func secretsOf(r *http.Request, body []byte) []string {
	var found, pairs []string
	for name, values := range r.Header {
		if !isSecretHeader(name) {
			continue
		}
		for _, v := range values {
			found = append(found, v)
			if _, credentials, ok := strings.Cut(v, " "); ok {
				found = append(found, credentials)
			}
		}
	}
	found = append(found, strings.Split(r.URL.Path, "/")...)
	found = append(found, strings.Split(r.URL.EscapedPath(), "/")...)
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		plain, _ := url.QueryUnescape(value) // empty where it cannot be read
		found = append(found, value, plain)
	}
	found = slices.DeleteFunc(found, func(text string) bool { return len(text) < secretLeast })
	for _, field := range secretField.FindAllSubmatch(body, -1) {
		found = append(found, string(field[1]))
	}
	// The longest first: one may begin as another does.
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	for _, text := range found {
		quoted, _ := json.Marshal(text)
		for _, spelling := range []string{text, url.QueryEscape(text), url.PathEscape(text), strings.Trim(string(quoted), `"`)} {
			pairs = append(pairs, spelling, hushed)
		}
	}
	return pairs
}

func isSecretHeader(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"authorization", "secret", "key", "token", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
