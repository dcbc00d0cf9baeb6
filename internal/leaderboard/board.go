// Package leaderboard ranks traders by what they published.
//
// A board is a metric and a period. All boards are made together once an hour from what
// published trades came to, by one statement, beside the ones that people read; who reads
// sees the new ones when all of them are there.
package leaderboard

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
)

// Metric is what a board goes by.
type Metric string

// The metrics: dollars made; those in percent of what was put in; wins in percent of
// finished trades; what followers made of the trader's return; who copies for real.
const (
	PnL        Metric = "pnl"
	ROI        Metric = "roi"
	WinRate    Metric = "winRate"
	Efficiency Metric = "copyEfficiency"
	Followers  Metric = "followers"
)

// ranks are the columns in which places stand.
var ranks = map[Metric]string{PnL: "rank_pnl", ROI: "rank_roi", WinRate: "rank_win_rate", Efficiency: "rank_efficiency", Followers: "rank_followers"}

// Metrics lists them in the order in which people see them.
func Metrics() []Metric { return []Metric{PnL, ROI, WinRate, Efficiency, Followers} }

// Valid says whether there is such a metric.
func (m Metric) Valid() bool { return slices.Contains(Metrics(), m) }

// minimums are how many finished trades of a period somebody needs before a percentage of
// them says anything.
var minimums = map[record.Period]int{record.Daily: 3, record.Weekly: 5, record.Monthly: 10, record.Always: 20}

// Minimum is how many finished trades of the period a trader needs to be on the board:
// dollars are what they are after the first one; followers need none, and copies are counted
// by themselves.
func (m Metric) Minimum(p record.Period) int {
	switch m {
	case PnL:
		return 1
	case Efficiency, Followers:
		return 0
	}
	return minimums[p]
}

// Board makes and reads the boards.
type Board struct {
	db          *postgres.DB
	alerts      *alerts.Announcer
	clock       *exchange.Clock
	now         func() time.Time
	paperCounts bool
}

// Options are what a Board needs: the database, who tells traders of their rank, the
// market's clock for today's date, and the real time.
type Options struct {
	DB          *postgres.DB
	Alerts      *alerts.Announcer
	Clock       *exchange.Clock
	Now         func() time.Time
	PaperCounts bool // play money counts, as in development, which has no other
}

// New returns a Board.
func New(o Options) *Board {
	return &Board{db: o.DB, alerts: o.Alerts, clock: o.Clock, now: o.Now, paperCounts: o.PaperCounts}
}

// Standing is how a trader stands in a period.
type Standing struct {
	Rank        *int          `json:"rank"` // from 1, shared by those who are alike; null: not on this board
	Username    string        `json:"username"`
	Name        string        `json:"name"`
	AvatarURL   *string       `json:"avatarUrl"`
	VerifiedAt  *time.Time    `json:"verifiedAt"`
	Finished    int           `json:"finished"` // published trades that came out in the period
	Wins        int           `json:"wins"`
	Losses      int           `json:"losses"`
	PnL         money.Amount  `json:"pnl"`                // dollars
	ROI         *money.Amount `json:"roi"`                // percent of what those trades cost
	WinRate     *money.Amount `json:"winRate"`            // percent of those trades
	Drawdown    money.Amount  `json:"maxDrawdown"`        // dollars from the highest point of the period's days
	DrawdownPct *money.Amount `json:"maxDrawdownPercent"` // of what those trades cost, as ROI is
	Followers   int           `json:"followers"`
	Copying     Copying       `json:"copying"` // the same in every period

	trader uuid.UUID
}

// standingColumns are what scanStanding reads of a row r of a user u, behind the rank.
const standingColumns = `r.trader_id, u.username, u.name, u.avatar_url, u.verified_at, r.finished, r.wins, r.losses, r.pnl, r.cost, r.drawdown, r.followers, ` + copyingColumns

func scanStanding(row pgx.CollectableRow) (s Standing, err error) {
	var pnl, cost, drawdown decimal.Decimal
	var c copyingSums
	err = row.Scan(&s.Rank, &s.trader, &s.Username, &s.Name, &s.AvatarURL, &s.VerifiedAt, &s.Finished, &s.Wins, &s.Losses, &pnl, &cost, &drawdown, &s.Followers,
		&c.decided, &c.skipped, &c.slippage, &c.copies, &c.cost, &c.result, &c.baseline)
	s.Copying = c.copying()
	s.PnL, s.Drawdown = money.Amount{Decimal: pnl}, money.Amount{Decimal: drawdown}
	s.ROI, s.DrawdownPct, s.WinRate = percent(pnl, cost), percent(drawdown, cost), percent(count(s.Wins), count(s.Finished))
	if s.VerifiedAt != nil {
		at := s.VerifiedAt.UTC()
		s.VerifiedAt = &at
	}
	return s, err
}

// percent is part of whole in hundredths; nil where whole is zero.
func percent(part, whole decimal.Decimal) *money.Amount {
	p := money.Percent(part, whole)
	if !p.Valid {
		return nil
	}
	return &money.Amount{Decimal: p.Decimal}
}

func count(n int) decimal.Decimal { return decimal.NewFromInt(int64(n)) }

// Ordinal writes a rank: 1st, 2nd, 3rd, 4th, 11th.
func Ordinal(n int) string {
	ending := "th"
	if tens := n % 100; tens < 11 || tens > 13 {
		switch n % 10 {
		case 1:
			ending = "st"
		case 2:
			ending = "nd"
		case 3:
			ending = "rd"
		}
	}
	return strconv.Itoa(n) + ending
}
