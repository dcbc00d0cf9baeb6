package copytrade

import (
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/orders"
)

func (f *floor) stateOf(order uuid.UUID) string {
	f.Helper()
	return read[string](f, `select state || coalesce(': ' || reason_code, '') from orders where id = $1`, order)
}

// Withdrawing the consent stops everything that trades without asking and was not
// claimed: copies that wait in line, queued ones, and exits, which become questions.
// What the follower said yes to, and what others copy, goes on.
func TestWithdrawnConsentStopsWhatIsNotClaimed(t *testing.T) {
	t.Parallel()
	f := open(t)
	line, queued, sent, approved, other := f.follower("line", true), f.follower("queued", true), f.follower("sent", true), f.follower("approved", false), f.follower("other", true)
	f.exec(`insert into consents (user_id, version) values ($1, $2)`, approved.id, ConsentVersion)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	first, second, third, fourth := f.entered(queued, orders.Queued), f.entered(sent, orders.Accepted), f.entered(approved, orders.Queued), f.entered(other, orders.Queued)
	f.exec(`update copy_decisions set result = 'approved', responded_at = now() where subscription_id = $1`, approved.subscription)
	for _, w := range []follower{line, queued, sent, approved} {
		f.must(f.copier.WithdrawConsent(f.ctx, w.id))
		f.must(f.copier.WithdrawConsent(f.ctx, w.id)) // twice is once
	}
	f.must(f.copier.OnOrder(f.ctx, first))
	if got := f.reason(line); got != "skipped: copying_stopped" {
		t.Errorf("in line: %s", got)
	}
	for order, want := range map[uuid.UUID]string{first: "aborted: copying_stopped", second: "accepted", third: "queued", fourth: "queued"} {
		if got := f.stateOf(order); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := f.reason(queued); got != "skipped: copying_stopped" {
		t.Errorf("queued: %s", got)
	}
	if n := read[int](f, `select count(*)::int from consents_past`); n != 4 {
		t.Errorf("%d consents are remembered", n)
	}
	f.must(f.copier.Consent(f.ctx, line.id, ConsentVersion))
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	if got := f.reason(line); got != "queued" {
		t.Errorf("given again: %s", got)
	}
}

// A plan without automatic copying asks at each entry, from the next signal on.
func TestALapsedPlanAsksAboutEntries(t *testing.T) {
	t.Parallel()
	f := open(t)
	var err error
	f.copier.gate, err = billing.New(billing.Options{Products: billing.Products{"prod_pro": billing.PlanPro}, DB: f.db})
	f.must(err)
	paid, lapsed, ending, never, paper := f.follower("paid", true), f.follower("lapsed", true), f.follower("ending", true), f.follower("never", true), f.onPaper("paper", true)
	f.exec(`insert into memberships (id, user_id, product, status, access, access_until, ended_at, read) values
		('mem_1', $1, 'prod_pro', 'active', true, null, null, 1), ('mem_2', $2, 'prod_pro', 'canceled', false, null, now(), 1),
		('mem_3', $3, 'prod_pro', 'canceling', true, now() - interval '1 second', null, 1)`, paid.id, lapsed.id, ending.id)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	for who, want := range map[follower]string{paid: "queued", lapsed: "awaiting_approval", ending: "awaiting_approval", never: "awaiting_approval", paper: "queued"} {
		if got := f.reason(who); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f.copier.gate, err = billing.New(billing.Options{DefaultPlan: billing.PlanTrader, Products: billing.Products{"prod_pro": billing.PlanPro}, DB: f.db})
	f.must(err)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	for who, want := range map[follower]string{lapsed: "awaiting_approval", never: "queued"} {
		if got := f.reason(who); got != want {
			t.Errorf("with a default that includes it: %s, want %s", got, want)
		}
	}
}

func TestALapsedPlanSellsWithoutAsking(t *testing.T) {
	t.Parallel()
	f := open(t)
	gate, err := billing.New(billing.Options{Products: billing.Products{"prod_pro": billing.PlanPro}, DB: f.db})
	f.must(err)
	f.copier.gate = gate
	w := f.follower("ben", true)
	f.holdCopied(w, 5)
	f.leads(orders.BTO, 5, 5, orders.Filled)
	f.carryOn(f.leads(orders.STC, 5, 5, orders.Filled))
	if n := read[int](f, `select count(*)::int from copy_decisions where side = 'STC' and result = 'awaiting_approval'`); n != 0 {
		t.Error("a lapsed plan keeps somebody in a position")
	}
	if n := read[int](f, `select count(*)::int from orders where subscription_id = $1 and side = 'STC'`, w.subscription); n != 1 {
		t.Error("the exit is not under way")
	}
}

func TestExitsOfAWithdrawnConsentBecomeQuestions(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 5)
	f.leads(orders.BTO, 5, 5, orders.Filled)
	sell := f.leads(orders.STC, 5, 5, orders.Filled)
	f.carryOn(sell)
	exit := read[uuid.UUID](f, `select id from orders where subscription_id = $1`, w.subscription)
	f.must(f.copier.WithdrawConsent(f.ctx, w.id))
	if got := f.stateOf(exit); got != "aborted: copying_stopped" {
		t.Errorf("the queued exit: %s", got)
	}
	f.carryOn(exit)
	f.carryOn(sell)
	f.passed()
	f.must(f.copier.Sweep(f.ctx))
	if got := f.reason(w); got != "awaiting_approval" {
		t.Errorf("its decision: %s", got)
	}
	if n := read[int](f, `select count(*)::int from notifications where user_id = $1 and type = 'copy_trade_close'`, w.id); n != 1 {
		t.Errorf("asked %d times", n)
	}
	_, _, err := f.copier.Approve(f.ctx, w.id, f.decision(w).ID, Key{Text: "approve-this-exit-now", Body: []byte("{}")})
	f.must(err)
	f.carryOn(sell)
	if got := f.exits(w); got != "5 5" {
		t.Errorf("after the follower's yes: exits %q", got)
	}
}

// T2 asks for the consent itself: an entry for the text in force, an exit for any.
func TestACopyIsClaimedOnlyWithTheConsentOfNow(t *testing.T) {
	t.Parallel()
	f := openBrokered(t)
	w := f.follower("ben")
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	entry := f.entered(w, orders.Queued)
	f.exec(`update consents set version = '2025-01' where user_id = $1`, w.id)
	f.must(f.copier.desk.Send(f.ctx, entry))
	if got := f.stateOf(entry); got != "aborted: copying_stopped" {
		t.Errorf("an entry under an older text: %s", got)
	}
	f.holdCopied(w, 4)
	first := f.leads(orders.STC, 2, 2, orders.Filled)
	f.decide(first)
	if got := f.reason(w); got != "awaiting_approval" {
		t.Errorf("an exit under an older text: %s", got)
	}
	f.exec(`update copy_decisions set result = 'queued' where result = 'awaiting_approval'`)
	f.carryOn(first)
	exit := read[uuid.UUID](f.floor, `select id from orders where subscription_id = $1 and side = 'STC'`, w.subscription)
	f.exec(`update consents set withdrawn_at = now() where user_id = $1`, w.id)
	f.must(f.copier.desk.Send(f.ctx, exit))
	if got := f.stateOf(exit); got != "aborted: copying_stopped" {
		t.Errorf("an exit after the withdrawal: %s", got)
	}
	f.passed()
	f.carryOn(exit)
	if got := f.reason(w); got != "skipped: copying_stopped" {
		t.Error(got)
	}
}
