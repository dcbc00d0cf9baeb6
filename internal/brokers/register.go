package brokers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Registering is claimed in the database before SnapTrade is asked, because two
// requests at once, on one server or two, must make one SnapTrade user, and the
// secret is shown only in that one answer. No transaction is open meanwhile.
const (
	claimTime        = 60 * time.Second
	registerTime     = 25 * time.Second // one registration with its storing; well under claimTime
	registerPatience = 20 * time.Second // how long the second of two requests waits for the first
	registerPause    = 100 * time.Millisecond
)

// registration is where the making of a user's SnapTrade user stands.
type registration struct {
	id    string    // SnapTrade user id
	claim uuid.UUID // ours, when mine
	mine  bool      // we are to register
	done  bool      // the secret is stored
}

// ensureUser gives the user's SnapTrade user and makes it the first time.
func (a *Accounts) ensureUser(ctx context.Context, user uuid.UUID) (snaptrade.User, error) {
	if a.client == nil {
		return snaptrade.User{}, errOff()
	}
	ctx, cancel := context.WithTimeout(ctx, registerPatience)
	defer cancel()
	for {
		r, err := a.claimRegistration(ctx, user)
		switch {
		case err != nil:
			return snaptrade.User{}, err
		case r.done:
			return a.Credentials(ctx, user)
		case r.mine:
			return a.register(ctx, user, r)
		}
		select {
		case <-ctx.Done():
			return snaptrade.User{}, fault.Unavailable(fmt.Errorf("wait for registration of %s: %w", user, ctx.Err()))
		case <-time.After(registerPause):
		}
	}
}

// claimRegistration looks whether the user is registered, and if nobody is at it
// makes it ours. A claim that ran out may have registered and died, so its id is
// given up: whatever it made is deleted later.
func (a *Accounts) claimRegistration(ctx context.Context, user uuid.UUID) (r registration, err error) {
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		r = registration{id: user.String(), claim: uuid.New()}
		// Two at once may meet in either unique index: both mean that the other was first.
		tag, err := tx.Exec(ctx, `
			insert into snaptrade_users (user_id, snaptrade_user_id, claim, claimed_until) values ($1, $2, $3, now() + $4)
			on conflict do nothing`, user, r.id, r.claim, claimTime)
		if err != nil {
			return err
		}
		if r.mine = tag.RowsAffected() == 1; r.mine {
			return nil
		}
		var expired bool
		err = tx.QueryRow(ctx, `
			select snaptrade_user_id, user_secret is not null, coalesce(claimed_until <= now(), false)
			from snaptrade_users where user_id = $1 for no key update`, user).Scan(&r.id, &r.done, &expired)
		if err != nil || r.done || !expired {
			return err
		}
		r.mine = true
		r.id, err = anotherID(ctx, tx, user, r.id, r.claim)
		return err
	})
	if err != nil {
		return registration{}, fmt.Errorf("claim registration of %s: %w", user, err)
	}
	return r, nil
}

// anotherID gives up a SnapTrade id and claims a fresh one for the user.
func anotherID(ctx context.Context, tx pgx.Tx, user uuid.UUID, old string, claim uuid.UUID) (string, error) {
	fresh := user.String() + "-" + uuid.NewString()[:8]
	_, err := tx.Exec(ctx, `insert into snaptrade_leftovers (snaptrade_user_id) values ($1) on conflict do nothing`, old)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `
		update snaptrade_users set snaptrade_user_id = $2, claim = $3, claimed_until = now() + $4
		where user_id = $1 and user_secret is null`, user, fresh, claim, claimTime)
	return fresh, err
}

// register asks SnapTrade and stores the sealed secret, whether or not the
// request that began it is still there: its answer cannot be had twice.
func (a *Accounts) register(ctx context.Context, user uuid.UUID, r registration) (snaptrade.User, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), registerTime)
	defer cancel()
	made, err := a.client.RegisterUser(ctx, r.id)
	if snaptrade.StatusOf(err) == http.StatusBadRequest { // the id exists there, with a secret nobody has
		if r, err = a.reclaim(ctx, user, r); err != nil {
			return snaptrade.User{}, err
		}
		made, err = a.client.RegisterUser(ctx, r.id)
	}
	if err != nil {
		a.unclaim(ctx, user, r)
		return snaptrade.User{}, providerFault("register user", err)
	}
	if made.ID != r.id {
		a.unclaim(ctx, user, r)
		return snaptrade.User{}, providerFault("register user", errors.New("the answer names another user"))
	}
	if err := a.keepSecret(ctx, user, r, made); err != nil {
		return snaptrade.User{}, err
	}
	return made, nil
}

func (a *Accounts) reclaim(ctx context.Context, user uuid.UUID, r registration) (registration, error) {
	err := a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) (err error) {
		r.id, err = anotherID(ctx, tx, user, r.id, r.claim)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("claim another SnapTrade id for %s: %w", user, err)
	}
	return r, nil
}

// unclaim lets the next request try at once. It does not know whether SnapTrade
// registered, so the id is not used again.
func (a *Accounts) unclaim(ctx context.Context, user uuid.UUID, r registration) {
	err := a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update snaptrade_users set claimed_until = now() where user_id = $1 and claim = $2 and user_secret is null`,
			user, r.claim)
		return err
	})
	if err != nil {
		a.log.WarnContext(ctx, "registration claim not given back; it ends by itself", "user", user, "err", err)
	}
}

// keepSecret seals and stores what SnapTrade shows only once.
func (a *Accounts) keepSecret(ctx context.Context, user uuid.UUID, r registration, made snaptrade.User) error {
	sealed, err := a.ring.Seal("snaptrade_users", "user_secret", user.String(), made.Secret)
	if err != nil {
		return fmt.Errorf("seal SnapTrade secret: %w", err)
	}
	var kept bool
	err = a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update snaptrade_users set user_secret = $3, claim = null, claimed_until = null
			where user_id = $1 and claim = $2 and snaptrade_user_id = $4 and user_secret is null`, user, r.claim, sealed, r.id)
		kept = err == nil && tag.RowsAffected() == 1
		return err
	})
	if err != nil {
		return fmt.Errorf("store SnapTrade secret of %s: %w", user, err)
	}
	if !kept { // so slow that somebody else took over; our id is among the leftovers
		return fault.Unavailable(fmt.Errorf("registration of %s came too late", user))
	}
	return nil
}
