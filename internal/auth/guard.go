// Package auth signs people in and knows who is asking.
package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alexedwards/scs/v2"
	"github.com/go-webauthn/webauthn/webauthn"
)

const (
	defaultLifetime = 14 * 24 * time.Hour // a sign-in ends then, whatever happens
	defaultIdle     = 72 * time.Hour      // or after this long without a request
	defaultPerMin   = 10                  // sign-ins begun, for each address

	stepUpAge = 15 * time.Minute // how fresh a sign-in must be for what step-up guards
)

// Options say who may sign in and for how long.
type Options struct {
	DB     *postgres.DB
	Users  *users.Directory
	Alerts *alerts.Announcer // tells people that one of their doors has changed
	Legal  *legal.Register   // who accepted which documents; nil: nobody is asked

	AppURL     string // origin; callback addresses and the cookie's kind come from it, never from Host
	Production bool   // refuses the sandbox provider, also in stored identities
	Providers  []ProviderConfig

	Lifetime time.Duration // 14 days when zero
	Idle     time.Duration // 72 h when zero

	Allow              httpio.Allow // counts sign-ins and refusals; nil: nobody counts
	SignInsPerMinute   int          // 10 when zero
	AnonymousPerMinute int          // API requests of nobody known, for each address; not counted when zero

	Load   *httpio.Load // refuses by class while the server is overloaded; nil: never
	Logger *slog.Logger
	Now    func() time.Time
}

// Guard signs people in and out, makes their tokens, and tells every route who is
// asking. It alone writes identities, sessions, sign_ins and access_tokens.
type Guard struct {
	db         *postgres.DB
	users      *users.Directory
	alerts     *alerts.Announcer
	legal      *legal.Register
	providers  map[string]provider
	order      []string // of the buttons on the sign-in page
	production bool
	appURL     string

	sessions *scs.SessionManager
	idle     time.Duration
	recent   *recentUsers
	passkeys *webauthn.WebAuthn // nil: not offered

	allow     httpio.Allow
	perMinute int
	anonymous int
	load      *httpio.Load
	log       *slog.Logger
	now       func() time.Time
}

// New makes the guard. It refuses providers it does not know, half-configured
// ones, and in production the sandbox or none at all; all problems come at once.
func New(o Options) (*Guard, error) {
	o = withDefaults(o)
	g := &Guard{
		db: o.DB, users: o.Users, alerts: o.Alerts, legal: o.Legal, production: o.Production, appURL: o.AppURL,
		idle: o.Idle, recent: newRecentUsers(o.Now), allow: o.Allow, perMinute: o.SignInsPerMinute,
		anonymous: o.AnonymousPerMinute, load: o.Load, log: o.Logger, now: o.Now,
	}
	g.sessions = newSessions(o, &store{db: o.DB, now: o.Now})
	var errs []error
	g.providers, errs = openProviders(o)
	for _, p := range o.Providers {
		g.order = append(g.order, p.Name)
	}
	if o.Production && len(o.Providers) == 0 {
		errs = append(errs, errors.New("no sign-in provider is set: give a pair such as GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET"))
	}
	var err error
	if g.passkeys, err = newPasskeys(o.AppURL); err != nil {
		errs = append(errs, fmt.Errorf("passkeys: %w", err))
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("set up sign-in: %w", errors.Join(errs...))
	}
	return g, nil
}

func withDefaults(o Options) Options {
	if o.Lifetime == 0 {
		o.Lifetime = defaultLifetime
	}
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.SignInsPerMinute == 0 {
		o.SignInsPerMinute = defaultPerMin
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
