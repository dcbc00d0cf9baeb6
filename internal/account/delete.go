package account

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
)

// Leaving is what ends with an account, and what does not, for whoever thinks of it.
type Leaving struct {
	OnTheWay  int  // orders of which it is not known yet whether the broker has them: nothing ends before
	Working   int  // orders that go on working at the broker
	Positions int  // open ones, which stay at the broker
	Copies    int  // traders copied
	Followers int  // who copy them
	Accounts  int  // broker accounts connected
	Renewing  bool // a plan is cancelled at the end of its period
	LastAdmin bool // somebody else has to become an admin first
}

// onTheWay counts the orders and changes of user $1 that may be at the broker without our
// knowing, or are about to be sent (index orders_user). Foreign tables: orders, order_changes.
const onTheWay = `(select count(*) from orders where user_id = $1 and state in ('queued', 'submitting', 'unknown'))
	+ (select count(*) from order_changes c join orders o on o.id = c.order_id
		where o.user_id = $1 and o.state in ('accepted', 'partial') and c.state in ('queued', 'submitting', 'unknown'))`

// Leaving counts it. Foreign tables: orders, positions, subscriptions, accounts,
// memberships, users.
func (a *Accounts) Leaving(ctx context.Context, user uuid.UUID) (l Leaving, err error) {
	err = a.db.Pool().QueryRow(ctx, `
		select `+onTheWay+`,
			(select count(*) from orders where user_id = $1 and state in ('accepted', 'partial')),
			(select count(*) from positions where user_id = $1 and status = 'open' and bought > sold),
			(select count(*) from subscriptions where follower_id = $1 and status <> 'cancelled'),
			(select count(*) from subscriptions where trader_id = $1 and status <> 'cancelled' and not paper),
			(select count(*) from accounts where user_id = $1 and removed_at is null),
			exists (select from memberships where user_id = $1 and access and not cancel_at_period_end and period_end is not null),
			exists (select from users u where u.id = $1 and u.role = 'admin')
				and not exists (select from users u where u.id <> $1 and u.role = 'admin' and u.status = 'active')`, user).
		Scan(&l.OnTheWay, &l.Working, &l.Positions, &l.Copies, &l.Followers, &l.Accounts, &l.Renewing, &l.LastAdmin)
	if err != nil {
		return Leaving{}, fmt.Errorf("count what ends with the account of %s: %w", user, err)
	}
	return l, nil
}

// Delete ends an account for good, in one transaction: whoever has it can do nothing any
// more, nobody sees them, and what they connected is taken apart. Orders, positions and
// the audit log stay, to be accounted for; what lies at a broker is not touched. What
// takes longer, at SnapTrade, Whop and with followers, is a job's.
//
// confirm is the username, typed by hand. Errors: validation_failed; the conflict
// invalid_state for the last admin, and while an order is on its way to the broker –
// whether the broker has it would never be learnt.
func (a *Accounts) Delete(ctx context.Context, user uuid.UUID, confirm string) error {
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		// Before any other lock: no claim of theirs commits from here on.
		if err := a.rules.HoldSwitches(ctx, tx); err != nil {
			return err
		}
		if err := a.mayDelete(ctx, tx, user, confirm); err != nil {
			return err
		}
		return a.delete(ctx, tx, user)
	}, postgres.Across("all that ends with an account: how to sign in, followers' pages, the role"))
	if err != nil {
		return fmt.Errorf("delete account %s: %w", user, err)
	}
	a.guard.Forget(user)
	a.log.WarnContext(ctx, "an account was deleted by its owner", "user", user)
	return nil
}

func (a *Accounts) mayDelete(ctx context.Context, tx pgx.Tx, user uuid.UUID, confirm string) error {
	u, err := a.users.ByIDIn(ctx, tx, user)
	if err != nil {
		return err
	}
	if !u.Active() {
		return fault.NotFound()
	}
	if strings.TrimSpace(confirm) != u.Username {
		return fault.Field("username", "Type your username, "+u.Username+", to delete the account.")
	}
	var waiting int
	if err := tx.QueryRow(ctx, `select `+onTheWay, user).Scan(&waiting); err != nil {
		return fmt.Errorf("read the orders on their way: %w", err)
	}
	if waiting > 0 {
		return fault.Conflict("invalid_state",
			"An order of yours is on its way to the broker, and it is not known yet whether it arrived. Wait until it is, then delete the account.")
	}
	return nil
}

// delete takes everything apart, in the order of the locks: decisions and what belongs to
// them, destinations, then what nothing else waits for.
func (a *Accounts) delete(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	for _, part := range []func(context.Context, pgx.Tx, uuid.UUID) error{
		a.copier.Leave, a.post.Forget, a.alerts.Forget, a.brokers.Forget, a.forgetEmails, a.guard.EndAccess, a.users.Close,
	} {
		if err := part(ctx, tx, user); err != nil {
			return err
		}
	}
	_, err := a.queue.InsertTx(ctx, tx, FarewellJob{user}, nil)
	return err
}

// FarewellJob does what follows from a deleted account elsewhere.
type FarewellJob struct {
	UserID uuid.UUID `json:"user_id"`
}

// Kind names the job for the queue.
func (FarewellJob) Kind() string { return "farewell" }

// InsertOpts puts it among what follows from orders: nobody waits for it.
func (FarewellJob) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: orders.ChangedQueue}
}

// Farewell ends the copies of who followed a deleted user, hides what they announced, and
// cancels their plan. Each part changes nothing the second time; one that fails does not
// keep the others. The SnapTrade user is deleted by the sweep of brokers.
func (a *Accounts) Farewell(ctx context.Context, user uuid.UUID) error {
	u, err := a.users.ByID(ctx, user)
	if errors.Is(err, fault.NotFound()) {
		return nil
	}
	if err != nil {
		return err
	}
	if u.Status != users.StatusDeleted {
		return fmt.Errorf("say farewell to %s: the account is %s", user, u.Status)
	}
	return errors.Join(a.copier.LetFollowersGo(ctx, user), a.alerts.Unpublish(ctx, user), a.members.Leave(ctx, user))
}
