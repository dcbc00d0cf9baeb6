package orders

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

const (
	listSpacing = 15 * time.Second // between two lists of one account
	lookTime    = 30 * time.Second // for one look; past it the process died
	looksAtOnce = 8
	lookPoll    = 250 * time.Millisecond
)

// lookAt pulls the account's next look forward to a time; a zero time does nothing.
func lookAt(ctx context.Context, tx pgx.Tx, o Order, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	b := &pgx.Batch{}
	queueLookAt(b, o, at)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("plan a look at account %s: %w", o.AccountID, err)
	}
	return nil
}

// queueLookAt is lookAt as the next statement of a batch.
func queueLookAt(b *pgx.Batch, o Order, at time.Time) {
	if at.IsZero() {
		return
	}
	b.Queue(`
		insert into account_looks (account_id, user_id, next_look_at) values ($1, $2, $3)
		on conflict (account_id) do update set next_look_at = least(account_looks.next_look_at, excluded.next_look_at)`,
		o.AccountID, o.UserID, at)
}

// PullLook asks for the account's orders to be listed as soon as the spacing of
// lists allows: what a webhook, a refresh and a holdings event do, and all they do.
func (d *Desk) PullLook(ctx context.Context, account uuid.UUID) error {
	_, err := d.db.Pool().Exec(ctx, `
		insert into account_looks (account_id, user_id, next_look_at) select id, user_id, now() from accounts where id = $1
		on conflict (account_id) do update set next_look_at = least(account_looks.next_look_at, now())`, account)
	if err != nil {
		return fmt.Errorf("pull the look at account %s forward: %w", account, err)
	}
	return nil
}

// RunLooks lists accounts when their time has come, until ctx ends. Any number
// of processes may run it: each list is claimed in its row.
func (d *Desk) RunLooks(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, looksAtOnce)
	tick := time.NewTicker(lookPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		due, err := d.claimLooks(ctx, cap(places)-len(places))
		if err != nil {
			if ctx.Err() == nil {
				d.log.WarnContext(ctx, "claim looks", "err", err)
			}
			continue
		}
		for _, account := range due {
			places <- struct{}{}
			running.Go(func() {
				defer func() { <-places }()
				d.look(ctx, account)
			})
		}
	}
}

// LookDue is a slow round of RunLooks: what is due is listed, one account after the
// other, each claimed when its turn has come.
func (d *Desk) LookDue(ctx context.Context) error {
	for {
		due, err := d.claimLooks(ctx, 1)
		if err != nil || len(due) == 0 {
			return err
		}
		d.look(ctx, due[0])
	}
}

// claimLooks takes up to n accounts that are due (index account_looks_due).
func (d *Desk) claimLooks(ctx context.Context, n int) ([]uuid.UUID, error) {
	if n == 0 {
		return nil, nil
	}
	rows, err := d.db.Pool().Query(ctx, `
		update account_looks set claimed_until = clock_timestamp() + make_interval(secs => $2), listed_at = clock_timestamp(), next_look_at = null
		where account_id in (
			select account_id from account_looks
			where next_look_at <= clock_timestamp()
			  and (listed_at is null or listed_at <= clock_timestamp() - make_interval(secs => $3))
			  and (claimed_until is null or claimed_until < clock_timestamp())
			order by next_look_at limit $1 for no key update skip locked)
		returning account_id`, n, lookTime.Seconds(), listSpacing.Seconds())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// look runs one claimed look and plans the next.
func (d *Desk) look(ctx context.Context, account uuid.UUID) {
	bounded, cancel := context.WithTimeout(ctx, lookTime-5*time.Second)
	defer cancel()
	if err := d.lookOnce(bounded, account); err != nil && ctx.Err() == nil {
		d.log.WarnContext(ctx, "look at orders", "account", account, "err", err)
	}
	// Whatever the look came to, the next one must be planned.
	after, cancelAfter := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelAfter()
	if err := d.planNext(after, account); err != nil {
		d.log.ErrorContext(ctx, "plan the next look", "account", account, "err", err)
	}
}

// lookOnce asks the broker for the account's orders and applies what it says.
// Our rows are read after the list was fetched: what the list can show was
// claimed, and committed, before.
func (d *Desk) lookOnce(ctx context.Context, account uuid.UUID) error {
	reading, err := d.claimHoldings(ctx, account)
	if err != nil {
		return err
	}
	a, err := d.accounts.ByID(ctx, account)
	if err != nil {
		return err
	}
	user, err := d.accounts.Credentials(ctx, a.UserID)
	if err != nil {
		return err
	}
	before, err := d.watched(ctx, account)
	if err != nil {
		return err
	}
	list, err := d.broker.RecentOrders(snaptrade.WithClass(ctx, classOf(before)), user, a.BrokerAccountID)
	if isUnsupported(err) {
		// Without lists nothing may be given up on, and no idle account is worth a call.
		replaced, err := d.lookByID(ctx, user, a, before)
		_, followErr := d.followRead(ctx, a, replaced, nil)
		if err := errors.Join(d.accounts.NoteOrderLists(ctx, account, false), err, followErr); err != nil {
			return err
		}
		return d.lookedAt(ctx, a, reading)
	}
	if err != nil {
		return fmt.Errorf("list orders of account %s: %w", account, err)
	}
	if !a.ListsOrders { // it does now
		if err := d.accounts.NoteOrderLists(ctx, account, true); err != nil {
			return err
		}
	}
	d.crash("C10")
	if err := d.apply(ctx, user, a, list); err != nil {
		return err
	}
	return d.lookedAt(ctx, a, reading)
}

// lookedAt follows a look that was read in full.
func (d *Desk) lookedAt(ctx context.Context, a brokers.Account, reading *time.Time) error {
	return errors.Join(d.listed(ctx, a.ID), d.checkHoldings(ctx, a, reading))
}

func classOf(watched []Order) snaptrade.Class {
	for _, o := range watched {
		if o.State.Unresolved() || o.Change.Unresolved() {
			return snaptrade.UnresolvedLook
		}
	}
	return snaptrade.WorkingLook
}

func isUnsupported(err error) bool {
	return snaptrade.StatusOf(err) == http.StatusNotImplemented
}

// watched are the account's orders that may still change (index orders_watched),
// and those of a day that may turn out to be at the broker after all, oldest first.
func (d *Desk) watched(ctx context.Context, account uuid.UUID) ([]Order, error) {
	rows, err := d.db.Pool().Query(ctx, `
		select `+columns+` from orders o
		where account_id = $1 and (state in ('submitting', 'unknown', 'accepted', 'partial')
		   or state in ('not_placed', 'rejected') and broker_order_id is null and created_at > now() - interval '1 day'
		   or state in ('cancelled', 'expired', 'rejected') and finished_at > now() - make_interval(secs => $2))
		order by created_at limit 500`, account, endedLook.Seconds())
	if err != nil {
		return nil, fmt.Errorf("read watched orders: %w", err)
	}
	return pgx.CollectRows(rows, scan)
}

// apply works through one list: orders we know by id, then those we are looking
// for, then the ones that are not ours.
func (d *Desk) apply(ctx context.Context, user snaptrade.User, a brokers.Account, list snaptrade.OrderList) error {
	over, err := d.over(ctx, a.ID, list.Orders)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(list.Orders), func(l snaptrade.Order) bool { return over[l.ID] })
	linked, err := d.linked(ctx, a.ID, rest)
	if err != nil {
		return err
	}
	var unlinked, judgedFirst []snaptrade.Order
	var errs []error
	for _, l := range rest {
		o, known := linked[l.ID]
		r := reportOf(l)
		if known {
			d.noteWord(ctx, o.ID, r)
		}
		switch {
		case !known:
			unlinked = append(unlinked, l)
		case o.mayBeLarger(l):
			judgedFirst = append(judgedFirst, l)
		case o.news(r): // most of a day's list is none: no lock for that
			errs = append(errs, d.book(ctx, o.ID, r, booking{actor: byReconciler}))
		}
	}
	errs = append(errs, d.confirmExecuted(ctx, user, a, list.Orders), d.repeatCancels(ctx, a.ID, list.AskedAt, list.Orders...))
	sought, err := d.watched(ctx, a.ID)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	rest, err = d.resolveChanges(ctx, user, a, list, unlinked, sought)
	errs = append(errs, err, d.bookJudged(ctx, a.ID, judgedFirst))
	if len(judgedFirst) > 0 || slices.ContainsFunc(sought, beingReplaced) {
		if sought, err = d.watched(ctx, a.ID); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	rest, err = d.adopt(ctx, user, a, list, rest, sought)
	errs = append(errs, err)
	rest, err = d.followReplaced(ctx, a, list, rest)
	errs = append(errs, err)
	rest, err = d.missing(ctx, user, a, list, sought, rest)
	errs = append(errs, err, d.detect(ctx, a, rest))
	return errors.Join(errs...)
}

func beingReplaced(o Order) bool { return o.Change.Unresolved() }

// missing asks one by one for working orders that the list left out: older than
// a day, or pushed out. What took the place of one is not returned.
func (d *Desk) missing(ctx context.Context, user snaptrade.User, a brokers.Account, list snaptrade.OrderList, sought []Order, unlinked []snaptrade.Order) ([]snaptrade.Order, error) {
	listed := make(map[string]bool, len(list.Orders))
	for _, l := range list.Orders {
		listed[l.ID] = true
	}
	var left []Order
	for _, o := range sought {
		if o.State.Working() && o.BrokerOrderID != nil && !listed[*o.BrokerOrderID] {
			left = append(left, o)
		}
	}
	further, furtherErr := d.lookFurther(ctx, user, a, left)
	read, readErr := d.lookByID(ctx, user, a, left)
	unlinked, err := d.followRead(ctx, a, append(further, read...), unlinked)
	return unlinked, errors.Join(furtherErr, readErr, err)
}

// How far back, and how often for an account, the longer list of orders is read.
const (
	furtherDays  = 90
	furtherEvery = 5 * time.Minute
)

// lookFurther reads the list of older orders, for those that the recent one does not
// reach. It may be less fresh than reading them by id, which goes on beside it. Those
// that it shows as replaced are returned.
func (d *Desk) lookFurther(ctx context.Context, user snaptrade.User, a brokers.Account, left []Order) (replaced []snaptrade.Order, err error) {
	due := slices.ContainsFunc(left, func(o Order) bool {
		return d.now().Sub(o.CreatedAt) > 24*time.Hour && (o.ReadAt == nil || d.now().Sub(*o.ReadAt) > furtherEvery)
	})
	if !due {
		return nil, nil
	}
	list, err := d.broker.Orders(ctx, user, a.BrokerAccountID, snaptrade.AllOrders, furtherDays)
	if err != nil {
		return nil, fmt.Errorf("list older orders of account %s: %w", a.ID, err)
	}
	var errs []error
	for _, l := range list.Orders {
		for _, o := range left {
			if *o.BrokerOrderID == l.ID && !o.Change.Unresolved() { // else its change is judged first, by its id
				errs = append(errs, d.book(ctx, o.ID, reportOf(l), booking{actor: byReconciler}))
				replaced = appendReplaced(replaced, l)
			}
		}
	}
	return replaced, errors.Join(append(errs, d.repeatCancels(ctx, a.ID, list.AskedAt, list.Orders...))...)
}

// byIDMost is how many orders a look reads one by one.
const byIDMost = 10

func appendReplaced(list []snaptrade.Order, l snaptrade.Order) []snaptrade.Order {
	if l.Status == snaptrade.StatusReplaced {
		return append(list, l)
	}
	return list
}

// lookByID reads known orders one by one: of any number, those that were read the
// longest ago, so that each has its turn. Those that have been replaced are returned.
func (d *Desk) lookByID(ctx context.Context, user snaptrade.User, a brokers.Account, sought []Order) (replaced []snaptrade.Order, err error) {
	turn := slices.DeleteFunc(slices.Clone(sought), func(o Order) bool { return o.BrokerOrderID == nil })
	slices.SortStableFunc(turn, longestAgo)
	turn = turn[:min(len(turn), byIDMost)]
	ids := make([]uuid.UUID, 0, len(turn))
	for _, o := range turn {
		ids = append(ids, o.ID)
	}
	if _, err := d.db.Pool().Exec(ctx, `update orders set read_at = clock_timestamp() where id = any($1)`, ids); err != nil {
		return nil, fmt.Errorf("note which orders are read: %w", err)
	}
	var errs []error
	var shown []snaptrade.Order
	asked := d.now()
	for _, o := range turn {
		l, err := d.broker.OrderDetails(ctx, user, a.BrokerAccountID, *o.BrokerOrderID)
		if err != nil {
			errs = append(errs, fmt.Errorf("read order %s: %w", o.ID, err))
			continue
		}
		shown = append(shown, l)
		errs = append(errs, d.applyOne(ctx, user, a, o, l))
		replaced = appendReplaced(replaced, l)
	}
	return replaced, errors.Join(append(errs, d.repeatCancels(ctx, a.ID, asked, shown...))...)
}

// longestAgo puts the orders that were read the longest ago first, those never read before all.
func longestAgo(a, b Order) int {
	switch {
	case a.ReadAt == nil && b.ReadAt == nil:
		return a.CreatedAt.Compare(b.CreatedAt)
	case a.ReadAt == nil:
		return -1
	case b.ReadAt == nil:
		return 1
	}
	return a.ReadAt.Compare(*b.ReadAt)
}

// planNext sets the account's next look from its orders and frees the claim.
func (d *Desk) planNext(ctx context.Context, account uuid.UUID) error {
	sought, err := d.watched(ctx, account)
	if err != nil {
		return err
	}
	now := d.now()
	var next *time.Time
	for _, o := range sought {
		at := nextLook(o, now, d.clock.Open(o.Contract.Underlying))
		if !at.IsZero() && (next == nil || at.Before(*next)) {
			next = &at
		}
	}
	// Forgotten by a crash of the database, it is what a process that died in its look leaves:
	// the claim runs out, and the sweepers plan again.
	err = d.db.Note(ctx, `
		update account_looks set claimed_until = null, next_look_at = least(next_look_at, next_holdings_at, $2) where account_id = $1`, account, next)
	if postgres.IsUnavailable(err) {
		return fmt.Errorf("plan look at account %s: %w", account, postgres.ErrUnavailable)
	}
	return err
}
