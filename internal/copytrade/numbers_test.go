package copytrade

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

// has wants numbers to be in a JSON object, as text.
func (f *floor) has(about, numbers string, want map[string]string) {
	f.Helper()
	var got map[string]any
	f.must(json.Unmarshal([]byte(numbers), &got))
	for name, value := range want {
		text, ok := got[name].(string)
		if !ok {
			raw, err := json.Marshal(got[name])
			f.must(err)
			text = string(raw)
		}
		if text != value {
			f.Errorf("%s: %s is %s, want %s, in %s", about, name, text, value, numbers)
		}
	}
}

func (f *floor) numbers(w follower) string {
	f.Helper()
	return string(f.decision(w).Numbers)
}

// Who is skipped because of the line is told when it could have been sent, where the
// forecast reaches so far, and how long their settings wait.
func TestALineTooLongSaysWhenItCouldHaveBeenSent(t *testing.T) {
	t.Parallel()
	f := open(t)
	patient, hurried := f.follower("ben", true), f.follower("cara", true)
	f.set(hurried, "max_delay_seconds", 10)
	f.budget(20, 20, 40, 40)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.exec(`update fills set learnt_at = now(), executed_at = now() where order_id = $1`, order)
	f.decide(order)
	if got := f.reason(patient) + ", " + f.reason(hurried); got != "queued, skipped: line_too_long" {
		t.Fatal(got)
	}
	f.has("hurried", f.numbers(hurried), map[string]string{"forecastMs": "20000", "maxDelaySeconds": "10"})
	waits := read[int](f, `select (numbers ->> 'waitsMs')::int from copy_decisions where subscription_id = $1`, hurried.subscription)
	if waits <= 0 || waits > 10_000 {
		t.Errorf("it may wait %d ms", waits)
	}
	if n := read[int](f, `select count(*)::int from copy_decisions where numbers ? 'forecastMs'`); n != 1 {
		t.Errorf("%d have a forecast", n)
	}
	// Where it does not reach, nobody says when.
	g := open(t)
	w := g.follower("ben", true)
	g.budget(61)
	g.decide(g.leads(orders.BTO, 4, 4, orders.Filled))
	if got := g.reason(w); got != "skipped: line_too_long" || read[bool](g, `select numbers ?| array['forecastMs', 'waitsMs'] from copy_decisions`) {
		t.Errorf("%s %s", got, g.numbers(w))
	}
}

// A copy that is refused when it is to be sent (T2) says why, with the numbers compared then.
func TestARefusalAtTheClaimKeepsItsNumbers(t *testing.T) {
	t.Parallel()
	f := openBrokered(t)
	f.quote(symbol, "3.45", "3.50")
	w := f.follower("ben")
	f.places(f.trader, "BTO 2 AAPL 200C "+sampleDay.At(12, 0).Format("1/2/06")+" @ 3.50")
	f.works(func() {
		if read[bool](f.floor, `select exists (select from orders where source = 'copy' and state = 'queued')`) {
			f.quote(symbol, "1.00", "1.10") // far below the copy's limit
		}
	})
	if got := f.reason(w); got != "skipped: risk_collar" {
		t.Fatalf("%s, its order %s", got, read[string](f.floor, `select state || ' ' || coalesce(reason, '') from orders where source = 'copy'`))
	}
	if state := read[string](f.floor, `select state from orders where source = 'copy'`); state != "aborted" {
		t.Errorf("its order is %s: the refusal was no claim's", state)
	}
	f.has("the claim", f.numbers(w), map[string]string{"ask": "1.10", "price": "3.65", "wanted": "2"})
}

// What is refused in the transaction that writes the order keeps what was compared there.
func TestBoundsAndTheLossStopSayWhatTheyCompared(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 3) // for 1,050 dollars
	f.set(w, "max_exposure", "1500")
	leader, err := f.copier.desk.Any(f.ctx, f.leads(orders.BTO, 2, 2, orders.Filled))
	f.must(err)
	refused := func(check func(ctx context.Context, tx pgx.Tx, s Subscription) error) string {
		t.Helper()
		s, err := f.copier.Subscription(f.ctx, w.id, w.subscription)
		f.must(err)
		err = f.db.AsSystem(f.ctx, "test", func(ctx context.Context, tx pgx.Tx) error { return check(ctx, tx, s) })
		code, _, compared, is := refusal(err)
		if !is {
			t.Fatal(err)
		}
		return `{"code": "` + code + `", "numbers": ` + compared + `}`
	}
	numbersIn := func(text string) string {
		t.Helper()
		var v struct{ Numbers json.RawMessage }
		f.must(json.Unmarshal([]byte(text), &v))
		return string(v.Numbers)
	}
	bounds := func(ctx context.Context, tx pgx.Tx, s Subscription) error {
		return withinBounds(ctx, tx, leader, s, money.MustPrice("3.50"), 2)
	}
	dear := refused(bounds)
	f.has("exposure", dear, map[string]string{"code": "max_exposure"})
	f.has("exposure", numbersIn(dear), map[string]string{"needed": "700.00", "exposure": "1050.00", "maxExposure": "1500.00"})

	f.set(w, "daily_loss_stop", "100")
	f.exec(`insert into copy_day_results (user_id, subscription_id, trading_day, realized) values ($1, $2, $3, -120)`, w.id, w.subscription, f.clock.Today())
	lost := refused(func(ctx context.Context, tx pgx.Tx, s Subscription) error { return f.copier.lossStop(ctx, s)(ctx, tx) })
	f.has("loss stop", lost, map[string]string{"code": "daily_loss_stop"})
	f.has("loss stop", numbersIn(lost), map[string]string{"madeToday": "-120.00", "dailyLossStop": "100.00"})

	if e := fault.Conflict("x", "y").With("confirm", "z"); string(e.Compared()) != "{}" {
		t.Errorf("what a person could say is no number: %s", e.Compared())
	}
}

// A bound that was reached keeps what it was held against, and why its order was refused.
func TestTriggersAndDriftKeepWhatTheyCompared(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.guarded("ben", 3)
	f.judged(f.quoted("1.00", "1.10"))
	numbers := func(table string) string {
		return read[string](f, `select numbers::text from `+table+` where subscription_id = $1`, w.subscription)
	}
	f.has("reached", numbers("copy_triggers"), map[string]string{
		"copied": "3", "free": "3", "mark": "1.0500", "bid": "1.0000", "costPerShare": "3.5000", "stopLossPercent": "30.00", "limit": "0.90",
	})
	order := read[uuid.UUID](f, `select id from orders where subscription_id = $1`, w.subscription)
	f.exec(`update orders set state = 'aborted', reason_code = 'insufficient_quantity', reason_numbers = '{"available": 1}', finished_at = now() where id = $1`, order)
	f.carryOn(order)
	f.has("refused", numbers("copy_triggers"), map[string]string{"available": "1", "mark": "1.0500"})

	g := open(t)
	v := g.follower("cara", true)
	g.decide(g.leads(orders.BTO, 4, 4, orders.Filled))
	g.came(v, 3)
	g.carryOn(g.leads(orders.STC, 4, 4, orders.Filled))
	g.exec(`update orders set state = 'aborted', finished_at = now() where side = 'STC' and source = 'copy'`)
	g.exec(`update copy_decisions set result = 'failed', reason = 'too_late' where side = 'STC'`)
	g.later()
	if got := g.drifts(v); got != "trader_left open 3" {
		t.Fatal(got)
	}
	g.has("drift", read[string](g, `select numbers::text from copy_drifts`), map[string]string{"copied": "3", "leaderHeld": "0", "leaderBought": "4"})
}

// An exit that was refused at its claim is tried again, and says meanwhile why it waits.
func TestAnExitRefusedAtItsClaimSaysWhyItWaits(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 4)
	f.leads(orders.BTO, 4, 4, orders.Filled)
	f.carryOn(f.leads(orders.STC, 4, 4, orders.Filled))
	order := read[uuid.UUID](f, `select id from orders where subscription_id = $1`, w.subscription)
	f.exec(`update orders set state = 'aborted', reason_code = 'risk_market_closed', reason_numbers = '{"opensAt": "2026-11-30T14:30:00Z"}', finished_at = now() where id = $1`, order)
	f.carryOn(order)
	if got := f.reason(w); got != "queued: risk_market_closed" {
		t.Error(got)
	}
	f.has("waits", f.numbers(w), map[string]string{"opensAt": "2026-11-30T14:30:00Z", "copied": "4"})
}
