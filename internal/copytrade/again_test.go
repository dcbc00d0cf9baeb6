package copytrade

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/orders"
)

// Who copies a trader again after having stopped has a new subscription, active from
// now: what was traded in between is not copied, each order is decided about once for
// each subscription, and the old copies stay with the old one.
func TestCopyingTheSameTraderAgain(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	position := f.holdCopied(w, 3)
	before := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(before)
	old, err := f.copier.Unsubscribe(f.ctx, w.id, w.subscription)
	f.must(err)
	if old.Status != "cancelled" {
		t.Fatalf("it is %s", old.Status)
	}
	between := f.leads(orders.BTO, 1, 1, orders.Filled)
	body, _, err := f.copier.Subscribe(f.ctx, w.id, Key{Text: "the-same-trader-again", Body: []byte(`{}`)}, f.trader.String(), Settings{})
	f.must(err)
	var made struct{ ID uuid.UUID }
	f.must(json.Unmarshal(body, &made))
	if made.ID == w.subscription {
		t.Fatal("the cancelled subscription came back to life")
	}
	f.decide(between) // late: it filled before
	f.decide(before)
	after := f.leads(orders.BTO, 2, 2, orders.Filled)
	f.decide(after)
	f.decide(after)
	count := func(order uuid.UUID) string {
		return read[string](f, `select coalesce(string_agg(case subscription_id when $2 then 'old' when $3 then 'new' end, ' '), 'none')
			from copy_decisions where leader_order_id = $1`, order, w.subscription, made.ID)
	}
	for order, want := range map[uuid.UUID]string{before: "old", between: "none", after: "new"} {
		if got := count(order); got != want {
			t.Errorf("decided for %s, want %s", got, want)
		}
	}
	sell := f.leads(orders.STC, 7, 7, orders.Filled)
	f.carryOn(sell)
	if got := read[string](f, `select result || ': ' || reason from copy_decisions where leader_order_id = $1`, sell); got != "skipped: no_copy_held" {
		t.Errorf("the trader sells all: %s", got)
	}
	if held := read[string](f, `select h.subscription_id || ' ' || (h.bought - h.sold) || ' ' || p.sell_reserved from copy_holdings h join positions p on p.id = h.position_id where p.id = $1`, position); held != w.subscription.String()+" 3 0" {
		t.Errorf("the old copies: %s", held)
	}
}
