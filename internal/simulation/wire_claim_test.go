package simulation

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/sandbox"
)

// claimed is the order of an account, or the change of one, that is on the wire.
type claimed struct {
	id, order            uuid.UUID
	deadline, sendBefore time.Time
}

// The claims that may be on the wire.
const (
	claimedOrders  = `select id, id as order_id, account_id, deadline, send_before from public.orders where state = 'submitting'`
	claimedChanges = `select id, order_id, account_id, deadline, send_before from public.order_changes where state = 'submitting'`
)

// onTheWireNow finds, for a request that just arrived, the claim that it needs
// (INV-3, INV-4). At most one order of an account is on the wire, so it is the one.
func (s *simulation) onTheWireNow(account, claims string) (claimed, error) {
	var o claimed
	err := s.observer.QueryRow(s.ctx, `
		select c.* from (`+claims+`) c join public.accounts a on a.id = c.account_id where a.broker_account_id = $1`, account).
		Scan(&o.id, &o.order, new(uuid.UUID), &o.deadline, &o.sendBefore)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, fmt.Errorf("INV-3: account %s is asked to place or replace an order that nobody has claimed", account)
	}
	if now := s.time.Now(); err == nil && (!now.Before(o.deadline) || !now.Before(o.sendBefore)) {
		return o, fmt.Errorf("INV-4: order %s is sent at %s, after its time", o.id, now)
	}
	if err == nil {
		err = s.inSpiteOf(o)
	}
	return o, err
}

var cancelFates = []chance[fate]{
	{60, fate{"cancel executed, answer lost", "accept_then_drop", 0}},
	{60, fate{"cancel lost", "drop_before", 0}},
	{40, fate{"cancel answered 5xx", "error", 503}},
	{840, fate{}},
}

func (s *simulation) cancelling(w http.ResponseWriter, r *http.Request, broker http.Handler) {
	account := accountIn(r.URL.Path)
	s.tally.cancels++
	s.pass(s.dice.between(20*time.Millisecond, 2*time.Second))
	s.fate(cancelFates, "/trading/cancel", account)
	if !s.calm && s.dice.permille(150) {
		s.tally.faults["filled in spite of a cancel"]++
		s.world.Faults().Add(sandbox.Fault{
			Target: "snaptrade", Match: "/trading/cancel", Account: account, Mode: "fill_after_cancel", Count: 1, DelayMs: 100 + s.dice.IntN(40_000),
		})
	}
	aborted := serve(broker, w, r)
	s.pass(s.dice.between(20*time.Millisecond, 5*time.Second))
	if aborted {
		panic(http.ErrAbortHandler)
	}
}

// The fates of a request to replace; of the first four nobody learns what became of
// it.
var replaceFates = []chance[fate]{
	{80, fate{"replaced, answer lost", "accept_then_drop", 0}},
	{50, fate{"replaced, answered 5xx", "accept_then_error", 503}},
	{50, fate{"replaced, answered garbage", "accept_then_garbage", 0}},
	{80, fate{"replacement lost", "drop_before", 0}},
	{30, fate{"replacement throttled", "throttle", 0}},
	{30, fate{"replacement refused", "error", 400}},
	{680, fate{}},
}

// replacing is a request to replace an order: the successor is the same order by
// another id.
func (s *simulation) replacing(w http.ResponseWriter, r *http.Request, broker http.Handler) {
	account := accountIn(r.URL.Path)
	o, err := s.onTheWireNow(account, claimedChanges)
	if err != nil {
		s.fail(err)
		return
	}
	s.tally.replacings++
	s.pass(s.latency() / 2)
	f := s.fate(replaceFates, "/trading/replace", account)
	s.referee.asked(o.id, f.mode == "throttle")
	before, _ := s.world.Newest(account)
	aborted := serve(broker, w, r)
	if after, any := s.world.Newest(account); any && after.BrokerOrderID != before.BrokerOrderID {
		s.referee.succeeded(o.order, after.BrokerOrderID)
		s.workOn(after)
	}
	s.pass(s.latency())
	if aborted {
		panic(http.ErrAbortHandler)
	}
}
