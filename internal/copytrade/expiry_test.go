package copytrade

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/orders"
)

// at turns the market's clock to a New York time.
func (f *floor) at(text string) {
	f.Helper()
	when, err := time.ParseInLocation("2006-01-02 15:04", text, exchange.NewYork)
	f.must(err)
	f.clock.Set(exchange.ClockState{Offset: time.Until(when)})
}

// at turns the sandbox's clock with it, by which quotes are made.
func (f *exchangeFloor) at(text string) {
	f.Helper()
	f.floor.at(text)
	body, err := json.Marshal(map[string]any{"now": f.clock.Now()})
	f.must(err)
	answer, err := http.Post(f.url+"/_sandbox/clock", "application/json", bytes.NewReader(body))
	f.must(err)
	f.must(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		f.Fatal(answer.Status)
	}
}

// expires makes a position one of a contract of that day.
func (f *floor) expires(position uuid.UUID, day string) (symbol string) {
	f.Helper()
	symbol = "AAPL  " + strings.ReplaceAll(day[2:], "-", "") + "C00200000"
	f.exec(`update positions set symbol = $2, expiration = $3::text::date where id = $1`, position, symbol, day)
	return symbol
}

// Twice on the last day, never twice for one time, and never after the close.
func TestHoldersOfCopiesAreWarnedOnTheLastDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expires string
		times   []string // each looked at twice
		want    string   // what was said, by the number of warnings after each
	}{
		"an ordinary day": {"2026-11-20", []string{
			"2026-11-19 15:30", "2026-11-20 09:45", "2026-11-20 10:00", "2026-11-20 14:59", "2026-11-20 15:00", "2026-11-20 15:59", "2026-11-20 16:00",
		}, "0 0 1 1 2 2 2"},
		"away at ten":     {"2026-11-20", []string{"2026-11-20 09:59", "2026-11-20 11:30"}, "0 1"},
		"away until late": {"2026-11-20", []string{"2026-11-20 15:20", "2026-11-20 15:40"}, "1 1"},
		"an early close":  {"2026-11-27", []string{"2026-11-27 10:00", "2026-11-27 11:59", "2026-11-27 12:00", "2026-11-27 13:00", "2026-11-27 15:00"}, "1 1 2 2 2"},
		// Good Friday: the last day is Thursday.
		"a holiday": {"2027-03-26", []string{"2027-03-25 10:00", "2027-03-25 15:00", "2027-03-26 10:00"}, "1 2 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w, own := f.follower("ben", true), f.follower("own", true)
			position := f.holdCopied(w, 3)
			f.hold(w.id, w.account, 2)
			f.expires(position, c.expires)
			f.expires(f.hold(own.id, own.account, 2), c.expires) // not copied
			var said []string
			for _, at := range c.times {
				f.at(at)
				f.must(f.copier.GuardExpiry(f.ctx))
				f.must(f.copier.GuardExpiry(f.ctx))
				said = append(said, read[string](f, `select count(*)::text from notifications where user_id = $1`, w.id))
			}
			if got := strings.Join(said, " "); got != c.want {
				t.Errorf("said %s, want %s", got, c.want)
			}
			if n := read[int](f, `select count(*)::int from notifications where user_id = $1`, own.id); n != 0 {
				t.Errorf("%d about what was not copied", n)
			}
		})
	}
}

func TestTheWarningSaysWhatExpiringTakes(t *testing.T) {
	t.Parallel()
	f := openQuoted(t)
	w := f.follower("ben", true)
	position := f.holdCopied(w, 3)
	f.hold(w.id, w.account, 2)
	f.expires(position, "2026-11-20")
	f.at("2026-11-20 10:00")
	f.quote("AAPL", "203.15", "203.25")
	f.must(f.copier.GuardExpiry(f.ctx))
	const want = "Last day: AAPL 20 Nov 26 200 C. You hold 5, 3 of them copied from @ava. "
	got := read[string](f.floor, `select title || '. ' || body from notifications`)
	if !strings.HasPrefix(got, want) || !strings.Contains(got, "In the money by $3.") || !strings.HasSuffix(got, "Exercised, it buys 500 shares for $100,000.00. It trades until 16:00 New York.") {
		t.Error(got)
	}
}

// At the chosen time, once, the copies alone; before an early close in any case.
func TestCopiesAreSoldAtTheChosenTimeOfTheLastDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expires, chosen string
		times           []string
		want            string // whether they are being sold after each
	}{
		"an ordinary day":   {"2026-11-20", "15:30", []string{"2026-11-19 15:45", "2026-11-20 15:29", "2026-11-20 15:30"}, "no no yes"},
		"away at the time":  {"2026-11-20", "15:30", []string{"2026-11-20 15:50"}, "yes"},
		"after the close":   {"2026-11-20", "15:30", []string{"2026-11-20 16:00", "2026-11-20 16:30"}, "no no"},
		"an early close":    {"2026-11-27", "15:30", []string{"2026-11-27 12:44", "2026-11-27 12:45"}, "no yes"},
		"early by itself":   {"2026-11-27", "11:00", []string{"2026-11-27 10:59", "2026-11-27 11:00"}, "no yes"},
		"past an early one": {"2026-11-27", "15:30", []string{"2026-11-27 13:00", "2026-11-27 15:30"}, "no no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openQuoted(t)
			w, without := f.follower("ben", true), f.follower("cara", true)
			f.set(w, "close_on_expiry_at", c.chosen)
			position := f.holdCopied(w, 3)
			f.hold(w.id, w.account, 2)
			expiring := f.expires(position, c.expires)
			f.expires(f.holdCopied(without, 3), c.expires)
			var sold []string
			for _, at := range c.times {
				f.at(at)
				f.quote(expiring, "1.00", "1.10")
				for range 2 {
					f.must(f.copier.GuardExpiry(f.ctx))
					f.must(f.copier.PlaceTriggered(f.ctx))
				}
				sold = append(sold, map[bool]string{true: "yes", false: "no"}[f.sells(w) == "3@0.9 queued"])
			}
			if got := strings.Join(sold, " "); got != c.want {
				t.Errorf("sold %s, want %s: %s, %s", got, c.want, f.triggers(w), f.sells(w))
			}
			if f.sells(without) != "" {
				t.Error("sold for who chose no time")
			}
		})
	}
}

// What would be sold at once because of its last day is not bought.
func TestNothingIsBoughtPastTheTimeItWouldBeSoldAt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ at, chosen, want string }{
		"before the time":           {"2026-11-20 13:29", "13:30", "queued"},
		"at the time":               {"2026-11-20 13:30", "13:30", "skipped: expires_too_soon"},
		"on a day that is not last": {"2026-11-19 13:30", "13:30", "queued"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			f.at(c.at)
			w, without, paper := f.follower("ben", true), f.follower("cara", true), f.onPaper("dan", true)
			f.set(w, "close_on_expiry_at", c.chosen)
			f.set(paper, "close_on_expiry_at", c.chosen)
			order := f.leads(orders.BTO, 4, 4, orders.Filled)
			f.expires(read[uuid.UUID](f, `select position_id from orders where id = $1`, order), "2026-11-20")
			f.decide(order)
			if got := f.reason(w); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if got := f.reason(paper); got != c.want {
				t.Errorf("on paper: %s, want %s", got, c.want)
			}
			if got := f.reason(without); got != "queued" {
				t.Errorf("who chose no time: %s", got)
			}
		})
	}
}

// Without a bid the sale waits, and is tried again.
func TestASaleOnTheLastDayWaitsForABid(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.set(w, "close_on_expiry_at", "15:30")
	f.expires(f.holdCopied(w, 3), "2026-11-20")
	f.at("2026-11-20 15:30")
	f.must(f.copier.GuardExpiry(f.ctx))
	f.must(f.copier.PlaceTriggered(f.ctx))
	if got := f.triggers(w); got != "expiry_close waiting risk_no_quote" {
		t.Error(got)
	}
}
