package snaptrade

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// inTurn answers each request with the next handler, the last for all others.
func inTurn(answers ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		i := min(int(n.Add(1)), len(answers))
		answers[i-1](w, r)
	}
}

func TestReadsAreRepeatedAndNothingElse(t *testing.T) {
	t.Parallel()
	good := status(200, `[]`)
	reset := []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"}
	cases := map[string]struct {
		answer http.HandlerFunc
		tries  int
		waits  []time.Duration
		ok     bool
	}{
		"at once":              {good, 1, nil, true},
		"busy, then fine":      {inTurn(status(503, own), good), 2, []time.Duration{firstWait}, true},
		"busy for ever":        {status(503, own), 4, []time.Duration{firstWait, 2 * firstWait, 4 * firstWait}, false},
		"still loading":        {inTurn(status(425, own), status(425, own), good), 3, []time.Duration{firstWait, 2 * firstWait}, true},
		"gateways":             {inTurn(status(502, ""), status(504, "<html>"), good), 3, []time.Duration{firstWait, 2 * firstWait}, true},
		"throttled until":      {inTurn(status(429, "", reset...), good), 2, []time.Duration{7 * time.Second}, true},
		"throttled, no header": {inTurn(status(429, ""), status(429, ""), good), 3, []time.Duration{firstWait, 2 * firstWait}, true},
		"bad request":          {status(400, own), 1, nil, false},
		"not us":               {status(401, own), 1, nil, false},
		"not enabled":          {status(403, own), 1, nil, false},
		"not found":            {status(404, own), 1, nil, false},
		"their bug":            {status(500, own), 1, nil, false},
		"not supported":        {status(501, `{"error":"no"}`), 1, nil, false},
		"elsewhere":            {status(302, "", "Location", "/x"), 1, nil, false},
		"garbage":              {status(200, "{{{"), 1, nil, false},
		"too long":             {status(200, `"`+strings.Repeat("x", listMax)+`"`), 1, nil, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, c.answer)
			_, err := b.Accounts(t.Context(), b.user)
			if (err == nil) != c.ok || len(b.arrived()) != c.tries || !slices.Equal(b.pauses, c.waits) {
				t.Errorf("%v after %d tries, waits %v", err, len(b.arrived()), b.pauses)
			}
			if len(b.calls) != c.tries || b.calls[c.tries-1].Attempt != c.tries || b.calls[0].Op != "list accounts" {
				t.Errorf("observed %+v", b.calls)
			}
		})
	}
}

func TestEveryAttemptHasAFreshTimestampAndSignature(t *testing.T) {
	t.Parallel()
	b := serve(t, inTurn(status(503, own), status(200, `[]`)))
	if _, err := b.Accounts(t.Context(), b.user); err != nil {
		t.Fatal(err)
	}
	first, second := b.arrived()[0], b.arrived()[1]
	if first.target == second.target || first.header.Get("Signature") == second.header.Get("Signature") {
		t.Errorf("%s came twice", first.target)
	}
}

func TestLostConnectionsAreReadAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	b := serveRaw(t, func(c net.Conn) {
		if n.Add(1) < 3 {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")
	})
	if _, err := b.Accounts(t.Context(), b.user); err != nil || len(b.arrived()) != 3 {
		t.Errorf("%v after %d", err, len(b.arrived()))
	}
}

func TestReadingStopsWithTheCallersTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := serveUntil(t, cancel)
	_, err := b.Accounts(ctx, b.user)
	if !errors.Is(err, context.Canceled) || len(b.arrived()) != 1 {
		t.Errorf("%v after %d", err, len(b.arrived()))
	}
}

// Registering twice would lose the first secret; a second link or refresh costs.
func TestWritesAreTriedOnce(t *testing.T) {
	t.Parallel()
	writes := map[string]func(context.Context, *bench) error{
		"register": func(ctx context.Context, b *bench) error { _, err := b.RegisterUser(ctx, "u-1"); return err },
		"reset":    func(ctx context.Context, b *bench) error { _, err := b.ResetUserSecret(ctx, b.user); return err },
		"delete":   func(ctx context.Context, b *bench) error { return b.DeleteUser(ctx, "u-1") },
		"login":    func(ctx context.Context, b *bench) error { _, err := b.Login(ctx, b.user, Portal{}); return err },
		"forget":   func(ctx context.Context, b *bench) error { return b.DeleteConnection(ctx, b.user, "c-1") },
		"refresh":  func(ctx context.Context, b *bench) error { return b.RefreshConnection(ctx, b.user, "c-1") },
	}
	for name, call := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			busy := serve(t, status(503, own))
			dropping := serveRaw(t, func(net.Conn) {})
			for _, b := range []*bench{busy, dropping} {
				if err := call(t.Context(), b); err == nil || len(b.arrived()) != 1 {
					t.Errorf("%v after %d tries", err, len(b.arrived()))
				}
			}
		})
	}
}

func TestErrorsHaveAllShapesOfTheContract(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][2]string{
		`{"default_detail":"a","default_code":1076}`:     {"a", "1076"},
		`{"detail":"b","code":"3003"}`:                   {"b", "3003"},
		`{"detail":"c","default_code":"1141"}`:           {"c", "1141"},
		`{"detail":"d","status_code":429,"code":"0000"}`: {"d", "0000"},
		`{"error":"e"}`:   {"e", ""},
		`{"message":"f"}`: {"f", ""},
		`{"detail":["g","h"],"code":null,"default_code":5}`: {`["g","h"]`, "5"},
		`{"detail":{"units":["i"]}}`:                        {`{"units":["i"]}`, ""},
		`{"detail":null,"default_detail":"j"}`:              {"j", ""},
		`<html>`:                                            {"", ""},
		``:                                                  {"", ""},
		`[1]`:                                               {"", ""},
		`{"detail":"` + strings.Repeat("é", messageMax) + `"}`:   {strings.Repeat("é", messageMax/2) + "…", ""},
		`{"detail":"x","code":"y"} trailing`:                     {"", ""},
		`{"Detail":"wrong case"}`:                                {"", ""},
		"{\"detail\":\"cut off in the middle of the 8 KiB we re": {"", ""},
	} {
		e := answerError("op", answer{status: 400, body: []byte(body), header: http.Header{}}, newScrubber())
		if e.Message != want[0] || e.Code != want[1] || e.Body != body {
			t.Errorf("%s: %q %q", body, e.Message, e.Code)
		}
	}
}
