package httpio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A provider's error page repeats what it was asked with: nothing secret of it gets past
// the client, in whatever spelling, and the rest does.
func TestErrorAnswersDoNotRepeatSecrets(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		body, _ := io.ReadAll(r.Body)
		said, _ := json.Marshal(map[string]string{"said": r.URL.String() + " " + r.URL.Path + fmt.Sprint(r.Header) + string(body), "why": "no upstream"})
		_, _ = w.Write(said)
	}))
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/api/webhooks/1/canary-in-the-path-0123%2F456?userSecret=canary%20in+the+query+0123", strings.NewReader(`{"url":"x","secret_token":"canary-in-body","client_secret": "canary-in-body-too"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", `Bearer canary-in-a-header-"0123<456`)
	req.Header.Set("Apca-Api-Secret-Key", "canary-in-another-0123456")
	resp, err := localClient(srv).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := ReadBounded(resp.Body, AnswerMax)
	if err != nil || strings.Contains(string(body), "canary") || !strings.Contains(string(body), "no upstream") || !json.Valid(body) {
		t.Errorf("%s, %v", body, err)
	}
}

// Answers that are too long, or end in the middle, still are.
func TestHushedAnswersKeepTheirEnds(t *testing.T) {
	t.Parallel()
	length := AnswerMax + 1
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, strings.Repeat("x", length))
	}))
	defer srv.Close()
	for path, want := range map[string]error{"/long": ErrAnswerTooLarge, "/broken": io.ErrUnexpectedEOF} {
		resp, err := localClient(srv).Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBounded(resp.Body, AnswerMax); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		_ = resp.Body.Close()
	}
}
