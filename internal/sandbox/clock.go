package sandbox

import "time"

// ClockSetting is the market clock as it was set: at the real instant SetAt the
// market read Now, and it ticks on from there. A zero Now means no setting: the
// market clock is the real one, and the exchange is in session at any hour.
type ClockSetting struct {
	Now   time.Time `json:"now"`
	SetAt time.Time `json:"setAt"`
}

// IsSet reports whether a time was set.
func (c ClockSetting) IsSet() bool { return !c.Now.IsZero() }

// At is the market's time at a real instant.
func (c ClockSetting) At(real time.Time) time.Time {
	if !c.IsSet() {
		return real
	}
	return c.Now.Add(real.Sub(c.SetAt))
}
