package auth

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/users"
)

// cell is one way in which a round by a provider can go.
type cell struct {
	provider string
	verified bool   // the provider says so of the address
	account  string // who is here already
	state    string // what becomes of it
	intent   string
}

// Who is here already.
const (
	nobody      = "nobody"
	hasAddress  = "holder"  // has the address, verified with us
	planted     = "planted" // has the address and never verified it
	hasIdentity = "owner"   // has the identity, and another address
)

// What becomes of the state.
const (
	kept      = "kept"
	replayed  = "replayed"               // the same callback twice
	missing   = "missing"                //
	chosen    = "chosen by the attacker" // sent along when the round began
	foreign   = "in a foreign browser"   // an attacker hands the callback to somebody
	elsewhere = "at another provider"    // the callback of one provider with the state of another
)

// outcome is what is so afterwards. People are named by what they are in the cell.
type outcome struct {
	status int
	to     string // of the callback, or its code
	who    string // whom the browser with the callback is signed in as
	has    string // whose the identity is
	mail   string // who has the address
	more   int    // users that were made
}

// want is the rule of docs/signin.md.
func (c cell) want() outcome {
	o := outcome{status: http.StatusBadRequest, to: "sign_in_expired"}
	switch c.account {
	case hasIdentity:
		o.has = hasIdentity
	case hasAddress, planted:
		o.mail = c.account
	}
	switch {
	case c.intent == intentLink && c.state == foreign:
		o.who = "victim"
	case c.intent == intentLink:
		o.who = "linker"
	}
	if c.state != kept && c.state != replayed {
		return o
	}
	o.status, o.to = http.StatusSeeOther, "/"
	switch {
	case c.intent == intentLink && c.account == hasIdentity:
		o.status, o.to = http.StatusConflict, "identity_taken"
	case c.intent == intentLink:
		o.has = "linker"
	case c.account == hasIdentity:
		o.who = hasIdentity
	case c.verified && c.account == hasAddress:
		o.to = "/login?problem=account_exists"
	default:
		o.who, o.has, o.more = "newcomer", "newcomer", 1
		if c.verified {
			o.mail = "newcomer"
		}
	}
	return o
}

// TestEveryRoundByAProvider goes through all of them, over HTTP, each with people of its
// own: nobody is taken over, no planted cookie is worth anything, no way leads to
// another site.
func TestEveryRoundByAProvider(t *testing.T) {
	t.Parallel()
	for _, provider := range realProviders {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			h, n := open(t, nil), 0
			for _, verified := range []bool{true, false} {
				for _, account := range []string{nobody, hasAddress, planted, hasIdentity} {
					for _, state := range []string{kept, replayed, missing, chosen, foreign, elsewhere} {
						for _, intent := range []string{intentLogin, intentLink} {
							n++
							c := cell{provider, verified, account, state, intent}
							if got := h.play(c, n); got != c.want() {
								t.Errorf("%+v:\n got %+v\nwant %+v", c, got, c.want())
							}
						}
					}
				}
			}
			if n != 96 {
				t.Errorf("%d cells", n)
			}
		})
	}
}

var realProviders = []string{"google", "discord", "github"}

// play lives a cell with the people of number n.
func (h *house) play(c cell, n int) outcome {
	h.t.Helper()
	subject, address := strconv.Itoa(70000+n), fmt.Sprintf("p%d@example.com", n)
	h.settle(c, n, subject, address)
	b, attacker := h.rounds(c, n)
	victim := h.browser()
	if c.intent == intentLink && c.state == foreign {
		victim = h.member("victim", n)
	}
	before := h.count("select count(*) from users")
	fixed := b.cookie()

	begun := b.beginAt(c.provider, "intent", c.intent, "return_to", "//evil.example/x", "state", "mine")
	callback := b.consent(begun, "custom", "sub", subject, "username", "newcomer_"+strconv.Itoa(n), "name", "Newcomer "+strconv.Itoa(n),
		"email", address, "email_verified", strconv.FormatBool(c.verified))
	got, last := h.callback(c, b, victim, callback)

	o := outcome{status: got.status, to: got.location, who: called(last.name(), n), more: h.count("select count(*) from users") - before}
	if got.location == "" {
		o.to = codeOf(h.t, got)
	}
	if c.intent == intentLogin && last == b && o.who != "" && (b.cookie().Value == fixed.Value || attacker.name() != "") {
		h.t.Errorf("%+v: the cookie from before is worth something", c)
	}
	o.has = called(h.text("select coalesce(min(u.username), '') from identities i join users u on u.id = i.user_id where i.provider = $1 and i.subject = $2", c.provider, subject), n)
	o.mail = called(h.text("select coalesce(min(username), '') from users where lower(email) = $1", address), n)
	if c.intent == intentLogin && last != b && b.name() != "" {
		h.t.Errorf("%+v: the browser that began is signed in as %q", c, b.name())
	}
	return o
}

// settle makes who is here already.
func (h *house) settle(c cell, n int, subject, address string) {
	h.t.Helper()
	var err error
	ctx := context.Background()
	switch c.account {
	case hasAddress:
		_, err = h.guard.EnsurePerson(ctx, sandboxName, "holder-"+subject, users.NewUser{Username: fmt.Sprintf("holder_%d", n), Email: strings.ToUpper(address), EmailVerified: true})
	case planted:
		_, err = h.db.Pool().Exec(ctx, "insert into users (username, name, email) values ($1, $1, $2)", fmt.Sprintf("planted_%d", n), strings.ToUpper(address))
	case hasIdentity:
		_, err = h.guard.EnsurePerson(ctx, c.provider, subject, users.NewUser{Username: fmt.Sprintf("owner_%d", n), Email: fmt.Sprintf("other%d@example.com", n), EmailVerified: true})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// rounds gives the browser that begins: signed in to link, else with a cookie that an
// attacker has planted there.
func (h *house) rounds(c cell, n int) (b, attacker *browser) {
	h.t.Helper()
	if c.intent == intentLink {
		return h.member("linker", n), nil
	}
	attacker = h.browser()
	attacker.beginAt(c.provider)
	return h.browser().carry(attacker.cookie()), attacker
}

func (h *house) member(what string, n int) *browser {
	h.t.Helper()
	return h.browser().as("custom", "sub", fmt.Sprintf("%s-%d", what, n), "name", fmt.Sprintf("%s %d", what, n),
		"email", fmt.Sprintf("%s%d@example.com", what, n), "email_verified", "true")
}

// callback comes back as the cell says, and tells in which browser.
func (h *house) callback(c cell, b, victim *browser, address string) (answer, *browser) {
	h.t.Helper()
	switch c.state {
	case missing:
		return b.get(edit(address, "state", "")), b
	case chosen:
		return b.get(edit(address, "state", "mine")), b
	case foreign:
		return victim.get(address), victim
	case elsewhere:
		i := slices.Index(realProviders, c.provider)
		next := realProviders[(i+1)%len(realProviders)]
		got := b.get(strings.Replace(address, "/callback/"+c.provider, "/callback/"+next, 1))
		if again := b.get(address); again.status != http.StatusBadRequest {
			h.t.Errorf("%+v: the state was not spent: %d", c, again.status)
		}
		return got, b
	case replayed:
		got := b.get(address)
		if again := b.get(address); again.status != http.StatusBadRequest || codeOf(h.t, again) != "sign_in_expired" {
			h.t.Errorf("%+v: once more = %d %s", c, again.status, again.body)
		}
		return got, b
	}
	return b.get(address), b
}

// called is what somebody is in their cell.
func called(username string, n int) string {
	return strings.TrimSuffix(username, "_"+strconv.Itoa(n))
}

func (h *house) text(sql string, args ...any) (s string) {
	h.t.Helper()
	if err := h.db.Pool().QueryRow(context.Background(), sql, args...).Scan(&s); err != nil {
		h.t.Fatal(err)
	}
	return s
}
