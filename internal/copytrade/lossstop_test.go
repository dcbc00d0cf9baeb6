package copytrade

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
)

// exchangeFloor is a floor whose quotes are those of the sandbox's market, over HTTP.
type exchangeFloor struct {
	*floor
	url string
}

func openQuoted(t *testing.T) *exchangeFloor {
	t.Helper()
	world, err := sandbox.Open(sandbox.Options{ClientID: "test", ConsumerKey: "ck", AlpacaKey: "AK", AlpacaSecret: "AS", Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- world.Serve(context.Background()) }()
	cache, err := redis.Open(t.Context(), redis.Options{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-ended
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	read := time.Now() // every quote is read anew, so that what a test sets counts at once
	f := openWith(t, market.Options{
		BaseURL: world.URL() + "/alpaca", Key: "AK", Secret: secret.New("AS"), Cache: cache, HTTP: &http.Client{Timeout: 30 * time.Second},
		Now: func() time.Time { read = read.Add(2 * time.Second); return read }, Hurry: true,
	})
	return &exchangeFloor{f, world.URL()}
}

// quote sets what the market says of a contract from now on.
func (f *exchangeFloor) quote(symbol, bid, ask string) {
	f.Helper()
	body, err := json.Marshal(map[string]any{"symbol": symbol, "bid": bid, "ask": ask, "last": bid, "frozen": true})
	f.must(err)
	answer, err := http.Post(f.url+"/_sandbox/market", "application/json", bytes.NewReader(body))
	f.must(err)
	f.must(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		f.Fatal(answer.Status)
	}
}

// lost gives a follower's day a result of what was sold of ava's copies.
func (f *floor) lost(w follower, realized string) {
	f.Helper()
	f.exec(`insert into copy_day_results (subscription_id, trading_day, user_id, realized) values ($1, $2, $3, $4::numeric)
		on conflict (subscription_id, trading_day) do update set realized = excluded.realized`, w.subscription, f.clock.Today(), w.id, realized)
}

// The stop is the trader's own: what another trader's copies lost does not count,
// nor what was lost yesterday, and a loss of exactly as much is as much as allowed.
func TestTheDailyLossStopKeepsTheNextCopyOut(t *testing.T) {
	t.Parallel()
	f := open(t)
	over, under, yesterday, elsewhere, off := f.follower("over", true), f.follower("under", true), f.follower("yesterday", true),
		f.follower("elsewhere", true), f.follower("off", true)
	for _, w := range []follower{over, under, yesterday, elsewhere} {
		f.set(w, "daily_loss_stop", "200")
	}
	f.lost(over, "-200")
	f.lost(under, "-199.99")
	f.lost(yesterday, "-500")
	f.exec(`update copy_day_results set trading_day = trading_day - 1 where subscription_id = $1`, yesterday.subscription)
	f.exec(`insert into copy_results (user_id, trading_day, realized) values ($1, $2, -500)`, elsewhere.id, f.clock.Today())
	f.lost(off, "-900")
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	for w, want := range map[follower]string{over: "skipped: daily_loss_stop", under: "queued", yesterday: "queued", elsewhere: "queued", off: "queued"} {
		if got := f.reason(w); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if d := f.decision(over); !strings.Contains(string(d.Numbers), `"madeToday": "-200.00"`) || !strings.Contains(string(d.Numbers), `"dailyLossStop": "200.00"`) {
		t.Errorf("compared %s", d.Numbers)
	}
	f.decide(f.leads(orders.STC, 2, 2, orders.Filled)) // a sell is never kept back
	if got := f.reason(over); got != "skipped: no_copy_held" {
		t.Error("a sell:", got)
	}
}

// What is still held counts at its mark, in the fan-out and again in the
// transaction that writes the order.
func TestWhatIsHeldOfCopiesCountsAgainstTheDay(t *testing.T) {
	t.Parallel()
	f := openQuoted(t)
	w := f.follower("ben", true)
	f.set(w, "daily_loss_stop", "200")
	position := f.holdCopied(w, 2) // for 350 each
	f.exec(`update positions set symbol = 'MSFT  `+expiryCode+`C00400000', underlying = 'MSFT' where id = $1`, position)
	f.lost(w, "-100")
	for _, c := range []struct{ bid, ask, fanOut, inOrder string }{
		{"2.95", "3.05", "skipped: daily_loss_stop", "daily_loss_stop"}, // −100 sold, −100 held
		{"3.00", "3.10", "queued", ""},
	} {
		f.quote("MSFT  "+expiryCode+"C00400000", c.bid, c.ask)
		f.eventually(func() bool { // a read quote answers others for a second
			q, err := f.copier.market.Quote(f.ctx, "MSFT  "+expiryCode+"C00400000")
			return err == nil && q.Bid != nil && q.Bid.Equal(money.MustPrice(c.bid).Decimal)
		})
		f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
		if got := f.reason(w); got != c.fanOut {
			t.Errorf("at %s: %s, want %s", c.bid, got, c.fanOut)
		}
		s, err := f.copier.Subscription(f.ctx, w.id, w.subscription)
		f.must(err)
		within := f.copier.lossStop(f.ctx, s)
		code := ""
		f.must(f.db.AsSystem(f.ctx, "test", func(ctx context.Context, tx pgx.Tx) error {
			if err := within(ctx, tx); err != nil {
				code = fault.CodeOf(err)
			}
			return nil
		}))
		if code != c.inOrder {
			t.Errorf("at %s: %q in the order's transaction, want %q", c.bid, code, c.inOrder)
		}
	}
}

// eventually waits for something that others bring about, up to a minute.
func (f *floor) eventually(holds func() bool) {
	f.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			f.Fatal("it never came to hold")
		}
		<-tick.C
	}
}

// Whether a change loosens is judged by the row that is held: with a loosening the fresh
// sign-in is asked for, whose refusal changes nothing, however many others somebody copies.
func TestALooseningIsJudgedByTheSubscriptionItself(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.exec(`with them as (insert into users (username, name, role) select 'trader_' || n, 'T', 'trader' from generate_series(1, 210) n returning id)
		insert into subscriptions (follower_id, trader_id) select $1, id from them`, w.id)
	size, trades := 11, 4
	for _, c := range []struct {
		given Settings
		asks  bool
	}{{Settings{MaxPositionSize: &size}, true}, {Settings{MaxDailyTrades: &trades}, false}, {Settings{MaxDailyTrades: &trades, MaxPositionSize: &size}, true}} {
		asked := false
		_, err := f.copier.Update(f.ctx, w.id, w.subscription, Change{Settings: &c.given}, func() error { asked = true; return fault.Conflict("invalid_state", "Sign in again.") })
		if asked != c.asks || (fault.CodeOf(err) == "invalid_state") != c.asks {
			t.Errorf("asked %v: %v", asked, err)
		}
	}
	s, err := f.copier.Subscription(f.ctx, w.id, w.subscription)
	f.must(err)
	if *s.Settings.MaxPositionSize != 10 || *s.Settings.MaxDailyTrades != 4 {
		t.Errorf("size %d, trades %d", *s.Settings.MaxPositionSize, *s.Settings.MaxDailyTrades)
	}
}

// What lets copies lose more, or stay longer into their last day, is a loosening.
func TestLooserGuardsNeedAFreshSignIn(t *testing.T) {
	t.Parallel()
	now := Defaults()
	now.DailyLossStop, now.StopLossPercent = At(money.MustAmount("200")), At(money.MustAmount("30"))
	now.TakeProfitPercent, now.CloseOnExpiryAt = At(money.MustAmount("50")), At("15:00")
	for text, want := range map[string]bool{
		`{}`: false, `{"dailyLossStop":"200.01"}`: true, `{"dailyLossStop":null}`: true, `{"dailyLossStop":"100"}`: false,
		`{"stopLossPercent":"31"}`: true, `{"stopLossPercent":null}`: true, `{"stopLossPercent":"29"}`: false,
		`{"takeProfitPercent":null}`: false, `{"takeProfitPercent":"500"}`: false,
		`{"closeOnExpiryAt":"15:01"}`: true, `{"closeOnExpiryAt":null}`: true, `{"closeOnExpiryAt":"14:00"}`: false,
	} {
		var given Settings
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			t.Fatal(err)
		}
		if got := given.Loosens(now); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
