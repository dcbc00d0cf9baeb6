package web

import (
	"net/url"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

// What the gallery shows: invented people, accounts and trades.

func cannedFrame(now time.Time) ui.Page {
	return ui.Page{
		Person:   &ui.Person{Username: "ava", Name: "Ava Example", Trader: true},
		Accounts: cannedAccounts(now),
		Today:    &ui.Headline{Label: "Open P&L", Amount: amount("412.50"), About: "Of all open positions, at their latest prices"},
		Copying: &ui.CopyStrip{
			Healthy: true, Health: "link ok", Copies: 3, Most: 5,
			Loss: money.MustAmount("-40"), Stop: money.MustAmount("200"),
		},
		Unread: 3, Theme: "dark", Palette: "green-up",
	}
}

func cannedAccounts(now time.Time) []ui.Account {
	return []ui.Account{
		{
			ID: "a1", Institution: "Alpaca", Name: "Options", Number: "····4821", CanTrade: true, ListsOrders: true, Selected: true, Status: "ok", Paper: true,
			Cash: amount("18420.10"), BuyingPower: amount("16210.55"), SyncedAt: before(now, 40*time.Second),
		},
		{ID: "a2", Institution: "Tradier", Name: "Individual", Number: "····0917", Status: "broken", Cash: amount("2310.00"), SyncedAt: before(now, 3*time.Hour)},
	}
}

func contract(underlying string, t exchange.OptionType, strike string, expiration exchange.Date) exchange.Contract {
	c, err := exchange.NewContract(underlying, t, money.MustPrice(strike).Decimal, expiration)
	if err != nil {
		panic(err) // the gallery's own literals
	}
	return c
}

func cannedOrders(now time.Time) []ui.OrderRow {
	today := exchange.TradingDay(now)
	aapl := contract("AAPL", exchange.Call, "200", today.AddDays(55))
	spy := contract("SPY", exchange.Put, "612.5", today)
	nvda := contract("NVDA", exchange.Call, "185", today.AddDays(6))
	base := ui.OrderRow{PositionID: "p1", Type: "Limit", TimeInForce: "Day", Account: "Alpaca ····4821", Source: "manual"}
	row := func(id string, ago time.Duration, side string, c exchange.Contract, quantity, filled int, limit, average, state, label string) ui.OrderRow {
		o := base
		o.ID, o.At, o.Side, o.Contract, o.Quantity, o.Filled, o.State, o.Label = id, now.Add(-ago), side, c, quantity, filled, state, label
		o.Limit, o.Average = price(limit), price(average)
		return o
	}
	working := row("o1", 95*time.Second, "BTO", aapl, 5, 0, "3.50", "", "accepted", "working")
	working.Cancellable, working.Replaceable = true, true
	partial := row("o2", 4*time.Minute, "BTO", nvda, 5, 3, "2.15", "2.14", "partial", "3/5 filled")
	partial.Cancellable, partial.CancelRequested = true, true
	replacing := row("o7", 3*time.Minute, "BTO", aapl, 4, 1, "3.40", "3.40", "partial", "1/4 filled")
	replacing.Cancellable, replacing.Replacing = true, "6 contracts at $3.45"
	kept := row("o8", 5*time.Minute, "STC", nvda, 2, 0, "2.90", "", "accepted", "working")
	kept.Type, kept.Stop = "StopLimit", price("3.00")
	kept.Cancellable, kept.Replaceable, kept.NotReplaced = true, true, "Replacing orders is not supported for this brokerage"
	unknown := row("o3", 12*time.Second, "STC", spy, 2, 0, "1.08", "", "unknown", "checking with broker")
	filled := row("o4", 31*time.Minute, "STC", nvda, 4, 4, "2.60", "2.6275", "filled", "filled")
	filled.Source = "copy of @ben"
	market := row("o5", 2*time.Hour, "BTO", spy, 2, 2, "", "1.31", "filled", "filled")
	market.Type = "Market"
	rejected := row("o6", 26*time.Hour, "BTO", aapl, 50, 0, "3.40", "", "rejected", "rejected")
	rejected.Reason = "Not enough buying power: $17,000.00 needed"
	return []ui.OrderRow{working, partial, replacing, kept, unknown, filled, market, rejected}
}

func cannedPositions(now time.Time) []ui.PositionRow {
	today := exchange.TradingDay(now)
	return []ui.PositionRow{
		{
			ID: "p1", Contract: contract("AAPL", exchange.Call, "200", today.AddDays(55)), Account: "Alpaca ····4821", Bought: 5, Available: 5, Average: price("3.45"),
			Mark: price("4.10"), MarkAt: before(now, 4*time.Second), Value: amount("2050"), Unrealized: amount("325"), Today: amount("110"), Percent: percent("18.84"),
			Status: "open", Source: "manual", DaysLeft: 55, OpenedAt: before(now, 50*time.Hour),
		},
		{
			ID: "p2", Contract: contract("NVDA", exchange.Call, "185", today.AddDays(6)), Account: "Alpaca ····4821", Bought: 8, Sold: 5, Available: 3, Average: price("2.14"),
			Mark: price("2.02"), MarkAt: before(now, 32*time.Second), Value: amount("606"), Unrealized: amount("-36"), Today: amount("-12.40"), Percent: percent("-5.61"),
			Status: "open", Source: "copy of @ben", DaysLeft: 6, OpenedAt: before(now, 3*time.Hour),
		},
		{
			ID: "p3", Contract: contract("SPY", exchange.Put, "612.5", today), Account: "Alpaca ····4821", Bought: 2, Average: price("1.31"),
			Mark: price("1.31"), MarkAt: before(now, 5*time.Minute), Value: amount("262"), Unrealized: amount("0"), Percent: percent("0"),
			Status: "open", Source: "detected", DaysLeft: 0, Review: "the broker holds fewer contracts than are held here", Missing: 2, OpenedAt: before(now, 2*time.Hour),
		},
		{
			ID: "p4", Contract: contract("AAPL", exchange.Put, "190", today.AddDays(20)), Account: "Alpaca ····4821", Bought: 5, Sold: 5, Average: price("2.10"),
			Mark: price("2.32"), MarkAt: before(now, 4*time.Second), Value: amount("0"),
			Status: "open", Source: "manual", DaysLeft: 20, OpenedAt: before(now, time.Hour),
		},
	}
}

func cannedClosed(now time.Time) []ui.PositionRow {
	rows := cannedPositions(now)[:3]
	for i, result := range []string{"875", "-120.50", "0"} {
		rows[i].Realized, rows[i].ClosedAt, rows[i].Sold = money.MustAmount(result), before(now, time.Duration(i+1)*time.Hour), rows[i].Bought
		rows[i].Status = []string{"closed", "expired", "exercised"}[i]
		rows[i].In, rows[i].Out, rows[i].Fees = money.MustAmount("1725"), money.MustAmount("2600"), money.MustAmount("1.30")
		rows[i].Outcome = []string{"win", "loss", "breakeven"}[i]
	}
	rows[2].Missing, rows[2].Review = 0, ""
	rows[0].Unpriced, rows[0].Review = 2, "2 contracts left this account outside Alertsify; what they brought is not known and not in the result"
	return rows
}

func cannedPosition(now time.Time) positionView {
	return positionView{
		Row: cannedPositions(now)[1], Orders: cannedOrders(now)[1:4], Chart: cannedChart(now),
		Fills: []fillView{
			{At: now.Add(-31 * time.Minute), Side: "STC", Quantity: 4, Price: money.MustPrice("2.6275"), Realized: money.MustAmount("195")},
			{At: now.Add(-3 * time.Hour), Side: "BTO", Quantity: 8, Price: money.MustPrice("2.14")},
		},
		Events: []eventView{
			{At: now.Add(-31 * time.Minute), Side: "STC", Quantity: 4, Step: "filled", Who: "broker"},
			{At: now.Add(-3 * time.Hour), Side: "BTO", Quantity: 8, Step: "filled", Who: "broker"},
			{At: now.Add(-3 * time.Hour), Side: "BTO", Quantity: 8, Step: "3/8 filled", Who: "broker"},
			{At: now.Add(-3 * time.Hour), Side: "BTO", Quantity: 8, Step: "taken", Who: "you"},
		},
		Adjustments: []positions.Adjustment{
			{Kind: positions.Explained, Symbol: "NVDA  261204C00185000", Quantity: 1, Cost: money.MustAmount("214"), AsOf: now.Add(-20 * time.Minute)},
			{Kind: positions.External, Symbol: "NVDA  261204C00185000", Quantity: -1, Cost: money.MustAmount("-214"), AsOf: now.Add(-20 * time.Minute)},
			{Kind: positions.RenameIn, Symbol: "NVDA  261204C00185000", Quantity: 8, Cost: money.MustAmount("1712"), AsOf: now.Add(-2 * time.Hour)},
			{Kind: positions.RenameOut, Symbol: "NVDA1 261204C00185000", Quantity: -8, Cost: money.MustAmount("-1712"), AsOf: now.Add(-2 * time.Hour)},
		},
		Journal:  journalView{ID: "p2", Notes: "Sold half into strength; stop under yesterday's low.", Tags: "earnings, swing"},
		Receipts: cannedReceipts(now),
	}
}

// cannedChart is a day of five-minute bars with a buy and a sell.
func cannedChart(now time.Time) chartView {
	day := exchange.TradingDay(now)
	s := span{from: day, to: day, frame: market.FiveMinutes, length: 5 * time.Minute}
	var bars []market.Bar
	last := decimal.RequireFromString("2.05")
	for i, at := 0, day.At(9, 30); at.Before(now); i, at = i+1, at.Add(s.length) {
		first := last
		last = first.Add(decimal.New(int64([]int{4, -2, 3, 0, -3, 6, -1}[i%7]), -2))
		edge := decimal.New(2, -2)
		bars = append(bars, market.Bar{
			At: at, Open: money.Price{Decimal: first}, Close: money.Price{Decimal: last},
			High: money.Price{Decimal: decimal.Max(first, last).Add(edge)}, Low: money.Price{Decimal: decimal.Min(first, last).Sub(edge)},
		})
	}
	bought, sold := before(now, 2*time.Hour), before(now, 31*time.Minute)
	v := chartView{
		ID: "p2", Contract: cannedPositions(now)[1].Contract, Source: "Alpaca, indicative", Zone: exchange.NewYork.String(),
		Average: price("2.14"), Script: "/assets/chart.js",
	}
	err := v.draw(bars, []orders.Fill{
		{Side: orders.BTO, Quantity: 8, Price: money.MustPrice("2.14"), ExecutedAt: bought, LearntAt: *bought},
		{Side: orders.STC, Quantity: 4, Price: money.MustPrice("2.6275"), ExecutedAt: sold, LearntAt: *sold},
	}, s, 0)
	if err != nil {
		v.Sentence = err.Error()
	}
	return v
}

func cannedInbox(now time.Time) []ui.Notification {
	return []ui.Notification{
		{ID: "n1", Type: "order_filled", Title: "AAPL 200C filled", Body: "Bought 5 at $3.45", URL: "/positions/p1", At: now.Add(-40 * time.Second), Unread: true},
		{ID: "n2", Type: "copy_trade_failed", Title: "Copy of @ben not made", Body: "The price moved 7.1 %, your limit is 5 %", URL: "/copy", At: now.Add(-9 * time.Minute), Unread: true},
		{ID: "n3", Type: "broker_disconnected", Title: "Tradier needs you to log in again", URL: "/settings/brokers", At: now.Add(-3 * time.Hour)},
	}
}

func cannedBrokers(now time.Time) brokersView {
	accounts := cannedAccounts(now)
	return brokersView{
		Connections: []ui.Connection{
			{ID: "c1", Broker: "Alpaca Paper", Status: "ok", Accounts: accounts[:1]},
			{ID: "c2", Broker: "Tradier", Status: "broken", Accounts: accounts[1:]},
		},
		Brokerages: []ui.Brokerage{{Slug: "ALPACA", Name: "Alpaca"}, {Slug: "TRADIER", Name: "Tradier"}, {Slug: "WEBULL", Name: "Webull"}},
	}
}

func amount(text string) *money.Amount {
	if text == "" {
		return nil
	}
	a := money.MustAmount(text)
	return &a
}

func price(text string) *money.Price {
	if text == "" {
		return nil
	}
	p := money.MustPrice(text)
	return &p
}

func before(now time.Time, ago time.Duration) *time.Time {
	t := now.Add(-ago)
	return &t
}

func percent(text string) decimal.NullDecimal {
	return decimal.NewNullDecimal(decimal.RequireFromString(text))
}

// cannedView sees a list by the first of its columns, with those that were chosen.
func cannedView(path, name, list string, columns []ui.SortColumn, chosen ...string) ui.View {
	return ui.View{
		Chosen:  chosen,
		Sorting: ui.Sorting{Path: path, Rest: url.Values{name: {list}}, By: columns[0].By, Down: columns[0].Down, Columns: columns},
	}
}
