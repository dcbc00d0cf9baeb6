package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/legal"
)

// newcomer is somebody who has accepted nothing, and their trade token as a header.
func (s *show) newcomer(username string) string {
	s.t.Helper()
	var id uuid.UUID
	if err := s.stage.db.Pool().QueryRow(s.t.Context(), `insert into users (username, name) values ($1, $1) returning id`, username).Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	s.people[username] = id
	return "Authorization: Bearer " + s.token(username, "trade")
}

// Nothing that reads, ends or stops something asks for the documents; what opens
// something does, until they are accepted.
func TestDocumentsAreAskedBeforeAnythingOpens(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	for _, route := range s.app.Routes() {
		if asks := route.Rule&auth.Agreed != 0; asks && route.Class == httpio.Vital {
			t.Errorf("%s %s is vital and asks for the documents", route.Method, route.Pattern)
		}
	}
	nora := s.newcomer("nora")
	buy := `{"line":"BTO 1 AAPL 200C ` + expiry + ` @ 3.50"}`
	for path, body := range map[string]string{
		"/api/trading/orders": buy, "/api/brokers/connect": `{"brokerId":"` + devBroker + `"}`, "/api/copy-trading/subscribe": `{"username":"ava"}`,
		"/api/copy-trading/consent": `{"version":"2026-11"}`, "/api/copy-trading/decisions/" + uuid.NewString() + "/approve": "",
	} {
		a := s.send(s.client, "POST", path, body, nora, key()).want(t, http.StatusForbidden)
		if a.code() != "terms_required" || !contains(a.body, `"path":"/legal/risk"`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	unmute := s.send(s.client, "DELETE", "/api/copy-trading/subscription/"+uuid.NewString()+"/mute", "", nora).want(t, http.StatusForbidden)
	if unmute.code() != "terms_required" {
		t.Errorf("unmuting: %s", unmute.body)
	}
	s.send(s.client, "POST", "/api/copy-trading/subscription/"+uuid.NewString()+"/mute", "", nora).want(t, http.StatusNotFound)
	sell := `{"side":"STC","positionId":"` + uuid.NewString() + `","quantity":1,"orderType":"Limit","limitPrice":"3.50"}`
	s.send(s.client, "POST", "/api/trading/orders", sell, nora, key()).want(t, http.StatusNotFound)
	s.send(s.client, "DELETE", "/api/trading/orders/"+uuid.NewString(), "", nora, key()).want(t, http.StatusNotFound)
	s.send(s.client, "GET", "/api/positions", "", nora).want(t, http.StatusOK)
	s.send(s.client, "POST", "/api/trading/halt", `{"level":"entries"}`, nora).want(t, http.StatusOK)
	s.send(s.client, "DELETE", "/api/trading/halt", "", nora).want(t, http.StatusOK)

	a := s.send(s.client, "GET", "/api/legal", "", nora).want(t, http.StatusOK)
	if !contains(a.body, `"acceptedAt":null`) {
		t.Errorf("documents: %s", a.body)
	}
	var accept []string
	for _, d := range legal.Documents() {
		accept = append(accept, `{"document":"`+d.Name+`","version":"`+d.Version+`"}`)
		if page := s.send(http.DefaultClient, "GET", d.Path(), "").want(t, http.StatusOK); !contains(page.body, d.Title) {
			t.Errorf("%s does not show %q", d.Path(), d.Title)
		}
	}
	s.send(s.client, "POST", "/api/legal/accept", `{"documents":[{"document":"terms","version":"1999-01-01"}]}`, nora).want(t, http.StatusUnprocessableEntity)
	a = s.send(s.client, "POST", "/api/legal/accept", `{"documents":[`+strings.Join(accept, ",")+`]}`, nora).want(t, http.StatusOK)
	if contains(a.body, `"acceptedAt":null`) {
		t.Errorf("accepted: %s", a.body)
	}
	if a := s.send(s.client, "POST", "/api/trading/orders", buy, nora, key()); a.code() != "risk_account" {
		t.Errorf("a buy after accepting: %d %s", a.status, a.body)
	}
}
