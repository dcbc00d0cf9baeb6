package web

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

func cannedTraders(now time.Time) tradersView {
	listed := func(username, name string, followers, finished int, pnl, rate string) copytrade.Listed {
		return copytrade.Listed{
			Username: username, Name: name, Followers: followers, Finished: finished, PnL: money.MustAmount(pnl), WinRate: amount(rate),
			VerifiedAt: before(now, 2000*time.Hour),
		}
	}
	anew := listed("dora", "Dora Example", 0, 0, "0", "")
	anew.VerifiedAt = nil
	return tradersView{
		Sort: "pnl", Period: "monthly", First: true, Next: "x", Copied: map[string]string{"ben": uuid.Nil.String()},
		List: []copytrade.Listed{
			listed("ben", "Ben Example", 240, 61, "18420.50", "63.93"), listed("an_unusually_long_username_30", "Somebody whose name takes a whole line of its own", 3, 9, "912", "55.56"), anew,
			listed("cara", "Cara Example", 12, 40, "-2210.75", "31.25"),
		},
	}
}

func cannedProfile(username string, now time.Time) copytrade.Profile {
	p := copytrade.Profile{}
	for _, listed := range cannedTraders(now).List {
		if listed.Username == username {
			p.Listed = listed
		}
	}
	if p.Username == "" {
		p.Username, p.Name = username, "Ava Example"
	}
	for _, period := range []string{"daily", "weekly", "monthly", "all"} {
		p.Periods = append(p.Periods, copytrade.Made{Period: period})
	}
	return p
}

func cannedTrader(now time.Time) traderView {
	p := cannedProfile("ben", now)
	p.Bio = "Index options, mostly the week's own. Small, many, and out by Friday."
	p.Periods = []copytrade.Made{
		{Period: "daily"}, {Period: "weekly", Finished: 12, PnL: money.MustAmount("-310.25"), WinRate: amount("41.67")},
		{Period: "monthly", Finished: 61, PnL: money.MustAmount("4120"), WinRate: amount("60.66")},
		{Period: "all", Finished: 410, PnL: money.MustAmount("18420.50"), WinRate: amount("63.93")},
	}
	today := exchange.TradingDay(now)
	gain, percent := money.MustAmount("875"), money.MustAmount("50").Decimal
	bought := alerts.FeedItem{
		ID: uuid.UUID{1}, Username: "ben", Side: "BTO", Contract: contract("SPY", exchange.Put, "612.5", today), Quantity: 5, Filled: 3,
		Price: money.MustPrice("1.31"), At: now.Add(-4 * time.Minute),
	}
	sold := alerts.FeedItem{
		ID: uuid.UUID{2}, Username: "ben", Side: "STC", Contract: contract("AAPL", exchange.Call, "200", today.AddDays(55)), Quantity: 5, Filled: 5,
		Price: money.MustPrice("5.25"), Entry: price("3.50"), RealizedPnl: &gain, RealizedPercent: &percent, At: now.Add(-26 * time.Hour),
	}
	return traderView{Profile: p, Alerts: []alerts.FeedItem{bought, sold}, Record: record.Standing{Username: p.Username, Entries: 128}, Standing: &cannedLeaderboard(now).Standings[0], Achieved: cannedAchievements(now), SignedIn: true, Followed: true, Subscription: uuid.Nil.String()}
}

func stoppedTrader(now time.Time) traderView {
	v := cannedTrader(now)
	v.StoppedAt, v.Subscription = before(now, 8*time.Minute), ""
	return v
}

func cannedFollowers(now time.Time) *followersView {
	return &followersView{
		Publishing: copytrade.Publishing{Publishing: true, Followers: 241}, Active: 240, Paused: 1,
		Page: []copytrade.Follower{
			{Username: "cara", Status: "active", Since: now.Add(-30 * time.Hour), Copied: 12},
			{Username: "an_unusually_long_username_30", Status: "paused", Since: now.Add(-900 * time.Hour), Copied: 1204},
		},
		Served: []copytrade.Capacity{{Seconds: 60, Least: 75, Most: 150}},
	}
}

func cannedBudget(now time.Time) budgetView {
	v := budgetView{Free: snaptrade.Free{PerMinute: 250, PausedUntil: now.Add(8 * time.Second), Used: map[snaptrade.Class]int{}, Room: map[snaptrade.Class]int{}}}
	for i, use := range budgetUses {
		v.Used[use.Class], v.Room[use.Class] = 7*i, 150-20*i
	}
	for i, seconds := range copytrade.CapacityDelays {
		v.Capacity = append(v.Capacity, copytrade.Capacity{Seconds: seconds, Least: 75 * i, Most: 150 * i})
	}
	return v
}

// cannedStop stops a real copy, or pauses one on paper.
func cannedStop(paper bool) copyStopView {
	sub := copytrade.Subscription{ID: uuid.UUID{3}, Trader: "ben", Settings: copytrade.Defaults(), Status: "active"}
	sub.Settings.Paper = &paper
	return copyStopView{Subscription: sub, StopCounts: copytrade.StopCounts{Working: 1, Held: 7}, Pause: paper}
}

// publicView is a trader's page for who is not signed in.
func publicView(v traderView) traderView {
	return traderView{Profile: v.Profile, Alerts: v.Alerts, Record: v.Record, Standing: v.Standing, Achieved: v.Achieved}
}

func cannedLeaderboard(now time.Time) leaderboardView {
	standing := func(rank int, username, name string, finished, wins int, pnl, roi, rate, drawdown, share string, followers int) leaderboard.Standing {
		return leaderboard.Standing{
			Rank: &rank, Username: username, Name: name, VerifiedAt: before(now, 2000*time.Hour), Finished: finished, Wins: wins, Losses: finished - wins,
			PnL: money.MustAmount(pnl), ROI: amount(roi), WinRate: amount(rate), Drawdown: money.MustAmount(drawdown), DrawdownPct: amount(share), Followers: followers,
		}
	}
	v := leaderboardView{Page: leaderboard.Page{Metric: leaderboard.ROI, Period: record.Monthly, AsOf: before(now, 20*time.Minute), Minimum: 10}, Next: "x", First: true, Me: "ava"}
	v.Standings = []leaderboard.Standing{
		standing(1, "ben", "Ben Example", 61, 39, "18420.50", "42.18", "63.93", "2210.75", "5.06", 240),
		standing(2, "an_unusually_long_username_30", "Somebody whose name takes a whole line of its own", 12, 7, "912", "17.50", "58.33", "0", "0", 3),
		standing(2, "ava", "Ava Example", 14, 8, "1050", "17.50", "57.14", "300.25", "5.00", 2),
		standing(4, "cara", "Cara Example", 40, 12, "-2210.75", "-31.25", "30.00", "4120", "58.24", 12),
	}
	v.Standings[0].Copying = leaderboard.Copying{
		Decided: 14640, Skipped: 3221, SkipRate: amount("22.00"), Slippage: amount("1.25"), Finished: 9811, Return: amount("31.40"), OfTrader: amount("38.05"), Efficiency: amount("82.52"),
	}
	v.Standings[1].VerifiedAt = nil
	v.Own = &v.Standings[2]
	return v
}

// apartLeaderboard is a board on which the viewer is not yet.
func apartLeaderboard(now time.Time) leaderboardView {
	v := cannedLeaderboard(now)
	v.Own = &leaderboard.Standing{Username: "ava", Name: "Ava Example", Finished: 4}
	v.Standings = append(v.Standings[:2:2], v.Standings[3])
	return v
}

func cannedAchievements(now time.Time) (list []leaderboard.Achievement) {
	for i, kind := range []leaderboard.Kind{leaderboard.TopTen, leaderboard.HundredTrade, leaderboard.TenInARow, leaderboard.FiveInARow, leaderboard.FirstWin, leaderboard.FirstTrade} {
		list = append(list, leaderboard.Achievement{Kind: kind, EarnedAt: now.AddDate(0, -i, 0)})
	}
	return list
}

// copyLeaderboard ranks by what followers made.
func copyLeaderboard(now time.Time) leaderboardView {
	v := cannedLeaderboard(now)
	v.Metric, v.Minimum, v.Standings, v.Own, v.Next = leaderboard.Efficiency, 0, v.Standings[:1], nil, ""
	return v
}

// openLeaderboard is the board for who is not signed in.
func openLeaderboard(now time.Time) leaderboardView {
	v := cannedLeaderboard(now)
	v.Own, v.Me = nil, ""
	return v
}

// cannedFeed is a page of everybody's alerts.
func cannedFeed(now time.Time) feedView {
	v := feedView{Kind: alerts.GlobalFeed, Next: "older"}
	lost, percent := money.MustAmount("-420"), money.MustAmount("-100").Decimal
	expired := alerts.FeedItem{
		ID: uuid.UUID{3}, Username: "christopher_long_name", Side: "STC", Contract: contract("BRKB", exchange.Put, "412.5", exchange.TradingDay(now)), Quantity: 120, Filled: 120,
		Price: money.MustPrice("0.00"), Entry: price("0.035"), RealizedPnl: &lost, RealizedPercent: &percent, At: now.Add(-50 * time.Hour),
	}
	v.Items = slices.Concat(cannedTrader(now).Alerts, []alerts.FeedItem{expired})
	return v
}
