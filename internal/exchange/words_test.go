package exchange

import (
	"testing"
	"time"
)

// Instants for everybody are New York's, on the day it is there.
func TestInstantsForEverybody(t *testing.T) {
	t.Parallel()
	late := time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC) // half past nine in the evening before
	if got := [3]string{Moment(late), DayOf(late), TimeOf(late)}; got != [3]string{"20 Nov 2026, 21:30 New York", "20 Nov 2026", "21:30"} {
		t.Errorf("%q", got)
	}
}
