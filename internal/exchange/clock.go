package exchange

import (
	"sync/atomic"
	"time"
)

// Clock is the market's clock: sessions, holidays, expirations, trading days
// and quote times follow it. In production it is the real time; development can
// turn it, or keep the exchange in session at any hour. Signatures, deadlines
// and rates never use it.
type Clock struct {
	real  func() time.Time
	state atomic.Pointer[ClockState]
}

// ClockState is how far the market's time lies from the real one.
type ClockState struct {
	Offset     time.Duration
	AlwaysOpen bool
}

// NewClock follows the given real time.
func NewClock(realTime func() time.Time) *Clock {
	c := &Clock{real: realTime}
	c.state.Store(&ClockState{})
	return c
}

// Set turns the clock.
func (c *Clock) Set(s ClockState) { c.state.Store(&s) }

// State is how the clock stands.
func (c *Clock) State() ClockState { return *c.state.Load() }

// Now is the market's time.
func (c *Clock) Now() time.Time { return c.real().Add(c.state.Load().Offset) }

// Today is the current trading day's date in New York, whether or not the exchange opens on it.
func (c *Clock) Today() Date { return TradingDay(c.Now()) }

// Open reports whether options on the underlying trade now.
func (c *Clock) Open(underlying string) bool { return c.OpenAt(underlying, c.real()) }

// OpenAt reports whether options on the underlying trade at an instant of the real clock.
func (c *Clock) OpenAt(underlying string, at time.Time) bool {
	state := c.State()
	if state.AlwaysOpen {
		return true
	}
	at = at.Add(state.Offset)
	s, ok := SessionOf(TradingDay(at), underlying)
	return ok && !at.Before(s.Open) && at.Before(s.Close)
}

// LastClose is when the exchange closed last, by the real clock. One that never
// closes did so a day ago.
func (c *Clock) LastClose() time.Time {
	state, now := c.State(), c.Now()
	if state.AlwaysOpen {
		return now.Add(-24 * time.Hour)
	}
	for d := TradingDay(now); Known(d); d = d.AddDays(-1) {
		// The options that trade longest end the day.
		if s, open := SessionOf(d, "SPY"); open && !s.Close.After(now) {
			return s.Close.Add(-state.Offset)
		}
	}
	return time.Time{}
}

// CloseTime is when trading in the underlying ends: today's close in a session,
// the next one's outside. With an exchange that never closes it is a day from now.
func (c *Clock) CloseTime(underlying string) time.Time {
	now := c.Now()
	if c.state.Load().AlwaysOpen {
		return now.Add(24 * time.Hour)
	}
	s, ok := NextSession(now, underlying)
	if !ok {
		return now
	}
	return s.Close
}

// NextOpen is when the underlying's options open next; false beyond the calendar.
func (c *Clock) NextOpen(underlying string) (time.Time, bool) {
	now := c.Now()
	for s, ok := NextSession(now, underlying); ok; s, ok = NextSession(s.Close, underlying) {
		if s.Open.After(now) {
			return s.Open, true
		}
	}
	return time.Time{}, false
}

// LastMinute is when a contract stops trading: the close of its expiration day.
func (c *Clock) LastMinute(contract Contract) time.Time {
	if s, ok := SessionOf(contract.Expiration, contract.Underlying); ok {
		return s.Close
	}
	return contract.Expiration.At(16, 0)
}

// Expired reports whether the contract no longer trades.
func (c *Clock) Expired(contract Contract) bool {
	if c.state.Load().AlwaysOpen {
		return contract.Expiration.Before(c.Today())
	}
	return !c.Now().Before(c.LastMinute(contract))
}
