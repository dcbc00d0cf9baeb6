package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// Callback is GET /api/auth/callback/{provider}, where a provider sends the
// browser back to. Its rule is Public.
func (g *Guard) Callback(w http.ResponseWriter, r *http.Request) error {
	p, ok := g.providers[chi.URLParam(r, "provider")]
	if !ok {
		return fault.NotFound()
	}
	ctx, err := g.session(r)
	if err != nil {
		return err
	}
	a, err := g.claimAttempt(ctx, r.URL.Query().Get("state"))
	if err != nil {
		return err
	}
	if a.Provider != p.name {
		return startAgain()
	}
	if refusal := r.URL.Query().Get("error"); refusal != "" {
		return g.turnBack(w, r, a, refusal)
	}
	who, err := p.finish(r.URL.Query().Get("code"), a)
	if err != nil {
		httpio.Annotate(ctx, slog.Any("sign_in", err))
		seeOther(w, a.turnedBackTo(ProblemFailed))
		return nil
	}
	return g.accept(ctx, w, r, a, who)
}

// claimAttempt takes the attempt out for good before anything else happens, so
// that the same callback cannot be used twice even if the rest fails.
func (g *Guard) claimAttempt(ctx context.Context, state string) (attempt, error) {
	a, found, err := g.takeAttempt(ctx, state)
	if err != nil {
		return attempt{}, err
	}
	if !found {
		return attempt{}, startAgain()
	}
	if _, _, err := g.sessions.Commit(ctx); err != nil {
		return attempt{}, unavailable(err)
	}
	return a, nil
}

func startAgain() error {
	return fault.New(http.StatusBadRequest, "sign_in_expired",
		"This sign-in took too long, was used already, or began in another browser. Please start again.")
}

// turnBack answers a provider's refusal. Its own words are not shown: anybody can
// write them into a link.
func (g *Guard) turnBack(w http.ResponseWriter, r *http.Request, a attempt, refusal string) error {
	problem := ProblemDenied
	if refusal != "access_denied" {
		problem = ProblemFailed
		httpio.Annotate(r.Context(), slog.String("provider_error", refusal[:min(len(refusal), 64)]))
	}
	seeOther(w, a.turnedBackTo(problem))
	return nil
}

// accept does what the attempt was for with the person who came back.
func (g *Guard) accept(ctx context.Context, w http.ResponseWriter, r *http.Request, a attempt, who Identity) error {
	var err error
	to := a.ReturnTo
	switch a.Intent {
	case intentLogin:
		to, err = g.signIn(ctx, w, r, a, who)
	case intentReauth:
		err = g.proveAgain(ctx, w, a.User, who)
	case intentLink:
		err = g.link(ctx, a.User, who)
	default:
		err = startAgain()
	}
	var problem problemError
	if errors.As(err, &problem) {
		seeOther(w, a.turnedBackTo(string(problem)))
		return nil
	}
	if errors.Is(err, errEnded) {
		seeOther(w, loginURL(a.ReturnTo, false, ""))
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	seeOther(w, to)
	return nil
}

// signIn finds or makes the user and gives the browser a new session; to is where that
// leads. The token changes with it: one that was planted before the sign-in stays worthless.
func (g *Guard) signIn(ctx context.Context, w http.ResponseWriter, r *http.Request, a attempt, who Identity) (to string, err error) {
	before, _ := uuid.Parse(g.sessions.GetString(ctx, keySignIn))
	user, signIn, err := g.register(ctx, who, before, deviceOf(r), httpio.AddressPrefix(httpio.Address(ctx)))
	if err != nil {
		return "", err
	}
	if signIn == uuid.Nil {
		return PasskeyPath, g.startHalf(ctx, w, user, who, a.ReturnTo)
	}
	if err := g.startSession(ctx, w, user, signIn, who.key(), false); err != nil {
		return "", errors.Join(err, g.EndSignIn(context.WithoutCancel(ctx), user.ID, signIn))
	}
	httpio.Annotate(ctx, slog.String("signed_in", user.ID.String()))
	return g.landing(ctx, user.ID, a.ReturnTo), nil
}

// startSession gives the browser a new session. identity is who the provider said it is;
// shown says that a passkey was shown too.
func (g *Guard) startSession(ctx context.Context, w http.ResponseWriter, user users.User, signIn uuid.UUID, identity string, shown bool) error {
	if err := g.sessions.RenewToken(ctx); err != nil {
		return err
	}
	if err := g.sessions.Clear(ctx); err != nil {
		return err
	}
	g.sessions.Put(ctx, keySignIn, signIn.String())
	g.sessions.Put(ctx, keyUser, user.ID.String())
	g.sessions.Put(ctx, keyEpoch, user.SessionEpoch)
	g.sessions.Put(ctx, keyIdentity, identity)
	g.putProof(ctx, shown)
	g.recent.forget(user.ID)
	return g.save(ctx, w)
}

// proveAgain makes the sign-in fresh when the identity that signed in has come back: not
// another of the same person's, which whoever sits at their browser may have linked. Where
// a passkey is asked for at sign-in, a provider alone proves nothing here either.
func (g *Guard) proveAgain(ctx context.Context, w http.ResponseWriter, asked uuid.UUID, who Identity) error {
	now, err := g.whoIsIn(ctx)
	if err != nil {
		return err
	}
	owner, found, err := g.owner(ctx, who)
	if err != nil {
		return err
	}
	if !found || owner != asked || now.User.ID != asked {
		return problemError(ProblemOtherPerson)
	}
	// Sessions of before this was kept know no identity; they end within two weeks.
	if signedIn := g.sessions.GetString(ctx, keyIdentity); signedIn != "" && signedIn != who.key() {
		return problemError(ProblemOtherPerson)
	}
	if now.Asked {
		return problemError(ProblemPasskeyNeeded)
	}
	return g.freshen(ctx, w, false)
}

// freshen notes that who is signed in has just proved it, and whether with a passkey. The
// session keeps its end: RenewToken would start its lifetime anew.
func (g *Guard) freshen(ctx context.Context, w http.ResponseWriter, shown bool) error {
	deadline := g.sessions.Deadline(ctx)
	if err := g.sessions.RenewToken(ctx); err != nil {
		return err
	}
	g.sessions.SetDeadline(ctx, deadline)
	g.putProof(ctx, shown)
	return g.save(ctx, w)
}

// putProof keeps when somebody proved who they are, and when with a passkey: where one is
// asked for, the other proves nothing.
func (g *Guard) putProof(ctx context.Context, shown bool) {
	g.sessions.Put(ctx, keyAuthTime, g.now().Unix())
	if shown {
		g.sessions.Put(ctx, keyShownAt, g.now().Unix())
	}
}
