package snaptrade

import (
	"context"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
)

// A call that would have to wait for the budget past its time to begin gives up
// its place then, although its own deadline is later.
func TestACallDoesNotBeginAfterItsTime(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	budget := NewBudget(db.Pool(), DefaultPerMinute)
	if err := budget.Pause(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	c := &Client{budget: budget}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	began := time.Now()
	if err := c.take(BeginBy(ctx, began.Add(200*time.Millisecond)), request{class: Manual}); err == nil {
		t.Fatal("the call got a place while everything is paused")
	}
	if ctx.Err() != nil {
		t.Errorf("it waited for its own deadline, %v", time.Since(began))
	}
}
