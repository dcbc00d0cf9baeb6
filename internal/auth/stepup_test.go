package auth

import (
	"context"
	"net/http"
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

	if _, err := h.db.Pool().Exec(context.Background(), "insert into identities (provider, subject, user_id) values ('sandbox', 'planted', $1)", h.user("ava_stone").ID); err != nil {
		t.Fatal(err)
	}
	if got := b.get(b.consent(b.begin("intent", "reauth"), "custom", "sub", "planted")); got.location != "/login?problem=other_person&reauth=1" || post().status != http.StatusForbidden {
		t.Errorf("another identity of hers = %d %q", got.status, got.location)
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
