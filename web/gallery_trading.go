package web

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

func cannedDashboard(now time.Time) dashboardView {
	list := cannedOrders(now)
	return dashboardView{
		Tab: "trading",
		Summary: summaryView{
			Unrealized: amount("289"), Week: amount("-120.50"), Ever: amount("4312.08"), BuyingPower: amount("16210.55"), Positions: "3", Working: "3",
		},
		Ticket:    cannedTicket(now),
		Grid:      cannedGrid(now),
		Working:   ordersView{View: "working", Rows: list[:3], ReturnTo: "/dashboard"},
		Today:     ordersView{View: "today", Rows: list[3:5], ReturnTo: "/dashboard"},
		Positions: positionsView{Status: "open", Rows: cannedPositions(now)},
		Copy:      cannedCopying(now),
	}
}

func emptyDashboard(now time.Time) dashboardView {
	return dashboardView{
		Tab: "trading", Ticket: ui.Ticket{Side: "BTO", OrderType: "Limit", TimeInForce: "Day", Today: exchange.TradingDay(now)},
		Working: ordersView{View: "working"}, Today: ordersView{View: "today"}, Positions: positionsView{Status: "open"},
	}
}

func cannedTicket(now time.Time) ui.Ticket {
	today := exchange.TradingDay(now)
	return ui.Ticket{
		Side: "BTO", Underlying: "AAPL", OptionType: "call", Strike: "200", Expiration: today.AddDays(55).String(),
		Quantity: "5", OrderType: "Limit", LimitPrice: "3.50", TimeInForce: "Day", Today: today, MarketData: true,
		Expirations: []exchange.Date{today, today.AddDays(6), today.AddDays(13), today.AddDays(55)},
		Strikes:     []string{"195", "197.5", "200", "202.5", "205"},
		Quote:       &ui.Quote{Bid: price("3.40"), Mid: price("3.45"), Ask: price("3.50"), Last: price("3.45"), At: before(now, 3*time.Second)},
		Presets: []ui.Preset{
			{Label: "$500", Quantity: 1, Cost: money.MustAmount("350")}, {Label: "$1,000", Quantity: 2, Cost: money.MustAmount("700")},
			{Label: "$2,500", Quantity: 7, Cost: money.MustAmount("2450")},
		},
		Holdings: cannedPositions(now)[:2], Accounts: cannedAccounts(now), Tick: "0.01", TickHigh: "0.05",
	}
}

func cannedExit(now time.Time) ui.Ticket {
	t := cannedTicket(now)
	t.Side, t.PositionID, t.Quantity, t.LimitPrice, t.Presets = "STC", "p1", "9", "4.10", nil
	t.Fields = map[string]string{"quantity": "5 are available."}
	return t
}

func cannedReplacing(now time.Time) ui.Replacing {
	return ui.Replacing{
		Order: cannedOrders(now)[1], LimitPrice: "2.2", Quantity: "2", Key: newKey(), ReturnTo: "/orders", Tick: "0.01", TickHigh: "0.05",
		Fields: map[string]string{"quantity": "3 are filled already."},
		Asks:   []ui.Ask{{Name: "confirmPrice", Sentence: "$2.20 is far below the bid of $3.10. Confirm to send it anyway."}},
	}
}

func cannedConfirmation() ui.Confirmation {
	return ui.Confirmation{
		Key: "gallery-0123456789", Back: "/dashboard#ticket",
		Fields:  []ui.Field{{Name: "side", Value: "BTO"}},
		Account: ui.Account{Institution: "Alpaca", Number: "····4821", Paper: true},
		Side:    "BTO", Contract: contract("AAPL", exchange.Call, "200", exchange.MustDate("2027-01-15")), Quantity: 5, OrderType: "Limit",
		Limit: price("3.50"), TimeInForce: "Day", CashEffect: amount("1750"), BuyingPowerAfter: amount("14460.55"),
		BreakEven: price("203.50"), MaxLoss: amount("1750"), Source: "estimate",
		Warnings: []string{"The market is closed. The order waits for Monday 9:30 New York."},
		Asks:     []ui.Ask{{Name: "confirmPrice", Sentence: "$3.50 is far above the ask of $3.10. Confirm to send it anyway."}},
	}
}

func cannedCopying(now time.Time) copyView {
	today := exchange.TradingDay(now)
	aapl := contract("AAPL", exchange.Call, "200", today.AddDays(55))
	nvda := contract("NVDA", exchange.Call, "185", today.AddDays(6))
	return copyView{
		Seen:     ui.View{Sorting: ui.Sorting{Path: "/copy", By: "time", Down: true, Columns: decisionSorts}},
		ReturnTo: "/copy",
		Drifts:   []copytrade.Drift{{Trader: "dora", Kind: copytrade.TraderLeft, Contract: nvda, PositionID: &uuid.UUID{2}, Held: 3, State: copytrade.DriftOpen, SeenAt: now.Add(-12 * time.Minute)}},
		Approvals: []ui.Approval{{
			ID: "d1", Subscription: "s1", Trader: "ben", Side: "BTO", Contract: aapl, Theirs: money.MustPrice("3.45"), Now: price("3.50"), NowAt: before(now, 2*time.Second),
			SourceQuantity: 10, Quantity: 5, Cost: amount("1810"), BuyingPowerAfter: amount("14400.55"), AtMost: price("3.62"),
			ExpiresAt: now.Add(42 * time.Second),
		}},
		Subscriptions: []ui.SubscriptionRow{
			{ID: "s1", Trader: "ben", Status: "active", Mode: "approve", Sentence: "When @ben buys 10, you buy 5, at most 10 contracts, limit up to 5% above their fill, at most 5 a day. Exits follow in proportion."},
			{ID: "s2", Trader: "cleo", Status: "paused", Muted: true, Unmanaged: "@cleo has stopped publishing. Your copies follow their sells all the same.", Mode: "auto", Sentence: "When @cleo buys 10, you buy 10, at most 10 contracts, limit up to 5% above their fill, at most 5 a day. Exits follow in proportion."},
		},
		Paper: []copytrade.PaperTrader{{
			Trader: "dora", Status: "active", Bought: 12, Realized: money.MustAmount("310.50"), OpenCost: money.MustAmount("2415"), Unrealized: amount("35"),
			Holdings: []copytrade.PaperHolding{{Contract: aapl, Quantity: 7, AverageEntry: money.MustPrice("3.45"), Mark: price("3.50")}},
		}},
		Holdings: []copytrade.CopiedHolding{
			{PositionID: uuid.UUID{2}, Trader: "cleo", Contract: nvda, Held: 4, CostEach: money.MustPrice("2.14"), Unmanaged: new(copytrade.TraderGone), Since: now.Add(-50 * time.Hour)},
			{PositionID: uuid.UUID{1}, Trader: "ben", Contract: aapl, Held: 5, CostEach: money.MustPrice("3.45"), Since: now.Add(-3 * time.Hour)},
		},
		Triggers: []copytrade.Trigger{{
			PositionID: &uuid.UUID{2}, Trader: "ben", Kind: copytrade.StopLoss, Contract: nvda, Held: 4, Percent: percent("30"), CostEach: money.MustPrice("2.14"), Mark: price("1.48"),
			TriggeredAt: now.Add(-2 * time.Minute), State: copytrade.TriggerWaiting, Reason: new("insufficient_quantity"), Numbers: json.RawMessage(`{"copied": 4, "free": 0, "mark": "1.48"}`),
		}},
		Decisions: []ui.DecisionRow{
			{
				ID: "d2", Trader: "ben", Side: "BTO", At: now.Add(-9 * time.Minute), Contract: nvda, Theirs: money.MustPrice("2.14"), Slippage: percent("7.1"),
				SourceQuantity: 8, Quantity: 0, Result: "skipped", Reason: "The price moved 7.1%, your limit is 5%", Delay: percent("1.8"), Place: 17, PlaceOf: 240,
				Numbers: comparedOf(map[string]string{"price": "2.2470", "ask": "2.29", "needed": "1832.00", "buyingPower": "1620.55", "contracts": "8"}),
			},
			{
				ID: "d3", Trader: "ben", Side: "STC", At: now.Add(-31 * time.Minute), Contract: nvda, Theirs: money.MustPrice("2.63"), Yours: price("2.6275"), Slippage: percent("-0.1"),
				SourceQuantity: 4, Quantity: 4, Result: "executed", Numbers: comparedOf(map[string]string{"price": "2.63", "delaySeconds": "0.9"}), Sent: true, Delay: percent("0.912"), Place: 3, PlaceOf: 240, PositionID: "p2",
			},
		},
	}
}

// cannedSetup is the form for a trader whose latest trades were tried out.
func cannedSetup(now time.Time) setup {
	today := exchange.TradingDay(now)
	aapl := contract("AAPL", exchange.Call, "200", today.AddDays(55))
	nvda := contract("NVDA", exchange.Call, "185", today.AddDays(6))
	return setup{
		Trader: "ben", Action: "/copy/subscribe", Again: "/copy/new", Key: newKey(), Values: settingsValues(copytrade.Defaults()), Accounts: cannedAccounts(now),
		Sentence: "When @ben buys 10, you buy 5, at most 10 contracts, limit up to 5% above their fill, at most 5 a day. Exits follow in proportion.",
		Dry: &copytrade.DryRun{
			Copied: 2, Skipped: []copytrade.DryReason{{Reason: "scaled_to_zero", Text: "Your size comes to no contract.", Count: 1}}, Made: money.MustAmount("255"),
			Open: copytrade.OpenOnDry{Contracts: 5, Made: amount("25")},
			Signals: []copytrade.DrySignal{
				{At: now.Add(-2 * time.Hour), Contract: aapl, SourceQuantity: 10, SourcePrice: money.MustPrice("3.45"), Quantity: 5, OpenMade: amount("25")},
				{At: now.Add(-26 * time.Hour), Contract: nvda, SourceQuantity: 6, SourcePrice: money.MustPrice("2.14"), Quantity: 3, Sold: 3, ExitPrice: price("2.99"), Made: amount("255")},
				{At: now.Add(-27 * time.Hour), Contract: nvda, SourceQuantity: 1, SourcePrice: money.MustPrice("2.05"), Reason: new("scaled_to_zero"), ReasonText: "Your size comes to no contract."},
			},
		},
	}
}

func cannedPicker(wrong string) ui.Picker {
	return ui.Picker{Table: "open", Title: ui.OpenPositions.Title, Picks: ui.OpenPositions.Picks(nil), ReturnTo: "/positions", Wrong: wrong}
}
