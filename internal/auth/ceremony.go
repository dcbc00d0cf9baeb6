package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// PasskeyPath is where a sign-in ends that still wants a passkey, and where one is shown
// again for step-up.
const PasskeyPath = "/login/passkey"

const challengeLife = 5 * time.Minute

// What a passkey is shown for. A challenge is worth nothing for another purpose.
const (
	forAdding = "add"
	forStepUp = "step_up"
	forSignIn = "sign_in"
)

// ceremony is somebody in the middle of showing a passkey: in which session, and who.
type ceremony struct {
	ctx     context.Context //nolint:containedctx // of the request, with its session
	session []byte          // hash of its token: a challenge is bound to it
	user    users.User
	half    *half // they have shown nothing but a provider's word; nil: signed in
}

func (c ceremony) purpose() string {
	if c.half != nil {
		return forSignIn
	}
	return forStepUp
}

// AgainQuery marks, in addresses of PasskeyPath, what is for step-up of who is signed in,
// even while a sign-in by half waits in the same browser.
const AgainQuery = "again=1"

func again(r *http.Request) bool { return r.URL.Query().Get("again") == "1" }

// ceremony finds out who shows a passkey: somebody who has signed in by half, else somebody
// signed in with a browser; without byHalf only the latter. Anybody else is
// fault.Unauthenticated.
func (g *Guard) ceremony(r *http.Request, byHalf bool) (ceremony, error) {
	if g.passkeys == nil {
		return ceremony{}, fault.NotFound()
	}
	if _, byToken := bearer(r); byToken {
		return ceremony{}, fault.Forbidden("This can be done only in a browser, not with an access token.")
	}
	ctx, err := g.session(r)
	if err != nil {
		return ceremony{}, err
	}
	sum := sha256.Sum256([]byte(g.sessions.Token(ctx)))
	c := ceremony{ctx: ctx, session: sum[:]}
	found, ok := g.halfOf(ctx)
	ok = ok && byHalf
	if who, known := From(r.Context()); known && !ok {
		c.user = who.User
		return c, nil
	}
	if !ok {
		return ceremony{}, fault.Unauthenticated()
	}
	c.half = &found
	c.user, err = g.users.ByID(ctx, found.user)
	if errors.Is(err, fault.NotFound()) || err == nil && (!c.user.Active() || c.user.SessionEpoch != found.epoch) {
		return ceremony{}, fault.Unauthenticated()
	}
	if err != nil {
		return ceremony{}, unavailable(err)
	}
	return c, nil
}

func (g *Guard) holderOf(c ceremony) (h holder, err error) {
	err = g.db.As(c.ctx, c.user.ID, func(ctx context.Context, tx pgx.Tx) error {
		h, err = g.holder(ctx, tx, c.user)
		return err
	})
	return h, err
}

// ask keeps what a browser is asked to sign. A second question of the same kind in one
// session takes the place of the first.
func (g *Guard) ask(c ceremony, purpose string, asked *webauthn.SessionData) error {
	text, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("keep challenge: %w", err)
	}
	_, err = g.db.Pool().Exec(c.ctx, `
		insert into passkey_challenges (session_hash, purpose, user_id, asked, expires_at) values ($1, $2, $3, $4, $5)
		on conflict (session_hash, purpose) do update set user_id = excluded.user_id, asked = excluded.asked, expires_at = excluded.expires_at`,
		c.session, purpose, c.user.ID, text, g.now().Add(challengeLife))
	if err != nil {
		return unavailable(fmt.Errorf("keep challenge: %w", err))
	}
	return nil
}

// claimChallenge takes the challenge out for good, before anything is looked at: an answer
// counts once, also when two come at the same moment.
func (g *Guard) claimChallenge(c ceremony, purpose string) (asked webauthn.SessionData, err error) {
	var text []byte
	var until time.Time
	var user uuid.UUID
	err = g.db.Pool().QueryRow(c.ctx, `
		delete from passkey_challenges where session_hash = $1 and purpose = $2 returning asked, user_id, expires_at`,
		c.session, purpose).Scan(&text, &user, &until)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return asked, passkeyRefused(errors.New("nothing was asked"))
	case err != nil:
		return asked, unavailable(fmt.Errorf("take challenge: %w", err))
	case user != c.user.ID:
		return asked, passkeyRefused(errors.New("somebody else was asked"))
	case !until.After(g.now()):
		return asked, passkeyRefused(errors.New("it was asked too long ago"))
	}
	if err := json.Unmarshal(text, &asked); err != nil {
		return asked, passkeyRefused(err)
	}
	return asked, nil
}

// passkeyRefused says to people nothing of the reason, which the log has.
func passkeyRefused(cause error) error {
	return fault.New(http.StatusForbidden, "passkey_refused", "That did not prove that it is you. Please try again.").Because(cause)
}

// BeginPasskey answers what the browser needs to show a passkey: for step-up of who is
// signed in, or to end a sign-in that was begun. Its rule is Public.
func (g *Guard) BeginPasskey(w http.ResponseWriter, r *http.Request) (*protocol.PublicKeyCredentialRequestOptions, error) {
	if err := g.countSignIn(w, r); err != nil {
		return nil, err
	}
	c, err := g.ceremony(r, !again(r))
	if err != nil {
		return nil, err
	}
	h, err := g.holderOf(c)
	if err != nil {
		return nil, unavailable(err)
	}
	if len(h.keys) == 0 {
		return nil, fault.Conflict("invalid_state", "You have no passkey here.")
	}
	options, asked, err := g.passkeys.BeginLogin(h)
	if err != nil {
		return nil, fmt.Errorf("begin to show a passkey: %w", err)
	}
	return &options.Response, g.ask(c, c.purpose(), asked)
}

// ShowPasskey takes the browser's answer and does what it was for: it makes the sign-in
// fresh, or signs in. It answers where to go on to. passkey_refused when it proves
// nothing. Its rule is Public.
func (g *Guard) ShowPasskey(w http.ResponseWriter, r *http.Request, response []byte, returnTo string) (string, error) {
	c, err := g.ceremony(r, !again(r))
	if err != nil {
		return "", err
	}
	asked, err := g.claimChallenge(c, c.purpose())
	if err != nil {
		return "", err
	}
	if err := g.proved(c, asked, response); err != nil {
		return "", err
	}
	if c.half == nil {
		return LocalPath(returnTo), g.freshen(c.ctx, w, true)
	}
	return g.landing(c.ctx, c.half.user, c.half.returnTo), g.wholeSignIn(c, w, r)
}

// proved holds the answer against what was asked and against the passkey as it is known.
func (g *Guard) proved(c ceremony, asked webauthn.SessionData, response []byte) error {
	shown, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return passkeyRefused(err)
	}
	h, err := g.holderOf(c)
	if err != nil {
		return unavailable(err)
	}
	key, err := g.passkeys.ValidateLogin(h, asked, shown)
	if err != nil {
		return passkeyRefused(err)
	}
	counted := shown.Response.AuthenticatorData.Counter
	return g.notePasskey(c, h.row(key.ID), counted, key.Flags.BackupState)
}

// notePasskey writes that a passkey was used. Its own counter must have gone on, unless it
// counts nothing: else there are two of what cannot be copied. That is refused, written
// down and told; the one whose counter is ahead goes on working. One that its owner removed
// meanwhile is refused and no copy.
func (g *Guard) notePasskey(c ceremony, id uuid.UUID, counted uint32, backedUp bool) error {
	gone, cloned := false, false
	err := g.db.As(c.ctx, c.user.ID, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update passkeys set sign_count = $3, backed_up = $4, last_used_at = $5
			where id = $1 and user_id = $2 and (sign_count < $3 or sign_count = 0 and $3 = 0)`,
			id, c.user.ID, int64(counted), backedUp, g.now())
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		if err := tx.QueryRow(ctx, "select not exists (select from passkeys where id = $1 and user_id = $2)", id, c.user.ID).Scan(&gone); err != nil || gone {
			return err
		}
		cloned = true
		_, err = tx.Exec(ctx, `
			insert into security_events (user_id, kind, detail, at)
			values ($1, 'passkey_counter_went_back', jsonb_build_object('passkey', $2::text, 'counter', $3::bigint), $4)`,
			c.user.ID, id.String(), int64(counted), g.now())
		if err != nil {
			return err
		}
		return g.tell(ctx, tx, c.user.ID, "A passkey of yours may have been copied",
			"Its counter went back, so it was refused. Remove that passkey and make a new one; if it was not you who tried, sign out everywhere.")
	})
	if err != nil {
		return unavailable(fmt.Errorf("note the use of a passkey: %w", err))
	}
	switch {
	case gone:
		return passkeyRefused(errors.New("it was removed meanwhile"))
	case cloned:
		return passkeyRefused(errors.New("the counter went back"))
	}
	return nil
}

// wholeSignIn ends a sign-in by half: from here on it is like any other, and the one that
// this browser had before is over.
func (g *Guard) wholeSignIn(c ceremony, w http.ResponseWriter, r *http.Request) error {
	signIn := uuid.New()
	before, _ := uuid.Parse(g.sessions.GetString(c.ctx, keySignIn))
	var user users.User
	err := g.db.AsSystem(c.ctx, "sign_in", func(ctx context.Context, tx pgx.Tx) (err error) {
		if user, err = g.users.ByIDIn(ctx, tx, c.user.ID); err != nil {
			return err
		}
		if !user.Active() || user.SessionEpoch != c.half.epoch {
			return fault.Unauthenticated()
		}
		if err := endBefore(ctx, tx, before); err != nil {
			return err
		}
		return g.noteSignIn(ctx, tx, signIn, user.ID, c.half.method, deviceOf(r), httpio.AddressPrefix(httpio.Address(ctx)))
	})
	if err != nil {
		return unavailable(err)
	}
	if err := g.startSession(c.ctx, w, user, signIn, c.half.identity, true); err != nil {
		return errors.Join(err, g.EndSignIn(context.WithoutCancel(c.ctx), user.ID, signIn))
	}
	httpio.Annotate(c.ctx, slog.String("signed_in", user.ID.String()))
	return nil
}
