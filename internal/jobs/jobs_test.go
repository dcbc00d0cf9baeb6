package jobs

import (
	"errors"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/orders"
)

// Bells that the sweeper rings again every few seconds must not all wait beside the
// first: whatever has to wait long would be asked about more and more often.
func TestOnlyTheFirstBellWaits(t *testing.T) {
	t.Parallel()
	again, failure := error(orders.Again{After: time.Second}), errors.New("away")
	for _, first := range []interface{ Second() bool }{orders.SendJob{}, orders.ChangeJob{}} {
		if snooze := new(river.JobSnoozeError); !errors.As(waiting(first, again), &snooze) {
			t.Errorf("%T does not wait: %v", first, waiting(first, again))
		}
	}
	for _, second := range []interface{ Second() bool }{orders.SendJob{Swept: true}, orders.ChangeJob{Swept: true}} {
		if err := waiting(second, again); err != nil {
			t.Errorf("%T waits: %v", second, err)
		}
		if err := waiting(second, failure); !errors.Is(err, failure) {
			t.Errorf("%T hides a failure: %v", second, err)
		}
	}
}

// A period begins when it is full, as the hour does, also for who asks in the middle of one or right at it.
func TestBoardsAreDueOnTheHour(t *testing.T) {
	t.Parallel()
	hour := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{hour, hour.Add(time.Nanosecond), hour.Add(59 * time.Minute), hour.Add(time.Hour - 1)} {
		if got := beginningOf(time.Hour).Next(at); !got.Equal(hour.Add(time.Hour)) {
			t.Errorf("after %s: %s", at, got)
		}
	}
}
