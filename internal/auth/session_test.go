package auth

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
)

func countdown(left *int) httpio.Allow {
	return func(_ context.Context, key string, _ int) (httpio.Decision, error) {
		if key != "signin:127.0.0.1" {
			return httpio.Decision{}, nil
		}
		*left--
		return httpio.Decision{Allowed: *left >= 0, Remaining: *left, Reset: time.Now().Add(time.Minute)}, nil
	}
}

func TestTheTableOfSessionsGivesNoCookies(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	token := b.cookie().Value
	if n := h.count("select count(*) from sessions where token_hash = $1 or position($1::bytea in data) > 0", token); n != 0 {
		t.Error("the token stands in the table")
	}
	if n := h.count("select count(*) from sessions"); n != 1 {
		t.Errorf("%d sessions are stored, want 1: the one before the sign-in must be gone", n)
	}
}

func TestSigningOut(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b, other := h.browser().as("ava"), h.browser().as("ava")
	old := b.cookie()
	if got := b.do("POST", "/auth/logout", url.Values{}); got.status != http.StatusSeeOther || got.location != "/" {
		t.Errorf("signing out = %d %q", got.status, got.location)
	}
	if b.cookie() != nil || b.name() != "" || h.browser().carry(old).name() != "" {
		t.Error("the session lives on")
	}
	if other.name() != "ava_stone" {
		t.Error("another browser was signed out too")
	}
	if got := b.do("POST", "/auth/logout", url.Values{}); got.status != http.StatusSeeOther {
		t.Errorf("signing out twice = %d", got.status)
	}
}

// A request that loaded the session before the sign-out and stores it after
// brings the row back; the missing sign-in still keeps everybody out.
func TestASlowRequestCannotUndoASignOut(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	old := b.cookie()
	slow, err := h.guard.sessions.Load(context.Background(), old.Value)
	if err != nil {
		t.Fatal(err)
	}
	b.do("POST", "/auth/logout", url.Values{})
	if _, _, err := h.guard.sessions.Commit(slow); err != nil {
		t.Fatal(err)
	}
	if h.count("select count(*) from sessions") != 1 {
		t.Fatal("the slow request stored nothing: this test proves nothing")
	}
	if h.browser().carry(old).name() != "" {
		t.Error("the sign-out was undone")
	}
	if h.count("select count(*) from sessions") != 0 {
		t.Error("the stored session was not thrown away")
	}
}

func TestSigningOutEverywhere(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	b, phone, stranger := h.browser().as("ava"), h.browser().as("ava"), h.browser().as("ben")
	ava := h.user("ava_stone")
	listening := principals(t, h, ava)
	if err := h.guard.SignOutEverywhere(ctx, ava.ID); err != nil {
		t.Fatal(err)
	}
	if b.name() != "" || phone.name() != "" {
		t.Error("a session lives on")
	}
	if stranger.name() != "ben_reed" {
		t.Error("somebody else was signed out")
	}
	if told := h.told(ava.ID); told != "You were signed out everywhere" || h.count("select count(*) from notifications where type = 'security'") != 1 {
		t.Errorf("told %q", told)
	}
	for _, p := range listening {
		if valid, err := h.guard.StillValid(ctx, p); valid || err != nil {
			t.Errorf("an open stream may go on: %v, %v", valid, err)
		}
	}
	if b.as("ava").name() != "ava_stone" {
		t.Error("signing in again fails")
	}
}

// principals are the ones of a user's browsers, as their open streams hold them.
func principals(t *testing.T, h *house, u users.User) []Principal {
	t.Helper()
	list, err := h.guard.SignIns(context.Background(), u.ID)
	if err != nil || len(list) == 0 {
		t.Fatalf("sign-ins = %v, %v", list, err)
	}
	var all []Principal
	for _, s := range list {
		p := Principal{User: u, Method: MethodSession, SignInID: s.ID}
		if valid, err := h.guard.StillValid(context.Background(), p); !valid || err != nil {
			t.Fatalf("a fresh stream may not go on: %v", err)
		}
		all = append(all, p)
	}
	return all
}

func TestTheListOfBrowsers(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	b := h.browser()
	address := b.consent(b.begin(), "ava")
	b.get(address, "User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0 <script>")
	h.browser().as("ben")
	ava, ben := h.user("ava_stone"), h.user("ben_reed")
	list, err := h.guard.SignIns(ctx, ava.ID)
	if err != nil || len(list) != 1 || list[0].Device != "Firefox on Windows" || list[0].IPPrefix != "127.0.0.0/24" || list[0].Method != "sandbox" {
		t.Fatalf("list = %+v, %v", list, err)
	}
	if err := h.guard.EndSignIn(ctx, ben.ID, list[0].ID); fault.CodeOf(err) != "not_found" {
		t.Errorf("ending somebody else's session: %v", err)
	}
	if b.name() == "" {
		t.Error("a stranger ended the session")
	}
	if err := h.guard.EndSignIn(ctx, ava.ID, list[0].ID); err != nil || b.name() != "" {
		t.Errorf("ending one's own: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	day := 24 * time.Hour
	for range 13 { // busy every day: only the absolute end counts
		h.advance(day)
		if b.name() == "" {
			t.Fatal("a busy session ended early")
		}
	}
	kept := b.cookie()
	ctx, err := h.guard.sessions.Load(context.Background(), kept.Value)
	if err != nil {
		t.Fatal(err)
	}
	h.advance(day)
	if b.name() != "" {
		t.Error("the session outlives 14 days")
	}
	// A request that began before the end and stores after it.
	if _, _, err := h.guard.sessions.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if h.count("select count(*) from sessions where expires_at > $1", h.now()) != 0 || h.browser().carry(kept).name() != "" {
		t.Error("a late request made the session immortal")
	}

	idle := h.browser().as("ava")
	h.advance(defaultIdle)
	if idle.name() != "" {
		t.Error("the session outlives 72 idle hours")
	}
}

// scs does not look at a session's own end when it loads one.
func TestASessionStoredForTooLongEndsAllTheSame(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	if _, err := h.db.Pool().Exec(context.Background(), "update sessions set expires_at = 'infinity'"); err != nil {
		t.Fatal(err)
	}
	for range 13 {
		h.advance(24 * time.Hour)
		if b.name() == "" {
			t.Fatal("ended early")
		}
	}
	h.advance(24 * time.Hour)
	if b.name() != "" {
		t.Error("the session outlives its own end")
	}
}

func TestAStreamDoesNotKeepASessionFromGoingIdle(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ava")
	p := principals(t, h, h.user("ava_stone"))[0]
	for range 71 {
		h.advance(time.Hour)
		if valid, err := h.guard.StillValid(context.Background(), p); !valid || err != nil {
			t.Fatalf("ended early: %v", err)
		}
	}
	h.advance(time.Hour)
	if valid, err := h.guard.StillValid(context.Background(), p); valid || err != nil {
		t.Errorf("listening counted as acting: %v, %v", valid, err)
	}
}

func TestARoleTakenAwayHoldsInARunningSession(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	h.browser().as("ava")
	if err := h.users.SetRole(ctx, "ava_stone", users.Trader); err != nil {
		t.Fatal(err)
	}
	h.advance(recentAge)
	b := h.browser().as("ava")
	if got := b.get("/api/alerts"); got.status != http.StatusOK {
		t.Fatalf("a trader gets %d", got.status)
	}
	if err := h.users.SetRole(ctx, "ava_stone", users.Subscriber); err != nil {
		t.Fatal(err)
	}
	h.advance(recentAge)
	if got := b.get("/api/alerts"); got.status != http.StatusUnauthorized {
		t.Errorf("after the role went = %d, want 401: a change of role ends sessions", got.status)
	}
	if got := b.as("ava").get("/api/alerts"); got.status != http.StatusForbidden || codeOf(t, got) != "forbidden" {
		t.Errorf("as a subscriber = %d %s", got.status, got.body)
	}
}

func TestWhatCannotBeReadMeansSignInAgain(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	if _, err := h.db.Pool().Exec(context.Background(), "update sessions set data = 'another format'"); err != nil {
		t.Fatal(err)
	}
	if got := b.get("/orders"); got.status != http.StatusSeeOther || got.location != "/login?return_to=%2Forders" {
		t.Errorf("page = %d %q", got.status, got.location)
	}
	if b.cookie() != nil {
		t.Error("the cookie stays")
	}
	if b.as("ava").name() != "ava_stone" {
		t.Error("signing in again fails")
	}
}

func TestWithoutTheDatabasePublicPagesStillWork(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	h.db.Close()
	if got := b.get("/"); got.status != http.StatusOK {
		t.Errorf("public page = %d", got.status)
	}
	if got := b.get("/api/me"); got.status != http.StatusServiceUnavailable || codeOf(t, got) != "unavailable" {
		t.Errorf("signed-in answer = %d %s", got.status, got.body)
	}
	if got := b.get("/api/me", "Authorization", "Bearer "+newTokenText()); got.status != http.StatusServiceUnavailable {
		t.Errorf("token = %d", got.status)
	}
	if valid, err := h.guard.StillValid(context.Background(), Principal{Method: MethodSession, SignInID: uuid.New()}); valid || err == nil {
		t.Error("an outage looks like a sign-out")
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	h.browser().begin()
	b := h.browser().as("ava")
	h.advance(anonymous)
	if n, err := h.guard.Purge(ctx); err != nil || n != 1 || b.name() == "" {
		t.Errorf("purged %d, %v", n, err)
	}
	h.advance(defaultLifetime)
	if n, err := h.guard.Purge(ctx); err != nil || n != 2 {
		t.Errorf("purged %d, %v; want the session and the sign-in", n, err)
	}
}

func TestTheCookieOfProductionIsBoundToItsHost(t *testing.T) {
	t.Parallel()
	m := newSessions(Options{AppURL: "https://alertsify.app", Lifetime: time.Hour}, &store{})
	c := m.Cookie
	if c.Name != "__Host-alertsify" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || !c.Persist {
		t.Errorf("cookie = %+v", c)
	}
	if !m.HashTokenInStore {
		t.Error("tokens are stored as they are")
	}
}
