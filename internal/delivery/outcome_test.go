package delivery

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	create := claimed{Op: Create, Cutoff: now.Add(2 * time.Minute)}
	update := claimed{Op: Update, Cutoff: now.Add(24 * time.Hour), Unknowns: 0}
	with := func(d claimed, change func(*claimed)) claimed { change(&d); return d }

	for _, c := range []struct {
		name     string
		d        claimed
		r        Result
		state    string
		wait     time.Duration // of pending ones
		failed   int
		unknowns int
		marked   bool
	}{
		{"accepted", create, Result{Outcome: Accepted}, "delivered", 0, 0, 0, false},
		{"our words are wrong", create, Result{Outcome: Rejected}, "dead", 0, 0, 0, false},
		{"destination is dead", create, Result{Outcome: Gone}, "dead", 0, 0, 0, false},
		{"what was to be edited is gone", update, Result{Outcome: MessageGone}, "superseded", 0, 0, 0, false},
		{"first failure waits 1 s", create, Result{Outcome: Retry}, "pending", time.Second, 1, 0, false},
		{"fifth failure waits 16 s", with(create, func(d *claimed) { d.Attempt = 4 }), Result{Outcome: Retry}, "pending", 16 * time.Second, 1, 0, false},
		{"a told wait longer than the back-off holds", create, Result{Outcome: Retry, After: 7 * time.Second}, "pending", 7 * time.Second, 1, 0, false},
		{"429 waits exactly and costs nothing", create, Result{Outcome: Retry, Limited: true, After: 300 * time.Millisecond}, "pending", 300 * time.Millisecond, 0, 0, false},
		{"a 429 that says nothing", create, Result{Outcome: Retry, Limited: true}, "pending", 5 * time.Second, 0, 0, false},
		{"a failure in the middle is marked", create, Result{Outcome: Retry, PossibleDuplicate: true}, "pending", time.Second, 1, 0, true},
		{"a wait past the cut-off", create, Result{Outcome: Retry, Limited: true, After: 2 * time.Minute}, "stale", 2 * time.Minute, 0, 0, false},
		{"unknown goes once more, marked", create, Result{Outcome: Unknown}, "pending", time.Second, 1, 1, true},
		{"unknown twice is never a third", with(create, func(d *claimed) { d.Unknowns = 1 }), Result{Outcome: Unknown}, "dead", 0, 1, 1, true},
		{"an update may be repeated", with(update, func(d *claimed) { d.Unknowns = 1 }), Result{Outcome: Unknown}, "pending", time.Second, 1, 0, false},
		{"our keys are wrong", create, Result{Outcome: Misconfigured, Everyone: true}, "pending", time.Minute, 0, 0, false},
		{"the owner's setting is wrong", create, Result{Outcome: Misconfigured}, "pending", 10 * time.Minute, 0, 0, false},
	} {
		v := judge(c.d, c.r, now, func(d time.Duration) time.Duration { return d })
		wait := time.Duration(0)
		if !v.NotBefore.IsZero() {
			wait = v.NotBefore.Sub(now)
		}
		if v.State != c.state || wait != c.wait || v.Failed != c.failed || v.Unknowns != c.unknowns || v.Duplicate != c.marked {
			t.Errorf("%s: %+v after %v", c.name, v, wait)
		}
	}
}

func TestWhoIsToldWhat(t *testing.T) {
	t.Parallel()
	spread := func(d time.Duration) time.Duration { return d }
	d := claimed{Op: Create, Cutoff: time.Now().Add(time.Hour)}
	for _, c := range []struct {
		r                    Result
		tell, disable, pause bool
	}{
		{Result{Outcome: Gone}, true, true, false},
		{Result{Outcome: Misconfigured}, true, false, true},
		{Result{Outcome: Misconfigured, Everyone: true}, false, false, false}, // our fault is not the owner's news
		{Result{Outcome: Rejected}, false, false, false},
		{Result{Outcome: Retry, Limited: true, After: time.Second}, false, false, true},
		{Result{Outcome: Retry, Limited: true, After: time.Second, Alone: true}, false, false, false},
	} {
		v := judge(d, c.r, time.Now(), spread)
		if v.Tell != c.tell || v.Disable != c.disable || (v.PauseUntil != nil) != c.pause {
			t.Errorf("%+v: %+v", c.r, v)
		}
	}
}

func TestBackoffDoublesUpToItsBound(t *testing.T) {
	t.Parallel()
	want := []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
	for failures, seconds := range want {
		if got := backoff(failures); got != time.Duration(seconds)*time.Second {
			t.Errorf("after %d failures %v, want %d s", failures, got, seconds)
		}
	}
	if got := backoff(1 << 20); got != backoffMax {
		t.Errorf("after very many failures %v", got)
	}
}

func TestCutoffs(t *testing.T) {
	t.Parallel()
	learnt := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	at := func(before time.Duration) *time.Time { e := learnt.Add(-before); return &e }
	for _, c := range []struct {
		side     string
		executed *time.Time
		want     time.Duration // from learning
	}{
		{"BTO", nil, 120 * time.Second},
		{"BTO", at(time.Second), 120 * time.Second},
		{"BTO", at(14 * time.Minute), time.Minute},
		{"BTO", at(time.Hour), -45 * time.Minute},
		{"STC", nil, 15 * time.Minute},
		{"STC", at(time.Minute), 15 * time.Minute},
		{"STC", at(110 * time.Minute), 10 * time.Minute},
	} {
		if got := Cutoff(c.side, c.executed, learnt).Sub(learnt); got != c.want {
			t.Errorf("%s executed %v: %v, want %v", c.side, c.executed, got, c.want)
		}
	}
}
