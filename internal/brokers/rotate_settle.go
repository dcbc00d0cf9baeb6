package brokers

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// settleRotation finds out which secret holds of a user whose rotation ended without anybody
// knowing: the answer was lost, or the process died. The rotation's lock is held. Without
// such a rotation it is Kept.
func (a *Accounts) settleRotation(ctx context.Context, user uuid.UUID) (Rotation, error) {
	r, err := a.rotationOf(user, a.db.Pool().QueryRow(ctx, `
		select snaptrade_user_id, user_secret, rotating_at from snaptrade_users where user_id = $1 and rotating_at is not null`, user))
	if errors.Is(err, pgx.ErrNoRows) {
		return Kept, nil
	}
	if err != nil {
		return Unclear, fmt.Errorf("read the rotation of %s: %w", user, err)
	}
	_, err = a.client.Connections(ctx, r.who)
	switch {
	case err == nil:
		err = a.keepOld(ctx, r)
	case deadSecret(err):
		if err = a.lose(ctx, r); err == nil {
			return Lost, nil
		}
	default:
		err = providerFault("try the old secret", err)
	}
	if err != nil {
		return Unclear, err
	}
	return Kept, nil
}

// deadSecret: SnapTrade does not know the user by this secret. Its other 401 is about our own
// key, and says nothing of the secret.
func deadSecret(err error) bool {
	var failed *snaptrade.Error
	return errors.As(err, &failed) && failed.Status == http.StatusUnauthorized && failed.Code == "0000"
}

// lose gives up a SnapTrade user whose secret nobody has: the user connects again, as a new
// one (claimRegistration), and is told so. What was linked ends, and the old SnapTrade user is
// deleted by the sweep.
func (a *Accounts) lose(ctx context.Context, r rotation) error {
	err := a.db.AsSystem(ctx, "rotate", func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update snaptrade_users set user_secret = null, rotating_at = null, claim = gen_random_uuid(), claimed_until = now(),
				secret_version = secret_version + 1, version = version + 1
			where user_id = $1 and user_secret = $2 and rotating_at = $3`, r.user, r.sealed, r.at)
		if err == nil && tag.RowsAffected() == 0 {
			err = errMoved
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into snaptrade_leftovers (snaptrade_user_id) values ($1) on conflict do nothing`, r.who.ID)
		if err != nil {
			return err
		}
		k, err := knownOf(ctx, tx, r.user)
		if err != nil {
			return err
		}
		if err := compare(k, listing{}, a.now()).write(ctx, tx); err != nil {
			return err
		}
		return a.alerts.Notify(ctx, tx, alerts.Notification{
			UserID: r.user, Type: alerts.System, Title: "Connect your broker again",
			Body: "The key to your broker connection was lost while it was replaced, so nothing can be traded on it. " +
				"What is open at your broker stays there: look after it at your broker until you have connected again.",
			URL: brokersPath, SubjectKey: "secret lost:" + r.who.ID, LearntAt: a.now(),
		})
	})
	if err != nil {
		return fmt.Errorf("give up the SnapTrade user of %s: %w", r.user, err)
	}
	a.log.ErrorContext(ctx, "SnapTrade secret lost; the user must connect again", "user", r.user)
	return nil
}

// sweepRotations settles what rotations that died left behind, so that nobody's orders wait
// for the next one.
func (a *Accounts) sweepRotations(ctx context.Context) error {
	rows, err := a.db.Pool().Query(ctx, `
		select user_id from snaptrade_users where rotating_at < now() - $1::interval order by rotating_at limit $2`, rotationAge, rotationBatch)
	if err != nil {
		return fmt.Errorf("find rotations left behind: %w", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("find rotations left behind: %w", err)
	}
	if len(users) == 0 {
		return nil
	}
	lock, err := a.db.HoldLock(ctx, rotateLock)
	if err != nil || lock == nil { // a rotation runs, and settles them itself
		return err
	}
	defer lock.Release()
	var failed []error
	for _, user := range users {
		ended, err := a.settleRotation(ctx, user)
		a.log.WarnContext(ctx, "rotation left behind", "user", user, "ended", ended, "err", err)
		if ended == Unclear {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
