package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
)

func (h *house) token(owner uuid.UUID, scope string) (string, Token) {
	h.t.Helper()
	text, token, err := h.guard.MakeToken(context.Background(), owner, "script", scope)
	if err != nil {
		h.t.Fatal(err)
	}
	return text.Reveal(), token
}

func TestATokenIsItsOwners(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ava")
	ben := h.browser().as("ben")
	ava := h.user("ava_stone")
	text, token := h.token(ava.ID, ScopeTrade)
	if !strings.HasPrefix(text, "alf_") || len(text) != 53 {
		t.Errorf("token = %q", text)
	}
	got := ben.get("/api/me", "Authorization", "Bearer "+text) // beside ben's cookie
	if got.body != `{"data":"ava_stone"}`+"\n" {
		t.Errorf("the token beside a cookie = %d %s", got.status, got.body)
	}
	if got := ben.do("POST", "/api/orders", nil, "Authorization", "bearer "+text); got.status != http.StatusOK {
		t.Errorf("trading = %d %s", got.status, got.body)
	}
	list, err := h.guard.Tokens(context.Background(), ava.ID)
	if err != nil || len(list) != 1 || list[0].ID != token.ID || list[0].LastUsedAt == nil || list[0].Scope != ScopeTrade {
		t.Errorf("list = %+v, %v", list, err)
	}
	if n := h.count("select count(*) from access_tokens where encode(token_hash, 'escape') like '%alf%'"); n != 0 {
		t.Error("the token itself is stored")
	}
}

func TestAReadTokenChangesNothing(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	text, _ := h.token(h.user("ava_stone").ID, ScopeRead)
	for path, want := range map[string]int{
		"/api/orders": 403, "/api/brokers": 403, "/api/tokens": 403, "/orders": 403, "/api/orders/preview": 200,
	} {
		if got := b.do("POST", path, nil, "Authorization", "Bearer "+text); got.status != want {
			t.Errorf("POST %s = %d, want %d", path, got.status, want)
		}
	}
}

// A bad token must not fall back to the cookie: the program would go on as
// somebody else without noticing.
func TestAWrongTokenIsNobody(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	good, _ := h.token(h.user("ava_stone").ID, ScopeRead)
	for name, text := range map[string]string{
		"empty": "", "another kind": "ghp_x", "well formed, unknown": newTokenText(),
		"one letter off": good[:20] + "_" + good[21:], "cut short": good[:52], "too long": good + "x",
	} {
		if got := b.get("/api/me", "Authorization", "Bearer "+text); got.status != http.StatusUnauthorized {
			t.Errorf("%s = %d %s", name, got.status, got.body)
		}
	}
	if b.do("POST", "/auth/logout", nil, "Authorization", "Bearer "+good); b.name() != "ava_stone" {
		t.Error("a program signed out the browser whose cookie it carried")
	}
	if got := b.get("/api/me", "Authorization", "Basic dXNlcjpwYXNz"); got.status != http.StatusOK {
		t.Errorf("a proxy's password beside the cookie = %d", got.status)
	}
}

func TestTheChecksumCatchesTyping(t *testing.T) {
	t.Parallel()
	text := newTokenText()
	if !plausibleToken(text) {
		t.Fatalf("%q is not plausible", text)
	}
	for i := range text {
		for _, letter := range "aZ0-" {
			typed := text[:i] + string(letter) + text[i+1:]
			if typed != text && plausibleToken(typed) {
				t.Errorf("%q passes for %q", typed, text)
			}
		}
	}
}

func TestARevokedTokenEndsAtOnceAndItsUseIsNoted(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	b := h.browser().as("ava")
	h.browser().as("ben")
	ava, ben := h.user("ava_stone"), h.user("ben_reed")
	text, token := h.token(ava.ID, ScopeTrade)
	stream := Principal{User: ava, Method: MethodToken, TokenID: token.ID}
	if valid, err := h.guard.StillValid(ctx, stream); !valid || err != nil {
		t.Fatalf("a fresh stream: %v %v", valid, err)
	}
	if err := h.guard.RevokeToken(ctx, ben.ID, token.ID); fault.CodeOf(err) != "not_found" {
		t.Errorf("a stranger revokes: %v", err)
	}
	if err := h.guard.RevokeToken(ctx, ava.ID, token.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.guard.RevokeToken(ctx, ava.ID, token.ID); fault.CodeOf(err) != "not_found" {
		t.Errorf("revoking twice: %v", err)
	}
	for range 3 {
		if got := b.get("/api/me", "Authorization", "Bearer "+text); got.status != http.StatusUnauthorized {
			t.Errorf("after revoking = %d", got.status)
		}
	}
	if valid, err := h.guard.StillValid(ctx, stream); valid || err != nil {
		t.Errorf("an open stream may go on: %v", err)
	}
	if n := h.count("select count(*) from security_events where kind = 'revoked_token_used' and user_id = $1", ava.ID); n != 1 {
		t.Errorf("%d notes of three uses in one minute, want 1", n)
	}
}

func TestTheLastUseIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	ava := h.user("ava_stone")
	text, _ := h.token(ava.ID, ScopeRead)
	use := func() time.Time {
		b.get("/api/me", "Authorization", "Bearer "+text)
		list, err := h.guard.Tokens(context.Background(), ava.ID)
		if err != nil {
			t.Fatal(err)
		}
		return *list[0].LastUsedAt
	}
	first := use()
	if again := use(); !again.Equal(first) {
		t.Error("written twice in a minute")
	}
	h.advance(seenEvery)
	if later := use(); !later.After(first) {
		t.Error("not written after a minute")
	}
}

func TestWhichTokensCanBeMade(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	h.browser().as("ava")
	ava := h.user("ava_stone")
	for _, c := range []struct{ name, scope, want string }{
		{"", ScopeRead, "validation_failed"},
		{strings.Repeat("x", 101), ScopeRead, "validation_failed"},
		{"two\nlines", ScopeRead, "validation_failed"},
		{"script", "all", "validation_failed"},
		{"script", ScopeAdmin, "forbidden"},
	} {
		if _, _, err := h.guard.MakeToken(ctx, ava.ID, c.name, c.scope); fault.CodeOf(err) != c.want {
			t.Errorf("%q %s: %v, want %s", c.name, c.scope, err, c.want)
		}
	}
	for range tokensMax {
		text, _, err := h.guard.MakeToken(ctx, ava.ID, "script", ScopeRead)
		if err != nil || strings.Contains(fmt.Sprint(text), "alf_") {
			t.Fatalf("token %v, %v", text, err)
		}
	}
	if _, _, err := h.guard.MakeToken(ctx, ava.ID, "one more", ScopeRead); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("one too many: %v", err)
	}
}

func TestASuspendedUsersTokenIsNobody(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	b := h.browser().as("ava")
	ava := h.user("ava_stone")
	root, err := h.guard.EnsurePerson(ctx, sandboxName, "root", users.NewUser{Username: "root", Role: users.Admin})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := h.token(ava.ID, ScopeTrade)
	if err := h.users.Suspend(ctx, root.ID, "ava_stone"); err != nil {
		t.Fatal(err)
	}
	h.guard.Forget(ava.ID)
	if got := b.get("/api/me", "Authorization", "Bearer "+text); got.status != http.StatusUnauthorized {
		t.Errorf("status = %d", got.status)
	}
}

// A token that was made to end ends by itself: at its hour, for requests and for open
// streams alike, and another one may take its place.
func TestATokenEndsByItself(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	ava, ctx := h.user("ava_stone").ID, context.Background()
	text, token, err := h.guard.MakeTokenFor(ctx, ava, "a week", ScopeRead, 7)
	if err != nil || token.ExpiresAt == nil || !token.ExpiresAt.Equal(token.CreatedAt.AddDate(0, 0, 7)) {
		t.Fatalf("made %+v, %v", token, err)
	}
	ask := func() int { return b.get("/api/me", "Authorization", "Bearer "+text.Reveal()).status }
	holds := func() bool {
		valid, err := h.guard.tokenStillValid(ctx, Principal{User: h.user("ava_stone"), Method: MethodToken, TokenID: token.ID})
		return err == nil && valid
	}
	h.ahead.Add(int64(7*24*time.Hour - time.Minute))
	if got := ask(); got != http.StatusOK || !holds() {
		t.Errorf("a minute before: %d", got)
	}
	h.ahead.Add(int64(2 * time.Minute))
	if got := ask(); got != http.StatusUnauthorized || holds() {
		t.Errorf("a minute after: %d", got)
	}
	if n := h.count("select count(*) from security_events where kind = 'revoked_token_used'"); n != 0 {
		t.Error("a token that ended by itself is taken for one that was revoked")
	}
	for range tokensMax {
		h.token(ava, ScopeRead)
	}
	list, err := h.guard.Tokens(ctx, ava)
	if err != nil || len(list) != tokensMax+1 || list[tokensMax].ID != token.ID || !list[tokensMax].Expired(h.now()) {
		t.Errorf("%d tokens, %v; what has ended is to stand last and to take nobody's place", len(list), err)
	}
	for _, days := range []int{-1, TokenDaysMax + 1} {
		if _, _, err := h.guard.MakeTokenFor(ctx, ava, "script", ScopeRead, days); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%d days: %v", days, err)
		}
	}
}
