package auth

import (
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/users"
)

// Rule says who may call a route. The zero Rule is none, and nobody may: a route
// says one of the first six, and may add flags with |.
type Rule uint16

const (
	// Public is for everybody; who is signed in is known all the same.
	Public Rule = iota + 1
	// SignedIn is for every user.
	SignedIn
	// TraderOnly is for traders and admins.
	TraderOnly
	// Operator is for admins after a fresh sign-in, and tokens of scope admin.
	Operator
	// Webhook is for machines that sign what they send; no cookie is looked at.
	Webhook
	// Open is for what needs nobody's name: assets, health, metrics.
	Open

	// StepUp asks sessions for a sign-in of the last 15 minutes; of who is asked for a
	// passkey at sign-in, for one shown since then.
	StepUp Rule = 1 << 8
	// SessionOnly keeps tokens out: making tokens, linking identities, changing the e-mail.
	SessionOnly Rule = 1 << 9
	// ReadOnly marks a POST that changes nothing, which a read token may send.
	ReadOnly Rule = 1 << 10
	// Agreed asks for the documents in force to be accepted: it stands on what opens
	// something, and on nothing that reads, stops or gets somebody out.
	Agreed Rule = 1 << 11

	whoMask Rule = 1<<8 - 1
)

// Valid tells whether r says who may call.
func (r Rule) Valid() bool { return r.who() >= Public && r.who() <= Open }

func (r Rule) who() Rule { return r & whoMask }

func (r Rule) has(flag Rule) bool { return r&flag != 0 }

// anonymous tells whether r asks for no name at all.
func (r Rule) anonymous() bool { return r.who() == Webhook || r.who() == Open }

// role is the least role r asks for.
func (r Rule) role() users.Role {
	switch r.who() {
	case SignedIn:
		return users.Subscriber
	case TraderOnly:
		return users.Trader
	}
	return users.Admin
}

// check decides for one request; changes tells whether its method may change
// something. Default is deny.
func (r Rule) check(p Principal, known, changes bool, now time.Time) error {
	if !r.Valid() {
		return fault.Forbidden("Nobody may do this.")
	}
	if r.anonymous() || r.who() == Public {
		return nil
	}
	if !known {
		return fault.Unauthenticated()
	}
	if !p.User.Role.Reaches(r.role()) {
		return fault.Forbidden("Your role does not allow this.")
	}
	if p.Method == MethodToken {
		return r.checkToken(p, changes)
	}
	if (r.has(StepUp) || r.who() == Operator) && !p.fresh(now) {
		return fault.ReauthRequired()
	}
	return nil
}

// checkToken holds a token against its scope. A trade token passed step-up when
// it was made, so it may do what step-up guards.
func (r Rule) checkToken(p Principal, changes bool) error {
	if r.has(SessionOnly) {
		return fault.Forbidden("This can be done only in a browser, not with an access token.")
	}
	needed := ScopeRead
	switch {
	case r.who() == Operator:
		needed = ScopeAdmin
	case r.has(StepUp), changes && !r.has(ReadOnly):
		needed = ScopeTrade
	}
	if scopeRank(p.Scope) < scopeRank(needed) {
		return fault.Forbidden("This access token does not have the scope "+needed+".").With("scope", needed)
	}
	return nil
}
