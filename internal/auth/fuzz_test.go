package auth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/markbates/goth"
)

// hostilePaths lead browsers elsewhere unless they are refused.
var hostilePaths = []string{
	"//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "https:evil.example", "https://evil.example", "javascript:alert(1)",
	"/%2f/evil.example", "/..//evil.example", "/.//evil.example", "///evil.example", "/login?return_to=//evil.example", "/%5cevil.example", "/a?b#c", "/\u202e/evil.example",
	" /evil.example", "/;//evil.example", "http:/evil.example", "/\x00/evil.example", "/@evil.example", "/:80/evil.example", "", "/",
}

// leadsTo is the host that a browser, which stands on a page of ours, goes to: browsers
// drop tabs and line ends, take a backslash for a slash, and two slashes for a host.
func leadsTo(t *testing.T, location string) string {
	t.Helper()
	seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(strings.Trim(location, " \x00\x01\x1f"))
	u, err := url.Parse(seen)
	if err != nil {
		return "unreadable"
	}
	ours := &url.URL{Scheme: "https", Host: "app.example", Path: "/page"}
	return ours.ResolveReference(u).Host
}

// Wherever somebody asks to be sent after signing in, it is a page of ours.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range hostilePaths {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := LocalPath(path)
		if host := leadsTo(t, got); host != "app.example" {
			t.Errorf("%q leads to %s", path, host)
		}
		if LocalPath(got) != got || got != "/" && got != path {
			t.Errorf("%q becomes %q", path, got)
		}
	})
}

// No text passes for a token of ours but one of its form, and a header is taken apart
// without a panic.
func FuzzToken(f *testing.F) {
	f.Add("Bearer "+newTokenText(), 7)
	f.Add("bearer alf_", 0)
	f.Add("Basic YTpi", 3)
	f.Fuzz(func(t *testing.T, header string, at int) {
		text, _ := bearer(&http.Request{Header: http.Header{"Authorization": {header}}})
		if !plausibleToken(text) {
			return
		}
		if len(text) != len(tokenPrefix)+tokenBody+checkLength {
			t.Errorf("%q passes for a token", text)
		}
		// One other letter in it, and it is none.
		i := len(tokenPrefix) + max(at, -at-1)%tokenBody
		other := text[:i] + string('0'+(text[i]+1)%64) + text[i+1:]
		if other != text && plausibleToken(other) {
			t.Errorf("%q passes as well as %q", other, text)
		}
	})
}

// What stands in the table of sessions may be of another release or damaged: it is read,
// or marked as unreadable, which signs its owner in anew.
func FuzzSession(f *testing.F) {
	c := codec{}
	whole, err := c.Encode(time.Unix(1795185000, 0), map[string]any{keyUser: "u", keyEpoch: 3, keyAuthTime: int64(7)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, values, err := c.Decode(b); err != nil && (!errors.Is(err, errUndecodable) || values != nil) {
			t.Errorf("%x: %v, %v", b, values, err)
		}
	})
}

// Whatever a provider tells of somebody fits our tables, and an address that nobody
// verified is never taken for a verified one.
func FuzzIdentity(f *testing.F) {
	f.Add("1", "ava@example.com", "true", "Ava")
	f.Add("", "", "", "")
	f.Add(strings.Repeat("1", 300), "@", "yes", "\x00\u202e")
	f.Add("1\r\n", strings.Repeat("a", 300)+"@x", "1", strings.Repeat("é", 4000))
	f.Fuzz(func(t *testing.T, subject, email, verified, name string) {
		p := provider{name: "google", read: readOpenID}
		for _, flag := range []any{verified, verified == "true", nil, 1.0, map[string]any{}} {
			who, err := p.identity(goth.User{UserID: subject, Email: email, Name: name, RawData: map[string]any{"email_verified": flag, "sub": subject}})
			if err != nil {
				continue
			}
			if who.Subject == "" || len(who.Subject) > 255 || strings.ContainsFunc(who.Subject+who.Email, isOdd) {
				t.Errorf("%q %q is taken as %+v", subject, email, who)
			}
			if who.EmailVerified && (flag != true && flag != "true" || who.Email == "") {
				t.Errorf("%q is verified by %#v", email, flag)
			}
		}
	})
}

// Whatever the name of a session's attempts says: what cannot be read is none.
func FuzzAttempts(f *testing.F) {
	f.Add(`[{"state":"s","provider":"google","at":"2026-11-20T14:30:00Z"}]`)
	f.Add(`[{"at":"x"}]`)
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range goodAttempts(text, time.Date(2026, 11, 20, 14, 35, 0, 0, time.UTC)) {
			if time.Date(2026, 11, 20, 14, 35, 0, 0, time.UTC).Sub(a.At) > attemptLife {
				t.Errorf("%q is an attempt of %s", text, a.At)
			}
		}
	})
}
