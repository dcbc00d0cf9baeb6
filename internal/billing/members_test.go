package billing_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/sandbox"
)

const (
	pro    = sandbox.WhopProProduct
	trader = sandbox.WhopTraderProduct
)

func TestAPlanHoldsFromTheNextRequestOn(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.person("ben"), s.person("cara")
	s.plan(ben, billing.PlanFree, "before anything was bought")
	if h := s.happen("membership.activated", "ben", pro); h.Status != 200 {
		t.Fatalf("the event was answered with %d", h.Status)
	}
	s.plan(ben, billing.PlanFree, "the event is stored, and grants nothing by itself")
	s.work()
	s.plan(ben, billing.PlanPro, "the membership was read")
	s.plan(cara, billing.PlanFree, "it is somebody else's")
	if err := s.gate.Allows(s.ctx, ben, billing.AutoCopy); err != nil {
		t.Error(err)
	}
	s.happen("membership.activated", "ben", trader)
	s.work()
	s.plan(ben, billing.PlanTrader, "the better of two")
	s.happen("membership.activated", "ben", pro) // the same one again: nothing new is bought
	s.happen("membership.deactivated", "ben", trader)
	s.work()
	s.plan(ben, billing.PlanPro, "one that grants is enough")
	ended := `select count(*) from notifications where user_id = $1 and type = 'membership_ending' and title = $2 and body like $3`
	if n := s.count(ended, ben, "Your trader plan has ended", "New trades of yours are not published. What you hold%"); n != 1 {
		t.Errorf("told %d times that the trader plan has ended", n)
	}
	s.happen("membership.deactivated", "ben", pro)
	s.happen("membership.deactivated", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanFree, "none is left")
	if n := s.count(ended, ben, "Your pro plan has ended", "Traders' buys are put to you as questions%"); n != 1 {
		t.Errorf("told %d times that the pro plan has ended", n)
	}
	if f := fault.Of(s.gate.Allows(s.ctx, ben, billing.AutoCopy)); f.Code != "plan_required" || f.Details["checkout"] != billing.SettingsPath {
		t.Errorf("refused with %+v", f)
	}
}

// INV-31: any order and repetition gives the same end, whenever events are worked.
func TestEventsTripledAndShuffledGiveTheSamePlan(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	s.settings(map[string]any{"duplicates": 2, "shuffle": true, "pastDueAccess": true})
	rounds := []struct {
		kinds []string
		want  billing.Plan
	}{
		{[]string{"membership.activated", "payment.succeeded", "membership.cancel_at_period_end_changed", "payment.failed"}, billing.PlanPro},
		{[]string{"membership.deactivated", "payment.failed", "membership.deactivated", "membership.updated"}, billing.PlanFree},
		{[]string{"membership.activated", "payment.failed", "membership.deactivated", "membership.activated", "payment.succeeded"}, billing.PlanPro},
	}
	sent := 0
	for i, r := range rounds {
		for _, kind := range r.kinds {
			s.happen(kind, "ben", pro)
			sent++
		}
		s.arrive(sent)
		s.work()
		s.plan(ben, r.want, "round "+string(rune('1'+i)))
	}
	if n := s.count(`select count(*) from inbound_webhooks where state <> 'done'`); n != 0 {
		t.Errorf("%d events were not worked", n)
	}
}

func TestALostDeactivationIsRepairedAtNight(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.person("ben"), s.person("cara")
	s.happen("membership.activated", "ben", pro)
	s.work()
	s.settings(map[string]any{"silent": true, "pastDueAccess": true})
	s.happen("membership.deactivated", "ben", pro)
	s.happen("membership.activated", "cara", trader)
	s.plan(ben, billing.PlanPro, "nobody told us")
	s.must(s.members.Compare(s.ctx))
	s.plan(ben, billing.PlanFree, "after the comparison")
	s.plan(cara, billing.PlanTrader, "after the comparison")
	before := s.asked("/memberships")
	s.must(s.members.Compare(s.ctx))
	if again := s.asked("/memberships"); again != before {
		t.Errorf("compared twice in a day: %d requests more", again-before)
	}
	if n := s.count(`select count(*) from membership_checks where due_at between now() + interval '23 hours' and now() + interval '25 hours'`); n != 1 {
		t.Error("the next comparison is not planned for tomorrow")
	}
}

// A comparison that dies is taken up soon; one that Whop does not answer too.
func TestAComparisonThatDidNotEndIsDoneAgainSoon(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.fault("GET /api/v1/memberships", "error", 3)
	if err := s.members.Compare(s.ctx); err == nil {
		t.Error("nobody noticed")
	}
	if n := s.count(`select count(*) from membership_checks where due_at between now() and now() + interval '20 minutes'`); n != 1 {
		t.Error("it is not planned again soon")
	}
}

// What Whop does not list is asked for by itself, and what it does not know is over.
func TestAMembershipThatIsGoneEnds(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	_, err := s.db.Pool().Exec(s.ctx, `
		insert into memberships (id, user_id, product, status, access, read) values ('mem_gone', $1, $2, 'active', true, 0)`, ben, pro)
	s.must(err)
	s.plan(ben, billing.PlanPro, "as it was written")
	s.must(s.members.CompareAll(s.ctx))
	s.plan(ben, billing.PlanFree, "Whop does not know it")
}

func TestWhileWhopIsAwayTheLastWordStands(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	s.happen("membership.activated", "ben", pro)
	s.work()
	s.fault("GET /api/v1/memberships/", "error", 3)
	s.happen("membership.deactivated", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanPro, "while Whop is away")
	if n := s.count(`select count(*) from inbound_webhooks where state = 'new' and attempts = 0 and not_before > now() + interval '20 seconds'`); n != 1 {
		t.Error("the event does not wait for Whop, uncounted")
	}
	_, err := s.db.Pool().Exec(s.ctx, `update inbound_webhooks set not_before = now()`)
	s.must(err)
	s.work()
	s.plan(ben, billing.PlanFree, "Whop is back")
}

func TestPastDueIsAsWhopsOwnSettingHasIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	s.happen("membership.activated", "ben", pro)
	s.happen("payment.failed", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanPro, "access while past due")
	s.settings(map[string]any{"pastDueAccess": false})
	s.must(s.members.CompareAll(s.ctx))
	s.plan(ben, billing.PlanFree, "no access while past due")
	s.happen("payment.succeeded", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanPro, "paid after all")
}

func TestAFailedPaymentIsSaidOnceForEachPeriod(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	s.happen("membership.activated", "ben", pro)
	for range 3 {
		s.happen("payment.failed", "ben", pro)
	}
	s.work()
	if n := s.count(`select count(*) from notifications where user_id = $1 and type = 'payment_failed'`, ben); n != 1 {
		t.Errorf("said %d times", n)
	}
	if st, err := s.members.Standing(s.ctx, ben); err != nil || !st.PaymentFailed || st.Plan != billing.PlanPro {
		t.Errorf("%+v, %v", st, err)
	}
	s.happen("payment.succeeded", "ben", pro) // the next period begins
	s.happen("payment.failed", "ben", pro)
	s.work()
	if n := s.count(`select count(*) from notifications where user_id = $1 and type = 'payment_failed'`, ben); n != 2 {
		t.Errorf("said %d times in two periods", n)
	}
	o, err := s.members.Overview(s.ctx)
	if err != nil || o.Members != 1 || o.Pro != 1 || o.Failed30 != 4 || o.MonthlyRevenue.String() != "49.00" || o.Untied != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	failed, err := s.members.Failed(s.ctx)
	if err != nil || len(failed) != 4 || failed[0].Username != "ben" || failed[0].Amount != "49.00" || failed[0].Decline != "insufficient_funds" {
		t.Errorf("%+v, %v", failed, err)
	}
	list, err := s.members.Find(s.ctx, "")
	if err != nil || len(list) != 1 || list[0].Username != "ben" || list[0].Status != "past_due" || !list[0].Access {
		t.Errorf("%+v, %v", list, err)
	}
	for text, want := range map[string]int{"": 1, "ben": 1, " @Be": 1, list[0].ID: 1, "en": 0, "cara": 0, "\x00": 0, "\xff": 0, "%": 0} {
		if found, err := s.members.Find(s.ctx, text); err != nil || len(found) != want {
			t.Errorf("%q finds %d memberships, %v, want %d", text, len(found), err, want)
		}
	}
}

func TestARefundIsInTheLedgerAndTakesNothingByItself(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	s.happen("membership.activated", "ben", pro)
	s.happen("refund.created", "ben", pro)
	s.happen("dispute.created", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanPro, "after a refund and a dispute")
	if n := s.count(`select count(*) from payments where total_minor = 4900 and refunded_minor = 4900 and currency = 'usd' and decimals = 2`); n != 1 {
		t.Errorf("%d refunded payments", n)
	}
	if s.alarms["whop_refund"] != 1 || s.alarms["whop_dispute"] != 1 {
		t.Errorf("operators were told %v", s.alarms)
	}
}

func TestWhatIsNoHintForUsHasNoEffect(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	s.settings(map[string]any{"foreign": true})
	s.happen("membership.activated", "ben", pro)
	s.settings(map[string]any{"legacy": true})
	s.happen("membership.activated", "ben", pro)
	s.settings(map[string]any{"pastDueAccess": true})
	s.happen("resolution_center_case.created", "ben", pro)
	s.happen("something.new", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanFree, "none of them was about a membership of ours")
	if s.alarms["whop_foreign_account"] != 1 || s.alarms["whop_old_endpoint"] != 1 || s.alarms["whop_case"] != 1 {
		t.Errorf("operators were told %v", s.alarms)
	}
	if n := s.count(`select count(*) from inbound_webhooks where state = 'done' and provider = 'whop'`); n != 4 {
		t.Errorf("%d of 4 are done", n)
	}
	s.happen("membership.went_valid", "ben", pro) // an old name, and its state is what the API says
	s.work()
	s.plan(ben, billing.PlanPro, "an old name is a hint too")
}

// Fields are null where the key may not see them: whose a membership is stays known.
func TestWhoseAMembershipIsStaysKnown(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	h := s.happen("membership.activated", "ben", pro)
	s.work()
	_, err := s.db.Pool().Exec(s.ctx, `update memberships set status = 'canceled', access = false, ended_at = now()`)
	s.must(err)
	s.settings(map[string]any{"blank": true})
	s.happen("membership.updated", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanPro, "read again")
	if n := s.count(`select count(*) from memberships where id = $1 and user_id = $2 and whop_user = 'user_ben' and ended_at is null`, h.Membership, ben); n != 1 {
		t.Error("it is nobody's any more, or still counts as ended")
	}
	s.settings(map[string]any{"pastDueAccess": true})
	// Bought elsewhere, without our checkout, an e-mail address ties nothing.
	_, err = s.db.Pool().Exec(s.ctx, `update users set email = 'somebody@example.com', email_verified = true where id = $1`, ben)
	s.must(err)
	s.happen("membership.activated", "user_stranger", trader)
	s.work()
	s.plan(ben, billing.PlanPro, "somebody with the same address bought more")
	if o, err := s.members.Overview(s.ctx); err != nil || o.Untied != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestSomebodyBuysThroughTheCheckout(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	url, err := s.members.Checkout(s.ctx, ben, billing.PlanPro)
	s.must(err)
	again, err := s.members.Checkout(s.ctx, ben, billing.PlanPro)
	if err != nil || again != url || s.asked("/checkout_configurations") != 1 {
		t.Errorf("a second one is %q, %v, after %d requests", again, err, s.asked("/checkout_configurations"))
	}
	other, err := s.members.Checkout(s.ctx, ben, billing.PlanTrader)
	if err != nil || other == url {
		t.Errorf("the trader plan is bought at %q, %v", other, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Post(url, "application/x-www-form-urlencoded", strings.NewReader(""))
	s.must(err)
	_ = answer.Body.Close()
	if back := answer.Header.Get("Location"); back != "https://app.example.test"+billing.SettingsPath {
		t.Errorf("back to %q", back)
	}
	s.plan(ben, billing.PlanFree, "coming back proves nothing")
	s.arrive(2)
	s.work()
	s.plan(ben, billing.PlanPro, "Whop says so")
	if _, err := s.members.Checkout(s.ctx, ben, billing.PlanPro); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("bought twice: %v", err)
	}
	st, err := s.members.Standing(s.ctx, ben)
	if err != nil || st.Plan != billing.PlanPro || len(st.Memberships) != 1 || len(st.Offers) != 1 || st.Offers[0] != billing.PlanTrader {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestWhoCancelsKeepsWhatIsPaidFor(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.person("ben"), s.person("cara")
	id := s.happen("membership.activated", "ben", pro).Membership
	s.work()
	if err := s.members.Cancel(s.ctx, cara, id); fault.CodeOf(err) != "not_found" {
		t.Errorf("somebody else's was cancelled: %v", err)
	}
	s.must(s.members.Cancel(s.ctx, ben, id))
	s.plan(ben, billing.PlanPro, "until the period ends")
	st, err := s.members.Standing(s.ctx, ben)
	if err != nil || !st.CancelAtPeriodEnd || st.EndsAt == nil || time.Until(*st.EndsAt) < 29*24*time.Hour {
		t.Errorf("%+v, %v", st, err)
	}
	if err := s.members.Cancel(s.ctx, ben, id); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("cancelled twice: %v", err)
	}
	s.work()
	if n := s.count(`select count(*) from notifications where user_id = $1 and type = 'membership_ending'`, ben); n != 1 {
		t.Errorf("told %d times that it ends", n)
	}
	_, err = s.db.Pool().Exec(s.ctx, `update memberships set access_until = now() - interval '1 second'`)
	s.must(err)
	s.plan(ben, billing.PlanFree, "the period has ended, and nobody has told us")
}

// Who deletes their account is charged no more; doing it again changes nothing.
func TestWhoLeavesIsChargedNoMore(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.person("ben")
	s.happen("membership.activated", "ben", pro)
	s.work()
	for range 2 {
		s.must(s.members.Leave(s.ctx, ben))
	}
	st, err := s.members.Standing(s.ctx, ben)
	if err != nil || !st.CancelAtPeriodEnd {
		t.Errorf("%+v, %v", st, err)
	}
	if n := s.count(`select count(*) from whop_links where user_id = $1`, ben); n != 0 {
		t.Errorf("%d users of Whop's are still theirs", n)
	}
}

func TestALicenseKeyIsTheFirstOnes(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.person("ben"), s.person("cara")
	h := s.happen("membership.activated", "user_gift", pro)
	s.work()
	for name, key := range map[string]string{"made up": "LIC-NOBODY-HAS", "an id": h.Membership, "empty": "", "a path": "../payments/x", "too long": strings.Repeat("x", 300)} {
		if err := s.members.Redeem(s.ctx, ben, key); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.must(s.members.Redeem(s.ctx, ben, " "+h.License+" "))
	s.plan(ben, billing.PlanPro, "redeemed")
	if n := s.count(`select count(*) from audit_log where kind = 'redemptions' and act = 'insert' and user_id = $1 and by_user = $1 and row_id = $2`, ben, h.Membership); n != 1 {
		t.Errorf("the audit log has %d redemptions", n)
	}
	s.must(s.members.Redeem(s.ctx, ben, h.License))
	if err := s.members.Redeem(s.ctx, cara, h.License); fault.CodeOf(err) != "license_taken" {
		t.Errorf("the key was given twice: %v", err)
	}
	s.plan(cara, billing.PlanFree, "it is ben's")
	mine := s.happen("membership.activated", "cara", pro)
	if err := s.members.Redeem(s.ctx, ben, mine.License); fault.CodeOf(err) != "license_taken" {
		t.Errorf("what cara bought was redeemed by ben: %v", err)
	}
	ended := s.happen("membership.deactivated", "user_ended", pro)
	if err := s.members.Redeem(s.ctx, cara, ended.License); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("an ended one was redeemed: %v", err)
	}
}

func TestTwoWhoRedeemAtOnceAreNotBothServed(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.person("ben"), s.person("cara")
	h := s.happen("membership.activated", "user_gift", pro)
	results := make(chan error, 2)
	for _, who := range []uuid.UUID{ben, cara} {
		go func() { results <- s.members.Redeem(context.Background(), who, h.License) }()
	}
	served := 0
	for range 2 {
		switch err := <-results; {
		case err == nil:
			served++
		case fault.CodeOf(err) != "license_taken":
			t.Error(err)
		}
	}
	if served != 1 || s.count(`select count(*) from memberships where access and user_id is not null`) != 1 {
		t.Errorf("%d were served", served)
	}
}

// come signs in at the simulated Whop as somebody, and is what comes back.
func (s *shop) come(address, user string) (state, code string) {
	s.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Post(address, "application/x-www-form-urlencoded", strings.NewReader("user="+user))
	s.must(err)
	_ = answer.Body.Close()
	back, err := answer.Location()
	s.must(err)
	if back.Path != billing.LinkPath {
		s.Fatalf("back to %s", back)
	}
	return back.Query().Get("state"), back.Query().Get("code")
}

func TestWhoSignsInAtWhopHasWhatTheyBoughtThere(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.person("ben"), s.person("cara")
	s.happen("membership.activated", "user_elsewhere", trader)
	s.work()
	address, err := s.members.BeginLink(s.ctx, ben)
	s.must(err)
	state, code := s.come(address, "user_elsewhere")
	if err := s.members.FinishLink(s.ctx, cara, state, code); fault.CodeOf(err) != "sign_in_expired" {
		t.Errorf("somebody else used it: %v", err)
	}
	s.must(s.members.FinishLink(s.ctx, ben, state, code))
	s.plan(ben, billing.PlanTrader, "linked")
	if n := s.count(`select count(*) from audit_log where kind = 'whop_links' and act = 'insert' and user_id = $1 and by_user = $1 and row_id = 'user_elsewhere'`, ben); n != 1 {
		t.Errorf("the audit log has %d links", n)
	}
	if err := s.members.FinishLink(s.ctx, ben, state, code); fault.CodeOf(err) != "sign_in_expired" {
		t.Errorf("used twice: %v", err)
	}
	if st, err := s.members.Standing(s.ctx, ben); err != nil || !st.Linked {
		t.Errorf("%+v, %v", st, err)
	}
	address, err = s.members.BeginLink(s.ctx, cara)
	s.must(err)
	state, code = s.come(address, "user_elsewhere")
	if err := s.members.FinishLink(s.ctx, cara, state, code); fault.CodeOf(err) != "identity_taken" {
		t.Errorf("ben's Whop user was given to cara: %v", err)
	}
	s.happen("membership.activated", "user_elsewhere", pro) // bought later, without our checkout
	s.happen("membership.deactivated", "user_elsewhere", trader)
	s.work()
	s.plan(ben, billing.PlanPro, "what is bought there counts here")
	address, err = s.members.BeginLink(s.ctx, cara)
	s.must(err)
	state, _ = s.come(address, "user_cara")
	if err := s.members.FinishLink(s.ctx, cara, state, "code_made_up"); fault.CodeOf(err) != "unavailable" {
		t.Errorf("a made-up code was taken: %v", err)
	}
}

// links ties a Whop user to somebody, as signing in there does.
func (s *shop) links(user uuid.UUID, who string) {
	s.Helper()
	address, err := s.members.BeginLink(s.ctx, user)
	s.must(err)
	state, code := s.come(address, who)
	s.must(s.members.FinishLink(s.ctx, user, state, code))
}

func TestWhoUnlinksWhopKeepsWhatIsTheirsAnyhow(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.person("ben"), s.person("cara")
	if err := s.members.Unlink(s.ctx, ben); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("nothing is linked: %v", err)
	}
	s.happen("membership.activated", "user_elsewhere", trader)
	s.links(ben, "user_elsewhere")
	s.plan(ben, billing.PlanTrader, "linked")
	if err := s.members.Unlink(s.ctx, cara); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("cara unlinked ben's: %v", err)
	}

	s.fault("GET /api/v1/memberships", "error", 3) // as often as it is asked
	if err := s.members.Unlink(s.ctx, ben); fault.CodeOf(err) != "unavailable" {
		t.Errorf("while Whop is away: %v", err)
	}
	s.plan(ben, billing.PlanTrader, "while Whop is away")

	s.happen("membership.activated", "ben", pro) // by our checkout: it names him
	s.work()
	s.must(s.members.Unlink(s.ctx, ben))
	s.plan(ben, billing.PlanPro, "what the link alone had tied is gone, what names him is not")
	if st, err := s.members.Standing(s.ctx, ben); err != nil || st.Linked {
		t.Errorf("%+v, %v", st, err)
	}
	if n := s.count(`select count(*) from notifications where user_id = $1 and type = 'security' and title = 'Your Whop account was unlinked'`, ben) +
		s.count(`select count(*) from notifications where user_id = $1 and title = 'Your trader plan has ended'`, ben); n != 2 {
		t.Errorf("told of %d of two things", n)
	}
	s.happen("membership.updated", "user_elsewhere", trader)
	s.work()
	s.plan(ben, billing.PlanPro, "an event about what was let go")
	s.links(cara, "user_elsewhere")
	s.plan(cara, billing.PlanTrader, "linked by somebody else")
	s.plan(ben, billing.PlanPro, "linked by somebody else")
}

func TestNothingIsSoldWithoutProducts(t *testing.T) {
	t.Parallel()
	gate, err := billing.New(billing.Options{DefaultPlan: billing.PlanPro}) // as operators may choose
	if err != nil {
		t.Fatal(err)
	}
	members := billing.NewMembers(billing.MembersOptions{Gate: gate})
	st, err := members.Standing(t.Context(), uuid.New())
	if err != nil || st.Plan != billing.PlanPro || st.Selling || st.Memberships == nil {
		t.Errorf("%+v, %v", st, err)
	}
	for name, err := range map[string]error{
		"checkout": second(members.Checkout(t.Context(), uuid.New(), billing.PlanPro)),
		"redeem":   members.Redeem(t.Context(), uuid.New(), "LIC-123456"),
		"cancel":   members.Cancel(t.Context(), uuid.New(), "mem_1"),
		"compare":  members.CompareAll(t.Context()),
	} {
		if fault.CodeOf(err) != "invalid_state" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := members.Compare(t.Context()); err != nil {
		t.Error(err)
	}
}

func second(_ string, err error) error { return err }

// The default is of who never bought: whose plan has ended has none.
func TestTheDefaultIsOfWhoNeverBought(t *testing.T) {
	t.Parallel()
	s := open(t)
	gate, err := billing.New(billing.Options{DefaultPlan: billing.PlanTrader, DB: s.db, Products: billing.Products{pro: billing.PlanPro}})
	s.must(err)
	s.gate = gate
	ben := s.person("ben")
	s.plan(ben, billing.PlanTrader, "never bought")
	s.happen("membership.activated", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanPro, "bought")
	s.happen("membership.deactivated", "ben", pro)
	s.work()
	s.plan(ben, billing.PlanFree, "ended")
}

func TestProductsAreNamedWithPlans(t *testing.T) {
	t.Parallel()
	list, err := billing.ParseProducts(" prod_a=pro, prod_b = trader ,")
	if err != nil || len(list) != 2 || list["prod_a"] != billing.PlanPro || list["prod_b"] != billing.PlanTrader {
		t.Errorf("%v, %v", list, err)
	}
	for _, bad := range []string{"prod_a", "prod_a=gold", "prod_a=free", "=pro", "prod_a=pro,prod_a=trader"} {
		if _, err := billing.ParseProducts(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
