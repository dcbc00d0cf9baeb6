package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
)

// refusedPasskey insists that what was shown proves nothing.
func refusedPasskey(t *testing.T, what string, got answer) {
	t.Helper()
	if got.status != http.StatusForbidden || codeOf(t, got) != "passkey_refused" {
		t.Errorf("%s = %d %s", what, got.status, got.body)
	}
}

func (h *house) keys(user uuid.UUID) Passkeys {
	h.t.Helper()
	p, err := h.guard.Passkeys(context.Background(), user)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func TestAPasskeyMakesASignInFresh(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := b.addPasskey()
	h.advance(stepUpAge + time.Second)
	if got := b.do("POST", "/api/brokers", nil); got.status != http.StatusForbidden {
		t.Fatalf("a stale sign-in = %d", got.status)
	}
	before, old := h.deadline(b), b.cookie()
	if got := b.show(key); got.status != http.StatusOK || !strings.Contains(got.body, `"/brokers"`) {
		t.Fatalf("showing the passkey = %d %s", got.status, got.body)
	}
	if got := b.do("POST", "/api/brokers", nil); got.status != http.StatusOK {
		t.Errorf("after it = %d", got.status)
	}
	if !h.deadline(b).Equal(before) || h.browser().carry(old).name() != "" {
		t.Error("it must keep the end of the session and change its cookie")
	}
	if n := h.count("select count(*) from passkeys where sign_count = 2 and last_used_at is not null"); n != 1 {
		t.Error("its use was not noted")
	}
}

func TestWhatTheBrowserIsAskedFor(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := b.addPasskey()
	ava := h.user("ava_stone")
	var made struct {
		Data struct {
			RP   struct{ ID string }
			User struct{ ID string }

			AuthenticatorSelection struct{ UserVerification string }
			ExcludeCredentials     []struct{ ID string }
			Attestation            string
		}
	}
	got := b.do("POST", "/passkeys/options", url.Values{})
	if err := json.Unmarshal([]byte(got.body), &made); err != nil {
		t.Fatal(err)
	}
	o := made.Data
	if o.RP.ID != "localhost" || o.User.ID != b64(ava.ID[:]) || o.AuthenticatorSelection.UserVerification != "required" ||
		o.Attestation != "none" || len(o.ExcludeCredentials) != 1 || o.ExcludeCredentials[0].ID != b64(key.id) {
		t.Errorf("to make one: %s", got.body)
	}
	var shown struct {
		Data struct {
			RPID, UserVerification string
			AllowCredentials       []struct{ ID string }
		}
	}
	got = b.do("POST", PasskeyPath+"/options", url.Values{})
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil {
		t.Fatal(err)
	}
	if s := shown.Data; s.RPID != "localhost" || s.UserVerification != "required" || len(s.AllowCredentials) != 1 || s.AllowCredentials[0].ID != b64(key.id) {
		t.Errorf("to show one: %s", got.body)
	}
}

// Whatever is wrong with an answer, the sign-in stays stale.
func TestWhatDoesNotProveThatItIsYou(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	stranger := h.browser().as("ben")
	foreign := stranger.addPasskey()
	b := h.browser().as("ava")
	key := b.addPasskey()
	h.advance(stepUpAge + time.Second)
	ask := func() string { return b.challenge(PasskeyPath + "/options") }
	for what, play := range map[string]func() answer{
		"nothing asked":    func() answer { return b.prove(key.get(b64(make([]byte, 32)))) },
		"no answer at all": func() answer { ask(); return b.prove("{}") },
		"another challenge": func() answer {
			ask()
			return b.prove(key.get(b64(make([]byte, 32))))
		},
		"a challenge used before": func() answer {
			other := h.browser().as("ava")
			c := other.challenge(PasskeyPath + "/options")
			if got := other.prove(key.get(c)); got.status != http.StatusOK {
				t.Fatalf("the first use = %d %s", got.status, got.body)
			}
			return other.prove(key.get(c))
		},
		"the same answer again": func() answer {
			other := h.browser().as("ava")
			credential := key.get(other.challenge(PasskeyPath + "/options"))
			other.prove(credential)
			return other.prove(credential)
		},
		"a challenge of another browser": func() answer { return b.prove(key.get(h.browser().as("ava").challenge(PasskeyPath + "/options"))) },
		"a challenge for adding one":     func() answer { h.browser(); return b.prove(key.get(asFresh(h, "ava").challenge("/passkeys/options"))) },
		"a challenge that is too old": func() answer {
			c := ask()
			h.advance(challengeLife)
			return b.prove(key.get(c))
		},
		"somebody else's passkey": func() answer { return b.prove(foreign.get(ask())) },
		"a passkey nobody knows":  func() answer { return b.prove(h.authenticator().get(ask())) },
		"another origin": func() answer {
			lies := *key
			lies.origin = "https://alertsify.example.evil"
			return b.prove(lies.get(ask()))
		},
		"another port": func() answer {
			lies := *key
			lies.origin = "http://localhost:1"
			return b.prove(lies.get(ask()))
		},
		"a passkey of another host": func() answer {
			lies := *key
			lies.host = "evil.example"
			return b.prove(lies.get(ask()))
		},
		"an answer for making one": func() answer { return b.prove(key.sign("webauthn.create", ask(), nil)) },
		"a handle of another person": func() answer {
			ben := h.user("ben_reed").ID
			return b.prove(key.sign("webauthn.get", ask(), ben[:]))
		},
		"nobody verified": func() answer {
			lies := *key
			lies.flags = userPresent
			return b.prove(lies.get(ask()))
		},
		"nobody present": func() answer {
			lies := *key
			lies.flags = userVerified
			return b.prove(lies.get(ask()))
		},
		"suddenly fit for backup": func() answer {
			lies := *key
			lies.flags |= backupEligible | backedUp
			return b.prove(lies.get(ask()))
		},
		"another key under its name": func() answer {
			lies := h.authenticator()
			lies.id, lies.counter = key.id, 50
			return b.prove(lies.get(ask()))
		},
	} {
		key.counter += 10 // never what is wrong here
		refusedPasskey(t, what, play())
	}
	if got := b.do("POST", "/api/brokers", nil); got.status != http.StatusForbidden {
		t.Errorf("the sign-in is fresh: %d", got.status)
	}
	key.counter += 10
	if got := b.show(key); got.status != http.StatusOK {
		t.Errorf("the true one = %d %s: this test proves nothing", got.status, got.body)
	}
}

func asFresh(h *house, person string) *browser { return h.browser().as(person) }

func TestOneAnswerCountsOnceAlsoAtTheSameMoment(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := b.addPasskey()
	key.counter = 0 // the counter must not be what refuses
	if _, err := h.db.Pool().Exec(context.Background(), "update passkeys set sign_count = 0"); err != nil {
		t.Fatal(err)
	}
	credential := key.get(b.challenge(PasskeyPath + "/options"))
	var all sync.WaitGroup
	var status [6]int
	for i := range status {
		all.Go(func() { status[i] = h.browser().carry(b.cookie()).prove(credential).status })
	}
	all.Wait()
	taken := 0
	for _, s := range status {
		if s == http.StatusOK {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("taken %d times: %v", taken, status)
	}
}

func TestACounterThatGoesBackIsACopy(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := b.addPasskey()
	ava := h.user("ava_stone")
	key.counter = 40
	if got := b.show(key); got.status != http.StatusOK {
		t.Fatalf("showing it = %d %s", got.status, got.body)
	}
	clone := *key
	for _, counter := range []uint32{40, 12, 0} {
		clone.counter = counter
		refusedPasskey(t, "the copy", b.show(&clone))
	}
	if n := h.count("select count(*) from security_events where kind = 'passkey_counter_went_back' and user_id = $1", ava.ID); n != 3 {
		t.Errorf("%d security events", n)
	}
	if !strings.HasPrefix(h.told(ava.ID), "A passkey of yours may have been copied") {
		t.Errorf("told %q", h.told(ava.ID))
	}
	if got := b.show(key); got.status != http.StatusOK {
		t.Errorf("the one whose counter is ahead = %d %s", got.status, got.body)
	}
}

func TestAPasskeyThatIsSyncedCountsNothing(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := h.authenticator()
	key.flags |= backupEligible
	key.counter = 0
	if got := b.register(key); got.status != http.StatusOK {
		t.Fatalf("adding it = %d %s", got.status, got.body)
	}
	if p := h.keys(h.user("ava_stone").ID); p.Keys[0].Synced {
		t.Error("not backed up yet")
	}
	key.flags |= backedUp
	for range 2 {
		if got := b.show(key); got.status != http.StatusOK {
			t.Errorf("showing it = %d %s", got.status, got.body)
		}
	}
	if p := h.keys(h.user("ava_stone").ID); !p.Keys[0].Synced {
		t.Error("that it is backed up now was not noted")
	}
}

func TestWhatCannotBecomeAPasskey(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	stranger := h.browser().as("ben")
	foreign := stranger.addPasskey()
	b := h.browser().as("ava")
	ava := h.user("ava_stone")
	for what, change := range map[string]func(*authenticator){
		"another origin":    func(a *authenticator) { a.origin = "https://evil.example" },
		"another host":      func(a *authenticator) { a.host = "evil.example" },
		"nobody verified":   func(a *authenticator) { a.flags = userPresent },
		"backed up, unable": func(a *authenticator) { a.flags |= backedUp },
	} {
		a := h.authenticator()
		change(a)
		refusedPasskey(t, what, b.register(a))
	}
	a := h.authenticator()
	add := func(challenge string) answer {
		return b.do("POST", "/passkeys", url.Values{"name": {"x"}, "credential": {a.create(challenge)}})
	}
	refusedPasskey(t, "a challenge of somebody else", add(stranger.challenge("/passkeys/options")))
	refusedPasskey(t, "nothing asked", add(b64(make([]byte, 32))))
	b.addPasskey()
	refusedPasskey(t, "a challenge for showing one", add(b.challenge(PasskeyPath+"/options")))
	if got := b.register(&authenticator{t: t, key: a.key, id: foreign.id, host: a.host, origin: a.origin, flags: a.flags, counter: 1}); got.status != http.StatusConflict {
		t.Errorf("the id of somebody else's = %d %s", got.status, got.body)
	}
	for _, name := range []string{"", " ", strings.Repeat("x", 61), "a\x00b"} {
		got := b.do("POST", "/passkeys", url.Values{"name": {name}, "credential": {a.create(b.challenge("/passkeys/options"))}})
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("the name %q = %d %s", name, got.status, got.body)
		}
	}
	if n := len(h.keys(ava.ID).Keys); n != 1 {
		t.Errorf("ava has %d passkeys", n)
	}
	h.advance(stepUpAge + time.Second)
	if got := b.do("POST", "/passkeys/options", url.Values{}); got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, "/login?reauth=1") {
		t.Errorf("with a stale sign-in = %d %q", got.status, got.location)
	}
}

func TestPasskeysAreTheirOwners(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	h.browser().as("ben")
	b := h.browser().as("ava")
	b.addPasskey()
	ava, ben := h.user("ava_stone").ID, h.user("ben_reed").ID
	id := h.keys(ava).Keys[0].ID
	if err := h.guard.RenamePasskey(ctx, ben, id, "mine"); fault.CodeOf(err) != "not_found" {
		t.Errorf("renaming another's: %v", err)
	}
	if err := h.guard.RemovePasskey(ctx, ben, id); fault.CodeOf(err) != "not_found" {
		t.Errorf("removing another's: %v", err)
	}
	if n := len(h.keys(ben).Keys); n != 0 {
		t.Errorf("ben sees %d", n)
	}
	if err := h.guard.RenamePasskey(ctx, ava, id, " Blue key "); err != nil || h.keys(ava).Keys[0].Name != "Blue key" {
		t.Errorf("renaming one's own: %v, %+v", err, h.keys(ava))
	}
	if err := h.guard.RemovePasskey(ctx, ava, id); err != nil || len(h.keys(ava).Keys) != 0 {
		t.Errorf("removing one's own: %v", err)
	}
	var acts string
	err := h.db.Pool().QueryRow(ctx, "select string_agg(act, ',' order by at) from audit_log where kind = 'passkeys' and user_id = $1 and by_user = $1", ava).Scan(&acts)
	if err != nil || acts != "insert,update,delete" {
		t.Errorf("the audit log has %q, %v", acts, err)
	}
}

// askedForPasskey is a person who is asked for a passkey at sign-in.
func askedForPasskey(t *testing.T) (*house, *browser, *authenticator) {
	t.Helper()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := b.addPasskey()
	if got := b.show(key); got.status != http.StatusOK {
		t.Fatalf("showing it = %d %s", got.status, got.body)
	}
	h.askHer(b, factorWait)
	return h, b, key
}

// askHer switches on, in her browser, that ava is asked for a passkey, and lets it be so long ago.
func (h *house) askHer(b *browser, ago time.Duration) {
	h.t.Helper()
	ctx := context.Background()
	if err := h.guard.AskForPasskey(ctx, h.user("ava_stone").ID, h.signIn(b), true); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.db.Pool().Exec(ctx, "update second_factors set since = since - $1::interval", ago); err != nil {
		h.t.Fatal(err)
	}
}

// signIn is the row of a browser's sign-in; none when nobody is signed in there.
func (h *house) signIn(b *browser) uuid.UUID {
	h.t.Helper()
	ctx, err := h.guard.sessions.Load(context.Background(), b.cookie().Value)
	if err != nil {
		h.t.Fatal(err)
	}
	id, _ := uuid.Parse(h.guard.sessions.GetString(ctx, keySignIn))
	return id
}

// Whoever is already in when the asking is switched on has shown no passkey: they are out at
// once, everywhere else; and here a provider's word is not enough once it holds.
func TestSwitchingOnTheSecondFactorEndsWhoIsInAlready(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	thief, b, ben := h.browser().as("ava"), h.browser().as("ava"), h.browser().as("ben")
	key := b.addPasskey()
	if got := b.show(key); got.status != http.StatusOK {
		t.Fatalf("showing it = %d %s", got.status, got.body)
	}
	h.askHer(b, 0)
	if thief.name() != "" || b.name() != "ava_stone" || ben.name() != "ben_reed" {
		t.Errorf("thief %q, her own %q, ben %q", thief.name(), b.name(), ben.name())
	}
}

// While it waits the owner of the provider's account can undo it; then only a passkey counts,
// and sessions that none was ever shown to are over.
func TestASecondFactorHoldsAfterThreeDays(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	ava := func() uuid.UUID { return h.user("ava_stone").ID }
	thief := h.browser().as("ava")
	thief.addPasskey()
	h.askHer(thief, factorWait-time.Minute)
	owner := h.browser().as("ava")
	if got := owner.do("POST", "/api/tokens", nil); owner.name() != "ava_stone" || got.status != http.StatusOK {
		t.Fatalf("the owner is shut out before it holds: %d %s", got.status, got.body)
	}
	if p := h.keys(ava()); !p.Asked || p.Holds || !strings.HasPrefix(h.told(ava()), "You will be asked for a passkey") {
		t.Errorf("%+v, told %q", p, h.told(ava()))
	}
	h.advance(2 * time.Minute)
	if owner.name() != "" || thief.name() != "" {
		t.Error("a session that no passkey was shown to goes on")
	}
	if got := h.browser().signIn("ava"); got.location != PasskeyPath || !h.keys(ava()).Holds {
		t.Errorf("then the provider leads to %q", got.location)
	}
	if err := h.guard.AskForPasskey(ctx, ava(), uuid.Nil, false); err != nil {
		t.Fatal(err)
	}
	if got := h.browser().as("ava").name(); got != "ava_stone" {
		t.Errorf("switched off, the provider signs in %q", got)
	}
}

// A passkey shown an hour ago and a provider asked a moment ago, before the asking held, are
// no fresh sign-in.
func TestWhereAPasskeyIsAskedForOnlyOneMakesFresh(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := b.addPasskey()
	if got := b.show(key); got.status != http.StatusOK {
		t.Fatalf("showing it = %d %s", got.status, got.body)
	}
	h.advance(stepUpAge + time.Second)
	if got := b.get(b.consent(b.begin("intent", "reauth", "return_to", "/brokers"), "ava")); got.location != "/brokers" || b.do("POST", "/api/tokens", nil).status != http.StatusOK {
		t.Fatalf("proving again = %d %q", got.status, got.location)
	}
	h.askHer(b, factorWait)
	if got := b.do("POST", "/api/tokens", nil); got.status != http.StatusForbidden || codeOf(t, got) != "reauth_required" {
		t.Errorf("the provider's round = %d %s", got.status, got.body)
	}
	if got := b.do("POST", "/auth/sandbox", url.Values{"intent": {"link"}}); !strings.HasPrefix(got.location, "/login?reauth=1") {
		t.Errorf("linking = %d %q", got.status, got.location)
	}
	if got := b.show(key); got.status != http.StatusOK || b.do("POST", "/api/tokens", nil).status != http.StatusOK {
		t.Errorf("the passkey = %d %s", got.status, got.body)
	}
}

// Exits stay possible while a sign-in wants a passkey: whoever was signed in still is.
func TestASignInByHalfKeepsTheOneBefore(t *testing.T) {
	t.Parallel()
	h, b, key := askedForPasskey(t)
	before := h.signIn(b)
	if got := b.signIn("ava"); got.location != PasskeyPath || b.name() != "ava_stone" || h.signIn(b) != before {
		t.Fatalf("half way to %q she is %q", got.location, b.name())
	}
	refusedPasskey(t, "another key", b.show(h.authenticator()))
	if b.name() != "ava_stone" || b.do("POST", "/api/orders", nil).status != http.StatusOK {
		t.Error("a refused passkey ended the sign-in before")
	}
	if got := b.show(key); got.status != http.StatusOK || h.signIn(b) == before || b.name() != "ava_stone" {
		t.Errorf("the passkey = %d %s", got.status, got.body)
	}
	if n := h.count("select count(*) from sign_ins where id = $1", before); n != 0 {
		t.Error("the sign-in before is still there when the new one is whole")
	}
}

// A sign-in by half as ava in ben's browser gives ben nothing of hers: no passkey is added
// to her, and proving that he is ben asks for his own.
func TestASignInByHalfLendsNothingToTheOneBefore(t *testing.T) {
	t.Parallel()
	h, _, hers := askedForPasskey(t)
	b := h.browser().as("ben")
	his := b.addPasskey()
	if got := b.signIn("ava"); got.location != PasskeyPath || b.name() != "ben_reed" {
		t.Fatalf("half way to %q he is %q", got.location, b.name())
	}
	b.addPasskey()
	if ava, ben := h.keys(h.user("ava_stone").ID), h.keys(h.user("ben_reed").ID); len(ava.Keys) != 1 || len(ben.Keys) != 2 {
		t.Errorf("ava has %d passkeys, ben %d", len(ava.Keys), len(ben.Keys))
	}
	refusedPasskey(t, "his for her sign-in", b.show(his))
	h.advance(time.Minute)
	credential := his.get(b.challenge(PasskeyPath + "/options?" + AgainQuery))
	if got := b.do("POST", PasskeyPath+"?"+AgainQuery, url.Values{"credential": {credential}, "return_to": {"/brokers"}}); got.status != http.StatusOK || b.name() != "ben_reed" {
		t.Errorf("proving that he is ben = %d %s", got.status, got.body)
	}
	if got := b.show(hers); got.status != http.StatusOK || b.name() != "ava_stone" {
		t.Errorf("hers for her sign-in = %d %s, now %q", got.status, got.body, b.name())
	}
}

func TestAPasskeyRemovedMeanwhileIsNoCopy(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	b.addPasskey()
	ava := h.user("ava_stone")
	id := h.keys(ava.ID).Keys[0].ID
	if err := h.guard.RemovePasskey(context.Background(), ava.ID, id); err != nil {
		t.Fatal(err)
	}
	err := h.guard.notePasskey(ceremony{ctx: context.Background(), user: ava}, id, 5, false)
	if fault.CodeOf(err) != "passkey_refused" {
		t.Errorf("one that is gone: %v", err)
	}
	if h.count("select count(*) from security_events") != 0 || !strings.HasPrefix(h.told(ava.ID), "A passkey was removed") {
		t.Errorf("an alarm: told %q", h.told(ava.ID))
	}
}

// What a browser says of a passkey's ways is signed by nobody.
func TestOnlyKnownTransportsAreKept(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	key := h.authenticator()
	key.transports = []string{"usb", "\x00", strings.Repeat("x", 5000), "usb", "internal", ""}
	if got := b.register(key); got.status != http.StatusOK {
		t.Fatalf("adding it = %d %s", got.status, got.body)
	}
	if n := h.count("select count(*) from passkeys where transports = '{usb,internal}'"); n != 1 {
		t.Error("something else was kept")
	}
}

// Browsers know a passkey only at the address it was made for.
func TestPasskeysOfAnotherAddressAreNotAskedFor(t *testing.T) {
	t.Parallel()
	h, b, _ := askedForPasskey(t)
	ctx := context.Background()
	ava := h.user("ava_stone").ID
	if elsewhere, err := h.guard.CheckPasskeys(ctx); err != nil || elsewhere != 0 {
		t.Fatalf("all is well: %d, %v", elsewhere, err)
	}
	set := func(host string) {
		t.Helper()
		if _, err := h.db.Pool().Exec(ctx, "update passkeys set rp_id = $1", host); err != nil {
			t.Fatal(err)
		}
	}
	set("")
	if elsewhere, err := h.guard.CheckPasskeys(ctx); err != nil || elsewhere != 0 || h.count("select count(*) from passkeys where rp_id = 'localhost'") != 1 {
		t.Errorf("one of before: %d, %v", elsewhere, err)
	}
	set("old.example")
	if got := b.do("POST", PasskeyPath+"/options", url.Values{}); got.status != http.StatusConflict {
		t.Errorf("asking for one of another address = %d %s", got.status, got.body)
	}
	if elsewhere, err := h.guard.CheckPasskeys(ctx); err != nil || elsewhere != 1 {
		t.Errorf("in development: %d, %v", elsewhere, err)
	}
	h.guard.production = true
	_, err := h.guard.CheckPasskeys(ctx)
	if err == nil || !strings.Contains(err.Error(), "ava_stone (old.example)") || !strings.Contains(err.Error(), "passkeys forget") {
		t.Errorf("in production: %v", err)
	}
	without := *h.guard
	without.passkeys = nil
	set("localhost")
	if _, err := without.CheckPasskeys(ctx); err == nil {
		t.Error("an address without a name shuts her out, and that is no error")
	}
	set("old.example")
	if err := h.guard.AskForPasskey(ctx, ava, uuid.Nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := h.guard.CheckPasskeys(ctx); err != nil {
		t.Errorf("nobody is asked any more: %v", err)
	}
	if err := h.guard.AskForPasskey(ctx, ava, uuid.Nil, true); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("asking for what cannot be shown here: %v", err)
	}
}

func TestAPasskeyAsSecondFactor(t *testing.T) {
	t.Parallel()
	h, first, key := askedForPasskey(t)
	b := h.browser()
	b.begin()
	planted := b.cookie()
	got := b.get(b.consent(b.begin("return_to", "/orders"), "ava"))
	if got.location != PasskeyPath || b.cookie().Value == planted.Value {
		t.Fatalf("the provider leads to %q", got.location)
	}
	halfCookie := b.cookie()
	if b.name() != "" {
		t.Fatal("a provider alone signs her in")
	}
	for _, path := range []string{"/orders", "/brokers"} {
		if got := b.get(path); !strings.HasPrefix(got.location, "/login") {
			t.Errorf("half signed in, %s = %d %q", path, got.status, got.location)
		}
	}
	for path, status := range map[string]int{"/api/orders": 401, "/api/tokens": 401, "/passkeys/options": 303} {
		if got := b.do("POST", path, url.Values{}); got.status != status {
			t.Errorf("half signed in, %s = %d", path, got.status)
		}
	}
	for _, intent := range []string{"link", "reauth"} {
		if got := b.do("POST", "/auth/sandbox", url.Values{"intent": {intent}}); got.location != "/login" {
			t.Errorf("half signed in, %s = %d %q", intent, got.status, got.location)
		}
	}
	if h.count("select count(*) from sign_ins") != 1 {
		t.Error("a sign-in by half is listed")
	}
	refusedPasskey(t, "another key", b.show(h.authenticator()))
	if got := b.show(key); got.status != http.StatusOK || !strings.Contains(got.body, `"/orders"`) {
		t.Fatalf("the passkey = %d %s", got.status, got.body)
	}
	if b.name() != "ava_stone" || h.browser().carry(halfCookie).name() != "" || b.cookie().Value == halfCookie.Value {
		t.Error("she is not signed in, or the cookie did not change")
	}
	if first.name() != "ava_stone" || h.count("select count(*) from sign_ins where method = 'sandbox'") != 2 {
		t.Error("the sign-ins are not two")
	}
	if got := b.do("POST", "/api/tokens", nil); got.status != http.StatusOK {
		t.Errorf("right after it = %d", got.status)
	}
}

func TestASignInByHalfDoesNotLast(t *testing.T) {
	t.Parallel()
	h, first, key := askedForPasskey(t)
	b := h.browser()
	b.signIn("ava")
	h.advance(halfLife + time.Second)
	if c := b.challenge(PasskeyPath + "/options"); c != "" {
		t.Error("it lasts longer than ten minutes")
	}
	b.signIn("ava")
	c := b.challenge(PasskeyPath + "/options")
	b.begin()                              // another tab must not make it last
	h.advance(challengeLife - time.Minute) // the clock goes on while it is answered
	if got := b.prove(key.get(c)); got.status != http.StatusOK {
		t.Errorf("in time = %d %s", got.status, got.body)
	}
	b = h.browser()
	b.signIn("ava")
	c = b.challenge(PasskeyPath + "/options")
	if err := h.guard.SignOutEverywhere(context.Background(), h.user("ava_stone").ID); err != nil {
		t.Fatal(err)
	}
	if got := b.prove(key.get(c)); got.status == http.StatusOK || b.name() != "" || first.name() != "" {
		t.Errorf("after signing out everywhere = %d", got.status)
	}
	b = h.browser()
	b.signIn("ava")
	c = b.challenge(PasskeyPath + "/options")
	if _, err := h.db.Pool().Exec(context.Background(), "update users set status = 'suspended'"); err != nil {
		t.Fatal(err)
	}
	if got := b.prove(key.get(c)); got.status == http.StatusOK || b.name() != "" {
		t.Errorf("after a suspension = %d", got.status)
	}
}

// What a provider says makes no sign-in fresh of whom it could not sign in.
func TestAProviderAloneIsNoStepUpWhereAPasskeyIsAskedFor(t *testing.T) {
	t.Parallel()
	h, b, key := askedForPasskey(t)
	h.advance(stepUpAge + time.Second)
	if got := b.get(b.consent(b.begin("intent", "reauth", "return_to", "/brokers"), "ava")); got.location != "/login?problem=passkey_needed&reauth=1&return_to=%2Fbrokers" {
		t.Errorf("the provider = %d %q", got.status, got.location)
	}
	if got := b.do("POST", "/api/brokers", nil); got.status != http.StatusForbidden {
		t.Errorf("after it = %d", got.status)
	}
	if got := b.show(key); got.status != http.StatusOK || b.do("POST", "/api/brokers", nil).status != http.StatusOK {
		t.Errorf("the passkey = %d %s", got.status, got.body)
	}
}

func TestWhatIsAskedForIsThere(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	b := h.browser().as("ava")
	ava := h.user("ava_stone").ID
	if err := h.guard.AskForPasskey(ctx, ava, uuid.Nil, true); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("without a passkey: %v", err)
	}
	b.addPasskey()
	for _, on := range []bool{true, true} {
		if err := h.guard.AskForPasskey(ctx, ava, uuid.Nil, on); err != nil {
			t.Fatal(err)
		}
	}
	id := h.keys(ava).Keys[0].ID
	if err := h.guard.RemovePasskey(ctx, ava, id); fault.CodeOf(err) != "invalid_state" || len(h.keys(ava).Keys) != 1 {
		t.Errorf("removing the last: %v", err)
	}
	if err := h.guard.AskForPasskey(ctx, ava, uuid.Nil, false); err != nil || h.keys(ava).Asked {
		t.Errorf("switching it off: %v", err)
	}
	if err := h.guard.RemovePasskey(ctx, ava, id); err != nil {
		t.Errorf("removing the last one then: %v", err)
	}
	var acts string
	err := h.db.Pool().QueryRow(ctx, "select string_agg(act, ',' order by at) from audit_log where kind = 'second_factors' and user_id = $1", ava).Scan(&acts)
	if err != nil || acts != "insert,delete" {
		t.Errorf("the audit log has %q, %v", acts, err)
	}
	if told := h.told(ava); strings.Count(told, ";") != 3 {
		t.Errorf("told %q", told)
	}
}

// Whoever lost their passkeys is let in by an operator, on the command line.
func TestForgottenPasskeys(t *testing.T) {
	t.Parallel()
	h, b, _ := askedForPasskey(t)
	ctx := context.Background()
	ava := h.user("ava_stone").ID
	if err := h.guard.ForgetPasskeys(ctx, "nobody"); fault.CodeOf(err) != "not_found" {
		t.Errorf("of nobody: %v", err)
	}
	if err := h.guard.ForgetPasskeys(ctx, "ava_stone"); err != nil {
		t.Fatal(err)
	}
	if b.name() != "" {
		t.Error("a session lives on")
	}
	if got := h.browser().as("ava"); got.name() != "ava_stone" {
		t.Errorf("the provider alone signs in %q", got.name())
	}
	if err := h.guard.ForgetPasskeys(ctx, "ava_stone"); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("once more: %v", err)
	}
	if !strings.HasPrefix(h.told(ava), "Your passkeys were removed by an operator") {
		t.Errorf("told %q", h.told(ava))
	}
	n := h.count("select count(*) from audit_log where actor = 'operator' and act = 'delete' and kind in ('passkeys', 'second_factors') and user_id = $1", ava)
	if n != 2 {
		t.Errorf("%d lines of the audit log", n)
	}
}

func TestPasskeysNeedAHostWithAName(t *testing.T) {
	t.Parallel()
	for address, offered := range map[string]bool{"https://alertsify.app": true, "http://localhost:8080": true, "http://127.0.0.1:8080": false, "http://[::1]:1": false} {
		if p, err := newPasskeys(address); err != nil || (p != nil) != offered {
			t.Errorf("%s: %v, %v", address, p != nil, err)
		}
	}
}

func TestAccessTokensShowNoPasskey(t *testing.T) {
	t.Parallel()
	h, b, _ := askedForPasskey(t)
	text, _, err := h.guard.MakeToken(context.Background(), h.user("ava_stone").ID, "t", ScopeTrade)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{PasskeyPath + "/options", PasskeyPath, "/passkeys/options", "/passkeys"} {
		got := b.do("POST", path, url.Values{}, "Authorization", "Bearer "+text.Reveal())
		if got.status != http.StatusForbidden || codeOf(t, got) != "forbidden" {
			t.Errorf("%s = %d %s", path, got.status, got.body)
		}
	}
	if got := h.browser().do("POST", PasskeyPath+"/options", url.Values{}); got.status != http.StatusUnauthorized {
		t.Errorf("nobody = %d %s", got.status, got.body)
	}
}
