package copytrade

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The set-up page names the brokers whose own app's trades are known minutes late: by
// the middle one of what was seen of traders' accounts, and not by a few.
func TestBrokersThatAreSeenLateAreNamed(t *testing.T) {
	t.Parallel()
	f := open(t)
	at := func(slug, name, role string) (uuid.UUID, uuid.UUID) {
		user := f.user(name, role)
		account := f.account(user)
		f.exec(`update connections set broker_slug = $2, institution = $2 where user_id = $1`, user, slug)
		return user, account
	}
	sees := func(user, account uuid.UUID, source string, ago time.Duration, seconds ...int) {
		position := f.hold(user, account, 1)
		for _, s := range seconds {
			f.exec(`
				insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
					source, state, cum, cum_notional, send_before, trading_day, executed_at, finished_at, created_at)
				values ($1, $2, $3, 'BTO', $4, 'AAPL', 100, 1, 'Limit', 3.5, 'Day', $5, 'filled', 1, 3.5, now(), current_date,
					$6::timestamptz - make_interval(secs => $7), now(), $6)`, user, account, position, symbol, source, time.Now().Add(-ago), s)
		}
	}
	slow, slowAccount := at("SLOW", "slow", "trader")
	sees(slow, slowAccount, "detected", time.Hour, 10, 240, 250, 260, 900)
	sees(slow, slowAccount, "manual", time.Hour, 1, 1, 1, 1, 1, 1, 1)
	quick, quickAccount := at("QUICK", "quick", "trader")
	sees(quick, quickAccount, "detected", time.Hour, 10, 20, 30, 600, 900)
	few, fewAccount := at("FEW", "few", "trader")
	sees(few, fewAccount, "detected", time.Hour, 600, 600, 600, 600)
	old, oldAccount := at("OLD", "old", "trader")
	sees(old, oldAccount, "detected", 40*24*time.Hour, 600, 600, 600, 600, 600)
	nobody, nobodyAccount := at("NOBODY", "nobody", "subscriber")
	sees(nobody, nobodyAccount, "detected", time.Hour, 600, 600, 600, 600, 600)
	list, err := f.copier.LateBrokers(f.ctx)
	f.must(err)
	if got := fmt.Sprint(list); got != "[{SLOW SLOW 250 5}]" {
		t.Error(got)
	}
}
