package orders

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
)

// inProcess answers requests with a handler, without a network; nil: nobody answers.
type inProcess struct{ handler http.Handler }

// RoundTrip lets the handler answer.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.handler == nil {
		return nil, context.DeadlineExceeded
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	p.handler.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// after puts a desk some trading days after the contracts' last, on which AAPL closed
// at a price; "": nobody can be asked about that.
func (b *booker) after(days int, closed string) {
	b.t.Helper()
	world, err := sandbox.Open(sandbox.Options{
		ClientID: "test", ConsumerKey: "ck", Stepped: true, Seed: 5, Now: func() time.Time { return sampleDay.At(17, 0) },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = world.Close(context.Background()) })
	setting, err := json.Marshal(map[string]any{"symbol": "AAPL", "last": json.Number(closed), "frozen": true})
	if closed == "" {
		setting, err = []byte(`{"symbol": "", "frozen": true}`), nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	told := httptest.NewRecorder()
	world.Handler().ServeHTTP(told, httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, "http://127.0.0.1/_sandbox/market", bytes.NewReader(setting)))
	if told.Code != http.StatusOK {
		b.t.Fatalf("%d %s", told.Code, told.Body)
	}
	cache, err := redis.Open(b.t.Context(), redis.Options{InProcess: true})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = cache.Close() })
	day := sampleDay
	for range days {
		for day = day.AddDays(1); !exchange.IsTradingDay(day); day = day.AddDays(1) {
			continue
		}
	}
	transport := inProcess{world.Handler()}
	if closed == "" {
		transport = inProcess{}
	}
	b.desk.clock = exchange.NewClock(func() time.Time { return day.At(8, 0) })
	quotes := market.New(market.Options{
		BaseURL: "http://127.0.0.1/alpaca", Key: "key", Secret: secret.New("secret"), Cache: cache, DB: b.db, Clock: b.desk.clock,
		HTTP: &http.Client{Transport: transport}, Logger: slog.New(slog.DiscardHandler), Hurry: true,
	})
	b.t.Cleanup(quotes.Close)
	b.desk.market = quotes
}

// unlinked is an account that is gone, holding four contracts for 1,200.
func (b *booker) unlinked() {
	b.t.Helper()
	b.must(`update positions set bought = 4, cost_bought = 1200, remaining_cost = 1200, opened_at = now()`)
	b.must(`insert into account_looks (account_id, user_id) values ($1, $2)`, b.account, b.user)
	b.must(`update accounts set removed_at = now(), selected = false, can_trade = false`)
}

// settles runs one round of settling; whatever it could not do is tried again.
func (b *booker) settles() error {
	b.t.Helper()
	b.must(`update account_looks set settle_at = null, settled_for = null`)
	return b.desk.SettleExpired(b.t.Context())
}

func (b *booker) held(id uuid.UUID) positions.Position {
	b.t.Helper()
	p, err := positions.New(b.db).Position(b.t.Context(), b.user, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// What expires on an account that is gone is settled by what the market alone can say:
// out of the money it ended for nothing, at once; of anything else nobody will ever
// tell what it brought, so after the days in which the account may come back it leaves
// without a result. Its owner is told either way, once.
func TestWhatExpiresOnARemovedAccountIsSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		days     int
		closed   string
		status   positions.Status
		realized string
		outcome  string
		told     string
	}{
		"out of the money":              {1, "150", positions.EndExpired, "-1200", "loss", "AAPL"},
		"in the money":                  {1, "215", positions.ExpiryPending, "0", "", ""},
		"in the money, days later":      {4, "215", positions.Closed, "0", "", "AAPL"},
		"nearly at the money":           {1, "199", positions.ExpiryPending, "0", "", ""},
		"nearly at the money, later":    {4, "199", positions.Closed, "0", "", "AAPL"},
		"nobody tells the close":        {1, "", positions.ExpiryPending, "0", "", ""},
		"nobody tells it for days":      {4, "", positions.ExpiryPending, "0", "", ""},
		"before the hour of settlement": {0, "150", positions.Open, "0", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			b.unlinked()
			b.after(c.days, c.closed)
			for range 2 { // the second round finds nothing new
				if err := b.settles(); (err == nil) != (c.closed != "") {
					t.Fatalf("settling: %v", err)
				}
			}
			p := b.held(b.position)
			var outcome string
			if p.Outcome != nil {
				outcome = string(*p.Outcome)
			}
			if p.Status != c.status || p.Ledger.Realized.String() != c.realized || outcome != c.outcome {
				t.Errorf("%s with %s realised, a %q; want %s, %s, %q", p.Status, p.Ledger.Realized, outcome, c.status, c.realized, c.outcome)
			}
			if ended := c.told != ""; ended != (p.Held() == 0 && p.Ledger.RemainingCost.IsZero() && p.ClosedAt != nil) {
				t.Errorf("%d held for %s, closed at %v", p.Held(), p.Ledger.RemainingCost, p.ClosedAt)
			}
			want := 0
			if c.told != "" {
				want = 1
			}
			if n := b.count(`select count(*) from notifications where user_id = $1 and position_id = $2 and body like '%not linked any more%'`, b.user, b.position); n != want {
				t.Errorf("told %d times, want %d", n, want)
			}
			if p.Status == positions.Closed && (p.Unpriced != 4 || p.Review == nil) {
				t.Errorf("%d without a price, review %v", p.Unpriced, p.Review)
			}
			if c.closed == "" && c.days > settleDays && p.Review == nil {
				t.Error("nobody is asked about what stays pending")
			}
		})
	}
}

// Orders on such a contract are over: what was not sent is not, what worked lapsed, with
// what it filled kept and an operator asked; a change of it came to nothing. One of which
// nobody knows whether it is at the broker holds the position up until an operator has said so.
func TestOrdersOnARemovedAccountLapseWithTheirContract(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	sell := b.limitOrder(STC, 5, 2) // ten bought for 200 each
	b.must(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, cost_removed, realized) values ($1, 2, $2, $3, 'STC', 2, 6.80, 400, 280)`,
		sell, b.user, b.position)
	b.must(`insert into order_changes (order_id, user_id, account_id, symbol, side, quantity, trading_day, state, send_before)
		select id, user_id, account_id, symbol, side, 6, trading_day, 'queued', now() + interval '1 minute' from orders where id = $1`, sell)
	queued := b.order(STC, Queued, 0)
	b.must(`update positions set sell_reserved = sell_reserved + 1 where id = $1`, b.position)
	b.must(`update orders set quantity = 1 where id = $1`, queued)
	unknown := b.order(BTO, Unknown, 0)
	b.must(`update orders set sent_at = now() - interval '40 days', deadline = now() - interval '40 days' where id = $1`, unknown)
	b.must(`insert into account_looks (account_id, user_id) values ($1, $2) on conflict do nothing`, b.account, b.user)
	b.must(`update accounts set removed_at = now(), selected = false, can_trade = false`)
	b.after(1, "150")
	if err := b.settles(); err != nil {
		t.Fatal(err)
	}
	lapsed, aborted := b.read(sell), b.read(queued)
	if lapsed.State != Expired || lapsed.Cum != 2 || lapsed.Review == nil || lapsed.Change.State != ChangeAborted || aborted.State != Aborted {
		t.Errorf("the sell is %s with %d filled (review %v), its change %s; what was queued is %s",
			lapsed.State, lapsed.Cum, lapsed.Review, lapsed.Change.State, aborted.State)
	}
	if p := b.held(b.position); p.Status != positions.Open || p.Held() != 8 || p.Reserved != 0 {
		t.Errorf("while an order is unknown: %s with %d held, %d reserved", p.Status, p.Held(), p.Reserved)
	}
	if _, err := b.desk.RecordNotPlaced(t.Context(), b.user, unknown, evidence); err != nil {
		t.Fatal(err)
	}
	if err := b.settles(); err != nil {
		t.Fatal(err)
	}
	if p := b.held(b.position); p.Status != positions.EndExpired || p.Held() != 0 || p.Reserved != 0 || p.Ledger.Realized.String() != "-1600" {
		t.Errorf("then: %s with %d held, %d reserved, %s realised", p.Status, p.Held(), p.Reserved, p.Ledger.Realized)
	}
}

// A purchase that never filled there leaves a void position, and counts nowhere.
func TestAPurchaseOnARemovedAccountLapsesToNothing(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	buy := b.limitOrder(BTO, 5, 0)
	b.must(`insert into account_looks (account_id, user_id) values ($1, $2) on conflict do nothing`, b.account, b.user)
	b.must(`update accounts set removed_at = now(), selected = false, can_trade = false`)
	b.after(1, "150")
	if err := b.settles(); err != nil {
		t.Fatal(err)
	}
	if n := b.count(`select count(*) from positions where status = 'void'`); b.read(buy).State != Expired || n != 1 {
		t.Errorf("the order is %s, %d void positions", b.read(buy).State, n)
	}
}
