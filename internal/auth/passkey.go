package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	passkeysMax    = 10 // of one user
	passkeyNameMax = 60 // characters, as the table checks

	// factorWait is how long after it was switched on a second factor begins to hold. Who has
	// got hold of somebody's provider for an hour could otherwise add a passkey of their own,
	// switch the asking on, and keep the owner out for good; so the owner is told, and has
	// these days to switch it off again on their provider's word.
	factorWait = 72 * time.Hour
)

// Passkey is one of a user's, as they see it.
type Passkey struct {
	ID         uuid.UUID
	Name       string
	Synced     bool // it is on more than one device of its owner's
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

// Passkeys are a user's, and whether they are asked for one at every sign-in.
type Passkeys struct {
	Keys    []Passkey
	Asked   bool // at every sign-in, from HoldsAt on; a provider alone then neither signs in nor makes a sign-in fresh
	Holds   bool // HoldsAt is past
	HoldsAt time.Time
	Offered bool // this server can: browsers know no passkeys of an address that is a number
}

// newPasskeys sets up the ceremonies for the host and origin of our address; nil where
// browsers refuse them.
func newPasskeys(appURL string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(appURL)
	if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil {
		return nil, nil //nolint:nilerr,nilnil // whoever checks the settings says so; here it means none
	}
	return webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Alertsify", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login: webauthn.TimeoutConfig{Timeout: challengeLife}, Registration: webauthn.TimeoutConfig{Timeout: challengeLife},
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore, // password managers add some unasked; none is read
	})
}

// holder is a user with the passkeys of theirs, as the ceremonies want them.
type holder struct {
	user users.User
	keys []webauthn.Credential
	ids  []uuid.UUID // of the rows, in the order of keys
}

// WebAuthnID is the user's id: it says nothing of them to who finds the authenticator.
func (h holder) WebAuthnID() []byte { return h.user.ID[:] }

// WebAuthnName is how authenticators list it.
func (h holder) WebAuthnName() string { return h.user.Username }

// WebAuthnDisplayName is the name people see.
func (h holder) WebAuthnDisplayName() string { return h.user.Name }

// WebAuthnCredentials are the passkeys.
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// row is which passkey of theirs was used.
func (h holder) row(credentialID []byte) uuid.UUID {
	for i, key := range h.keys {
		if string(key.ID) == string(credentialID) {
			return h.ids[i]
		}
	}
	return uuid.Nil
}

// holder reads a user's passkeys of this server's host (index passkeys_user): browsers
// know no others here.
func (g *Guard) holder(ctx context.Context, tx pgx.Tx, user users.User) (holder, error) {
	h := holder{user: user}
	rows, err := tx.Query(ctx, `
		select id, credential_id, public_key, sign_count, backup_eligible, backed_up, transports from passkeys
		where user_id = $1 and rp_id in ($2, '') order by created_at, id limit $3`, user.ID, g.host(), passkeysMax)
	if err != nil {
		return h, fmt.Errorf("read passkeys: %w", err)
	}
	var id uuid.UUID
	var key webauthn.Credential
	var transports []string
	_, err = pgx.ForEachRow(rows, []any{
		&id, &key.ID, &key.PublicKey, &key.Authenticator.SignCount, &key.Flags.BackupEligible, &key.Flags.BackupState, &transports,
	}, func() error {
		one := webauthn.Credential{ID: key.ID, PublicKey: key.PublicKey, Flags: key.Flags, Authenticator: key.Authenticator}
		for _, t := range transports {
			one.Transport = append(one.Transport, protocol.AuthenticatorTransport(t))
		}
		h.ids, h.keys = append(h.ids, id), append(h.keys, one)
		return nil
	})
	if err != nil {
		return h, fmt.Errorf("read passkeys: %w", err)
	}
	return h, nil
}

// Passkeys lists a user's, the oldest first.
func (g *Guard) Passkeys(ctx context.Context, userID uuid.UUID) (p Passkeys, err error) {
	p.Offered = g.passkeys != nil
	err = g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select id, name, backed_up, created_at, last_used_at from passkeys
			where user_id = $1 order by created_at, id limit $2`, userID, passkeysMax)
		if err != nil {
			return err
		}
		if p.Keys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Passkey]); err != nil {
			return err
		}
		var since time.Time
		err = tx.QueryRow(ctx, "select since from second_factors where user_id = $1", userID).Scan(&since)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		p.Asked, p.HoldsAt = err == nil, since.Add(factorWait)
		p.Holds = p.Asked && !p.HoldsAt.After(g.now())
		return err
	})
	if err != nil {
		return Passkeys{}, fmt.Errorf("list passkeys: %w", err)
	}
	return p, nil
}

// asked tells whether a provider's word is not enough for this user.
func (g *Guard) asked(ctx context.Context, tx pgx.Tx, userID uuid.UUID) (asked bool, err error) {
	err = tx.QueryRow(ctx, "select exists (select from second_factors where user_id = $1 and since <= $2)", userID, g.now().Add(-factorWait)).Scan(&asked)
	if err != nil {
		return false, fmt.Errorf("look for a second factor: %w", err)
	}
	return asked, nil
}

// lockPasskeys lets one change of a user's passkeys follow the other, so that nobody is
// asked for a passkey that is gone.
func lockPasskeys(ctx context.Context, tx pgx.Tx, userID uuid.UUID) error {
	return postgres.Lock(ctx, tx, "passkeys "+userID.String())
}

// BeginAddPasskey answers what the browser needs to make a passkey for who is signed in;
// the route needs StepUp and SessionOnly.
func (g *Guard) BeginAddPasskey(r *http.Request) (*protocol.PublicKeyCredentialCreationOptions, error) {
	c, err := g.ceremony(r, false)
	if err != nil {
		return nil, err
	}
	h, err := g.holderOf(c)
	if err != nil {
		return nil, err
	}
	if len(h.keys) >= passkeysMax {
		return nil, fault.Conflict("invalid_state", fmt.Sprintf("You have %d passkeys. Remove one first.", passkeysMax))
	}
	known := make([]protocol.CredentialDescriptor, len(h.keys))
	for i, key := range h.keys {
		known[i] = key.Descriptor()
	}
	options, asked, err := g.passkeys.BeginRegistration(h, webauthn.WithExclusions(known),
		webauthn.WithCredentialParameters(webauthn.CredentialParametersRecommendedL3()))
	if err != nil {
		return nil, fmt.Errorf("begin a passkey: %w", err)
	}
	return &options.Response, g.ask(c, forAdding, asked)
}

// AddPasskey keeps what the browser made, under a name; the route needs StepUp and
// SessionOnly. passkey_refused when it does not fit what was asked.
func (g *Guard) AddPasskey(r *http.Request, name string, response []byte) error {
	if name = strings.TrimSpace(name); !passkeyName(name) {
		return fault.Field("name", "must have 1 to 60 characters")
	}
	c, err := g.ceremony(r, false)
	if err != nil {
		return err
	}
	asked, err := g.claimChallenge(c, forAdding)
	if err != nil {
		return err
	}
	made, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return passkeyRefused(err)
	}
	key, err := g.passkeys.CreateCredential(holder{user: c.user}, asked, made)
	if err != nil {
		return passkeyRefused(err)
	}
	return g.keepPasskey(c.ctx, c.user.ID, name, key)
}

func (g *Guard) keepPasskey(ctx context.Context, userID uuid.UUID, name string, key *webauthn.Credential) error {
	err := g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockPasskeys(ctx, tx, userID); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			insert into passkeys (user_id, credential_id, public_key, name, sign_count, backup_eligible, backed_up, transports, created_at, rp_id)
			select $1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $11
			where (select count(*) from passkeys where user_id = $1) < $10 and exists (select from users where id = $1 and status <> 'deleted')
			on conflict do nothing`,
			userID, key.ID, key.PublicKey, name, int64(key.Authenticator.SignCount), key.Flags.BackupEligible, key.Flags.BackupState,
			knownTransports(key.Transport), g.now(), passkeysMax, g.host())
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.Conflict("invalid_state", "This passkey is registered already, or you have too many.")
		}
		return g.tell(ctx, tx, userID, "A passkey was added",
			"“"+name+"” can confirm from now on that it is you. If that was not you, remove it and sign out everywhere.")
	})
	if err != nil {
		return fmt.Errorf("keep passkey: %w", err)
	}
	return nil
}

// knownTransports keeps the values of the standard (WebAuthn level 3, §5.8.4), each once:
// the browser sends them, and nothing signs them.
func knownTransports(sent []protocol.AuthenticatorTransport) []string {
	known := []string{}
	for _, t := range []protocol.AuthenticatorTransport{
		protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal,
	} {
		if slices.Contains(sent, t) {
			known = append(known, string(t))
		}
	}
	return known
}

// RenamePasskey gives a passkey another name; fault.NotFound when it is not theirs.
func (g *Guard) RenamePasskey(ctx context.Context, userID, id uuid.UUID, name string) error {
	if name = strings.TrimSpace(name); !passkeyName(name) {
		return fault.Field("name", "must have 1 to 60 characters")
	}
	return g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update passkeys set name = $3 where id = $1 and user_id = $2", id, userID, name)
		if err == nil && tag.RowsAffected() == 0 {
			return fault.NotFound()
		}
		return err
	})
}

func passkeyName(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= passkeyNameMax && utf8.ValidString(name) && !strings.ContainsFunc(name, isOdd)
}

// RemovePasskey takes a passkey away; the route needs StepUp and SessionOnly. The last one
// of somebody who is asked for one at sign-in stays: 409. fault.NotFound when it is not theirs.
func (g *Guard) RemovePasskey(ctx context.Context, userID, id uuid.UUID) error {
	err := g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockPasskeys(ctx, tx, userID); err != nil {
			return err
		}
		var name string
		err := tx.QueryRow(ctx, "delete from passkeys where id = $1 and user_id = $2 returning name", id, userID).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		asked, left, err := g.askedAndLeft(ctx, tx, userID)
		if err != nil {
			return err
		}
		if asked && left == 0 {
			return fault.Conflict("invalid_state", "You are asked for a passkey at sign-in, and this is the last. Switch that off or add another one first.")
		}
		return g.tell(ctx, tx, userID, "A passkey was removed", "“"+name+"” is worth nothing here any more. If that was not you, look at your ways to sign in.")
	})
	if err != nil {
		return fmt.Errorf("remove passkey: %w", err)
	}
	return nil
}

// askedAndLeft tells whether the asking is switched on, and how many passkeys could be shown.
func (g *Guard) askedAndLeft(ctx context.Context, tx pgx.Tx, userID uuid.UUID) (asked bool, left int, err error) {
	err = tx.QueryRow(ctx, `
		select exists (select from second_factors where user_id = $1), (select count(*) from passkeys where user_id = $1 and rp_id in ($2, ''))`,
		userID, g.host()).
		Scan(&asked, &left)
	if err != nil {
		return false, 0, fmt.Errorf("count passkeys: %w", err)
	}
	return asked, left, nil
}

// AskForPasskey switches on or off that a user is asked for a passkey at every sign-in;
// the route needs StepUp and SessionOnly. Switched on it holds after factorWait, and every
// sign-in of theirs but here ends at once: whoever sits there has shown no passkey. Without
// a passkey it cannot be switched on: 409.
func (g *Guard) AskForPasskey(ctx context.Context, userID, here uuid.UUID, on bool) error {
	err := g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockPasskeys(ctx, tx, userID); err != nil {
			return err
		}
		asked, left, err := g.askedAndLeft(ctx, tx, userID)
		if err != nil || asked == on {
			return err
		}
		if !on {
			return g.stopAsking(ctx, tx, userID)
		}
		if left == 0 || g.passkeys == nil {
			return fault.Conflict("invalid_state", "Add a passkey first.")
		}
		if _, err := tx.Exec(ctx, "insert into second_factors (user_id, since) values ($1, $2)", userID, g.now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from sign_ins where user_id = $1 and id <> $2", userID, here); err != nil {
			return fmt.Errorf("end other sign-ins: %w", err)
		}
		return g.tell(ctx, tx, userID, "You will be asked for a passkey at sign-in",
			"From "+exchange.Moment(g.now().Add(factorWait))+" on a provider alone signs you in no more. "+
				"If that was not you, sign in with your provider before then, switch it off, remove the passkeys you do not know and sign out everywhere. "+
				"If you lose your passkeys, an operator has to let you in: a second one on another device is worth having.")
	})
	if err != nil {
		return fmt.Errorf("ask for a passkey: %w", err)
	}
	return nil
}

func (g *Guard) stopAsking(ctx context.Context, tx pgx.Tx, userID uuid.UUID) error {
	if _, err := tx.Exec(ctx, "delete from second_factors where user_id = $1", userID); err != nil {
		return err
	}
	return g.tell(ctx, tx, userID, "You are not asked for a passkey any more",
		"A provider alone signs you in again. If that was not you, switch it on and sign out everywhere.")
}

// ForgetPasskeys is the command line's help for who has lost theirs: the passkeys go, and
// with them that they are asked for; every session ends. It is for operators who know who
// asks, the audit log keeps it, and the user is told. Errors: fault.NotFound for a name
// that nobody has, 409 for who has nothing to lose.
func (g *Guard) ForgetPasskeys(ctx context.Context, username string) error {
	user, err := g.users.ByUsername(ctx, username)
	if err != nil {
		return err
	}
	err = g.db.AsOperator(ctx, nil, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockPasskeys(ctx, tx, user.ID); err != nil {
			return err
		}
		var gone int
		err := tx.QueryRow(ctx, `
			with factor as (delete from second_factors where user_id = $1 returning 1), keys as (delete from passkeys where user_id = $1 returning 1)
			select (select count(*) from factor) + (select count(*) from keys)`, user.ID).Scan(&gone)
		if err != nil {
			return err
		}
		if gone == 0 {
			return fault.Conflict("invalid_state", user.Username+" has no passkey.")
		}
		if err := g.EndSessions(ctx, tx, user.ID); err != nil {
			return err
		}
		return g.tell(ctx, tx, user.ID, "Your passkeys were removed by an operator",
			"A provider alone signs you in again; you are signed out everywhere. If you did not ask for that, tell us at once.")
	})
	if err != nil {
		return fmt.Errorf("forget passkeys of %q: %w", username, err)
	}
	g.recent.forget(user.ID)
	return nil
}
