package leaderboard

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/record"
)

// A worthless expiry lowers the win rate wherever it is shown: in the record that anybody
// downloads, on the board, on the profile and in the directory. It is one number.
func TestAWorthlessExpiryLowersTheWinRateEverywhere(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava := a.person("ava", "trader")
	for range 20 {
		a.store(a.won(ava, 50))
	}
	rates := func() string {
		a.refresh()
		sum, s := a.file(ava), a.standing(ava, record.Always)
		profile, err := a.copier.Profile(a.ctx, "ava")
		a.must(err)
		list, _, err := a.copier.Directory(a.ctx, copytrade.DirectoryQuery{Sort: "pnl", Period: "all", Limit: 1})
		a.must(err)
		recorded := percent(count(sum.Wins), count(sum.Wins+sum.Losses+sum.Breakeven))
		for where, got := range map[string]string{
			"board": s.PnL.String() + " " + s.WinRate.String(), "profile": profile.PnL.String() + " " + profile.WinRate.String(),
			"directory": list[0].PnL.String() + " " + list[0].WinRate.String(),
		} {
			if want := (money.Amount{Decimal: sum.Realized}).String() + " " + recorded.String(); got != want {
				t.Errorf("the %s says %s, the record %s", where, got, want)
			}
		}
		return s.WinRate.StringFixed(2)
	}
	if got := rates(); got != "100.00" {
		t.Errorf("before: %s", got)
	}
	worthless := a.won(ava, -100)
	worthless.status = "expired"
	a.store(worthless)
	if got := rates(); got != "95.24" {
		t.Errorf("after a worthless expiry: %s", got)
	}
}

func TestOnlyPublishedTradesOfWhoPublishesCount(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava, ben, stopped, gone, reader := a.person("ava", "trader"), a.person("ben", "trader"), a.person("stopped", "trader"), a.person("gone", "trader"), a.person("reader", "subscriber")
	quiet, copied, paper, unknown := a.won(ava, 9000), a.won(ava, 8000), a.won(ava, 7000), a.won(ava, 6000)
	quiet.public, copied.source, paper.paper, unknown.unpriced = false, "copy", true, true
	a.store(a.won(ava, 70), a.won(ava, -20), quiet, copied, paper, unknown, a.won(ben, 60), a.won(stopped, 500), a.won(gone, 500), a.won(reader, 500))
	a.exec(`update users set status = 'suspended' where id = $1`, gone.id)
	a.exec(`insert into trading_switches (scope, key, stops, reason) values ('publishing', $1, 'copies', 'no more')`, stopped.id.String())
	a.refresh()
	if got, want := a.ranked(PnL, record.Daily), "1 ben, 2 ava, "; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if s := a.standing(ava, record.Always); s.Finished != 2 || s.Wins != 1 || s.Losses != 1 || s.PnL.String() != "50.00" || s.ROI.String() != "25.00" || s.WinRate.String() != "50.00" {
		t.Errorf("%+v", s)
	}
	if got := a.ranked(WinRate, record.Daily) + a.ranked(ROI, record.Daily); got != "" {
		t.Errorf("two trades are a percentage: %s", got)
	}
	a.store(a.won(ava, 5))
	a.refresh()
	if got := a.ranked(WinRate, record.Daily) + a.ranked(ROI, record.Daily); got != "1 ava, 1 ava, " {
		t.Errorf("three trades are none: %s", got)
	}
	a.exec(`insert into trading_switches (scope, key, stops, reason) values ('publishing', $1, 'copies', 'no more')`, ava.id.String())
	if got := a.ranked(PnL, record.Always); got != "1 ben, " && got != "2 ben, " {
		t.Errorf("who stopped publishing stays until the next hour: %s", got)
	}
	a.board.paperCounts = true // as in development, which has no other accounts
	a.refresh()
	if got, want := a.ranked(PnL, record.Daily), "1 ben, "; got != want {
		t.Errorf("with play money: %s, not %s", got, want)
	}
	a.exec(`delete from trading_switches`)
	a.refresh()
	if got, want := a.ranked(PnL, record.Daily), "1 ava, 2 stopped, 3 ben, "; got != want {
		t.Errorf("with play money: %s, not %s", got, want)
	}
}

// Who is alike shares a rank; only those who copy for real are followers.
func TestEqualFiguresShareARank(t *testing.T) {
	t.Parallel()
	a := open(t)
	var all []person
	for i := range 4 {
		all = append(all, a.person(fmt.Sprintf("trader%d", i), "trader"))
	}
	a.store(a.won(all[0], 10), a.won(all[1], 20), a.won(all[2], 20), a.won(all[3], 30))
	for i, how := range []string{"active", "paused", "cancelled"} {
		a.exec(`insert into subscriptions (follower_id, trader_id, status) values ($1, $2, $3)`, all[i].id, all[3].id, how)
	}
	a.exec(`insert into subscriptions (follower_id, trader_id, paper) values ($1, $2, true)`, all[3].id, all[0].id)
	a.refresh()
	page, _, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: record.Always, Limit: 10, Viewer: all[0].id})
	a.must(err)
	var places []int
	for _, s := range page.Standings {
		places = append(places, *s.Rank)
	}
	if !slices.Equal(places, []int{1, 2, 2, 4}) || *page.Own.Rank != 4 || page.Own.Username != "trader0" || page.Minimum != 1 || !page.AsOf.Equal(a.now) {
		t.Errorf("%v, %+v", places, page)
	}
	if got := a.ranked(Followers, record.Weekly); got != "1 trader3, " {
		t.Errorf("followers: %s", got)
	}
	if s := a.standing(all[3], record.Always); s.Followers != 2 {
		t.Errorf("%d follow", s.Followers)
	}
}

// Who goes from page to page stays on the boards on which they began, whatever is made
// meanwhile, and sees everybody once.
func TestABoardIsReadPageByPage(t *testing.T) {
	t.Parallel()
	a := open(t)
	for i := range 7 {
		a.store(a.won(a.person(fmt.Sprintf("trader%d", i), "trader"), int64(10*(i/2))))
	}
	a.refresh()
	seen, cursor := map[string]int{}, ""
	for pages := 1; ; pages++ {
		page, next, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: record.Always, Limit: 3, Cursor: cursor})
		a.must(err)
		for _, s := range page.Standings {
			seen[s.Username]++
		}
		if cursor = next; next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		if pages == 1 {
			a.store(a.won(a.person("late", "trader"), 1000))
			a.refresh()
		}
	}
	if len(seen) != 7 || seen["late"] != 0 {
		t.Errorf("%v", seen)
	}
	for range kept {
		a.refresh()
	}
	_, cursor, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: record.Always, Limit: 3})
	a.must(err)
	for range kept { // those boards are gone: the newest go on from there
		a.refresh()
	}
	if page, _, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: record.Always, Limit: 3, Cursor: cursor}); err != nil || len(page.Standings) != 3 || !page.AsOf.Equal(a.now) {
		t.Errorf("%+v, %v", page, err)
	}
	for _, bad := range []string{"x", "%%%", "MSAy", place{1, 1, uuid.Nil}.text() + "x", "LTEgMSAwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA"} {
		if _, _, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: record.Always, Limit: 3, Cursor: bad}); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Boards are made once an hour however often and by however many it is asked, and a few stay.
func TestBoardsAreMadeOnceAnHour(t *testing.T) {
	t.Parallel()
	a := open(t)
	if page, next, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: record.Always, Limit: 3}); err != nil || page.AsOf != nil || len(page.Standings) != 0 || next != "" {
		t.Errorf("before the first: %+v, %v", page, err)
	}
	a.store(a.won(a.person("ava", "trader"), 10))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := a.board.Refresh(a.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	a.now = a.now.Add(30 * time.Minute)
	a.must(a.board.Refresh(a.ctx))
	if n := read[int](a, `select count(*) from leaderboard_refreshes`); n != 1 {
		t.Errorf("%d refreshes of one hour", n)
	}
	for range 5 {
		a.refresh()
	}
	if n, rows := read[int](a, `select count(*) from leaderboard_refreshes`), read[int](a, `select count(*) from leaderboard_rows`); n != kept || rows != kept*len(record.Periods()) {
		t.Errorf("%d refreshes with %d rows are kept", n, rows)
	}
}

// While boards are made nobody waits: who reads has the old ones until the new ones are
// committed, and who holds an old one open holds up nothing.
func TestNobodyWaitsForARefresh(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava := a.person("ava", "trader")
	a.store(a.won(ava, 10))
	a.refresh()
	a.store(a.won(ava, 5))
	ctx, stop := context.WithTimeout(a.ctx, time.Minute)
	defer stop()
	reader, err := a.db.Pool().Begin(ctx)
	a.must(err)
	defer func() { _ = reader.Rollback(a.ctx) }()
	if _, err := reader.Exec(ctx, `select * from leaderboard_rows r join leaderboard_refreshes g on g.id = r.refresh_id`); err != nil {
		t.Fatal(err)
	}
	a.must(a.db.AsSystem(ctx, "test", func(ctx context.Context, tx pgx.Tx) error {
		id, err := begin(ctx, tx, a.now.Add(time.Hour))
		if err != nil {
			return err
		}
		if err := a.board.rank(ctx, tx, id, a.now); err != nil {
			return err
		}
		if s := a.standing(ava, record.Always); s.PnL.String() != "10.00" { // another session
			t.Errorf("who reads sees half a refresh: %s", s.PnL)
		}
		return nil
	}))
	if s := a.standing(ava, record.Always); s.PnL.String() != "15.00" {
		t.Errorf("after it: %s", s.PnL)
	}
}

// The board is what the closed positions say: of random people, for every period, with
// every rank; and so is what profiles and the directory say.
func TestTheBoardIsWhatTheClosedPositionsSay(t *testing.T) {
	t.Parallel()
	a := open(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 7))
	var crowd []person
	var trades []*trade
	for i := range 24 {
		p := a.person(fmt.Sprintf("user%02d", i), []string{"trader", "trader", "trader", "admin", "subscriber"}[chance.IntN(5)])
		crowd = append(crowd, p)
		for range chance.IntN(30) {
			trades = append(trades, a.random(chance, p))
		}
	}
	a.store(trades...)
	check := func(when string) {
		t.Helper()
		a.refresh()
		for _, period := range record.Periods() {
			a.agrees(when, crowd, trades, period)
		}
	}
	check("at first")
	for i, made := range trades {
		if i%4 == 0 { // a fee that was told late
			made.realized = made.realized.Sub(decimal.NewFromInt(7))
			a.exec(`update positions set realized = $2 where id = $1`, made.id, made.realized)
			a.bring(made)
		}
	}
	check("after corrections")
}

func (a *arena) random(chance *rand.Rand, p person) *trade {
	made := a.won(p, int64(10*(chance.IntN(41)-20)))
	made.source = []string{"manual", "manual", "detected", "copy"}[chance.IntN(4)]
	made.public, made.paper, made.unpriced = chance.IntN(6) > 0, chance.IntN(8) == 0, chance.IntN(12) == 0
	made.cost = decimal.NewFromInt(int64(100 * (1 + chance.IntN(4))))
	day := exchange.TradingDay(a.now).AddDays(-chance.IntN(45))
	made.at = []time.Time{day.At(0, 0), day.AddDays(1).At(0, 0).Add(-time.Microsecond), day.At(15, 59)}[chance.IntN(3)]
	if made.at.After(a.now) {
		made.at = a.now
	}
	if chance.IntN(5) == 0 {
		made.status, made.realized = "expired", made.cost.Neg()
	}
	return made
}

// sums is what the counted trades of one person come to, by hand.
type sums struct {
	name                              string
	finished, wins                    int
	pnl, cost, drawdown, roi, winRate decimal.Decimal
}

func (a *arena) recompute(p person, trades []*trade, period record.Period) sums {
	days := map[exchange.Date]decimal.Decimal{}
	sum := sums{name: p.name}
	for _, t := range trades {
		day := exchange.TradingDay(t.at)
		if t.owner.id != p.id || !t.public || t.paper || t.unpriced || t.source == "copy" || period != record.Always && day.Before(exchange.TradingDay(period.Since(a.clock.Today()))) {
			continue
		}
		sum.finished, sum.pnl, sum.cost = sum.finished+1, sum.pnl.Add(t.realized), sum.cost.Add(t.cost)
		if t.realized.IsPositive() {
			sum.wins++
		}
		days[day] = days[day].Add(t.realized)
	}
	var order []exchange.Date
	for day := range days {
		order = append(order, day)
	}
	slices.SortFunc(order, func(x, y exchange.Date) int { return cmp.Compare(x.String(), y.String()) })
	height, peak := decimal.Zero, decimal.Zero
	for _, day := range order {
		height = height.Add(days[day])
		peak = decimal.Max(peak, height)
		sum.drawdown = decimal.Max(sum.drawdown, peak.Sub(height))
	}
	if sum.finished > 0 {
		sum.roi, sum.winRate = sum.pnl.DivRound(sum.cost, 8), count(sum.wins).DivRound(count(sum.finished), 8)
	}
	return sum
}

func (a *arena) agrees(when string, crowd []person, trades []*trade, period record.Period) {
	a.Helper()
	var all []sums
	listed, _, err := a.copier.Directory(a.ctx, copytrade.DirectoryQuery{Sort: "pnl", Period: string(period), Limit: 200})
	a.must(err)
	for _, p := range crowd {
		if read[string](a, `select role from users where id = $1`, p.id) == "subscriber" {
			continue
		}
		want, got := a.recompute(p, trades, period), a.standing(p, period)
		all = append(all, want)
		if got.Finished != want.finished || got.Wins != want.wins || !got.PnL.Equal(want.pnl) || !got.Drawdown.Equal(want.drawdown) ||
			want.finished > 0 && (!got.ROI.Equal(percent(want.pnl, want.cost).Decimal) || !got.WinRate.Equal(percent(count(want.wins), count(want.finished)).Decimal)) {
			a.Fatalf("%s, %s: the board has %+v, the positions of %s say %+v", when, period, got, p.name, want)
		}
		profile, err := a.copier.Profile(a.ctx, p.name)
		a.must(err)
		made := profile.Periods[slices.Index(record.Periods(), period)]
		row := listed[slices.IndexFunc(listed, func(l copytrade.Listed) bool { return l.Username == p.name })]
		if made.Finished != want.finished || !made.PnL.Equal(want.pnl) || row.Finished != want.finished || !row.PnL.Equal(want.pnl) ||
			want.finished > 0 && (!made.WinRate.Equal(got.WinRate.Decimal) || !row.WinRate.Equal(got.WinRate.Decimal)) {
			a.Fatalf("%s, %s: %s has %+v on their profile, %+v in the directory and %+v on the board", when, period, p.name, made, row, got)
		}
	}
	for metric, value := range map[Metric]func(sums) decimal.Decimal{
		PnL: func(x sums) decimal.Decimal { return x.pnl }, ROI: func(x sums) decimal.Decimal { return x.roi }, WinRate: func(x sums) decimal.Decimal { return x.winRate },
	} {
		want := map[string]int{}
		for _, x := range all {
			if x.finished < metric.Minimum(period) {
				continue
			}
			want[x.name] = 1
			for _, y := range all {
				if y.finished >= metric.Minimum(period) && value(y).GreaterThan(value(x)) {
					want[x.name]++
				}
			}
		}
		page, _, err := a.board.Page(a.ctx, Query{Metric: metric, Period: period, Limit: 200})
		a.must(err)
		for i, s := range page.Standings {
			if *s.Rank != want[s.Username] || i > 0 && *s.Rank < *page.Standings[i-1].Rank {
				a.Fatalf("%s: %s of %s is %d by %s, and should be %d", when, period, s.Username, *s.Rank, metric, want[s.Username])
			}
		}
		if len(page.Standings) != len(want) {
			a.Fatalf("%s: %d are ranked by %s of %s, and should be %d", when, len(page.Standings), metric, period, len(want))
		}
	}
}
