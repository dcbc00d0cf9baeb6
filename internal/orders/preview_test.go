package orders

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// A preview shows the buying power after the order, of a sale too: an old balance is
// read again for it. The sale itself is placed without asking for one.
func TestAPreviewOfASaleShowsTheBuyingPowerAfterIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age   string // of the balance that is known
		reads int32
		away  bool
		after string // dollars
	}{
		"the balance is new":               {"10 seconds", 0, false, "1680.00"},
		"the balance is old":               {"2 minutes", 1, false, "5680.00"},
		"it is old, and cannot be read":    {"2 minutes", 1, true, ""},
		"nobody has read a balance before": {"", 1, false, "5680.00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reads atomic.Int32
			b := linkedBooker(t, pgtest.New(t), func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case !strings.HasSuffix(r.URL.Path, "/balances"):
					http.Error(w, `{"detail":"no previews here"}`, http.StatusNotImplemented)
				case c.away:
					reads.Add(1)
					http.Error(w, `{"detail":"away"}`, http.StatusInternalServerError)
				default:
					reads.Add(1)
					_, _ = w.Write([]byte(`[{"currency":{"code":"USD"},"cash":5000,"buying_power":5000}]`))
				}
			})
			b.must(`update positions set bought = 4, cost_bought = 1200, remaining_cost = 1200`)
			if c.age != "" {
				b.must(`update accounts set cash = 1000, buying_power = 1000, balance_at = now() - $1::interval`, c.age)
			}
			two, limit := 2, money.MustPrice("3.40")
			r := Request{Side: STC, PositionID: b.position.String(), Quantity: &two, OrderType: Limit, LimitPrice: &limit}
			p, err := b.desk.Preview(t.Context(), b.user, r)
			if err != nil {
				t.Fatal(err)
			}
			after := ""
			if p.BuyingPowerAfter != nil {
				after = p.BuyingPowerAfter.String()
			}
			if after != c.after || reads.Load() != c.reads {
				t.Errorf("%q is left after it, want %q; the balance was read %d times, want %d", after, c.after, reads.Load(), c.reads)
			}
			b.must(`update accounts set balance_at = now() - interval '1 hour'`)
			if _, err := b.desk.Place(t.Context(), b.user, Key{Text: "a key of 16 letters", Body: []byte("{}")}, r); err != nil {
				t.Fatal(err)
			}
			if reads.Load() != c.reads {
				t.Errorf("placing it read the balance %d times", reads.Load()-c.reads)
			}
		})
	}
}

// Previews ask the broker out of everybody's request budget, so that one person's are bounded:
// beyond that they are estimates, of the same order.
func TestPreviewsBeyondTheirShareAreEstimates(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	b := linkedBooker(t, pgtest.New(t), func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/impact") {
			asked.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"estimated_cash_change":"680.00","cash_change_direction":"CREDIT","estimated_fee_total":"1.00"}`))
	})
	b.must(`update positions set bought = 4, cost_bought = 1200, remaining_cost = 1200`)
	b.must(`update accounts set cash = 1000, buying_power = 1000, balance_at = now()`)
	left := 1
	b.desk.mayAsk = func(_ context.Context, user uuid.UUID) bool {
		left--
		return user == b.user && left >= 0
	}
	two, limit := 2, money.MustPrice("3.40")
	r := Request{Side: STC, PositionID: b.position.String(), Quantity: &two, OrderType: Limit, LimitPrice: &limit}
	for i, source := range []string{"broker", "estimate", "estimate"} {
		p, err := b.desk.Preview(t.Context(), b.user, r)
		if err != nil {
			t.Fatal(err)
		}
		if p.Source != source || p.CashEffect == nil || p.CashEffect.String() != "680.00" {
			t.Errorf("preview %d: %s of %v", i, p.Source, p.CashEffect)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the broker was asked %d times", n)
	}
}
