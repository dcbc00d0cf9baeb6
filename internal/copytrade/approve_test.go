package copytrade

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// asked is a follower whose answer a leader's buy waits for.
func (f *floor) asked() (follower, uuid.UUID, Decision) {
	f.Helper()
	w := f.follower("cara", false)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	return w, order, f.decision(w)
}

func someKey() Key { return Key{Text: uuid.NewString(), Body: []byte("{}")} }

func TestApprovingTwiceIsApprovedOnce(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, _, d := f.asked()
	var approved, refused atomic.Int32
	var taps sync.WaitGroup
	for range 8 {
		taps.Go(func() {
			_, _, err := f.copier.Approve(f.ctx, w.id, d.ID, someKey())
			switch {
			case err == nil:
				approved.Add(1)
			case fault.CodeOf(err) == "invalid_state":
				refused.Add(1)
			default:
				f.Error(err)
			}
		})
	}
	taps.Wait()
	if approved.Load() != 1 || refused.Load() != 7 {
		t.Errorf("%d approved, %d refused", approved.Load(), refused.Load())
	}
	if n := read[int](f, `select count(*)::int from river_job where kind = 'copy_execute'`); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

func TestTheSameTapTwiceGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, _, d := f.asked()
	k := someKey()
	first, replayed, err := f.copier.Approve(f.ctx, w.id, d.ID, k)
	f.must(err)
	second, again, err := f.copier.Approve(f.ctx, w.id, d.ID, k)
	f.must(err)
	if replayed || !again || string(first) != string(second) || !strings.Contains(string(first), `"result":"approved"`) {
		t.Errorf("%t %t\n%s\n%s", replayed, again, first, second)
	}
}

func TestAnApprovalHasThirtySeconds(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, order, d := f.asked()
	before := time.Now()
	_, _, err := f.copier.Approve(f.ctx, w.id, d.ID, someKey())
	after := time.Now()
	f.must(err)
	if until := f.decision(w).ExpiresAt; until.Before(before.Add(sendWithin)) || until.After(after.Add(sendWithin)) {
		t.Errorf("approved between %s and %s, until %s", before, after, until)
	}
	f.exec(`update copy_decisions set expires_at = now() - interval '1 second' where id = $1`, d.ID)
	f.must(f.copier.Execute(f.ctx, order))
	if got := f.reason(w); got != "skipped: too_late" {
		t.Errorf("%s", got)
	}
	if n := read[int](f, `select count(*)::int from notifications where user_id = $1 and type = 'copy_trade_failed'`, w.id); n != 1 {
		t.Error("who approved was not told")
	}
}

var expiredAgo = regexp.MustCompile(`^This expired \d+s ago; nothing was sent`)

// A tap that comes too late says so, before the sweep was there and after it.
func TestALateTapChangesNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, _, d := f.asked()
	f.exec(`update copy_decisions set expires_at = now() - interval '2 seconds' where id = $1`, d.ID)
	for _, when := range []string{"awaiting_approval", "expired: expired"} {
		if got := f.reason(w); got != when {
			t.Fatalf("%s, want %s", got, when)
		}
		_, _, approve := f.copier.Approve(f.ctx, w.id, d.ID, someKey())
		_, reject := f.copier.Reject(f.ctx, w.id, d.ID)
		for _, err := range []error{approve, reject} {
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Code != "invalid_state" || !expiredAgo.MatchString(refusal.Public) {
				t.Errorf("%s: %v", when, err)
			}
		}
		f.must(f.copier.Sweep(f.ctx))
	}
	if n := read[int](f, `select count(*)::int from river_job where kind = 'copy_execute'`) + read[int](f, `select count(*)::int from idempotency_keys`); n != 0 {
		t.Error("a late tap left something behind")
	}
}

func TestRejectingIsFinal(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, order, d := f.asked()
	for range 2 {
		got, err := f.copier.Reject(f.ctx, w.id, d.ID)
		f.must(err)
		if got.Result != Rejected {
			t.Errorf("%s", got.Result)
		}
	}
	if _, _, err := f.copier.Approve(f.ctx, w.id, d.ID, someKey()); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("approved what was rejected: %v", err)
	}
	f.must(f.copier.Execute(f.ctx, order))
	f.exec(`update copy_decisions set expires_at = now() - interval '1 hour', updated_at = now() - interval '1 hour'`)
	f.must(f.copier.Sweep(f.ctx))
	if got := f.reason(w); got != "rejected: rejected" {
		t.Errorf("%s", got)
	}
}

func TestAnotherUsersDecisionIsNotFound(t *testing.T) {
	t.Parallel()
	f := open(t)
	_, _, d := f.asked()
	other := f.user("mallory", "subscriber")
	_, _, approve := f.copier.Approve(f.ctx, other, d.ID, someKey())
	_, reject := f.copier.Reject(f.ctx, other, d.ID)
	_, _, missing := f.copier.Approve(f.ctx, other, uuid.New(), someKey())
	for _, err := range []error{approve, reject} {
		if fault.CodeOf(err) != "not_found" || err.Error() != missing.Error() {
			t.Errorf("%v, a missing one %v", err, missing)
		}
	}
}

// The sweep ends only what still waits when it holds the row: an approval that
// was first stays.
func TestApprovalAndExpiryHaveOneWinner(t *testing.T) {
	t.Parallel()
	f := open(t)
	for i := range 15 {
		w := f.follower(name(i), false)
		order := f.leads(orders.BTO, 4, 4, orders.Filled)
		f.decide(order)
		d := f.decision(w)
		f.exec(`update copy_decisions set expires_at = clock_timestamp() + interval '3 milliseconds' where id = $1`, d.ID)
		var both sync.WaitGroup
		var err error
		both.Go(func() { _, _, err = f.copier.Approve(f.ctx, w.id, d.ID, someKey()) })
		both.Go(func() {
			for range 4 {
				if err := f.copier.expire(f.ctx); err != nil {
					f.Error(err)
				}
			}
		})
		both.Wait()
		f.must(f.copier.expire(f.ctx))
		got := f.decision(w).Result
		if (err == nil) != (got == Approved) {
			t.Errorf("told %v, is %s", err, got)
		}
		f.exec(`update subscriptions set status = 'cancelled'`)
	}
}

// A question that is open for thirty seconds is answered in time after 29.9 of them, with
// one order, and too late after 30.1, with none.
func TestAQuestionIsOpenToItsLastMoment(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{29_900 * time.Millisecond: "approved", 30_100 * time.Millisecond: "expired"} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			w := f.follower("cara", false)
			f.set(w, "max_delay_seconds", 30)
			signal := f.leads(orders.BTO, 4, 4, orders.Filled)
			f.decide(signal)
			d := f.decision(w)
			asked := d.ExpiresAt.Add(-30 * time.Second)
			if sooner := time.Since(asked); sooner < 0 {
				t.Fatalf("asked %s ago", sooner)
			}
			f.copier.now = func() time.Time { return asked.Add(after) }
			_, _, err := f.copier.Approve(f.ctx, w.id, d.ID, someKey())
			f.copier.now = time.Now
			if late := fault.CodeOf(err) == "invalid_state"; late != (want == "expired") || (!late && err != nil) {
				t.Fatalf("answered after %s: %v", after, err)
			}
			if want == "expired" {
				f.exec(`update copy_decisions set expires_at = now() - interval '100 milliseconds' where id = $1`, d.ID)
				f.must(f.copier.Sweep(f.ctx))
			}
			f.must(f.copier.Execute(f.ctx, signal))
			f.must(f.copier.Execute(f.ctx, signal))
			made := read[int](f.floor, `select count(*)::int from orders where user_id = $1`, w.id)
			if want == "approved" && (made != 1 || f.decision(w).OrderID == nil) || want == "expired" && (made != 0 || f.decision(w).Result != Expired) {
				t.Errorf("%d orders, %s", made, f.reason(w))
			}
		})
	}
}
