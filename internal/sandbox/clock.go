package sandbox

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

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

// clock is the market clock: sessions, expirations, trading dates and quote
// times go by it, signatures and order stamps by real time.
type clock struct {
	mu      sync.Mutex
	setting ClockSetting
	now     func() time.Time
	newYork *time.Location
	journal *Journal
	tell    func(ClockSetting)
}

func newClock(d deps, tell func(ClockSetting)) (*clock, error) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		return nil, fmt.Errorf("load New York time: %w", err)
	}
	c := &clock{now: d.now, newYork: newYork, journal: d.journal, tell: tell}
	d.journal.On("clock", func(raw json.RawMessage) error {
		c.setting = ClockSetting{}
		if err := json.Unmarshal(raw, &c.setting); err != nil {
			return fmt.Errorf("decode clock: %w", err)
		}
		return nil
	})
	return c, nil
}

// set moves the market to a time; the zero time gives it back to real time.
func (c *clock) set(now time.Time) error {
	setting := ClockSetting{}
	if !now.IsZero() {
		setting = ClockSetting{Now: now.UTC(), SetAt: c.now().UTC()}
	}
	if err := c.journal.Append("clock", setting); err != nil {
		return err
	}
	c.mu.Lock()
	c.setting = setting
	c.mu.Unlock()
	c.announce()
	return nil
}

// announce tells the application which setting holds.
func (c *clock) announce() {
	if c.tell != nil {
		c.tell(c.current())
	}
}

func (c *clock) current() ClockSetting {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.setting
}

// marketNow is the market's time, in New York.
func (c *clock) marketNow() time.Time { return c.current().At(c.now()).In(c.newYork) }

// marketDate is the New York date of the market's time.
func (c *clock) marketDate() civilDate { return dateOf(c.marketNow()) }

// inSession reports whether orders can trade: always, until a time is set.
func (c *clock) inSession() bool {
	if !c.current().IsSet() {
		return true
	}
	now := c.marketNow()
	opens, closes, trading := session(dateOf(now), c.newYork)
	return trading && !now.Before(opens) && now.Before(closes)
}

// dayOver reports whether a day order of a date has had its session: its close
// has passed, or without a set time the date itself.
func (c *clock) dayOver(day civilDate) bool {
	if !c.current().IsSet() {
		return day.before(c.marketDate())
	}
	_, closes, trading := session(day, c.newYork)
	if !trading {
		return day.before(c.marketDate())
	}
	return !c.marketNow().Before(closes)
}

// orderDate is the trading date a day order placed now belongs to: today, or
// the next session when today's is over.
func (c *clock) orderDate() civilDate {
	day := c.marketDate()
	if !c.current().IsSet() {
		return day
	}
	for c.sessionGone(day) {
		day = day.add(1)
	}
	return day
}

func (c *clock) sessionGone(day civilDate) bool {
	_, closes, trading := session(day, c.newYork)
	return !trading || !c.marketNow().Before(closes)
}

// contractOver reports whether contracts of an expiration have ended: at the
// close of that day.
func (c *clock) contractOver(expiration civilDate) bool {
	closes := time.Date(expiration.Year, expiration.Month, expiration.Day, 16, 0, 0, 0, c.newYork)
	if _, early, trading := session(expiration, c.newYork); trading {
		closes = early
	}
	return !c.marketNow().Before(closes)
}

// next returns the first opening and the first close after an instant.
func (c *clock) next(now time.Time) (opening, closing time.Time) {
	for day := dateOf(now.In(c.newYork)); opening.IsZero() || closing.IsZero(); day = day.add(1) {
		opens, closes, trading := session(day, c.newYork)
		if trading && opening.IsZero() && opens.After(now) {
			opening = opens
		}
		if trading && closing.IsZero() && closes.After(now) {
			closing = closes
		}
	}
	return opening, closing
}
