package billing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// LinkPath is where Whop sends people back to who sign in there.
const LinkPath = SettingsPath + "/whop"

// attemptTime is how long somebody may take to sign in at Whop.
const attemptTime = 10 * time.Minute

// Linkable tells whether people can say who they are at Whop by signing in there.
func (m *Members) Linkable() bool { return m.signIn != nil && m.gate.Selling() }

// BeginLink notes that somebody goes to sign in at Whop, and says where. The route that
// calls it has made sure that they signed in here just now.
func (m *Members) BeginLink(ctx context.Context, user uuid.UUID) (address string, err error) {
	if !m.Linkable() {
		return "", notSold()
	}
	state, nonce, verifier := rand.Text()+rand.Text(), rand.Text(), rand.Text()+rand.Text() // verifier: 52 characters, 43 are the least
	hash := sha256.Sum256([]byte(state))
	_, err = m.db.Pool().Exec(ctx, `
		with past as (delete from whop_link_attempts where user_id = $2 or expires_at < $4::timestamptz - interval '1 day')
		insert into whop_link_attempts (state_hash, user_id, verifier, expires_at) values ($1, $2, $3, $4)`,
		hash[:], user, verifier, m.now().Add(attemptTime))
	if err != nil {
		return "", fmt.Errorf("begin to link %s with whop: %w", user, postgres.Translate(err))
	}
	return m.signIn.Address(state, nonce, verifier), nil
}

// FinishLink ties the Whop user who came back to the person who left, and to nobody
// else: a state is good once, and only for whom it was made.
func (m *Members) FinishLink(ctx context.Context, user uuid.UUID, state, code string) error {
	if !m.Linkable() {
		return notSold()
	}
	hash := sha256.Sum256([]byte(state))
	var verifier string
	err := m.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			delete from whop_link_attempts where state_hash = $1 and user_id = $2 and expires_at > $3 returning verifier`, hash[:], user, m.now()).Scan(&verifier)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(http.StatusBadRequest, "sign_in_expired", "This sign-in took too long, was used already, or began in another browser. Please start again.")
	}
	if err != nil {
		return fmt.Errorf("take the attempt to link %s: %w", user, err)
	}
	who, err := m.signIn.User(ctx, code, verifier)
	if err != nil {
		m.log.WarnContext(ctx, "whop did not say who somebody is", "user", user, "err", err)
		return away(err)
	}
	if err := m.link(ctx, user, who); err != nil {
		return err
	}
	m.log.InfoContext(ctx, "a whop user was linked", "user", user, "whop_user", who)
	return m.refreshOf(ctx, who)
}

// link writes down whose a Whop user is, unless it is somebody else's.
func (m *Members) link(ctx context.Context, user uuid.UUID, who string) error {
	var whose uuid.UUID
	err := m.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		// The row that is there decides, whoever wrote it.
		return tx.QueryRow(ctx, `
			insert into whop_links (whop_user, user_id) values ($1, $2)
			on conflict (whop_user) do update set whop_user = excluded.whop_user returning user_id`, who, user).Scan(&whose)
	}, postgres.Across("whose Whop user it is already"))
	if err != nil {
		return fmt.Errorf("link %s with whop: %w", user, err)
	}
	if whose != user {
		return fault.Conflict("identity_taken", "That Whop account belongs to another account here.")
	}
	return nil
}

// linked tells whether somebody has a Whop user (index whop_links_user).
func (m *Members) linked(ctx context.Context, user uuid.UUID) (bool, error) {
	found, err := postgres.OwnRows(ctx, m.db, user, pgx.RowTo[bool], `select exists (select from whop_links where user_id = $1)`, user)
	if err != nil {
		return false, fmt.Errorf("read whether %s is linked with whop: %w", user, err)
	}
	return found[0], nil
}

// refreshOf reads all that a Whop user has.
func (m *Members) refreshOf(ctx context.Context, who string) error {
	number, err := m.nextRead(ctx)
	if err != nil {
		return err
	}
	list, err := m.whop.MembershipsOf(ctx, who)
	if err != nil {
		return away(err) // the link stands; the next comparison finds them
	}
	var found []held
	for _, w := range list {
		if w.User != who {
			continue // whether or not the filter was understood
		}
		h, ours, err := m.judge(ctx, w)
		if err != nil {
			return away(err)
		}
		if ours {
			found = append(found, h)
		}
	}
	_, err = m.keep(ctx, number, found)
	return err
}
