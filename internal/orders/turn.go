package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// How long an order that is not the next of its account waits before it looks
// again. No two are claimed within a second (R10); half of one for each ahead leaves
// no gap between them, and those ahead may be taken back.
const (
	turnAtLeast = 250 * time.Millisecond
	turnEach    = 500 * time.Millisecond
	turnAtMost  = 4 * time.Second

	entryHolds = time.Second // of a claimed entry for its place in the request budget

	twinWait = time.Second // behind an order whose fate only a look can tell
)

// nothingUnresolved holds for a queued order q when no order and no change of its
// account, contract and side may be at the broker without our knowing (indexes
// orders_one_unresolved, order_changes_one_unresolved).
const nothingUnresolved = `not exists (select from orders t where t.account_id = q.account_id and t.symbol = q.symbol and t.side = q.side
		      and t.state in ('submitting', 'unknown'))
		  and not exists (select from order_changes c where c.account_id = q.account_id and c.symbol = q.symbol and c.side = q.side
		      and c.state in ('submitting', 'unknown'))`

// turn says when it is not yet an order's turn on its account: one at a time, exits first,
// then what people placed themselves, then copies, each in the order they came. So
// an exit never stands behind entries that wait, and whoever waits asks rarely and
// cheaply. What cannot go itself, because it was just sent back or because its twin or
// the replacing of one is on the wire or unknown, keeps nobody else. This only orders the claims; what a
// claim needs is checked by the claim. Who is behind a twin that is not known yet (R9)
// hears so here, for less than a claim costs.
func (d *Desk) turn(ctx context.Context, o Order) error {
	var ahead int
	var wire, twin bool
	err := d.db.Pool().QueryRow(ctx, `
		select count(*), exists (select from orders w where w.account_id = $1 and w.state = 'submitting'),
			exists (select from orders q where q.id = $5 and not (`+nothingUnresolved+`)) from orders q
		where q.account_id = $1 and q.state = 'queued' and q.id <> $5 and q.send_before > clock_timestamp()
		  and (q.not_before is null or q.not_before <= clock_timestamp())
		  and (q.side = 'BTO', q.source = 'copy', q.created_at, q.id) < ($2 = 'BTO', $3 = 'copy', $4::timestamptz, $5::uuid)
		  and `+nothingUnresolved,
		o.AccountID, o.Side, o.Source, o.CreatedAt, o.ID).Scan(&ahead, &wire, &twin)
	switch {
	case err != nil:
		return fmt.Errorf("count who goes before order %s: %w", o.ID, err)
	case ahead == 0 && !wire && twin:
		return Again{twinWait}
	case ahead == 0 && !wire:
		return nil
	}
	return Again{min(max(time.Duration(ahead)*turnEach, turnAtLeast), turnAtMost)}
}

// room keeps an entry, or a change of one, queued while the request budget has no place
// for it: once it is claimed its account is busy, and an exit that comes meanwhile
// would wait behind it.
func (d *Desk) room(ctx context.Context, side Side, class snaptrade.Class) error {
	if side == STC {
		return nil
	}
	wait, err := d.broker.Room(ctx, class)
	if err != nil {
		return fmt.Errorf("ask for room in the request budget: %w", err)
	}
	if wait > 0 {
		return Again{wait}
	}
	return nil
}

// beginBy is until when the request of a claim may wait for its place in the budget:
// an entry's only for a moment, since nothing else of its account can be sent as long
// as it waits. Then it is sent back (T6). No request begins after before (INV-4).
func (d *Desk) beginBy(side Side, before time.Time) time.Time {
	if hold := d.now().Add(entryHolds); side == BTO && hold.Before(before) {
		return hold
	}
	return before
}

// placeClass is the class of sending an order in the request budget.
func placeClass(o Order) snaptrade.Class {
	switch {
	case o.Side == STC:
		return snaptrade.Exit
	case o.Source == Copy:
		return snaptrade.CopiedEntry
	}
	return snaptrade.Manual
}
