package brokers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	rotateLock  = "rotate SnapTrade secrets" // a session's: one rotation at a time, and none while a leftover is looked into
	resetTime   = 45 * time.Second           // of one request for a secret, waiting for the budget included
	settleTime  = 45 * time.Second           // of finding out, or storing, afterwards
	storeTries  = 10
	rotateBrake = 3 // users in a row

	rotationAge   = 3 * time.Minute // of a hold whose rotation must be over: more than one takes
	rotationBatch = 10
)

// Rotation is how the replacing of a user's secret ended.
type Rotation string

// The ends.
const (
	Replaced Rotation = "replaced" // the new secret is stored
	Kept     Rotation = "kept"     // the old secret holds
	Unclear  Rotation = "unclear"  // nobody knows which holds; the user's orders wait until a sweep or another run finds out
	Lost     Rotation = "lost"     // the new secret was lost: the user was told to connect again
)

var (
	// ErrRotating says that another process replaces secrets.
	ErrRotating = errors.New("SnapTrade's secrets are being replaced by another process already")

	// ErrRotationStopped says that the users who remain keep their secrets.
	ErrRotationStopped = fmt.Errorf("stopped after %d users in a row who got no new secret; try again when SnapTrade is well", rotateBrake)

	errMoved = errors.New("the user is gone, or another process settled it")
)

// Sends is what a rotation asks of those who send orders: the old secret ends at once.
type Sends struct {
	// Fence waits, in the transaction that holds a user, for claims of orders under way:
	// those that come after it see the hold.
	Fence func(context.Context, pgx.Tx) error
	// Over waits until no request of the user that trades is on its way.
	Over func(ctx context.Context, user uuid.UUID) error
}

// rotation is a user whose sends are held.
type rotation struct {
	user   uuid.UUID
	who    snaptrade.User // with the old secret
	sealed string         // the old secret as it is stored
	at     time.Time      // since when
}

// RotateSecrets gives one user after the other a new SnapTrade secret and reports how it
// ended, with the reason where it is not Replaced. It holds a user's sends for the seconds that
// this takes, and settles first what an earlier run left. The error is ErrRotating,
// ErrRotationStopped, or that of the database.
func (a *Accounts) RotateSecrets(ctx context.Context, sends Sends, report func(uuid.UUID, Rotation, error)) error {
	lock, err := a.db.HoldLock(ctx, rotateLock)
	if err != nil {
		return err
	}
	if lock == nil {
		return ErrRotating
	}
	defer lock.Release()
	users, err := a.secretHolders(ctx)
	if err != nil {
		return err
	}
	inARow := 0
	for _, user := range users {
		if err := lock.Check(ctx); err != nil { // also when the caller left
			return err
		}
		ended, err := a.rotate(ctx, user, sends)
		report(user, ended, err)
		if inARow++; ended == Replaced || ended == Kept && !providerAway(err) {
			inARow = 0
		}
		if inARow == rotateBrake {
			return ErrRotationStopped
		}
	}
	return nil
}

func (a *Accounts) secretHolders(ctx context.Context) ([]uuid.UUID, error) {
	rows, err := a.db.Pool().Query(ctx, `select user_id from snaptrade_users where user_secret is not null order by user_id`)
	if err != nil {
		return nil, fmt.Errorf("list SnapTrade users: %w", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("list SnapTrade users: %w", err)
	}
	return users, nil
}

// rotate does not end with its caller once the secret is asked for: it is shown only once.
func (a *Accounts) rotate(ctx context.Context, user uuid.UUID, sends Sends) (Rotation, error) {
	if ended, err := a.settleRotation(ctx, user); ended != Kept {
		return ended, err
	}
	r, err := a.holdUser(ctx, user, sends)
	if err != nil {
		return Kept, err
	}
	if err := sends.Over(ctx, user); err != nil {
		return Kept, errors.Join(err, a.keepOld(context.WithoutCancel(ctx), r))
	}
	ctx = context.WithoutCancel(ctx)
	fresh, err := a.resetSecret(ctx, r.who)
	switch {
	case err == nil:
		return a.keepNew(ctx, r, fresh)
	case refusedReset(err):
		return Kept, errors.Join(providerFault("reset user secret", err), a.keepOld(ctx, r))
	}
	return a.findOut(ctx, r, err)
}

// holdUser makes the user's sends wait. When it returns, none with the old secret can begin.
func (a *Accounts) holdUser(ctx context.Context, user uuid.UUID, sends Sends) (r rotation, err error) {
	err = a.db.AsSystem(ctx, "rotate", func(ctx context.Context, tx pgx.Tx) error {
		if err := sends.Fence(ctx, tx); err != nil { // its lock comes before any other
			return err
		}
		r, err = a.rotationOf(user, tx.QueryRow(ctx, `
			update snaptrade_users set rotating_at = clock_timestamp() where user_id = $1 and user_secret is not null and rotating_at is null
			returning snaptrade_user_id, user_secret, rotating_at`, user))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = errMoved
	}
	if err != nil {
		return rotation{}, fmt.Errorf("hold the orders of %s: %w", user, err)
	}
	return r, nil
}

func (a *Accounts) rotationOf(user uuid.UUID, row pgx.Row) (rotation, error) {
	r := rotation{user: user}
	if err := row.Scan(&r.who.ID, &r.sealed, &r.at); err != nil {
		return rotation{}, err
	}
	opened, err := a.ring.Open("snaptrade_users", "user_secret", user.String(), r.sealed)
	if err != nil {
		return rotation{}, fmt.Errorf("open SnapTrade secret: %w", err)
	}
	r.who.Secret = opened
	return r, nil
}

func (a *Accounts) resetSecret(ctx context.Context, who snaptrade.User) (snaptrade.User, error) {
	ctx, cancel := context.WithTimeout(ctx, resetTime)
	defer cancel()
	fresh, err := a.client.ResetUserSecret(ctx, who)
	if err == nil && fresh.ID != who.ID {
		err = errors.New("the answer names another user")
	}
	return fresh, err
}

// refusedReset: SnapTrade said that it did nothing. 401 is not among these: it may be that the
// secret had ended before.
func refusedReset(err error) bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound}, snaptrade.StatusOf(err))
}

// findOut looks, after a moment for a request that is still worked on, which secret holds.
func (a *Accounts) findOut(ctx context.Context, r rotation, cause error) (Rotation, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-time.After(a.resetPause):
	}
	ended, err := a.settleRotation(ctx, r.user)
	return ended, errors.Join(providerFault("reset user secret", cause), err)
}

// keepNew stores the new secret, again and again while the database does not take it. If it
// never does, the secret is lost.
func (a *Accounts) keepNew(ctx context.Context, r rotation, fresh snaptrade.User) (Rotation, error) {
	sealed, err := a.ring.Seal("snaptrade_users", "user_secret", r.user.String(), fresh.Secret)
	bounded, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for try := 0; err == nil && try < storeTries; try++ {
		if err = a.replaceSecret(bounded, r, sealed); err == nil {
			return Replaced, nil
		}
		if !errors.Is(err, errMoved) && try < storeTries-1 {
			<-time.After(a.storePause) // a few times at most; who stops now would lose the secret
			err = nil
		}
	}
	err = fmt.Errorf("store the new SnapTrade secret of %s: %w", r.user, err)
	if lost := a.lose(ctx, r); lost != nil { // the hold stays: a sweep finds that the old secret is dead
		return Unclear, errors.Join(err, lost)
	}
	return Lost, err
}

// replaceSecret stores the new secret in place of the one it replaces, and no other, and
// ends the hold. Twice is as once: the answer to a commit may be lost.
func (a *Accounts) replaceSecret(ctx context.Context, r rotation, sealed string) error {
	return a.db.AsSystem(ctx, "rotate", func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update snaptrade_users set user_secret = $4, secret_version = secret_version + 1, rotating_at = null
			where user_id = $1 and user_secret = $2 and rotating_at = $3`, r.user, r.sealed, r.at, sealed)
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		var stored bool
		err = tx.QueryRow(ctx, `select exists (select from snaptrade_users where user_id = $1 and user_secret = $2)`, r.user, sealed).Scan(&stored)
		if err == nil && !stored {
			err = errMoved
		}
		return err
	})
}

// keepOld ends the hold: the old secret is the current one.
func (a *Accounts) keepOld(ctx context.Context, r rotation) error {
	err := a.db.AsSystem(ctx, "rotate", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update snaptrade_users set rotating_at = null where user_id = $1 and user_secret = $2 and rotating_at = $3`,
			r.user, r.sealed, r.at)
		return err
	})
	if err != nil {
		return fmt.Errorf("let the orders of %s go (a sweep will): %w", r.user, err)
	}
	return nil
}

// Sealed are the users' SnapTrade secrets, as they are wrapped with the encryption keys. One
// that is being replaced is left alone: the new one goes in its place only.
func Sealed() postgres.Sealed {
	return postgres.Sealed{
		Table: "snaptrade_users", Column: "user_secret",
		Stale: `select user_id, user_secret from snaptrade_users
			where user_secret is not null and rotating_at is null and split_part(user_secret, '.', 2) <> $1
			order by user_id limit $2 for no key update`,
		Store: `update snaptrade_users s set user_secret = q.sealed from unnest($1::uuid[], $2::text[]) as q(id, sealed) where s.user_id = q.id`,
		Count: `select split_part(user_secret, '.', 2), count(*)::int from snaptrade_users where user_secret is not null group by 1`,
	}
}
