package market

import "time"

// FreshFor is how old a quote may be for an order to be checked against it (R6).
const FreshFor = 15 * time.Second

// Age is how long ago the quote was made, by the market's clock; never negative.
func (q Quote) Age(now time.Time) time.Duration { return max(0, now.Sub(q.At)) }

// Fresh reports whether an order may be checked against the quote.
func (q Quote) Fresh(now time.Time) bool { return q.Age(now) <= FreshFor }

// Now is the market's clock, by which quotes age.
func (m *Market) Now() time.Time { return m.clock.Now() }
