package web

import (
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/web/ui"
)

func cannedHalts(now time.Time) []ui.Halted {
	return haltViews([]risk.Halt{
		{Scope: "underlying", Key: "TSLA", Stops: "entries", Cause: risk.ByOperator, Reason: "The exchange has halted it.", At: now.Add(-26 * time.Hour)},
		{Scope: risk.Self, Stops: "entries", Cause: risk.ByOwner, Reason: "You stopped trading.", At: now.Add(-12 * time.Minute)},
		{Scope: "account", Key: "Alpaca ****6789", Stops: "copies", Cause: risk.ByBreaker, Reason: "The broker refused 5 orders in a row.", At: now.Add(-3 * time.Minute)},
		{Scope: risk.Publishing, Key: "ava", Stops: "copies", Cause: risk.ByOwner, At: now.Add(-8 * time.Minute)},
	}, "ben")
}

func cannedLimits() []risk.UserLimit {
	list := make([]risk.UserLimit, 0, len(risk.Kinds))
	usually := map[string]string{
		"manualContracts": "100", "copyContracts": "10", "manualPremium": "25000", "copyPremium": "2500", "dayPremium": "50000", "dayCopyPremium": "10000",
		risk.CopyExposure: risk.NoLimit.String(), risk.DayCopyLoss: "1000",
	}
	for _, k := range risk.Kinds {
		usual := money.MustAmount(usually[k.Name])
		l := risk.UserLimit{Kind: k, Usual: usual, InForce: usual}
		if k.Name == risk.DayCopyLoss {
			own := money.MustAmount("200")
			l.Own, l.InForce = &own, own
		}
		if k.Name == "dayPremium" {
			granted := money.MustAmount("80000")
			l.Granted, l.InForce = &granted, granted
		}
		list = append(list, l)
	}
	return list
}

func cannedConsole(now time.Time) consoleView {
	breaker := risk.Switched{Scope: "platform", Stops: "copies", Cause: risk.ByBreaker, Reason: "It was not known what became of 4 of 31 orders within 5 minutes.", At: now.Add(-4 * time.Minute)}
	ticker := risk.Switched{Scope: "underlying", Key: "TSLA", Name: "TSLA", Stops: "entries", Cause: risk.ByOperator, By: "root", Reason: "The exchange has halted it.", At: now.Add(-26 * time.Hour)}
	return consoleView{Halts: []risk.Switched{breaker, ticker}, Log: []risk.Turned{{Act: "halted", Switched: breaker}, {Act: "halted", Switched: ticker}}, Own: 3}
}

func cannedReviews(now time.Time) []orders.UpForReview {
	id := func(n byte) uuid.UUID { return uuid.UUID{15: n} }
	return []orders.UpForReview{
		{
			Kind: "order", ID: id(1), UserID: id(9), Username: "ava", Subject: "BTO 2 AAPL $200 call", State: "checking with broker",
			Reason: "nobody knows what became of it, and the market has closed since it was sent", CreatedAt: now.Add(-20 * time.Hour), Recordable: true,
		},
		{
			Kind: "position", ID: id(2), UserID: id(8), Username: "ben", Subject: "3 SPY $612.5 put", State: "open",
			Reason: "2 contracts left this account outside Alertsify; what they brought is not known and not in the result", CreatedAt: now.Add(-26 * time.Hour),
		},
	}
}

// cannedStatus is ninety days with a bad one, some uneven ones and a beginning.
func cannedStatus(now time.Time) statusView {
	latest := []status.Minute{
		{Name: "database", Minute: now, State: status.OK, Latency: 2 * time.Millisecond},
		{Name: "placing", Minute: now, State: status.OK},
		{Name: "snaptrade", Minute: now, State: status.Error, Detail: "answered 503"},
		{Name: "discord", Minute: now.Add(-25 * time.Minute), State: status.OK, Latency: 180 * time.Millisecond},
		{Name: "whop", Minute: now, State: status.Disabled},
		{Name: "market", Minute: now, State: status.OK, Latency: 95 * time.Millisecond},
	}
	var days []status.Day
	for _, name := range []string{"database", "discord", "placing", "market", "snaptrade"} {
		for i := range 71 {
			d := status.Day{Name: name, Day: now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -i), OK: 1440}
			switch {
			case name == "snaptrade" && i%23 == 0:
				d.OK, d.Errors = 1437, 3
			case name == "discord" && i == 30:
				d.OK, d.Errors = 1240, 200
			}
			days = append(days, d)
		}
	}
	return statusOf(latest, days, now)
}

func cannedIntegrations(now time.Time) integrationsView {
	return integrationsView{
		Parts: integrationViews([]status.Minute{
			{Name: "database", Minute: now, State: status.OK, Latency: 2 * time.Millisecond},
			{Name: "discord", Minute: now.Add(-25 * time.Minute), State: status.OK, Latency: 180 * time.Millisecond},
			{Name: "push", Minute: now, State: status.Disabled},
			{Name: "snaptrade", Minute: now.Add(-time.Minute), State: status.Error, Latency: 10 * time.Second, Detail: "list brokerages: snaptrade: unavailable: status 503"},
		}, map[string]string{
			"push":      "run `alertsify vapid` and set VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY, VAPID_SUBJECT",
			"snaptrade": "set SNAPTRADE_CLIENT_ID and SNAPTRADE_CONSUMER_KEY from the SnapTrade dashboard",
		}, now),
		Heard: []inbox.Heard{
			{Provider: "snaptrade", Type: "ACCOUNT_HOLDINGS_UPDATED", At: now.Add(-4 * time.Minute)},
			{Provider: "whop", Type: "membership.cancel_at_period_end_changed", At: now.Add(-50 * time.Hour)},
		},
		Trials: []inbox.Trial{
			{Provider: "snaptrade", Refused: true, Arrived: true, Worked: true, Took: 41 * time.Millisecond},
			{Provider: "telegram", Problem: "what was wrongly signed was answered 404 instead of 401"},
		},
	}
}

func cannedWebhooks(now time.Time) webhooksView {
	return webhooksView{Next: "older", List: []inbox.Entry{
		{ID: "snaptrade.YQ", Provider: "snaptrade", WebhookID: "dbaee13a-0000-4677-9741-b6845e60ee04", Type: "TRADE_DETECTION", State: "new", ReceivedAt: now.Add(-2 * time.Second)},
		{ID: "snaptrade.Yg", Provider: "snaptrade", WebhookID: "6e60ee04-9741-4677-9741-b6845edbaee1", Type: "ACCOUNT_HOLDINGS_UPDATED", State: "done", Attempts: 1, ReceivedAt: now.Add(-4 * time.Minute)},
		{ID: "whop.Yw", Provider: "whop", WebhookID: "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", Type: "membership.cancel_at_period_end_changed", State: "parked", Attempts: 10, Stale: true, Reason: "read membership mem_b6845e60ee04: whop: unavailable: status 502", ReceivedAt: now.Add(-50 * time.Hour)},
	}}
}
