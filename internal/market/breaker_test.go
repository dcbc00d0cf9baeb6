package market

import (
	"errors"
	"testing"
	"time"
)

func TestAfterFailuresInARowOneRequestDecides(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := &breaker{}
	for range breakAfter - 1 {
		b.note(true, now)
	}
	if !b.allows(now) {
		t.Fatal("broken one failure too early")
	}
	b.note(true, now)
	if b.allows(now.Add(breakFor - time.Millisecond)) {
		t.Error("asked during the pause")
	}
	later := now.Add(breakFor)
	if !b.allows(later) {
		t.Error("nobody may try after the pause")
	}
	if b.allows(later) {
		t.Error("a second request went through before the first answered")
	}
	b.note(false, later)
	if !b.allows(later) {
		t.Error("still broken after a good answer")
	}
}

// While Alpaca is in trouble, nobody waits for it.
func TestABrokenAlpacaIsNotAsked(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.control("/_sandbox/faults", map[string]any{"target": "alpaca", "match": "/v2/stocks", "mode": "error", "status": 503, "count": breakAfter})
	for range breakAfter {
		if _, err := s.market.Spot(s.ctx, "AAPL"); !IsAway(err) {
			t.Fatalf("spot: %v", err)
		}
	}
	before := s.calls.of("/v2/stocks")
	_, err := s.market.Spot(s.ctx, "AAPL")
	if !IsAway(err) || !errors.Is(err, errBroken) {
		t.Errorf("spot: %v, want the breaker", err)
	}
	if s.calls.of("/v2/stocks") != before {
		t.Error("Alpaca was asked all the same")
	}
}

// A symbol that Alpaca does not know is an answer, not a failure.
func TestAnAnswerOfNothingIsNoFailure(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, name := range []string{"ZA", "ZB", "ZC", "ZD", "ZE", "ZF", "ZG"} {
		if _, err := s.market.Spot(s.ctx, name); !errors.Is(err, ErrNoQuote) {
			t.Fatalf("spot of %s: %v", name, err)
		}
	}
	if _, err := s.market.Spot(s.ctx, "AAPL"); err != nil {
		t.Errorf("spot: %v", err)
	}
}
