package copytrade

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

// A follower's own limit of dollars in copies holds for all traders together: it makes a
// copy smaller, or skips it, and what is on paper counts for paper only.
func TestTheExposureOfAllTradersTogetherIsBounded(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	other := read[uuid.UUID](f, `insert into subscriptions (follower_id, trader_id) values ($1, $2) returning id`, w.id, f.user("eve", "trader"))
	position := read[uuid.UUID](f, `
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, source, cost_bought, remaining_cost)
		values ($1, $2, 'MSFT  270115C00400000', 'MSFT', 'call', 400, '2027-01-15', 100, 3, 'manual', 1050, 1050) returning id`, w.id, w.account)
	f.exec(`insert into copy_holdings (subscription_id, position_id, user_id, bought, remaining_cost) values ($1, $2, $3, 3, 1050)`, other, position, w.id)
	order := f.leads(orders.BTO, 4, 4, orders.Filled) // at 3.50, each copy at most 3.675 × 100
	judge := func(limit string) string {
		t.Helper()
		f.exec(`insert into risk_limits (user_id, kind, own, own_at) values ($1, 'copyExposure', $2::numeric, now())
			on conflict (user_id, kind) do update set own = excluded.own`, w.id, limit)
		f.exec(`delete from copy_decisions; delete from copy_signals`)
		f.decide(order)
		d := f.decision(w)
		return f.reason(w) + " " + string(rune('0'+d.Quantity))
	}
	for limit, want := range map[string]string{
		"1050": "skipped: max_exposure_total 0", "1417.49": "skipped: max_exposure_total 0", "1417.50": "queued 1", "2000": "queued 2", "5000": "queued 4",
	} {
		if got := judge(limit); got != want {
			t.Errorf("at most %s: %s, want %s", limit, got, want)
		}
	}
	judge("1050")
	f.has("skipped", f.numbers(w), map[string]string{"totalExposure": "1050.00", "maxTotalExposure": "1050.00"})
	// And once more in the transaction that writes the order.
	leader, err := f.copier.desk.Any(f.ctx, order)
	f.must(err)
	s, err := f.copier.Subscription(f.ctx, w.id, w.subscription)
	f.must(err)
	within := func(limit string, quantity int) string {
		f.exec(`update risk_limits set own = $2 where user_id = $1`, w.id, limit)
		err := f.db.AsSystem(f.ctx, "test", func(ctx context.Context, tx pgx.Tx) error {
			return f.copier.withinTotal(ctx, tx, leader, s, money.MustPrice("3.50"), quantity)
		})
		code, _, _, _ := refusal(err)
		return code
	}
	if got := within("1749.99", 2) + "," + within("1750", 2); got != "max_exposure_total," {
		t.Errorf("when it is written: %s", got)
	}
	f.exec(`update copy_holdings set sold = bought, remaining_cost = 0`)
	if got := judge("1050"); got != "queued 2" {
		t.Errorf("once it is sold: %s", got)
	}
}
