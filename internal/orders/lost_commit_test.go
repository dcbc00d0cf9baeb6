package orders

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// fragile is a desk whose database is reached through something that takes connections
// away, and whose broker counts what it is asked.
type fragile struct {
	*booker
	cut   *pgtest.Cutter
	asked atomic.Int32 // requests of any kind to SnapTrade
}

func newFragile(t *testing.T) *fragile {
	t.Helper()
	f := &fragile{cut: pgtest.Cut(t, pgtest.URL(t))}
	f.booker = linkedBooker(t, pgtest.Open(t, f.cut.URL), func(w http.ResponseWriter, _ *http.Request) {
		f.asked.Add(1)
		http.Error(w, `{"detail":"busy"}`, http.StatusInternalServerError) // nobody knows what became of it
	})
	f.must(`update accounts set cash = 100000, buying_power = 100000, balance_at = now() + interval '1 hour'`)
	return f
}

// linkedBooker is a booker whose user is linked to a SnapTrade that answers so. Market
// data is off.
func linkedBooker(t *testing.T, db *postgres.DB, answers http.HandlerFunc) *booker {
	t.Helper()
	broker := httptest.NewServer(answers)
	t.Cleanup(broker.Close)
	client, err := snaptrade.New(snaptrade.Config{
		BaseURL: broker.URL, ClientID: "test", ConsumerKeys: []secret.Text{secret.New("a consumer key")}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b := bookerOn(t, shelfOn(t, db), client)
	b.desk.market = market.New(market.Options{DB: b.db, Clock: b.desk.clock})
	ring, err := secret.ParseRing(secret.New(bookerKey))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ring.Seal("snaptrade_users", "user_secret", b.user.String(), secret.New("a user secret"))
	if err != nil {
		t.Fatal(err)
	}
	b.must(`insert into snaptrade_users (user_id, snaptrade_user_id, user_secret, version, refreshed_at) values ($1, $1::uuid::text, $2, 1, now())`, b.user, sealed)
	return b
}

// buys is a request to buy one for 3.40, always with the same key.
func (f *fragile) buys() (Receipt, error) {
	one, strike, limit := 1, money.MustPrice("200"), money.MustPrice("3.40")
	r := Request{
		Side: BTO, Underlying: "AAPL", OptionType: "call", Strike: &strike, Expiration: expiryDate, Quantity: &one, OrderType: Limit, LimitPrice: &limit,
	}
	return f.desk.Place(f.t.Context(), f.user, Key{Text: "a key of 16 letters", Body: []byte("{}")}, r)
}

func (f *fragile) placed() (id uuid.UUID, n int) {
	f.t.Helper()
	if n = f.count(`select count(*) from orders`); n == 1 {
		id = f.id(`select id from orders`)
	}
	return id, n
}

// C3: whatever became of T1, the client hears that the database was away, repeats with
// its key, and has one order; nothing is sent before it is sure.
func TestALostCommitOfPlacingIsRepeatedWithItsKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose    func(*pgtest.Cutter)
		written int
	}{
		"it was done, and the answer lost": {(*pgtest.Cutter).LoseAnswer, 1},
		"it was never done":                {(*pgtest.Cutter).LoseCommit, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFragile(t)
			c.lose(f.cut)
			_, err := f.buys()
			if !postgres.IsUnavailable(err) || f.cut.Cuts() != 1 {
				t.Fatalf("cut %d times, and placing said %v, which is no 503", f.cut.Cuts(), err)
			}
			if _, n := f.placed(); n != c.written {
				t.Fatalf("%d orders are written, want %d", n, c.written)
			}
			for i := range 2 {
				again, err := f.buys()
				if replayed := c.written == 1 || i == 1; err != nil || again.Replayed != replayed {
					t.Errorf("repeated: replayed %v, want %v (%v)", again.Replayed, replayed, err)
				}
			}
			if _, n := f.placed(); n != 1 || f.asked.Load() != 0 {
				t.Errorf("%d orders, and %d requests to the broker", n, f.asked.Load())
			}
		})
	}
}

// C6: when the answer to the claim's COMMIT is lost, nothing is sent, whatever is on
// disk. What was claimed is looked for, what was not is claimed anew.
func TestALostCommitOfAClaimSendsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose func(*pgtest.Cutter)
		left State
		sent int32 // by the next who tries
		end  State
	}{
		"it was done, and the answer lost": {(*pgtest.Cutter).LoseAnswer, Submitting, 0, Submitting},
		"it was never done":                {(*pgtest.Cutter).LoseCommit, Queued, 1, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFragile(t)
			if _, err := f.buys(); err != nil {
				t.Fatal(err)
			}
			id, _ := f.placed()
			f.desk.crash = func(point string) {
				if point == "C4" { // the next transaction is the claim
					c.lose(f.cut)
				}
			}
			err := f.desk.Send(t.Context(), id)
			if !postgres.IsUnavailable(err) || f.cut.Cuts() != 1 {
				t.Fatalf("cut %d times, and sending said %v", f.cut.Cuts(), err)
			}
			if o := f.read(id); o.State != c.left || f.asked.Load() != 0 {
				t.Fatalf("the order is %s, want %s, and the broker was asked %d times", o.State, c.left, f.asked.Load())
			}
			f.desk.crash = func(string) {}
			if err := f.desk.Send(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if o := f.read(id); o.State != c.end || f.asked.Load() != c.sent {
				t.Errorf("the order is %s, want %s, and the broker was asked %d times, want %d", o.State, c.end, f.asked.Load(), c.sent)
			}
			f.must(`update orders set deadline = now() - interval '6 seconds' where state = 'submitting'`)
			if err := f.desk.sweepSubmitting(t.Context()); err != nil {
				t.Fatal(err)
			}
			if o := f.read(id); o.State != Unknown || f.asked.Load() != c.sent {
				t.Errorf("after its deadline the order is %s, and the broker was asked %d times", o.State, f.asked.Load())
			}
		})
	}
}
