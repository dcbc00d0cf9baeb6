package auth

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Contract §5: step-up, and proving again that it is the same person.
func TestProvingAgainWhoOneIs(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ben")
	b := h.browser().as("ava")
	post := func() answer { return b.do("POST", "/api/brokers", nil) }
	if got := post(); got.status != http.StatusOK {
		t.Fatalf("right after signing in = %d", got.status)
	}
	h.advance(stepUpAge + time.Second)
	if got := post(); got.status != http.StatusForbidden || codeOf(t, got) != "reauth_required" {
		t.Errorf("stale = %d %s", got.status, got.body)
	}
	if got := b.get("/brokers"); got.location != "/login?reauth=1&return_to=%2Fbrokers" {
		t.Errorf("stale page leads to %q", got.location)
	}
	address := b.begin("intent", "reauth", "return_to", "/brokers")
	if !strings.Contains(address, "prompt=login") {
		t.Errorf("the provider is not told to ask again: %s", address)
	}
	if got := b.get(b.consent(address, "ben")); got.location != "/login?problem=other_person&reauth=1&return_to=%2Fbrokers" {
		t.Errorf("somebody else = %d %q", got.status, got.location)
	}
	if got := b.get(b.consent(b.begin("intent", "reauth"), "custom", "sub", "new")); got.location != "/login?problem=other_person&reauth=1" {
		t.Errorf("somebody new = %d %q", got.status, got.location)
	}
	if b.name() != "ava_stone" || post().status != http.StatusForbidden {
		t.Error("somebody else made the sign-in fresh")
	}

	before, old := h.deadline(b), b.cookie()
	if got := b.get(b.consent(b.begin("intent", "reauth", "return_to", "/brokers"), "ava")); got.location != "/brokers" {
		t.Errorf("the same person = %d %q", got.status, got.location)
	}
	if got := post(); got.status != http.StatusOK {
		t.Errorf("after proving = %d", got.status)
	}
	if !h.deadline(b).Equal(before) || h.browser().carry(old).name() != "" {
		t.Error("proving again must keep the end of the session and change its cookie")
	}
}

func (h *house) deadline(b *browser) time.Time {
	h.t.Helper()
	ctx, err := h.guard.sessions.Load(context.Background(), b.cookie().Value)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.guard.sessions.Deadline(ctx)
}

func TestLinking(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ben")
	b := h.browser().as("ava")
	link := func(person string, claims ...string) answer {
		return b.get(b.consent(b.begin("intent", "link", "return_to", "/settings"), person, claims...))
	}
	if got := link("custom", "sub", "ava-2"); got.location != "/settings" {
		t.Errorf("linking = %d %q", got.status, got.location)
	}
	if again := h.browser().as("custom", "sub", "ava-2"); again.name() != "ava_stone" {
		t.Errorf("the linked identity signs in as %q", again.name())
	}
	if got := link("ben"); got.status != http.StatusConflict || codeOf(t, got) != "identity_taken" {
		t.Errorf("somebody else's identity = %d %s", got.status, got.body)
	}
	if h.browser().as("ben").name() != "ben_reed" {
		t.Error("the identity moved")
	}
	h.advance(stepUpAge + time.Second)
	if got := b.do("POST", "/auth/sandbox", url.Values{"intent": {"link"}}); !strings.HasPrefix(got.location, "/login?reauth=1") {
		t.Errorf("linking with a stale sign-in = %d %q", got.status, got.location)
	}
	for _, intent := range []string{"link", "reauth"} {
		if got := h.browser().do("POST", "/auth/sandbox", url.Values{"intent": {intent}}); got.location != "/login" {
			t.Errorf("%s by nobody = %d %q", intent, got.status, got.location)
		}
	}
	if got := b.do("POST", "/auth/sandbox", url.Values{"intent": {"admin"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an invented intent = %d", got.status)
	}
}

func TestLinkingEndsWithTheSession(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	callback := b.consent(b.begin("intent", "link"), "custom", "sub", "ava-2")
	if err := h.guard.SignOutEverywhere(context.Background(), h.user("ava_stone").ID); err != nil {
		t.Fatal(err)
	}
	b.get(callback)
	if h.count("select count(*) from identities") != 1 {
		t.Error("an identity was linked to somebody who is signed out")
	}
}
