package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// register finds or makes the user of an identity and notes the new sign-in, in
// one transaction. before is the sign-in this browser had, which ends with that. A user who
// is asked for a passkey is not signed in yet, and nothing ends: uuid.Nil.
func (g *Guard) register(ctx context.Context, who Identity, before uuid.UUID, device, ipPrefix string) (user users.User, signIn uuid.UUID, err error) {
	err = g.db.AsSystem(ctx, "sign_in", func(ctx context.Context, tx pgx.Tx) (err error) {
		if user, err = g.resolve(ctx, tx, who); err != nil {
			return err
		}
		asked, err := g.asked(ctx, tx, user.ID)
		if err != nil || asked {
			return err
		}
		if err := endBefore(ctx, tx, before); err != nil {
			return err
		}
		signIn = uuid.New()
		return g.noteSignIn(ctx, tx, signIn, user.ID, who.Provider, device, ipPrefix)
	})
	return user, signIn, err
}

// endBefore ends the sign-in a browser had, which a new one takes the place of.
func endBefore(ctx context.Context, tx pgx.Tx, before uuid.UUID) error {
	if _, err := tx.Exec(ctx, "delete from sign_ins where id = $1", before); err != nil {
		return fmt.Errorf("end earlier sign-in: %w", err)
	}
	return nil
}

func (g *Guard) noteSignIn(ctx context.Context, tx pgx.Tx, id, user uuid.UUID, method, device, ipPrefix string) error {
	_, err := tx.Exec(ctx, `
		insert into sign_ins (id, user_id, method, device, ip_prefix, created_at, last_seen_at)
		values ($1, $2, $3, $4, $5, $6, $6)`, id, user, method, device, ipPrefix, g.now())
	if err != nil {
		return fmt.Errorf("note sign-in: %w", err)
	}
	return nil
}

// resolve finds the user by (provider, subject), or makes one. The e-mail never
// signs in and never links: an address somebody else has verified with us is
// refused, whoever the provider is.
func (g *Guard) resolve(ctx context.Context, tx pgx.Tx, who Identity) (users.User, error) {
	if g.refused(who.Provider) {
		return users.User{}, problemError(ProblemNotPossible)
	}
	// Two callbacks of the same new person must not make two users.
	if err := postgres.Lock(ctx, tx, "identity "+who.Provider+" "+who.Subject); err != nil {
		return users.User{}, err
	}
	id, found, err := g.useIdentity(ctx, tx, who)
	if err != nil {
		return users.User{}, err
	}
	if found {
		return g.mayEnter(ctx, tx, id)
	}
	return g.newcomer(ctx, tx, who)
}

// mayEnter keeps suspended and deleted users out, without saying which.
func (g *Guard) mayEnter(ctx context.Context, tx pgx.Tx, id uuid.UUID) (users.User, error) {
	user, err := g.users.ByIDIn(ctx, tx, id)
	if err != nil {
		return users.User{}, err
	}
	if !user.Active() {
		return users.User{}, problemError(ProblemNotPossible)
	}
	return user, nil
}

// newcomer makes a user for an identity nobody has. A verified address goes to
// its owner: whoever had it unverified may have been planted, and loses it.
func (g *Guard) newcomer(ctx context.Context, tx pgx.Tx, who Identity) (users.User, error) {
	if who.EmailVerified {
		_, err := g.users.ByVerifiedEmail(ctx, tx, who.Email)
		if err == nil {
			return users.User{}, problemError(ProblemAccountExists)
		}
		if !errors.Is(err, fault.NotFound()) {
			return users.User{}, err
		}
		if err := g.users.DropUnverifiedEmail(ctx, tx, who.Email); err != nil {
			return users.User{}, err
		}
	}
	user, err := g.users.Create(ctx, tx, users.NewUser{
		Name: who.Name, Email: who.Email, EmailVerified: who.EmailVerified, AvatarURL: who.AvatarURL,
	})
	if errors.Is(err, users.ErrEmailTaken) { // somebody verified it at the same moment
		return users.User{}, problemError(ProblemAccountExists)
	}
	if err != nil {
		return users.User{}, err
	}
	return user, g.addIdentity(ctx, tx, who, user.ID)
}

// useIdentity finds whose identity this is and notes what the provider says today.
// users.email stays as it is.
func (g *Guard) useIdentity(ctx context.Context, tx pgx.Tx, who Identity) (id uuid.UUID, found bool, err error) {
	err = tx.QueryRow(ctx, `
		update identities set last_used_at = $3, email = nullif($4, ''), email_verified = $5
		where provider = $1 and subject = $2
		returning user_id`,
		who.Provider, who.Subject, g.now(), who.Email, who.EmailVerified).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("find identity: %w", err)
	}
	return id, true, nil
}

func (g *Guard) addIdentity(ctx context.Context, tx pgx.Tx, who Identity, user uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		insert into identities (provider, subject, user_id, email, email_verified, created_at, last_used_at)
		values ($1, $2, $3, nullif($4, ''), $5, $6, $6)`,
		who.Provider, who.Subject, user, who.Email, who.EmailVerified, g.now())
	if err != nil {
		return fmt.Errorf("add identity: %w", err)
	}
	return nil
}

// owner is whose identity this is, outside of a sign-in.
func (g *Guard) owner(ctx context.Context, who Identity) (id uuid.UUID, found bool, err error) {
	if g.refused(who.Provider) {
		return uuid.Nil, false, nil
	}
	err = g.db.Pool().QueryRow(ctx, "select user_id from identities where provider = $1 and subject = $2",
		who.Provider, who.Subject).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("find identity: %w", err)
	}
	return id, true, nil
}

// EnsurePerson makes sure that an identity has a user, for seeding: the one it has
// already, else a new one as told. Seeded people have accepted the documents in force.
func (g *Guard) EnsurePerson(ctx context.Context, provider, subject string, n users.NewUser) (users.User, error) {
	who := Identity{Provider: provider, Subject: subject, Email: n.Email, EmailVerified: n.EmailVerified}
	if g.refused(provider) {
		return users.User{}, errors.New("ensure person: the sandbox has no people in production")
	}
	var user users.User
	err := g.db.AsSystem(ctx, "seed", func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.Lock(ctx, tx, "identity "+provider+" "+subject); err != nil {
			return err
		}
		id, found, err := g.useIdentity(ctx, tx, who)
		if err != nil {
			return err
		}
		if found {
			if user, err = g.users.ByIDIn(ctx, tx, id); err != nil {
				return err
			}
			return g.acceptForSeed(ctx, tx, id)
		}
		if user, err = g.users.Create(ctx, tx, n); err != nil {
			return err
		}
		if err := g.addIdentity(ctx, tx, who, user.ID); err != nil {
			return err
		}
		return g.acceptForSeed(ctx, tx, user.ID)
	})
	if err != nil {
		return users.User{}, fmt.Errorf("ensure person %s %s: %w", provider, subject, err)
	}
	return user, nil
}

func (g *Guard) acceptForSeed(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if g.legal == nil {
		return nil
	}
	return g.legal.AcceptForAll(ctx, tx, []uuid.UUID{user})
}
