package discord

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/secret"
)

// Whatever is pasted: what is accepted leads to Discord and nowhere else, and a refusal
// does not repeat it.
func FuzzParseWebhookURL(f *testing.F) {
	token := strings.Repeat("A", 68)
	for _, seed := range []string{
		"https://discord.com/api/webhooks/123456789012345678/" + token, " https://PTB.discord.com/api/v10/webhooks/123456789012345678/" + token + "/?thread_id=123456789012345678 ",
		"https://discord.com@127.0.0.1/api/webhooks/123456789012345678/" + token, "https://discord.com:443/api/webhooks/1/" + token,
		"https://discord.com/api/webhooks/123456789012345678/../" + token, "https:discord.com/api", "https://discord.com\\@evil.example/", "//discord.com/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pasted string) {
		w, err := ParseWebhookURL(pasted)
		if err != nil {
			if !errors.Is(err, ErrWebhookURL) || err.Error() != ErrWebhookURL.Error() {
				t.Errorf("%q is refused with %v", pasted, err)
			}
			return
		}
		c := New(Options{HTTP: http.DefaultClient})
		req, err := c.build(t.Context(), w, request{method: http.MethodPost, query: threadQuery(w, true)})
		if err != nil || req.URL.Scheme != "https" || req.URL.Host != "discord.com" || req.URL.User != nil {
			t.Fatalf("%q leads to %v, %v", pasted, req, err)
		}
		if got, want := req.URL.EscapedPath(), apiPath+w.ID+"/"+w.Token.Reveal(); got != want {
			t.Errorf("%q leads to %s", pasted, got)
		}
	})
}

// Whatever Discord, or a proxy before it, answers: no panic, an outcome, a wait that is
// neither negative nor for ever, and none of it is longer than a log line.
func FuzzAnswer(f *testing.F) {
	f.Add(429, []byte(`{"message":"slow","retry_after":0.3,"global":true}`), "", "0.3")
	f.Add(429, []byte(`{"retry_after":1e400000000}`), "1e999", "NaN")
	f.Add(403, []byte(`<html>error code: 1015`), "-5", "")
	f.Add(400, []byte(`{"message":"bad","code":50035,"errors":{"embeds":{"0":{}}}}`), "", "")
	f.Add(200, []byte(`{"id":"1","channel_id":7}`), "", "")
	f.Add(200, []byte(`{"id":"`), "", "")
	f.Fuzz(func(t *testing.T, status int, body []byte, wait, reset string) {
		if status < 100 || status > 599 {
			return
		}
		c := New(Options{HTTP: http.DefaultClient})
		h := http.Header{"Retry-After": {wait}, "X-Ratelimit-Reset-After": {reset}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Bucket": {"b"}}
		var sent Sent
		err := c.understand(Webhook{ID: "123456789012345678", Token: secret.New("t")}, "create", answer{&http.Response{StatusCode: status, Header: h}, body, nil}, &sent)
		var e *Error
		switch {
		case err == nil && sent.MessageID == "":
			t.Errorf("%d %q is a message without an id", status, body)
		case err != nil && !errors.As(err, &e):
			t.Errorf("%d %q: %v", status, body, err)
		case e != nil && (e.RetryAfter < 0 || len(e.Message) > errorMessageMax || !utf8.ValidString(e.Message)):
			t.Errorf("%d %q: %+v", status, body, e)
		}
		_, _ = c.limits.Wait("create", "123456789012345678")
	})
}

// Whatever a user calls themselves: nobody is mentioned, no link is made, nothing is
// hidden, and it stays text that JSON can hold.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"@everyone", "@\u200beve\u202eryone", "[x](https://evil.example)", "**b** `c` ||s||", "\xff\xfe", "👩🏽\u200d🚒", "<@123>", "a\nb\tc\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{Clean(s), Escape(s)} {
			if everyone.MatchString(out) || bareLink.MatchString(out) || !utf8.ValidString(out) || strings.ContainsAny(out, "\n\r\x00\u202e\u200e") && !strings.Contains(s, "\u200e") {
				t.Errorf("%q becomes %q", s, out)
			}
			if _, err := json.Marshal(out); err != nil {
				t.Errorf("%q: %v", out, err)
			}
		}
		if strings.Contains(Escape(s), "](") {
			t.Errorf("%q becomes a link: %q", s, Escape(s))
		}
	})
}
