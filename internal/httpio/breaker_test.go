package httpio

import (
	"testing"
	"time"
)

func TestABreakerOpensTriesOnceAndCloses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	b := NewBreaker(BreakerOptions{Failures: 3, Window: time.Minute, Pause: 10 * time.Second, Now: func() time.Time { return now }})
	want := func(when string, state BreakerState) {
		t.Helper()
		if got := b.State("discord"); got != state {
			t.Fatalf("%s: %s, want %s", when, got, state)
		}
	}
	allowed := func() bool { _, ok := b.Allow("discord"); return ok }

	b.Failure("discord")
	b.Failure("discord")
	now = now.Add(time.Minute) // the window runs out
	b.Failure("discord")
	b.Success("discord")
	b.Failure("discord")
	want("two failures in the window", Closed)
	if !b.Failure("discord") {
		t.Fatal("the third failure did not report opening")
	}
	want("three failures", Open)
	if wait, ok := b.Allow("discord"); ok || wait != 10*time.Second {
		t.Fatalf("open: allowed=%v wait=%s", ok, wait)
	}
	if _, ok := b.Allow("push"); !ok {
		t.Fatal("another name was stopped too")
	}
	b.Success("discord")
	want("a late success of an old call", Open)

	now = now.Add(10 * time.Second)
	want("after the pause", HalfOpen)
	if !allowed() || allowed() {
		t.Fatal("half-open must let exactly one call try")
	}
	b.Failure("discord")
	want("the probe failed", Open)

	now = now.Add(10 * time.Second)
	allowed()
	now = now.Add(30 * time.Second) // nobody ever reported back
	if !allowed() {
		t.Fatal("a lost probe blocks for ever")
	}
	b.Success("discord")
	want("the probe worked", Closed)
}

func TestFailuresInARowStopWhoIsDownAndNotWhoFailsNowAndThen(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := NewBreaker(BreakerOptions{Failures: 3, Window: time.Minute, Pause: time.Second, InARow: true, Now: func() time.Time { return now }})
	for range 10 {
		b.Failure("discord")
		b.Failure("discord")
		b.Success("discord")
	}
	if got := b.State("discord"); got != Closed {
		t.Fatalf("two of three fail: %s", got)
	}
	b.Failure("discord")
	b.Failure("discord")
	if !b.Failure("discord") || b.State("discord") != Open {
		t.Error("all fail, and it is not stopped")
	}
}

func TestATripLastsAsLongAsTold(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := NewBreaker(BreakerOptions{Failures: 1, Window: time.Minute, Pause: time.Second, Now: func() time.Time { return now }})
	b.Trip("global", now.Add(time.Hour))
	b.Trip("global", now.Add(time.Minute))
	if wait, ok := b.Allow("global"); ok || wait != time.Hour {
		t.Errorf("allowed=%v wait=%s, want an hour", ok, wait)
	}
}
