package auth

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// linkTo goes the whole way of linking and returns the callback's answer.
func (b *browser) linkTo(person string, claims ...string) answer {
	b.h.t.Helper()
	return b.get(b.consent(b.begin("intent", "link", "return_to", "/settings/security?done=linked"), person, claims...))
}

// told are the titles of what a user was told, the newest first.
func (h *house) told(user uuid.UUID) string {
	h.t.Helper()
	var titles string
	err := h.db.Pool().QueryRow(context.Background(),
		"select coalesce(string_agg(title, '; ' order by created_at desc), '') from notifications where user_id = $1", user).Scan(&titles)
	if err != nil {
		h.t.Fatal(err)
	}
	return titles
}

func TestLinking(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ben")
	b := h.browser().as("ava")
	if got := b.linkTo("custom", "sub", "ava-2", "email", "ben@example.com", "email_verified", "true"); got.location != "/settings/security?done=linked" {
		t.Errorf("linking = %d %q", got.status, got.location)
	}
	if again := h.browser().as("custom", "sub", "ava-2"); again.name() != "ava_stone" {
		t.Errorf("the linked identity signs in as %q", again.name())
	}
	ava, ben := h.user("ava_stone"), h.user("ben_reed")
	if told := h.told(ava.ID); told != "Another way to sign in was linked" || h.told(ben.ID) != "" {
		t.Errorf("ava was told %q, ben %q", told, h.told(ben.ID))
	}
	if got := b.linkTo("custom", "sub", "ava-2"); got.status != http.StatusSeeOther || strings.Contains(h.told(ava.ID), ";") {
		t.Errorf("linking what is linked = %d, told %q", got.status, h.told(ava.ID))
	}
	if got := b.linkTo("deny"); got.location != "/settings/security?problem=denied" {
		t.Errorf("not wanting to = %d %q", got.status, got.location)
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

func TestAnIdentityOfSomebodyElseDoesNotMove(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ben")
	b := h.browser().as("ava")
	used := "select count(*) from identities where subject = 'ben' and last_used_at > $1"
	h.advance(time.Minute)
	since := h.now()
	if got := b.linkTo("ben"); got.status != http.StatusConflict || codeOf(t, got) != "identity_taken" {
		t.Errorf("somebody else's identity = %d %s", got.status, got.body)
	}
	if h.count(used, since) != 0 {
		t.Error("the attempt counts as a use by its owner")
	}
	if h.browser().as("ben").name() != "ben_reed" || b.name() != "ava_stone" || h.told(h.user("ava_stone").ID) != "" {
		t.Error("something moved")
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

func TestUnlinkingEndsEverySession(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	b, phone, stranger := h.browser().as("ava"), h.browser().as("ava"), h.browser().as("ben")
	b.linkTo("custom", "sub", "ava-2")
	ava, ben := h.user("ava_stone"), h.user("ben_reed")
	if err := h.guard.Unlink(ctx, ben.ID, sandboxName, "ava-2"); fault.CodeOf(err) != "not_found" {
		t.Errorf("unlinking somebody else's: %v", err)
	}
	if list, err := h.guard.Identities(ctx, ben.ID); err != nil || len(list) != 1 || list[0].Subject != "ben" {
		t.Errorf("ben sees %+v, %v", list, err)
	}
	if err := h.guard.Unlink(ctx, ava.ID, sandboxName, "ava"); err != nil {
		t.Fatal(err)
	}
	if b.name() != "" || phone.name() != "" || stranger.name() != "ben_reed" {
		t.Error("a session of hers lives on, or another's ended")
	}
	if h.user("ava_stone").SessionEpoch != ava.SessionEpoch+1 || !strings.HasPrefix(h.told(ava.ID), "A way to sign in was unlinked; ") {
		t.Errorf("epoch %d, told %q", h.user("ava_stone").SessionEpoch, h.told(ava.ID))
	}
	if got := h.browser().as("custom", "sub", "ava-2"); got.name() != "ava_stone" {
		t.Errorf("what is left signs in as %q", got.name())
	}
	if got := h.browser().signIn("ava"); got.location != "/login?problem=account_exists" {
		t.Errorf("what was unlinked leads to %q", got.location) // its address is hers still, and signs nobody in
	}
	if n := h.count("select count(*) from audit_log where kind = 'identities' and act = 'delete' and user_id = $1 and by_user = $1", ava.ID); n != 1 {
		t.Errorf("%d lines of the audit log", n)
	}
}

func TestTheLastWayInStays(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	b := h.browser().as("ava")
	ava := h.user("ava_stone")
	only := func(subject string) {
		t.Helper()
		if err := h.guard.Unlink(ctx, ava.ID, sandboxName, subject); fault.CodeOf(err) != "invalid_state" {
			t.Errorf("unlinking %s: %v", subject, err)
		}
	}
	only("ava")
	// What this server has no button for lets nobody in.
	if _, err := h.db.Pool().Exec(ctx, "insert into identities (provider, subject, user_id) values ('myspace', 'x', $1)", ava.ID); err != nil {
		t.Fatal(err)
	}
	only("ava")
	if b.name() != "ava_stone" {
		t.Error("what was refused signed her out")
	}
	b.linkTo("custom", "sub", "ava-2")
	var all sync.WaitGroup
	var codes [2]string
	for i, subject := range []string{"ava", "ava-2"} {
		all.Go(func() { codes[i] = fault.CodeOf(h.guard.Unlink(ctx, ava.ID, sandboxName, subject)) })
	}
	all.Wait()
	if left := h.count("select count(*) from identities where provider = $1 and user_id = $2", sandboxName, ava.ID); left != 1 {
		t.Errorf("both at once left %d, answers %q", left, codes)
	}
}

func TestNobodyCollectsIdentities(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	ava := h.user("ava_stone")
	_, err := h.db.Pool().Exec(context.Background(),
		"insert into identities (provider, subject, user_id) select 'sandbox', 'n' || n, $1 from generate_series(2, $2::int) n", ava.ID, identitiesMax)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.linkTo("custom", "sub", "more"); got.status != http.StatusConflict || codeOf(t, got) != "invalid_state" {
		t.Errorf("one too many = %d %s", got.status, got.body)
	}
}

// Two links at the same moment: whoever comes second counts what the first has added. And
// should there be more than the bound, each is seen and can go.
func TestTwoLinksAtOnceDoNotPassTheBound(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ava")
	ctx, ava := context.Background(), h.user("ava_stone").ID
	add := "insert into identities (provider, subject, user_id) select 'sandbox', 'n' || n, $1 from generate_series($2::int, $3::int) n"
	if _, err := h.db.Pool().Exec(ctx, add, ava, 2, identitiesMax-1); err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	link := func(subject string, meanwhile func()) error {
		return h.db.AsSystem(ctx, "link", func(ctx context.Context, tx pgx.Tx) error {
			if err := h.guard.attach(ctx, tx, Identity{Provider: "sandbox", Subject: subject}, ava); err != nil {
				return err
			}
			meanwhile()
			return nil
		})
	}
	err := link("first", func() {
		go func() { second <- link("second", func() {}) }()
		for deadline := time.Now().Add(10 * time.Second); h.count("select count(*) from pg_locks where not granted") == 0; <-time.After(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Error("the second does not wait")
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-second; fault.CodeOf(err) != "invalid_state" || h.count("select count(*) from identities where user_id = $1", ava) != identitiesMax {
		t.Errorf("the second: %v", err)
	}
	if _, err := h.db.Pool().Exec(ctx, add, ava, 100, 100); err != nil {
		t.Fatal(err)
	}
	if list, err := h.guard.Identities(ctx, ava); err != nil || len(list) != identitiesMax+1 {
		t.Errorf("%d are seen, %v", len(list), err)
	}
	if err := h.guard.Unlink(ctx, ava, "sandbox", "n100"); err != nil {
		t.Errorf("unlinking the eleventh: %v", err)
	}
}

// In production the sandbox's identities are no way in, so they do not count as what is left.
func TestAnIdentityOfTheSandboxIsNoWayInInProduction(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ava")
	ava := h.user("ava_stone")
	ctx := context.Background()
	if _, err := h.db.Pool().Exec(ctx, "insert into identities (provider, subject, user_id) values ('google', 'x', $1)", ava.ID); err != nil {
		t.Fatal(err)
	}
	h.guard.production = true
	if err := h.guard.Unlink(ctx, ava.ID, "google", "x"); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("unlinking the only real one: %v", err)
	}
	if err := h.guard.Unlink(ctx, ava.ID, sandboxName, "ava"); err != nil {
		t.Errorf("unlinking the sandbox's: %v", err)
	}
}
