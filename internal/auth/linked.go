package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	identitiesMax   = 10  // of one user; nobody has more accounts to sign in with
	identitiesShown = 100 // should there ever be more, each of them is seen and can go

	// SecurityPath is the page of sign-ins, where notices lead.
	SecurityPath = "/settings/security"
)

// Linked is one identity that signs somebody in.
type Linked struct {
	Provider   string
	Subject    string // the provider's own id of the person
	Email      string // what the provider called them at the last sign-in; may be empty
	LinkedAt   time.Time
	LastUsedAt time.Time
	Offered    bool // the provider has a button here; without one nobody gets in by it
}

// Identities lists a user's, the oldest first (index identities_user).
func (g *Guard) Identities(ctx context.Context, userID uuid.UUID) (list []Linked, err error) {
	err = g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		list, err = g.identities(ctx, tx, userID, "")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return list, nil
}

// identities reads them, with a lock when one is given.
func (g *Guard) identities(ctx context.Context, tx pgx.Tx, userID uuid.UUID, lock string) ([]Linked, error) {
	rows, err := tx.Query(ctx, `
		select provider, subject, coalesce(email, ''), created_at, last_used_at from identities
		where user_id = $1 order by created_at, provider, subject limit $2 `+lock, userID, identitiesShown)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Linked, err error) {
		err = row.Scan(&l.Provider, &l.Subject, &l.Email, &l.LinkedAt, &l.LastUsedAt)
		_, open := g.providers[l.Provider]
		l.Offered = open && !g.refused(l.Provider)
		return l, err
	})
}

// link gives the user one more identity. Another user's does not move: 409.
func (g *Guard) link(ctx context.Context, asked uuid.UUID, who Identity) error {
	now, err := g.whoIsIn(ctx)
	if err != nil {
		return err
	}
	if now.User.ID != asked || !now.fresh(g.now()) {
		return problemError(ProblemOtherPerson)
	}
	return g.db.As(ctx, asked, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.Lock(ctx, tx, "identity "+who.Provider+" "+who.Subject); err != nil {
			return err
		}
		owner, found, err := g.ownerIn(ctx, tx, who)
		if err != nil {
			return err
		}
		if found && owner != asked {
			return fault.Conflict("identity_taken", "This account is linked to another user already. Nothing has changed.")
		}
		if found {
			return nil
		}
		return g.attach(ctx, tx, who, asked)
	}, postgres.Across("whose identity it is already"))
}

// attach links an identity that is nobody's, and tells its new owner. The lock lets one
// link follow the other, so that the second counts what the first has added: rows that it
// does not see yet it could not lock.
func (g *Guard) attach(ctx context.Context, tx pgx.Tx, who Identity, user uuid.UUID) error {
	if err := postgres.Lock(ctx, tx, "identities of "+user.String()); err != nil {
		return err
	}
	mine, err := g.identities(ctx, tx, user, "")
	if err != nil {
		return err
	}
	if len(mine) >= identitiesMax {
		return fault.Conflict("invalid_state", fmt.Sprintf("You have %d ways to sign in. Unlink one first.", identitiesMax))
	}
	if err := g.addIdentity(ctx, tx, who, user); err != nil {
		return err
	}
	return g.tell(ctx, tx, user, "Another way to sign in was linked",
		"You can sign in with "+ProviderLabel(who.Provider)+mailbox(who.Email)+" from now on. If that was not you, unlink it and sign out everywhere.")
}

// Unlink takes an identity from a user; the route needs StepUp and SessionOnly. All
// their sessions end, whoever sits at them, this one too: signing in anew shows that what is left works. fault.NotFound
// when it is not theirs; 409 when nothing would be left to sign in with.
func (g *Guard) Unlink(ctx context.Context, userID uuid.UUID, provider, subject string) error {
	err := g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		// Two at once: whoever comes second waits for the rows and no longer finds the first's.
		mine, err := g.identities(ctx, tx, userID, "for no key update")
		if err != nil {
			return err
		}
		gone, left := parted(mine, provider, subject)
		if gone == nil {
			return fault.NotFound()
		}
		if !left {
			return fault.Conflict("invalid_state", "This is the only way you can sign in. Link another one first.")
		}
		if _, err := tx.Exec(ctx, "delete from identities where provider = $1 and subject = $2 and user_id = $3", provider, subject, userID); err != nil {
			return err
		}
		if err := g.EndSessions(ctx, tx, userID); err != nil {
			return err
		}
		return g.tell(ctx, tx, userID, "A way to sign in was unlinked",
			"You no longer sign in with "+ProviderLabel(provider)+mailbox(gone.Email)+". You are signed out everywhere. If that was not you, sign in and look at your ways to sign in.")
	})
	if err != nil {
		return fmt.Errorf("unlink %s: %w", provider, err)
	}
	g.recent.forget(userID)
	return nil
}

// parted finds the one, and whether any of the others still lets its owner in.
func parted(all []Linked, provider, subject string) (one *Linked, left bool) {
	for i, l := range all {
		switch {
		case l.Provider == provider && l.Subject == subject:
			one = &all[i]
		case l.Offered:
			left = true
		}
	}
	return one, left
}

// EndSessions ends every session of a user in the caller's transaction; whoever calls it
// forgets the user afterwards.
func (g *Guard) EndSessions(ctx context.Context, tx pgx.Tx, userID uuid.UUID) error {
	if err := g.users.RaiseEpoch(ctx, tx, userID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "delete from sign_ins where user_id = $1", userID); err != nil {
		return fmt.Errorf("end sign-ins: %w", err)
	}
	return nil
}

// tell says to a user, wherever they can be reached, that a door of theirs has changed.
func (g *Guard) tell(ctx context.Context, tx pgx.Tx, userID uuid.UUID, title, body string) error {
	return g.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: userID, Type: alerts.Security, Title: title, Body: body, URL: SecurityPath, LearntAt: g.now(),
	})
}

func mailbox(email string) string {
	if email == "" {
		return ""
	}
	return ", as " + email
}

// ProviderLabel is what people call a provider.
func ProviderLabel(name string) string {
	switch name {
	case "google":
		return "Google"
	case "discord":
		return "Discord"
	case "github":
		return "GitHub"
	case sandboxName:
		return "the sandbox"
	}
	return name
}

// ownerIn is owner in the caller's transaction. It notes nothing: somebody else's
// identity was not used.
func (g *Guard) ownerIn(ctx context.Context, tx pgx.Tx, who Identity) (id uuid.UUID, found bool, err error) {
	err = tx.QueryRow(ctx, "select user_id from identities where provider = $1 and subject = $2", who.Provider, who.Subject).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("find identity: %w", err)
	}
	return id, true, nil
}
