package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthAsksTheServerOnThisMachine(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/health/ready" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"status":"ready"}`))
	}))
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	ask := func() (code int, said string) {
		var out bytes.Buffer
		c := console{out: &out, err: &out, env: func(string) (string, bool) { return ":" + port, true }}
		return run(t.Context(), c, []string{"health"}), out.String()
	}
	if code, said := ask(); code != 0 || !strings.Contains(said, `"ready"`) {
		t.Errorf("of a ready server: %d %s", code, said)
	}
	status = http.StatusServiceUnavailable
	if code, said := ask(); code != 1 || !strings.Contains(said, "503") {
		t.Errorf("of one that is not: %d %s", code, said)
	}
	server.Close()
	if code, said := ask(); code != 1 || !strings.Contains(said, "not ready") {
		t.Errorf("of none: %d %s", code, said)
	}
}
