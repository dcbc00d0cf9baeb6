package copytrade

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// came gives a follower the copies that a decided entry bought.
func (f *floor) came(w follower, n int) (position uuid.UUID) {
	f.Helper()
	order := f.entered(w, orders.Accepted)
	f.bought(w, order, n, orders.Filled)
	f.must(f.copier.OnOrder(f.ctx, order))
	return read[uuid.UUID](f, `select position_id from orders where id = $1`, order)
}

// later lets what the trader did, and what was decided about it, lie back.
func (f *floor) later() {
	f.Helper()
	f.exec(`update positions set updated_at = updated_at - interval '20 minutes' where user_id = $1`, f.trader)
	f.exec(`update copy_decisions set decided_at = decided_at - interval '20 minutes', expires_at = expires_at - interval '20 minutes'`)
}

// drifts are what stands between a follower and the trader, as "kind state held".
func (f *floor) drifts(w follower) string {
	f.Helper()
	f.must(f.copier.FindDrift(f.ctx))
	f.must(f.copier.FindDrift(f.ctx))
	return read[string](f, `select coalesce(string_agg(g.kind || ' ' || g.state || ' ' || coalesce(h.bought - h.sold, 0), ', ' order by g.seen_at), '')
		from copy_drifts g left join copy_holdings h on h.position_id = g.position_id and h.subscription_id = g.subscription_id
		where g.subscription_id = $1`, w.subscription)
}

func (f *floor) told(w follower) int {
	f.Helper()
	return read[int](f, `select count(*)::int from notifications where user_id = $1 and subject_key like 'drift:%'`, w.id)
}

// A follower is told once that the trader has left, and only when nothing sells the
// copies any more; nothing is sold by itself.
func TestWhoStillHoldsWhatTheTraderLeftIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after func(f *floor, w follower, position uuid.UUID) // the trader has sold everything, twenty minutes ago
		want  string
	}{
		"the exit came to nothing": {nil, "trader_left open 3"},
		"the trader sold just now": {func(f *floor, _ follower, _ uuid.UUID) {
			f.exec(`update positions set updated_at = now() where user_id = $1`, f.trader)
		}, ""},
		"the exit may still come": {func(f *floor, _ follower, _ uuid.UUID) {
			f.exec(`update copy_decisions set expires_at = now() + interval '1 minute' where side = 'STC'`)
		}, ""},
		"the copies are being sold": {func(f *floor, w follower, position uuid.UUID) {
			f.exec(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
				source, state, send_before, trading_day, subscription_id) values ($1, $2, $3, 'STC', $4, 'AAPL', 100, 1, 'Limit', 3, 'Day', 'manual', 'queued', now(), current_date, $5)`,
				w.id, w.account, position, symbol, w.subscription)
		}, ""},
		"the copies are sold": {func(f *floor, _ follower, position uuid.UUID) {
			f.exec(`update copy_holdings set sold = bought where position_id = $1`, position)
		}, ""},
		"the trader holds again": {func(f *floor, _ follower, _ uuid.UUID) { f.leads(orders.BTO, 1, 1, orders.Filled) }, ""},
		"copying rests":          {func(f *floor, w follower, _ uuid.UUID) { f.set(w, "status", "paused") }, "trader_left open 3"},
		"copying was stopped":    {func(f *floor, w follower, _ uuid.UUID) { f.set(w, "status", "cancelled") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.follower("ben", true)
			f.decide(f.leads(orders.BTO, 3, 3, orders.Filled))
			position := f.came(w, 3)
			f.hold(w.id, w.account, 4)
			if got := f.drifts(w); got != "" {
				t.Fatalf("while the trader holds: %s", got)
			}
			f.decide(f.leads(orders.STC, 3, 3, orders.Filled))
			f.later()
			if c.after != nil {
				c.after(f, w, position)
			}
			sells := f.exits(w)
			if got := f.drifts(w); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if told := f.told(w); told != min(len(c.want), 1) {
				t.Errorf("told %d times", told)
			}
			if f.exits(w) != sells {
				t.Error("something was sold by itself")
			}
		})
	}
}

// The other way round: an entry that was ordered and bought nothing. What the
// follower's own settings or hand kept out is no drift.
func TestWhoseCopyNeverCameIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after func(f *floor, w follower, order uuid.UUID)
		want  string
	}{
		"rejected": {func(f *floor, _ follower, o uuid.UUID) {
			f.exec(`update orders set state = 'rejected' where id = $1`, o)
		}, "never_came open 0"},
		"expired": {func(f *floor, _ follower, o uuid.UUID) {
			f.exec(`update orders set state = 'expired' where id = $1`, o)
		}, "never_came open 0"},
		"cancelled by the follower": {func(f *floor, _ follower, o uuid.UUID) {
			f.exec(`update orders set state = 'cancelled', cancel_requested_at = now() where id = $1`, o)
		}, ""},
		"filled": {func(f *floor, w follower, o uuid.UUID) { f.bought(w, o, 3, orders.Filled) }, ""},
		"the trader left": {func(f *floor, w follower, o uuid.UUID) {
			f.exec(`update orders set state = 'rejected' where id = $1`, o)
			f.leads(orders.STC, 3, 3, orders.Filled)
		}, ""},
		"copying rests": {func(f *floor, w follower, o uuid.UUID) {
			f.exec(`update orders set state = 'rejected' where id = $1`, o)
			f.set(w, "status", "paused")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w, none := f.follower("ben", true), f.follower("none", true)
			f.set(none, "denied_underlyings", []string{"AAPL"})
			f.decide(f.leads(orders.BTO, 3, 3, orders.Filled))
			order := f.entered(w, orders.Accepted)
			c.after(f, w, order)
			f.must(f.copier.OnOrder(f.ctx, order))
			f.later()
			if got := f.drifts(w); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := f.drifts(none); got != "" || f.told(none) != 0 {
				t.Errorf("who never wanted it: %q", got)
			}
		})
	}
}

// What comes together again, or is sold by hand, needs no answer any more.
func TestADriftThatIsGoneIsSettled(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	position := f.drifted(w)
	f.exec(`update copy_holdings set sold = 3 where position_id = $1`, position)
	f.must(f.copier.FindDrift(f.ctx))
	if list, err := f.copier.Drifts(f.ctx, w.id); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}

// drifted is a follower's position of 3 copies and 4 own contracts whose trader has left.
func (f *floor) drifted(w follower) (position uuid.UUID) {
	f.Helper()
	f.decide(f.leads(orders.BTO, 3, 3, orders.Filled))
	position = f.came(w, 3)
	f.hold(w.id, w.account, 4)
	f.decide(f.leads(orders.STC, 3, 3, orders.Filled))
	f.later()
	if got := f.drifts(w); got != "trader_left open 3" {
		f.Fatal(got)
	}
	return position
}

func (f *floor) drift(w follower) Drift {
	f.Helper()
	list, err := f.copier.Drifts(f.ctx, w.id)
	f.must(err)
	if len(list) != 1 {
		f.Fatalf("%d drifts", len(list))
	}
	return list[0]
}

// Kept copies are not asked about again; ignored ones are, when the trader leaves
// another time. Both are the follower's own to say, once.
func TestKeepAndIgnore(t *testing.T) {
	t.Parallel()
	f := open(t)
	keeps, ignores, other := f.follower("keeps", true), f.follower("ignores", true), f.follower("other", true)
	f.decide(f.leads(orders.BTO, 3, 3, orders.Filled))
	f.came(keeps, 3)
	f.came(ignores, 3)
	f.decide(f.leads(orders.STC, 3, 3, orders.Filled))
	f.later()
	f.must(f.copier.FindDrift(f.ctx))
	kept, ignored := f.drift(keeps), f.drift(ignores)
	for range 2 {
		if d, err := f.copier.Keep(f.ctx, keeps.id, kept.ID); err != nil || d.State != DriftKept {
			t.Fatal(d.State, err)
		}
		if d, err := f.copier.Ignore(f.ctx, ignores.id, ignored.ID); err != nil || d.State != DriftIgnored {
			t.Fatal(d.State, err)
		}
	}
	if _, err := f.copier.Ignore(f.ctx, keeps.id, kept.ID); fault.CodeOf(err) != "invalid_state" {
		t.Error("answered twice:", err)
	}
	if _, err := f.copier.Keep(f.ctx, other.id, kept.ID); fault.CodeOf(err) != "not_found" {
		t.Error("somebody else's:", err)
	}
	f.exec(`update copy_drifts set leader_position_id = position_id`) // the trader leaves another position of it
	if got := f.drifts(keeps); got != "trader_left kept 3" {
		t.Error("kept:", got)
	}
	if got := f.drifts(ignores); got != "trader_left ignored 3, trader_left open 3" {
		t.Error("ignored:", got)
	}
}

// Closing sells the copies and nothing else, however often it is asked for, by
// whichever key; what is not sold comes back to be decided.
func TestClosingADriftSellsTheCopiesOnce(t *testing.T) {
	t.Parallel()
	f := openQuoted(t)
	f.quote(symbol, "2.00", "2.10")
	w, other := f.follower("ben", true), f.follower("other", true)
	f.drifted(w)
	d := f.drift(w)
	if _, _, err := f.copier.CloseDrift(f.ctx, other.id, d.ID, Key{Text: "somebody-elses-key"}); fault.CodeOf(err) != "not_found" {
		t.Error("somebody else's:", err)
	}
	var clicks sync.WaitGroup
	for i := range 8 {
		clicks.Go(func() {
			key := []string{"one-and-the-same-key", "another-click-s-key"}[i%2]
			if _, _, err := f.copier.CloseDrift(f.ctx, w.id, d.ID, Key{Text: key}); err != nil && fault.CodeOf(err) != "invalid_state" && fault.CodeOf(err) != "insufficient_quantity" {
				f.Error(err)
			}
		})
	}
	clicks.Wait()
	if got := f.sells(w); got != "3@1.8 queued" {
		t.Fatalf("sells %q", got)
	}
	placed := f.drift(w)
	if placed.State != DriftClosing || placed.OrderID == nil {
		t.Errorf("%+v", placed)
	}
	if got := f.drifts(w); got != "trader_left closing 3" {
		t.Error("while it is being sold:", got)
	}
	f.exec(`update orders set state = 'aborted', finished_at = now() where id = $1`, placed.OrderID)
	if got := f.drifts(w); got != "trader_left open 3" {
		t.Error("once it was not sold:", got)
	}
	if f.told(w) != 1 {
		t.Error("told again")
	}
}

func TestClosingADriftIsRefusedWhereNothingCanBeSold(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.drifted(w)
	d := f.drift(w)
	if _, _, err := f.copier.CloseDrift(f.ctx, w.id, d.ID, Key{Text: "a-key-of-16-letters"}); fault.CodeOf(err) != "risk_no_quote" {
		t.Error("without a bid:", err)
	}
	f.clock.Set(exchange.ClockState{})
	f.at("2026-11-21 12:00")
	if _, _, err := f.copier.CloseDrift(f.ctx, w.id, d.ID, Key{Text: "a-key-of-16-letters"}); fault.CodeOf(err) != "risk_market_closed" {
		t.Error("on a Saturday:", err)
	}
	if f.sells(w) != "" || f.drift(w).State != DriftOpen {
		t.Error("a refusal left something behind")
	}
	text, err := json.Marshal(d)
	f.must(err)
	if want := `"text":"@ava holds none of it any more; you still hold 3 copied."`; !json.Valid(text) || !contains(string(text), want) {
		t.Errorf("no %s in %s", want, text)
	}
}

func contains(text, part string) bool { return strings.Contains(text, part) }
