package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fake answers as the program does and counts who asked for what.
type fake struct {
	mu     sync.Mutex
	counts map[string]int
	broken string // a path that fails
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.counts[r.Method+" "+r.URL.Path]++
	broken := f.broken != "" && r.URL.Path == f.broken
	f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch {
	case broken:
		http.Error(w, "broken", http.StatusInternalServerError)
	case r.URL.Path == "/api/webhooks/snaptrade":
		mac := hmac.New(sha256.New, []byte("ck"))
		mac.Write(body)
		if r.Header.Get("Signature") != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			http.Error(w, "unsigned", http.StatusUnauthorized)
		}
	case r.URL.Path == "/api/events":
		_, _ = io.WriteString(w, "retry: 2000\n\nevent: unread\ndata: {}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case strings.HasPrefix(r.URL.Path, "/api/") && r.Header.Get("Authorization") != "Bearer alf_1":
		http.Error(w, "nobody", http.StatusUnauthorized)
	case r.URL.Path == "/api/market/expirations":
		_, _ = io.WriteString(w, `{"data":["2027-01-08","2027-01-15"]}`)
	case r.URL.Path == "/api/market/chain":
		_, _ = io.WriteString(w, `{"data":{"strikes":[{"strike":"200"}]}}`)
	case r.Method == http.MethodPost && r.URL.Path == "/api/trading/orders":
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"data":{"id":"o1"}}`)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusAccepted)
	}
}

func play(t *testing.T, f *fake, args ...string) (string, error) {
	t.Helper()
	f.counts = map[string]int{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	env := map[string]string{"LOAD_TOKENS": "alf_1", "SNAPTRADE_CONSUMER_KEY": "ck"}
	var out bytes.Buffer
	err := run(context.Background(), append([]string{"--url", server.URL, "--for", "1s"}, args...), func(name string) string { return env[name] }, &out)
	return out.String(), err
}

func TestEachKindIsSentAtItsRate(t *testing.T) {
	t.Parallel()
	f := &fake{}
	// Three seconds: a moment in which a busy machine sends nothing is a small part of them.
	out, err := play(t, f, "--for", "3s", "--pages", "20", "--reads", "20", "--webhooks", "50", "--orders", "5", "--streams", "3")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for asked, want := range map[string]int{"POST /api/webhooks/snaptrade": 150, "POST /api/trading/orders": 15, "DELETE /api/trading/orders/o1": 15, "GET /api/events": 3} {
		if got := f.counts[asked]; got < want*8/10 || got > want+1 {
			t.Errorf("%s came %d times, want %d", asked, got, want)
		}
	}
	for _, line := range []string{"kind", "pages", "reads", "orders", "webhooks", "streams", "cancels", "streams: 3 events heard"} {
		if !strings.Contains(out, line) {
			t.Errorf("nothing is said of %q in\n%s", line, out)
		}
	}
}

func TestWhatFailsIsCountedAndNamed(t *testing.T) {
	t.Parallel()
	f := &fake{broken: "/status"}
	out, err := play(t, f, "--pages", "20", "--reads", "0", "--webhooks", "0", "--orders", "0", "--streams", "0")
	if err == nil || !strings.Contains(out, "pages failed last with: GET /status: 500 broken") {
		t.Errorf("%v\n%s", err, out)
	}
	if want := fmt.Sprintf("%d failed", f.counts["GET /status"]); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestWhatIsMissingIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	err := run(context.Background(), nil, func(string) string { return "" }, io.Discard)
	if err == nil {
		t.Fatal("it began")
	}
	for _, missing := range []string{"--url", "LOAD_TOKENS", "SNAPTRADE_CONSUMER_KEY"} {
		if !strings.Contains(err.Error(), missing) {
			t.Errorf("%v does not name %s", err, missing)
		}
	}
}
