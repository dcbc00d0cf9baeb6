package delivery

import (
	"testing"
	"time"
)

func TestAWaveOfDeadSubscriptionsIsNotBelieved(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	w := newWave(func() time.Time { return now })
	for i := range 50 {
		if w.of("a", true) {
			t.Fatalf("the %dth is doubted already", i+1)
		}
	}
	if !w.of("a", true) {
		t.Error("the 51st of 51 is believed")
	}
	if w.of("a", false) || w.of("b", true) {
		t.Error("a success, or another service, is doubted")
	}
	for range 400 { // now it is less than a fifth
		w.of("a", false)
	}
	if w.of("a", true) {
		t.Error("a small share is doubted")
	}
	now = now.Add(waveWindow)
	if w.of("a", true) {
		t.Error("a count outlives its ten minutes")
	}
}
