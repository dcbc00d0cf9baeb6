package web

import (
	"encoding/json"
	"testing"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/money"
)

func TestTheSettingsInOneSentence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mode, value, order, want string }{
		{"factor", "0.5", "limit", "When @ava buys 10, you buy 5, at most 10 contracts, limit up to 5% above their fill, at most 5 a day. Exits follow in proportion."},
		{"contracts", "3", "market", "When @ava buys 10, you buy 3, at most 10 contracts, at the market while it asks at most 5% above their fill, at most 5 a day. Exits follow in proportion."},
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

func TestTheSentenceNamesWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	settings := copytrade.Defaults()
	settings.AllowedUnderlyings, settings.OptionTypes = &[]string{"AAPL", "SPY"}, &[]string{"put"}
	settings.MaxPremiumPerTrade, settings.MaxExposure = copytrade.At(money.MustAmount("500")), copytrade.At(money.MustAmount("2500"))
	settings.MinDaysToExpiration, settings.MaxOpenPositions = copytrade.At(7), copytrade.At(3)
	settings.DailyLossStop, settings.StopLossPercent = copytrade.At(money.MustAmount("200")), copytrade.At(money.MustAmount("30"))
	settings.TakeProfitPercent, settings.CloseOnExpiryAt = copytrade.At(money.MustAmount("12.5")), copytrade.At("15:30")
	const want = "When @ava buys 10, you buy 10, at most 10 contracts for at most $500 and $2,500 in all their trades, limit up to 5% above their fill, " +
		"at most 5 a day, stop for the day at −$200; only AAPL, SPY, puts only, 7 or more days to expiration, at most 3 open at once. Exits follow in proportion. " +
		"Copies are sold at −30% or +12.5% of what they cost. On their last day they are sold at 15:30 New York."
	if got := settingsSentence(copytrade.Subscription{Trader: "ava", Settings: settings}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Bounds sell on paper too, and the sentence says so in the same words.
func TestTheSentenceOnPaperSaysWhatBoundsSell(t *testing.T) {
	t.Parallel()
	for words, set := range map[string]func(*copytrade.Settings){
		"": func(*copytrade.Settings) {},
		" Copies are sold at −30% of what they cost.":         func(v *copytrade.Settings) { v.StopLossPercent = copytrade.At(money.MustAmount("30")) },
		" Copies are sold at +30% of what they cost.":         func(v *copytrade.Settings) { v.TakeProfitPercent = copytrade.At(money.MustAmount("30")) },
		" On their last day they are sold at 15:30 New York.": func(v *copytrade.Settings) { v.CloseOnExpiryAt = copytrade.At("15:30") },
	} {
		settings, paper := copytrade.Defaults(), true
		settings.Paper = &paper
		set(&settings)
		want := "On paper, nothing is traded, and you are asked first: When @ava buys 10, you buy 10, at most 10 contracts, " +
			"limit up to 5% above their fill, at most 5 a day. Exits follow in proportion." + words
		if got := settingsSentence(copytrade.Subscription{Trader: "ava", Settings: settings}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// What the form shows of settings is read back as the same settings.
func TestTheSetUpFormLosesNothing(t *testing.T) {
	t.Parallel()
	full := copytrade.Defaults()
	full.AllowedUnderlyings, full.DeniedUnderlyings, full.OptionTypes = &[]string{"AAPL", "BRK.B"}, &[]string{"TSLA"}, &[]string{"call"}
	full.MinDaysToExpiration, full.MaxDaysToExpiration = copytrade.At(0), copytrade.At(45)
	full.MaxPremiumPerTrade, full.MaxOpenPositions = copytrade.At(money.MustAmount("1250.50")), copytrade.At(4)
	full.DailyLossStop, full.StopLossPercent = copytrade.At(money.MustAmount("250")), copytrade.At(money.MustAmount("25.00"))
	full.TakeProfitPercent, full.CloseOnExpiryAt = copytrade.At(money.MustAmount("100.00")), copytrade.At("15:30")
	for name, settings := range map[string]copytrade.Settings{"the usual": copytrade.Defaults(), "all of them": full} {
		read, wrong := readSettings(settingsValues(settings))
		if len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
		}
		want, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(read); err != nil || string(got) != string(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}
