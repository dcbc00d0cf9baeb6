package copytrade

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
)

// Who stops publishing is not copied any more: what waited ends, what they buy is
// skipped for everybody without asking anybody, and what followers hold follows the sells.
func TestWhoStopsPublishingIsNotCopiedAnyMore(t *testing.T) {
	t.Parallel()
	f := open(t)
	automatic, asking, paper := f.follower("ben", true), f.follower("cara", false), f.follower("eve", true)
	f.set(paper, "paper", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	if got := f.reason(asking); got != "awaiting_approval" {
		t.Fatalf("before: %s", got)
	}
	waited := f.decision(asking).ID
	f.must(f.copier.StopPublishing(f.ctx, f.trader))
	f.must(f.copier.StopPublishing(f.ctx, f.trader)) // twice is once
	for _, w := range []follower{automatic, asking, paper} {
		if got := f.reason(w); got != "skipped: trader_stopped" {
			t.Errorf("what waited: %s", got)
		}
	}
	if _, _, err := f.copier.Approve(f.ctx, asking.id, waited, someKey()); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("a tap that came too late: %v", err)
	}
	asked := read[int](f, `select count(*)::int from notifications where user_id = $1`, asking.id)
	f.holdCopied(automatic, 2)
	f.carryOn(f.leads(orders.BTO, 2, 2, orders.Filled))
	for _, w := range []follower{automatic, asking, paper} {
		if got := f.reason(w); got != "skipped: trader_stopped" {
			t.Errorf("what was bought since: %s", got)
		}
	}
	if n := read[int](f, `select count(*)::int from notifications where user_id = $1`, asking.id); n != asked {
		t.Errorf("cara was told %d times of it", n-asked)
	}
	f.carryOn(f.leads(orders.STC, 6, 6, orders.Filled))
	if got := f.exits(automatic); got != "2" {
		t.Errorf("sold of ben's copies: %q", got)
	}
	if n := read[int](f, `select count(*)::int from trading_switches`); n != 1 {
		t.Errorf("%d switches", n)
	}
}

// Who may not be copied is not: what they buy is skipped for everybody, nobody is asked,
// a copy in line is not written any more, and what followers hold follows their sells.
func TestWhoMayNotBeCopiedIsNot(t *testing.T) {
	t.Parallel()
	const halt = `insert into trading_switches (scope, key, stops) values `
	for name, away := range map[string]string{
		"suspended":         `update users set status = 'suspended' where id = $1`,
		"deleted":           `update users set status = 'deleted' where id = $1`,
		"demoted":           `update users set role = 'subscriber' where id = $1`,
		"halted as a user":  halt + `('user', ($1::uuid)::text, 'all')`,
		"halted as trader":  halt + `('leader', ($1::uuid)::text, 'copies')`,
		"entries of a user": halt + `('user', ($1::uuid)::text, 'entries')`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			waits, asking, holds := f.follower("ben", true), f.follower("cara", false), f.follower("eve", true)
			f.set(waits, "same_contract", "add")
			f.holdCopied(holds, 2)
			before := f.leads(orders.BTO, 2, 2, orders.Filled)
			f.decide(before)
			f.exec(away, f.trader)
			f.carryOn(before)
			if got := f.reason(waits); got != "skipped: trader_stopped" && got != "skipped: trading_halted" {
				t.Errorf("a copy in line: %s", got)
			}
			asked := read[int](f.floor, `select count(*)::int from notifications where user_id = $1`, asking.id)
			f.carryOn(f.leads(orders.BTO, 2, 2, orders.Filled))
			for _, w := range []follower{waits, asking, holds} {
				if got := f.reason(w); got != "skipped: trader_stopped" {
					t.Errorf("what was bought since: %s", got)
				}
			}
			if n := read[int](f.floor, `select count(*)::int from notifications where user_id = $1`, asking.id); n != asked {
				t.Errorf("cara was told %d times of it", n-asked)
			}
			if got := read[int](f.floor, `select count(*)::int from orders where source = 'copy'`); got != 0 {
				t.Errorf("%d copies were written", got)
			}
			f.carryOn(f.leads(orders.STC, 4, 4, orders.Filled))
			if got := f.exits(holds); got != "2" {
				t.Errorf("sold of eve's copies: %q", got)
			}
		})
	}
}

// While a trader has stopped, nobody can start to copy them or finds them in the
// directory; their page says so, and their followers are told once.
func TestWhoStopsPublishingIsNotListedAndCannotBeSubscribedTo(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.account(f.trader)
	w, other := f.follower("ben", true), f.user("dan", "subscriber")
	f.holdCopied(w, 3)
	listed := func() int {
		t.Helper()
		page, _, err := f.copier.Directory(f.ctx, DirectoryQuery{Sort: "pnl", Period: "all", Limit: 10})
		f.must(err)
		return len(page)
	}
	f.must(f.copier.StopPublishing(f.ctx, f.trader))
	if n := listed(); n != 0 {
		t.Errorf("%d listed", n)
	}
	p, err := f.copier.Profile(f.ctx, "ava")
	if err != nil || p.StoppedAt == nil {
		t.Errorf("her page: %v %v", p.StoppedAt, err)
	}
	if _, _, err := f.copier.Subscribe(f.ctx, other, someKey(), "ava", Settings{}); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("subscribing: %v", err)
	}
	if got, told := f.unmanaged(w); got != "not_publishing" || told != 1 {
		t.Errorf("%q, told %d times", got, told)
	}
	if body := read[string](f, `select body from notifications where subject_key like 'unmanaged:%'`); !contains(body, "3 contracts you copied still follow their sells") {
		t.Errorf("told %q", body)
	}
	state, err := f.copier.Publishing(f.ctx, f.trader)
	if err != nil || state.Publishing || state.StoppedAt == nil || state.Followers != 1 {
		t.Errorf("%+v %v", state, err)
	}
	f.must(f.copier.Publish(f.ctx, f.trader))
	f.must(f.copier.Publish(f.ctx, f.trader))
	if got, _ := f.unmanaged(w); got != "" || listed() != 1 {
		t.Errorf("publishing again: unmanaged %q, %d listed", got, listed())
	}
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	if got := f.reason(w); got != "queued" {
		t.Errorf("publishing again: %s", got)
	}
}

// A trader's own switch is not an operator's: taking it away leaves the halt.
func TestPublishingAgainLeavesAnOperatorsHalt(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.must(f.copier.StopPublishing(f.ctx, f.trader))
	f.must(f.db.AsSystem(f.ctx, "operator", func(ctx context.Context, tx pgx.Tx) error {
		return f.copier.rules.Turn(ctx, tx, risk.Halt{Scope: "leader", Key: f.trader.String(), Stops: "copies", Cause: risk.ByOperator}, nil)
	}))
	f.must(f.copier.Publish(f.ctx, f.trader))
	if scope := read[string](f, `select string_agg(scope, ' ') from trading_switches`); scope != "leader" {
		t.Errorf("left: %s", scope)
	}
	if err := f.copier.StopPublishing(f.ctx, uuid.New()); fault.CodeOf(err) != "not_found" {
		t.Errorf("nobody stops publishing: %v", err)
	}
}

// Who stops publishing, and begins again, is seen to on their record, once.
func TestStoppingIsOnTheRecord(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.exec(`insert into record_heads (trader_id, entries, head) values ($1, 0, sha256('nothing yet'))`, f.trader)
	for range 2 {
		f.must(f.copier.StopPublishing(f.ctx, f.trader))
	}
	for range 2 {
		f.must(f.copier.Publish(f.ctx, f.trader))
	}
	if got := read[string](f, `select string_agg(entry::json->>'kind', ' ' order by seq) from record_entries`); got != "withdrawal return" {
		t.Errorf("the record tells %q", got)
	}
}
