package copytrade

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/orders"
)

// A process that dies between fill and decision loses nothing (C11): the sweep
// finds the order, and the queue's rescue is not needed.
func TestTheSweepDecidesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", false)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.exec(`update fills set learnt_at = now() where order_id = $1`, order) // the sweep leaves alone what is not five seconds old
	f.exec(`update orders set finished_at = now() where id = $1`, order)
	f.must(f.copier.Sweep(f.ctx))
	if n := read[int](f, `select count(*)::int from copy_decisions`); n != 0 {
		t.Fatal("the sweep was before the bell")
	}
	f.exec(`update fills set learnt_at = learnt_at - interval '6 seconds' where order_id = $1`, order)
	f.exec(`update orders set finished_at = finished_at - interval '6 seconds' where id = $1`, order)
	f.must(f.copier.Sweep(f.ctx))
	if got := f.reason(w); got != "awaiting_approval" {
		t.Errorf("%s", got)
	}
}

func TestTheSweepPlacesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 5)
	f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(f.leads(orders.STC, 2, 2, orders.Filled)) // C15
	f.exec(`update copy_decisions set updated_at = now() - interval '6 seconds'`)
	f.must(f.copier.Sweep(f.ctx))
	if got := f.exits(w); got != "2" {
		t.Errorf("exits %q", got)
	}
}

func TestTheSweepSellsTheStepACrashLeft(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 10)
	f.leads(orders.BTO, 10, 10, orders.Filled)
	sell := f.leads(orders.STC, 10, 4, orders.Partial)
	f.exec(`update fills set learnt_at = learnt_at - interval '20 seconds' where order_id = $1`, sell)
	f.carryOn(sell)
	f.more(sell, 3)
	f.passed()
	f.exec(`update fills set learnt_at = learnt_at - interval '16 seconds' where order_id = $1`, sell)
	f.must(f.copier.Sweep(f.ctx))
	if got := f.exits(w); got != "4 3" {
		t.Errorf("exits %q", got)
	}
}

// What became of a copy reaches its decision without the job that a crash took away.
func TestTheSweepSettlesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	f := open(t)
	filled, failed, working := f.follower("ben", true), f.follower("cara", true), f.follower("dan", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	f.bought(filled, f.entered(filled, orders.Accepted), 4, orders.Filled)
	f.entered(failed, orders.Rejected)
	f.entered(working, orders.Accepted)
	f.exec(`update orders set updated_at = now()`) // the sweep leaves alone what is not five seconds old
	f.must(f.copier.Sweep(f.ctx))
	if got := f.reason(filled); got != "queued" {
		t.Fatalf("the sweep was before the bell: %s", got)
	}
	f.exec(`update orders set updated_at = updated_at - interval '6 seconds'`)
	f.must(f.copier.Sweep(f.ctx))
	if a, b, c := f.reason(filled), f.decision(failed).Result, f.reason(working); a != "executed" || b != Failed || c != "queued" {
		t.Errorf("filled: %s, rejected: %s, working: %s", a, b, c)
	}
}

// INV-23 does not hang on one job either.
func TestTheSweepWithdrawsWhatACrashLeft(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, asked := f.follower("ben", true), f.follower("cara", false)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	entry := f.entered(w, orders.Queued)
	f.leads(orders.STC, 4, 4, orders.Filled)
	f.must(f.copier.Sweep(f.ctx))
	if got := read[string](f, `select state from orders where id = $1`, entry); got != "aborted" {
		t.Errorf("%s", got)
	}
	if got := f.reason(asked); got != "skipped: leader_flat" {
		t.Errorf("%s", got)
	}
}

// What became of a bound's sell reaches its trigger though the job that tells it died
// with its process: the next try may not wait for the queue.
func TestTheSweepSettlesTheTriggersACrashLeft(t *testing.T) {
	t.Parallel()
	for ended, want := range map[string]string{
		`state = 'aborted', reason_code = 'trading_halted', finished_at = now()`:               "stop_loss waiting trading_halted",
		`state = 'rejected', finished_at = now()`:                                              "stop_loss failed order_rejected",
		`state = 'partial', cum = 1, cum_notional = 0.95, executed_at = now()`:                 "stop_loss sold",
		`state = 'accepted', updated_at = now() - interval '6 seconds'`:                        "stop_loss placed",
		`state = 'cancelled', finished_at = now(), updated_at = now() + interval '60 seconds'`: "stop_loss placed", // its job may be at it
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.guarded("ben", 3)
			f.judged(f.quoted("1.00", "1.10"))
			if !strings.Contains(ended, "aborted") {
				f.exec(`update orders set state = 'submitting' where subscription_id = $1`, w.subscription)
			}
			if strings.Contains(ended, "updated_at") {
				f.exec(`update orders set `+ended+` where subscription_id = $1`, w.subscription)
			} else {
				f.exec(`update orders set `+ended+`, updated_at = now() - interval '6 seconds' where subscription_id = $1`, w.subscription)
			}
			f.must(f.copier.recover(f.ctx))
			if got := f.triggers(w); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// A trader stops publishing, or a follower mutes, after a question was written and before
// it is there for others to see: what ends the waiting ones does not find it, the sweep
// does. Questions about sells, and everybody else's, stay.
func TestAQuestionThatWasBeingAskedIsClosed(t *testing.T) {
	t.Parallel()
	for want, meanwhile := range map[string]func(f *floor, w follower) error{
		"trader_stopped": func(f *floor, _ follower) error { return f.copier.StopPublishing(f.ctx, f.trader) },
		"muted_today": func(f *floor, w follower) error {
			_, err := f.copier.Mute(f.ctx, w.id, w.subscription)
			return err
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w, other := f.follower("cara", false), f.follower("dan", false)
			during := func(order uuid.UUID, do func(*floor, follower) error) {
				f.Helper()
				f.copier.crash = func(point string) {
					if point == "C11" { // within the deciding transaction
						f.must(do(f, w))
					}
				}
				f.decide(order)
				f.copier.crash = func(string) {}
			}
			during(f.leads(orders.BTO, 4, 4, orders.Filled), meanwhile)
			if got := f.reason(w); got != "awaiting_approval" {
				t.Fatalf("the question was seen: %s", got)
			}
			for range 2 {
				f.must(f.copier.Sweep(f.ctx))
			}
			if got := f.reason(w); got != "skipped: "+want {
				t.Errorf("swept: %s", got)
			}
			if got, stays := f.reason(other), want == "muted_today"; stays != (got == "awaiting_approval") {
				t.Errorf("dan's: %s", got)
			}
			f.holdCopied(w, 2)
			f.decide(f.leads(orders.STC, 4, 4, orders.Filled))
			f.must(f.copier.Sweep(f.ctx))
			if got := f.reason(w); got != "awaiting_approval" {
				t.Errorf("a sell: %s", got)
			}
		})
	}
}
