package web

import (
	"testing"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/money"
)

func TestTheSettingsInOneSentence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mode, value, order, want string }{
		{"factor", "0.5", "limit", "When @ava buys 10, you buy 5, at most 10 contracts, limit up to 5% above their fill, at most 5 a day. Exits follow in proportion."},
		{"contracts", "3", "market", "When @ava buys 10, you buy 3, at most 10 contracts, at the market, at most 5 a day. Exits follow in proportion."},
		{"dollars", "500", "limit", "When @ava buys 10, you buy for $500, at most 10 contracts, limit up to 5% above their fill, at most 5 a day. Exits follow in proportion."},
		{"buyingPowerPercent", "2.5", "limit", "When @ava buys 10, you buy for 2.5% of your buying power, at most 10 contracts, limit up to 5% above their fill, at most 5 a day. Exits follow in proportion."},
	} {
		settings := copytrade.Defaults()
		settings.Scaling, settings.OrderType = &copytrade.Scaling{Mode: test.mode, Value: money.MustAmount(test.value)}, &test.order
		if got := settingsSentence(copytrade.Subscription{Trader: "ava", Settings: settings}); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
