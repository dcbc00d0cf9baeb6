package inbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

// Do works one event: it reads the truth from the provider and applies that, so
// that order and repeats do not matter. An error tries it again later, Park gives it
// up at once, Later waits without counting.
type Do func(ctx context.Context, e Event) error

// parkError and laterError are what Park and Later wrap.
type parkError struct{ error }

type laterError struct {
	error

	after time.Duration
}

func (e parkError) Unwrap() error  { return e.error }
func (e laterError) Unwrap() error { return e.error }

// Park says that trying again is of no use; the row keeps the reason.
func Park(reason error) error { return parkError{reason} }

// Later says that the row should wait for something that is down, however long.
func Later(after time.Duration, reason error) error { return laterError{reason, after} }

// Work hands the provider's events to do, several at once, until ctx ends; it then
// waits for what is being worked on. Every process may call it: each event is
// claimed by one, and claimed anew when its worker died (INV-50). No transaction is
// open while do runs.
func (b *Inbox) Work(ctx context.Context, provider string, do Do) {
	bell := b.join()
	defer b.leave(bell)
	free := make(chan struct{}, b.slots)
	for range b.slots {
		free <- struct{}{}
	}
	var running sync.WaitGroup
	defer running.Wait()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		b.claimFree(ctx, provider, free, func(e Event) {
			running.Go(func() {
				b.workOne(ctx, e, do)
				free <- struct{}{}
				ring(bell) // a slot is free; there may be more
			})
		})
		select {
		case <-ctx.Done():
			return
		case <-bell:
		case <-poll.C:
		}
	}
}

// WorkDue is one round of Work: what is due is worked, one event after the other.
func (b *Inbox) WorkDue(ctx context.Context, provider string, do Do) error {
	due, err := b.claim(ctx, provider, b.slots)
	for _, e := range due {
		b.workOne(ctx, e, do)
	}
	return err
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it is ringing already
	}
}

// join makes the workers' bell; the first one starts the listener for all.
func (b *Inbox) join() chan struct{} {
	bell := make(chan struct{}, 1)
	b.mu.Lock()
	b.workers[bell] = true
	if !b.closed {
		b.listen.Do(func() {
			b.tasks.Go(func() { b.db.Listen(b.ctx, channel, b.wakeWorkers) })
		})
	}
	b.mu.Unlock()
	return bell
}

func (b *Inbox) leave(bell chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.workers, bell)
}

// claimFree claims as many events as there are free slots and starts them.
func (b *Inbox) claimFree(ctx context.Context, provider string, free chan struct{}, start func(Event)) {
	n := takeAll(free)
	if n == 0 || ctx.Err() != nil {
		giveBack(free, n)
		return
	}
	events, err := b.claim(ctx, provider, n)
	if err != nil && ctx.Err() == nil {
		b.log.WarnContext(ctx, "webhooks not claimed; trying again", "provider", provider, "err", err)
	}
	giveBack(free, n-len(events))
	for _, e := range events {
		start(e)
	}
}

func takeAll(free chan struct{}) (n int) {
	for {
		select {
		case <-free:
			n++
		default:
			return n
		}
	}
}

func giveBack(free chan struct{}, n int) {
	for range n {
		free <- struct{}{}
	}
}

// claim marks due events as ours for a while, in one short transaction. The index
// inbound_webhooks_due serves it; SKIP LOCKED lets processes claim side by side.
func (b *Inbox) claim(ctx context.Context, provider string, n int) ([]Event, error) {
	rows, err := b.db.Pool().Query(ctx, `
		update inbound_webhooks w
		set state = 'working', attempts = attempts + 1, not_before = now() + $3::interval
		from (
			select provider, webhook_id from inbound_webhooks
			where provider = $1 and state in ('new', 'working') and not_before <= now()
			order by not_before limit $2
			for no key update skip locked) due
		where w.provider = due.provider and w.webhook_id = due.webhook_id
		returning w.provider, w.webhook_id, w.event_type, w.user_ref, w.account_ref, w.connection_ref,
			w.event_time, w.stale, w.payload, w.received_at, w.attempts - w.attempts_before, w.attempts`, provider, n, claimFor)
	if err != nil {
		return nil, fmt.Errorf("claim webhooks: %w", postgres.Translate(err))
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		var at *time.Time
		err = row.Scan(&e.Provider, &e.ID, &e.Type, &e.User, &e.Account, &e.Connection,
			&at, &e.Stale, &e.Payload, &e.ReceivedAt, &e.Attempt, &e.claim)
		if at != nil {
			e.At = *at
		}
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("claim webhooks: %w", postgres.Translate(err))
	}
	return events, nil
}

// workOne works one claimed event and writes down how it ended. Stopping the
// process does not cut it off: it has its own time.
func (b *Inbox) workOne(ctx context.Context, e Event, do Do) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTimeout)
	defer cancel()
	var err error
	if e.Attempt > attemptsMax {
		err = Park(errors.New("given up: no attempt came to an end"))
	} else {
		err = guarded(ctx, e, do)
	}
	if err != nil {
		b.log.WarnContext(ctx, "webhook not worked", "provider", e.Provider, "webhook", e.ID, "type", e.Type, "attempt", e.Attempt, "err", err)
	}
	if err := b.finish(ctx, e, err); err != nil {
		b.log.ErrorContext(ctx, "webhook's end not written; it will be worked again", "provider", e.Provider, "webhook", e.ID, "err", err)
	}
}

// guarded keeps one event's panic from ending the process, and everybody's work.
func guarded(ctx context.Context, e Event, do Do) (err error) {
	if e.Type == TrialType {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do(ctx, e)
}

// finish writes the end of an attempt, unless the claim was lost meanwhile. It has
// its own time: the work may have used up all of its.
func (b *Inbox) finish(ctx context.Context, e Event, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putTimeout)
	defer cancel()
	state, wait, uncounted := outcome(e.Attempt, failed)
	_, err := b.db.Pool().Exec(ctx, `
		update inbound_webhooks
		set state = $4, reason = $5, not_before = now() + $6::interval, attempts = attempts - $7::int,
			worked_at = case when $4 in ('done', 'parked') then now() end
		where provider = $1 and webhook_id = $2 and state = 'working' and attempts = $3`,
		e.Provider, e.ID, e.claim, state, reason(failed), wait, uncounted)
	if err != nil {
		return postgres.Translate(err)
	}
	return nil
}

// outcome decides what becomes of a row: pure.
func outcome(attempt int, failed error) (state string, wait time.Duration, uncounted int) {
	var later laterError
	switch {
	case failed == nil:
		return "done", 0, 0
	case errors.As(failed, &later):
		return "new", later.after, 1
	case errors.As(failed, new(parkError)) || attempt >= attemptsMax:
		return "parked", 0, 0
	default:
		return "new", backoff(attempt), 0
	}
}

// backoff is 1 s, 4 s, 16 s, … at most 10 min, each up to a quarter more: ten
// attempts take about an hour.
func backoff(attempt int) time.Duration {
	wait := min(time.Second<<(2*min(attempt-1, 10)), 10*time.Minute)
	return wait + rand.N(wait/4)
}

func reason(failed error) string {
	if failed == nil {
		return ""
	}
	return cmp.Or(postgres.Clip(failed.Error(), reasonMax), "failed without a word")
}

// Trim removes rows that ended and are older than 35 days, in slices, and tells
// how many. What has not ended stays.
func Trim(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim webhook inbox", `
		delete from inbound_webhooks where (provider, webhook_id) in (
			select provider, webhook_id from inbound_webhooks
			where received_at < $1 and state in ('done', 'parked') limit $2)`, now.Add(-keepRows))
}
