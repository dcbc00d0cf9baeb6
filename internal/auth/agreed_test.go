package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/go-chi/chi/v5"
)

// Who has not accepted the documents is led to them after signing in, and whenever they
// open something; what reads or ends something never asks.
func TestWhoHasNotAcceptedMeetsThePageThatAsks(t *testing.T) {
	t.Parallel()
	var register *legal.Register
	h := open(t, func(o *Options) {
		register = legal.New(o.DB)
		o.Legal = register
	})
	ok := func(w http.ResponseWriter, _ *http.Request) error {
		return httpio.Answer(w, http.StatusOK, true)
	}
	eitherSide := func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Query().Get("side") == "BTO" {
			if err := h.guard.Agreed(r.Context()); err != nil {
				return err
			}
		}
		return ok(w, r)
	}
	more := chi.NewRouter()
	err := h.guard.Mount(more, []Route{
		{"POST", "/api/connect", SignedIn | Agreed, httpio.Vital, ok},
		{"POST", "/connect", SignedIn | Agreed, httpio.Vital, ok},
		{"POST", "/api/place", SignedIn, httpio.Vital, eitherSide},
	})
	if err != nil {
		t.Fatal(err)
	}
	more.Mount("/", h.routes())
	front, err := httpio.Front(httpio.FrontOptions{AppURL: h.url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h.server.Config.Handler = front(more)

	b := h.browser()
	if got := b.get(b.consent(b.begin("return_to", "/orders"), "ava")); got.location != "/legal/accept?return_to=%2Forders" {
		t.Errorf("the first sign-in leads to %q", got.location)
	}
	if got := b.do("POST", "/api/connect", url.Values{}); got.status != http.StatusForbidden || codeOf(t, got) != "terms_required" {
		t.Errorf("a program = %d %s", got.status, got.body)
	}
	if got := b.do("POST", "/connect", url.Values{}, "Referer", h.url+"/settings"); got.location != "/legal/accept?return_to=%2Fsettings" {
		t.Errorf("a form = %d %q", got.status, got.location)
	}
	if got := b.do("POST", "/connect", url.Values{}, "HX-Request", "true", "Referer", h.url+"/settings"); got.status != http.StatusForbidden || got.header.Get("HX-Redirect") != "/legal/accept?return_to=%2Fsettings" {
		t.Errorf("a piece of page = %d %v", got.status, got.header)
	}
	if got := b.do("POST", "/api/place?side=BTO", url.Values{}); codeOf(t, got) != "terms_required" {
		t.Errorf("a buy = %d %s", got.status, got.body)
	}
	for _, path := range []string{"/api/place?side=STC", "/api/orders", "/orders"} {
		if got := b.do("POST", path, url.Values{}); got.status != http.StatusOK {
			t.Errorf("%s = %d %s", path, got.status, got.body)
		}
	}
	if got := h.browser().do("POST", "/api/connect", url.Values{}); codeOf(t, got) != "unauthenticated" {
		t.Errorf("nobody = %d %s", got.status, got.body)
	}

	versions := map[string]string{}
	for _, d := range legal.Documents() {
		versions[d.Name] = d.Version
	}
	if err := register.Accept(context.Background(), h.user("ava_stone").ID, versions); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/connect", "/connect", "/api/place?side=BTO"} {
		if got := b.do("POST", path, url.Values{}); got.status != http.StatusOK {
			t.Errorf("%s after accepting = %d %s", path, got.status, got.body)
		}
	}
	if got := b.get(b.consent(b.begin("return_to", "/orders"), "ava")); got.location != "/orders" {
		t.Errorf("the next sign-in leads to %q", got.location)
	}
}
