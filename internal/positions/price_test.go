package positions

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// The latest reading's price stands, with the reading's time; a late answer with an
// older reading changes nothing, and neither does one that says no price.
func TestWhatTheBrokerLastSaidAContractIsWorth(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	at := time.Now().UTC().Truncate(time.Microsecond)
	reads := func(after time.Duration, price string) {
		t.Helper()
		h := held(t, appleCall, 5, "3.00")
		if price != "" {
			last := decimal.RequireFromString(price)
			h.Price = &last
		}
		reading := Reading{AccountID: r.account, UserID: r.user, AsOf: at.Add(after), Held: []Held{h}, Complete: true}
		if _, err := New(r.db).Compare(t.Context(), reading, testDay, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after         time.Duration
		says          string
		want          string
		wantAfter     time.Duration
		wantSomething bool
	}{
		{0, "", "", 0, false},
		{time.Minute, "3.25", "3.25", time.Minute, true},
		{2 * time.Minute, "", "3.25", time.Minute, true},
		{30 * time.Second, "9.99", "3.25", time.Minute, true},
		{3 * time.Minute, "-1", "3.25", time.Minute, true},
		{4 * time.Minute, "0", "0", 4 * time.Minute, true},
	} {
		reads(c.after, c.says)
		got, err := New(r.db).BrokerPrices(t.Context(), r.user, []uuid.UUID{p.ID, uuid.New()})
		if err != nil {
			t.Fatal(err)
		}
		price, known := got[p.ID]
		if known != c.wantSomething || len(got) > 1 {
			t.Fatalf("after %s %q: %v", c.after, c.says, got)
		}
		if known && (!price.Price.Equal(decimal.RequireFromString(c.want)) || !price.At.Equal(at.Add(c.wantAfter))) {
			t.Errorf("after %s %q: %+v, want %s of %s", c.after, c.says, price, c.want, c.wantAfter)
		}
	}
}
