package analytics

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// How many people the property is tried on; ANALYTICS_USERS=1000 is a proof.
func people(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("ANALYTICS_USERS"))
	if err != nil {
		return 50
	}
	return n
}

// TestEveryTotalIsTheSumOfTheFills: dashboard, calendar, curve, symbols, heatmap, CSV and
// what the fills say are one number, to the last digit: for everybody, every filter, before
// anything is added up, after a part of it, after all, and while corrections wait.
func TestEveryTotalIsTheSumOfTheFills(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := chance{Rand: rand.New(rand.NewPCG(seed, 7)), now: r.now}
	for i := range 3 {
		c.traders = append(c.traders, r.person(fmt.Sprintf("trader%d", i), 0))
	}
	crowd := make([]person, people(t))
	var trades []*trade
	for i := range crowd {
		crowd[i] = r.person(fmt.Sprintf("user%d", i), 1+c.IntN(2))
		for range c.IntN(60) {
			trades = append(trades, c.trade(t, crowd[i]))
		}
	}
	r.store(trades)
	check := func(when string) {
		t.Helper()
		for _, p := range crowd {
			r.agrees(t, when, p, c.filter(p), r.facts(p.id))
		}
	}
	check("before anything is added up")
	r.rollUp(c.now.AddDate(0, 0, -100))
	check("after a part is added up")
	r.rollUp(c.now)
	if n := r.number(`select count(*) from rollup_days`); n == 0 && len(trades) > 0 {
		t.Fatal("nothing was added up")
	}
	check("after all is added up")
	r.correct(c, trades)
	check("while corrections wait")
	r.rollUp(c.now)
	if n := r.number(`select count(*) from rollup_marks`); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	check("after corrections are added up")
	done, err := r.reports.Rebuild(t.Context())
	if err != nil || done.Wrong != 0 || done.Rows == 0 {
		t.Errorf("rebuilt %+v (%v)", done, err)
	}
	check("after a rebuild")
}

// filter is any filter that can be asked for.
func (c chance) filter(p person) (f Filter) {
	f.Source = Source(c.of([]string{"", "all", "manual", "copied"}))
	if c.IntN(3) == 0 {
		f.Account = &p.accounts[c.IntN(len(p.accounts))]
	}
	if c.IntN(3) == 0 {
		f.Trader = c.traders[c.IntN(len(c.traders))].name
	}
	today := exchange.TradingDay(c.now)
	first, last := today.AddDays(-c.IntN(385)), today.AddDays(-c.IntN(40))
	if c.IntN(3) == 0 {
		first.Day = 1
	}
	if c.IntN(2) == 0 {
		f.From = &first
	}
	if c.IntN(2) == 0 && (f.From == nil || !last.Before(first)) {
		f.To = &last
	}
	return f
}

// correct changes finished positions as late fees, and renames, do.
func (r *room) correct(c chance, trades []*trade) {
	r.t.Helper()
	for i, t := range trades {
		switch i % 5 {
		case 0:
			r.exec(`with fee as (insert into late_fees (order_id, cum, user_id, position_id, amount, cost_removed, realized) values ($1, $2, $3, $4, 0.37, 0, -0.37))
				update positions set realized = realized - 0.37, fees = fees + 0.37 where id = $4`, t.sells[0].order, t.sells[0].quantity, t.owner.id, t.id)
		case 1:
			r.exec(`update positions set source = 'copy', copied_from = $2 where id = $1`, t.id, c.traders[0].id)
		case 2: // told late: it finished in another month
			r.exec(`update positions set closed_at = closed_at - interval '20 days', opened_at = opened_at - interval '20 days' where id = $1`, t.id)
		}
	}
}

// agrees holds everything that is a total against the fills.
func (r *room) agrees(t *testing.T, when string, p person, f Filter, facts []fact) {
	t.Helper()
	ctx := t.Context()
	want, n := decimal.Zero, 0
	for _, x := range facts {
		if f.passes(x) {
			want, n = want.Add(x.pnl), n+1
		}
	}
	stats, err := r.reports.UserStats(ctx, p.id, f)
	must(t, err)
	periods, err := r.reports.PeriodStats(ctx, p.id, f)
	must(t, err)
	first, last := exchange.TradingDay(time.Now()).AddDays(-395), exchange.TradingDay(time.Now()).AddDays(2)
	calendar, err := r.reports.DailyStats(ctx, p.id, f, &first, &last)
	must(t, err)
	points, err := r.reports.Cumulative(ctx, p.id, f, "all")
	must(t, err)
	symbols, err := r.reports.SymbolStats(ctx, p.id, f, "total_pnl", 200)
	must(t, err)
	cells, err := r.reports.Heatmap(ctx, p.id, f)
	must(t, err)
	page, err := r.reports.Closed(ctx, p.id, ClosedQuery{Filter: f, Sort: "pnl", Limit: 1})
	must(t, err)
	exported, rows := r.exported(t, p.id, f)
	days, bySymbol, byCell, counted := decimal.Zero, decimal.Zero, decimal.Zero, 0
	for _, d := range calendar {
		days, counted = days.Add(d.TotalPnL.Decimal), counted+d.TotalTrades
	}
	for _, s := range symbols {
		bySymbol = bySymbol.Add(s.TotalPnL.Decimal)
	}
	for _, c := range cells {
		byCell = byCell.Add(c.PnL.Decimal)
	}
	curve := decimal.Zero
	for _, p := range points {
		curve = curve.Add(p.PnL.Decimal)
	}
	for name, got := range map[string]decimal.Decimal{
		"dashboard": stats.TotalPnL.Decimal, "periods": periods.PnLAll.Decimal, "calendar": days, "curve": curve, "symbols": bySymbol, "heatmap": byCell, "CSV": exported,
	} {
		if !got.Equal(want) {
			t.Fatalf("%s: %s of %s with %s is %s, its fills say %s", when, name, p.name, f.text(), got, want)
		}
	}
	if stats.TotalClosedTrades != n || periods.TradesAll != n || counted != n || page.Total != n || rows != n || stats.Wins+stats.Losses+stats.Breakeven != n {
		t.Fatalf("%s: %d, %d, %d, %d and %d of %s with %s, there are %d", when, stats.TotalClosedTrades, periods.TradesAll, counted, page.Total, rows, p.name, f.text(), n)
	}
	if f.From == nil && len(points) > 0 && !stats.MaxDrawdown.Equal(deepest(points)) {
		t.Fatalf("%s: %s fell by %s, the curve by %s", when, p.name, stats.MaxDrawdown, deepest(points))
	}
}

func deepest(points []Point) decimal.Decimal {
	most, peak, total := decimal.Zero, decimal.Zero, decimal.Zero
	for _, p := range points {
		total = total.Add(p.PnL.Decimal)
		peak = decimal.Max(peak, total)
		most = decimal.Max(most, peak.Sub(total))
	}
	return most
}

func (f Filter) text() string { // for messages
	text := fmt.Sprintf("source %q trader %q from %v to %v", f.Source, f.Trader, f.From, f.To)
	if f.Account != nil {
		text += " account " + f.Account.String()
	}
	return text
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// exported is the sum of the CSV's results, and its rows.
func (r *room) exported(t *testing.T, user uuid.UUID, f Filter) (sum decimal.Decimal, rows int) {
	t.Helper()
	var out bytes.Buffer
	must(t, r.reports.Export(t.Context(), user, ClosedQuery{Filter: f}, CSV, &out))
	lines, err := csv.NewReader(&out).ReadAll()
	must(t, err)
	column := slices.Index(lines[0], "pnl")
	for _, line := range lines[1:] {
		sum = sum.Add(decimal.RequireFromString(line[column]))
	}
	return sum, len(lines) - 1
}
