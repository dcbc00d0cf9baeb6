package analytics

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/positions"
)

// won is a trade of one contract bought at 1.00 and sold at a price, with no fees.
func won(p person, closed time.Time, price string) *trade {
	c, _ := exchange.ParseSymbol("AAPL  290115C00200000")
	return &trade{
		id: uuid.New(), owner: p, account: p.accounts[0], contract: c, source: "manual", openedAt: closed.Add(-36 * time.Hour), closed: closed,
		buys: []fill{{quantity: 1, price: "1", fees: "0"}}, sells: []fill{{quantity: 1, price: price, fees: "0"}},
	}
}

// A trading day is New York's, also when the clocks change and for whoever lives elsewhere:
// in summer it ends at 04:00 UTC, in winter at 05:00.
func TestADayIsNewYorks(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	r.exec(`update users set time_zone = 'Asia/Tokyo' where id = $1`, ava.id)
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		must(t, err)
		return when
	}
	r.store([]*trade{
		won(ava, at("2026-03-08T04:59:59Z"), "2"), // Saturday, winter
		won(ava, at("2026-03-08T05:00:00Z"), "3"), // Sunday, on which the clocks go forward
		won(ava, at("2026-03-09T03:59:59Z"), "4"), // the same Sunday, summer by now
		won(ava, at("2026-03-09T04:00:00Z"), "5"), // Monday
		won(ava, at("2026-03-11T23:30:00Z"), "9"), // 19:30 on Wednesday; for her in Tokyo it is Thursday
		won(ava, at("2026-11-02T04:59:59Z"), "6"), // the Sunday of 25 hours
		won(ava, at("2026-11-02T05:00:00Z"), "7"), // Monday
	})
	first, last := exchange.MustDate("2026-01-01"), exchange.MustDate("2026-12-31")
	want := []string{"2026-11-02 1 600.00", "2026-11-01 1 500.00", "2026-03-11 1 800.00", "2026-03-09 1 400.00", "2026-03-08 2 500.00", "2026-03-07 1 100.00"}
	for _, when := range []string{"live", "added up"} {
		days, err := r.reports.DailyStats(t.Context(), ava.id, Filter{}, &first, &last)
		must(t, err)
		var got []string
		for _, d := range days {
			got = append(got, d.Date.String()+" "+count(d.TotalTrades).String()+" "+d.TotalPnL.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v", when, got)
		}
		cells, err := r.reports.Heatmap(t.Context(), ava.id, Filter{})
		must(t, err)
		if c := cells[0]; c.DayOfWeek != 0 || c.HourOfDay != 0 || c.Half != 0 || c.Trades != 1 || cells[1].HourOfDay != 23 || cells[1].Half != 30 || cells[1].Trades != 2 {
			t.Errorf("%s: %+v", when, cells[:2])
		}
		r.rollUp(r.now)
	}
}

// A position that closes now marks nothing; what changes of a day that is over marks its
// month, in the transaction of the change, and is right in every answer before the job comes.
func TestLateCorrectionsReopenTheirMonth(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	old, fresh := won(ava, r.now.AddDate(0, -2, 0), "3"), won(ava, r.now, "2")
	r.store([]*trade{old, fresh})
	r.rollUp(r.now)
	marks := func() int { return r.number(`select count(*) from rollup_marks`) }
	total := func() string {
		s, err := r.reports.UserStats(t.Context(), ava.id, Filter{})
		must(t, err)
		return s.TotalPnL.String()
	}
	if marks() != 0 || total() != "300.00" {
		t.Fatalf("%d marks, %s", marks(), total())
	}
	for _, step := range []struct {
		change string
		id     uuid.UUID
		marks  int
		total  string
	}{
		{`update positions set notes = 'of no matter' where id = $1`, old.id, 0, "300.00"},
		{`update positions set realized = realized - 1 where id = $1`, fresh.id, 0, "299.00"},
		{`update positions set realized = realized - 1 where id = $1`, old.id, 1, "298.00"},                                                   // a late fee
		{`update positions set status = 'open', sold = 0, closed_at = null where id = $1`, old.id, 2, "99.00"},                                // opened again by a late fill
		{`update positions set status = 'closed', sold = 1, closed_at = now() where id = $1`, old.id, 2, "298.00"},                            // and closed today
		{`update positions set closed_at = now() - interval '3 months' where id = $1`, old.id, 4, "298.00"},                                   // told late
		{`update positions set unpriced = 1 where id = $1`, old.id, 5, "99.00"},                                                               // nobody knows what it brought
		{`update positions set unpriced = 0, underlying = 'AAPL1', source = 'copy', review_reason = null where id = $1`, old.id, 6, "298.00"}, // resolved
	} {
		r.exec(step.change, step.id)
		if marks() != step.marks || total() != step.total {
			t.Errorf("%s: %d marks, %s", step.change, marks(), total())
		}
	}
	r.rollUp(r.now)
	if marks() != 0 || total() != "298.00" {
		t.Errorf("after the job: %d marks, %s", marks(), total())
	}
	if n := r.number(`select count(*) from rollup_symbols where underlying = 'AAPL1' and copied`); n != 1 {
		t.Errorf("%d rows of the renamed one", n)
	}
}

// Whoever had nothing when everybody was looked at has what came since added up too.
func TestNewcomersAreAddedUpByTheirMarks(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	r.rollUp(r.now)
	r.store([]*trade{won(ava, r.now.AddDate(0, -2, 0), "3"), won(ava, r.now.AddDate(0, -1, 0), "2")})
	r.rollUp(r.now)
	if n := r.number(`select count(*) from rollup_days where user_id = $1`, ava.id); n != 2 {
		t.Errorf("%d days are added up", n)
	}
}

// A rebuild finds every row that is not what the positions say, and puts it right.
func TestARebuildFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{
		`update rollup_days set pnl = pnl + 0.01`, `update rollup_symbols set quantity = 0`, `update rollup_slots set weekday = (weekday + 1) % 7`, `delete from rollup_days`,
		`insert into rollup_days select user_id, day - 400, account_id, copied, trader_id, trades, wins, losses, pnl, gross_profit, gross_loss, cost, fees, held, best, worst from rollup_days`,
	} {
		r := newRoom(t)
		ava := r.person("ava", 1)
		r.store([]*trade{won(ava, r.now.AddDate(0, -2, 0), "3")})
		r.rollUp(r.now)
		r.exec(wrong)
		first, err := r.reports.Rebuild(t.Context())
		must(t, err)
		second, err := r.reports.Rebuild(t.Context())
		must(t, err)
		if first.Wrong == 0 || second.Wrong != 0 || second.Rows != 3 || second.Users != 1 {
			t.Errorf("%s: %+v, then %+v", wrong, first, second)
		}
	}
}

// What changes beside a rebuild is nobody's mistake, and is right when both are done.
func TestARebuildAccusesNobodyWhoChangesBesideIt(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	var trades []*trade
	for months := range 12 {
		trades = append(trades, won(ava, r.now.AddDate(0, -1-months, 0), "3"))
	}
	r.store(trades)
	r.rollUp(r.now)
	stop, changed := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				changed <- nil
				return
			default:
			}
			if _, err := r.db.Pool().Exec(t.Context(), `update positions set realized = realized - 0.01 where id = $1`, trades[i%len(trades)].id); err != nil {
				changed <- err
				return
			}
		}
	}()
	for range 20 {
		done, err := r.reports.Rebuild(t.Context())
		must(t, err)
		if done.Wrong != 0 {
			t.Errorf("%+v", done)
		}
	}
	close(stop)
	must(t, <-changed)
	r.rollUp(r.now)
	if n := r.number(`select count(*) from rollup_marks`); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	done, err := r.reports.Rebuild(t.Context())
	if err != nil || done.Wrong != 0 {
		t.Errorf("at last: %+v (%v)", done, err)
	}
	r.agrees(t, "at last", ava, Filter{}, r.totals(ava))
}

// totals are somebody's results, as the positions themselves say.
func (r *room) totals(p person) (list []fact) {
	r.t.Helper()
	rows, err := r.db.Pool().Query(r.ctx(), `select id, account_id, false, null::text, closed_at, realized from positions where user_id = $1 and outcome is not null`, p.id)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f fact, err error) {
		err = row.Scan(&f.id, &f.account, &f.copied, &f.trader, &f.at, &f.pnl)
		return f, err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// A transaction adds up no more than it may, or one month; all of them come once, month by
// month, and the rollups of whoever is cut reach up to what is left.
func TestAddingUpGoesInParts(t *testing.T) {
	t.Parallel()
	until := exchange.MustDate("2026-11-20")
	first := func(m time.Month) exchange.Date { return exchange.Date{Year: 2026, Month: m, Day: 1} }
	a, b, c := uuid.UUID{1}, uuid.UUID{2}, uuid.UUID{3}
	left := []month{
		{a, first(1), 100}, {a, first(2), rowsAtOnce - 200}, {b, first(3), 101}, {b, first(4), rowsAtOnce - 102}, {b, first(5), 2}, {b, first(6), 3 * rowsAtOnce}, {c, first(7), 1},
	}
	var got []string
	after, cut := uuid.Nil, true
	for cut {
		var units []unit
		units, after, cut = fitting(left, after, until)
		text := after.String()[:2] + ":"
		for _, u := range units {
			text += " " + u.user.String()[:2] + " " + u.month.Month.String()[:3] + " to " + u.until.String()[5:]
		}
		got, left = append(got, text), left[len(units):]
	}
	want := []string{
		"01: 01 Jan to 11-20 01 Feb to 11-20", "01: 02 Mar to 05-01 02 Apr to 05-01", "01: 02 May to 06-01", "02: 02 Jun to 11-20", "02: 03 Jul to 11-20",
	}
	if !slices.Equal(got, want) || len(left) != 0 {
		t.Errorf("%q, %d left", got, len(left))
	}
}

// Every sort lists every position once, page by page, whichever way it goes.
func TestPagesHoldEverythingOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	var trades []*trade
	for i := range 23 {
		trades = append(trades, won(ava, r.now.Add(-time.Duration(i%5)*24*time.Hour), []string{"0.5", "1", "3"}[i%3]))
	}
	r.store(trades)
	for sort := range closedSorts {
		for _, up := range []bool{true, false} {
			seen := map[uuid.UUID]bool{}
			q := ClosedQuery{Sort: sort, Up: up, Limit: 5}
			for pages := 0; pages == 0 || q.Cursor != ""; pages++ {
				page, err := r.reports.Closed(t.Context(), ava.id, q)
				must(t, err)
				for _, f := range page.Rows {
					seen[f.ID] = true
				}
				if q.Cursor = page.Next; page.Total != 23 || pages > 5 {
					t.Fatalf("%s: %d of %d after %d pages", sort, len(seen), page.Total, pages)
				}
			}
			byOffset, err := r.reports.Closed(t.Context(), ava.id, ClosedQuery{Sort: sort, Up: up, Limit: 5, Offset: 20})
			must(t, err)
			if len(seen) != 23 || len(byOffset.Rows) != 3 || byOffset.Next != "" {
				t.Errorf("%s: %d by cursor, the last page by offset has %d", sort, len(seen), len(byOffset.Rows))
			}
		}
	}
	for _, q := range []ClosedQuery{
		{Sort: "user_id"}, {Sort: "pnl", Cursor: "AAAA"}, {Sort: "pnl", Cursor: "AAAAAAAAAAAAAAAAAAAAAHh4eA"},
		{Sort: "pnl", Tag: strings.Repeat("x", 41)}, {Sort: "pnl", Tag: "\xff"}, {Sort: "pnl", Text: "\xff"}, {Sort: "pnl", Text: "a\x00"},
	} {
		q.Limit = 5
		if _, err := r.reports.Closed(t.Context(), ava.id, q); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Whoever holds more than a page has room for gets the rest by its cursor.
func TestOpenPositionsComePageByPage(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	r.open(ava, 5)
	r.store([]*trade{won(ava, r.now.AddDate(0, -1, 0), "3")})
	seen := map[uuid.UUID]bool{}
	var sizes []int
	var after *positions.Cursor
	for more := true; more; more = after != nil {
		page, next, err := r.reports.Open(t.Context(), ava.id, Filter{Source: Manual, Account: &ava.accounts[0]}, 2, after)
		must(t, err)
		for _, p := range page {
			seen[p.ID] = true
		}
		sizes, after = append(sizes, len(page)), next
	}
	if len(seen) != 5 || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("%d of 5 in pages of %v", len(seen), sizes)
	}
}

// A finished position under the first product's names.
func TestAFinishedPositionAsTheFirstProductHadIt(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	sold := won(ava, r.now.AddDate(0, 0, -3).Truncate(time.Second), "1.5")
	sold.buys[0].fees, sold.sells[0].fees = "0.65", "0.65"
	r.store([]*trade{sold})
	r.exec(`update positions set tags = '{earnings,swing}', status = 'exercised' where id = $1`, sold.id)
	for _, q := range []ClosedQuery{{}, {Tag: "swing"}, {Text: "aap"}, {Filter: Filter{Source: Manual}}} {
		q.Sort, q.Limit = "closed_at", 10
		page, err := r.reports.Closed(t.Context(), ava.id, q)
		must(t, err)
		got, err := json.Marshal(page.Rows)
		must(t, err)
		at := sold.closed.UTC().Format(time.RFC3339)
		want := `[{"id":"` + sold.id.String() + `","symbol":"AAPL  290115C00200000","ticker":"AAPL","option_type":"call","strike_price":"200","expiration_date":"2029-01-15",` +
			`"quantity":1,"avg_buy_price":"1.0065","avg_sell_price":"1.50","pnl":"48.70","pnl_pct":"48.39","result":"win","trade_type":"manual","opened_at":"` +
			sold.openedAt.UTC().Format(time.RFC3339) + `","closed_at":"` + at + `","hold_time_days":"1.50","ended":"exercised","fees":"1.30","tags":["earnings","swing"]}]`
		if string(got) != want || page.Total != 1 {
			t.Errorf("%+v: %s, of %d", q, got, page.Total)
		}
	}
	for _, q := range []ClosedQuery{{Tag: "swin"}, {Text: "aapl1"}, {Filter: Filter{Source: Copied}}} {
		q.Sort, q.Limit = "closed_at", 10
		if page, err := r.reports.Closed(t.Context(), ava.id, q); err != nil || len(page.Rows) != 0 || page.Total != 0 {
			t.Errorf("%+v: %+v (%v)", q, page, err)
		}
	}
}

// Without rows everything is zero or empty, and undefined what divides by nothing.
func TestNothingIsZeroAndNotAnError(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	stats, err := r.reports.UserStats(t.Context(), ava.id, Filter{})
	must(t, err)
	got, err := json.Marshal(stats)
	must(t, err)
	want := `{"total_closed_trades":0,"total_open_positions":0,"manual_trades":0,"copied_trades":0,"total_pnl":"0.00","manual_pnl":"0.00","copied_pnl":"0.00",` +
		`"wins":0,"losses":0,"breakeven":0,"win_rate_pct":null,"roi_pct":null,"biggest_win":null,"biggest_loss":null,"profit_factor":null,"avg_win":null,` +
		`"avg_loss":null,"expectancy":null,"avg_hold_days":null,"total_fees":"0.00","max_drawdown":"0.00"}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
	points, err := r.reports.Cumulative(t.Context(), ava.id, Filter{}, "1w")
	if err != nil || len(points) != 0 {
		t.Errorf("%v (%v)", points, err)
	}
}

// The statistics of a few trades, by hand.
func TestStatisticsByHand(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	day := func(back int) time.Time { return exchange.TradingDay(r.now).AddDays(-back).At(10, 15) }
	r.store([]*trade{won(ava, day(40), "3"), won(ava, day(20), "0.5"), won(ava, day(10), "0.2"), won(ava, day(3), "1"), won(ava, day(2), "1.6")})
	for range 2 {
		s, err := r.reports.UserStats(t.Context(), ava.id, Filter{})
		must(t, err)
		got := []string{
			s.TotalPnL.String(), s.WinRate.String(), s.ROI.String(), s.BiggestWin.String(), s.BiggestLoss.String(), s.ProfitFactor.String(), s.AvgWin.String(), s.AvgLoss.String(),
			s.Expectancy.String(), s.AvgHoldDays.String(), s.MaxDrawdown.String(),
		}
		// 200 − 50 − 80 + 0 + 60; 5 trades, 2 won, 2 lost; each cost 100
		want := []string{"130.00", "40.00", "26.00", "200.00", "-80.00", "2.00", "130.00", "-65.00", "26.00", "1.50", "130.00"}
		if !slices.Equal(got, want) || s.Breakeven != 1 {
			t.Errorf("%v, %d breakeven", got, s.Breakeven)
		}
		p, err := r.reports.PeriodStats(t.Context(), ava.id, Filter{})
		must(t, err)
		if p.Trades7d != 2 || p.PnL7d.String() != "60.00" || p.Wins7d != 1 || p.Trades30d != 4 || p.PnL30d.String() != "-70.00" || p.Trades90d != 5 || p.TradesAll != 5 || p.ManualPnLAll.String() != "130.00" {
			t.Errorf("%+v", p)
		}
		points, err := r.reports.Cumulative(t.Context(), ava.id, Filter{}, "1w")
		must(t, err)
		if len(points) != 2 || points[0].Cumulative.String() != "70.00" || points[0].Drawdown.String() != "130.00" || points[1].Cumulative.String() != "130.00" || points[1].Drawdown.String() != "70.00" {
			t.Errorf("%+v", points)
		}
		r.rollUp(r.now)
	}
}

// Nobody's account or name but one's own and real ones can be asked for, and nothing of
// others is in any answer, under the database's own rules.
func TestOthersAreNotCounted(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava, ben := r.person("ava", 1), r.person("ben", 1)
	r.store([]*trade{won(ava, r.now.AddDate(0, -1, 0), "3"), won(ben, r.now.AddDate(0, -1, 0), "4")})
	r.rollUp(r.now)
	for _, f := range []Filter{{Account: &ben.accounts[0]}, {Account: &uuid.Max}, {Trader: "nobody"}} {
		_, err := r.reports.UserStats(t.Context(), ava.id, f)
		_, _, openErr := r.reports.Open(t.Context(), ava.id, f, 50, nil)
		if fault.CodeOf(err) != "validation_failed" || fault.CodeOf(openErr) != "validation_failed" {
			t.Errorf("%s: %v, %v", f.text(), err, openErr)
		}
	}
	for _, table := range []string{"rollup_days", "rollup_symbols", "rollup_slots", "rollup_progress", "rollup_marks"} {
		var others int
		must(t, r.db.ReadAs(t.Context(), ava.id, func(b *pgx.Batch) {
			b.Queue(`select count(*) from ` + table + ` where user_id <> app_user()`).QueryRow(func(row pgx.Row) error { return row.Scan(&others) })
		}))
		if others != 0 {
			t.Errorf("%d rows of others in %s", others, table)
		}
	}
}

func TestFiltersAreReadOrNamed(t *testing.T) {
	t.Parallel()
	for query, field := range map[string]string{
		"source=mine": "source", "account=7": "account", "from=2026-13-01": "from", "to=yesterday": "to", "from=2026-02-01&to=2026-01-01": "to", "trader=%00": "trader", "from=0001-01-01": "from",
	} {
		q, err := url.ParseQuery(query)
		must(t, err)
		_, err = ParseFilter(q)
		var refused *fault.Error
		if !errors.As(err, &refused) || refused.Code != "validation_failed" || !strings.Contains(refused.Error(), field) && refused.Details["fields"] == nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// What people wrote cannot run in a spreadsheet, and numbers stay numbers.
func TestNoCellIsAFormula(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	lost := won(ava, r.now.AddDate(0, -1, 0), "0.5")
	r.store([]*trade{lost})
	r.exec(`update positions set notes = E'=HYPERLINK("http://evil")', tags = '{@sum}' where id = $1`, lost.id)
	var out bytes.Buffer
	must(t, r.reports.Export(t.Context(), ava.id, ClosedQuery{}, CSV, &out))
	lines, err := csv.NewReader(&out).ReadAll()
	must(t, err)
	cell := func(name string) string { return lines[1][slices.Index(lines[0], name)] }
	if cell("notes") != `'=HYPERLINK("http://evil")` || cell("tags") != "'@sum" || cell("pnl") != "-50.00" {
		t.Errorf("%q %q %q", cell("notes"), cell("tags"), cell("pnl"))
	}
	out.Reset()
	must(t, r.reports.Export(t.Context(), ava.id, ClosedQuery{}, JSON, &out))
	var rows []map[string]any
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil || len(rows) != 1 || rows[0]["notes"] != `=HYPERLINK("http://evil")` || len(rows[0]) != len(exportNames) {
		t.Errorf("%v (%v)", rows, err)
	}
	out.Reset()
	must(t, r.reports.Export(t.Context(), r.person("ben", 1).id, ClosedQuery{}, JSON, &out))
	if out.String() != "[]\n" {
		t.Errorf("%q", out.String())
	}
}

// Who has finished nothing gets the names of the columns; what cannot be read writes nothing,
// so that its error can still be answered.
func TestAnExportBeginsWithItsColumnsOrNotAtAll(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	ava := r.person("ava", 1)
	var out bytes.Buffer
	must(t, r.reports.Export(t.Context(), ava.id, ClosedQuery{}, CSV, &out))
	if want := strings.Join(exportNames, ",") + "\r\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, format := range []Format{CSV, JSON} {
		if err := r.reports.Export(ended, ava.id, ClosedQuery{}, format, &out); err == nil || out.Len() != 0 {
			t.Errorf("%s: %q, %v", format, out.String(), err)
		}
	}
}

// watcher counts lines and what memory is in use while they are written, garbage and all.
type watcher struct {
	lines, bytes int
	most         uint64
}

func (w *watcher) Write(p []byte) (int, error) {
	w.lines, w.bytes = w.lines+bytes.Count(p, []byte("\n")), w.bytes+len(p)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.most = max(w.most, m.HeapAlloc)
	return len(p), nil
}

var _ io.Writer = (*watcher)(nil)

// An export streams: however many pages it has, it takes no more memory than a few.
// ANALYTICS_EXPORTED=100000 is a proof.
func TestAnExportIsStreamed(t *testing.T) {
	r := newRoom(t)
	ava := r.person("ava", 1)
	count, err := strconv.Atoi(os.Getenv("ANALYTICS_EXPORTED"))
	if err != nil {
		count = 8_000
	}
	list, err := positions.Imagine(rand.New(rand.NewPCG(1, 2)), count, exchange.TradingDay(r.now).AddDays(-300), exchange.TradingDay(r.now))
	must(t, err)
	for part := range slices.Chunk(list, 2000) {
		must(t, r.db.AsSystem(t.Context(), "test", func(ctx context.Context, tx pgx.Tx) error {
			return positions.Invent(ctx, tx, ava.id, ava.accounts[0], part)
		}))
	}
	want := decimal.Zero
	for _, i := range list {
		want = want.Add(i.Got.Sub(i.Paid).Mul(decimal.NewFromInt(int64(i.Quantity * 100))))
	}
	stats, err := r.reports.UserStats(t.Context(), ava.id, Filter{})
	must(t, err)
	if !stats.TotalPnL.Equal(want) || stats.TotalClosedTrades != count {
		t.Errorf("%d positions made %s, invented was %s", stats.TotalClosedTrades, stats.TotalPnL, want)
	}
	for _, format := range []Format{CSV, JSON} {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		w := &watcher{}
		must(t, r.reports.Export(t.Context(), ava.id, ClosedQuery{}, format, w))
		grown := int64(w.most) - int64(before.HeapAlloc)
		t.Logf("%s of %d positions: %d bytes, at most %d KiB more in use", format, count, w.bytes, grown>>10)
		if w.lines < count+1 || grown > 32<<20 {
			t.Errorf("%s: %d lines, %d bytes more in use", format, w.lines, grown)
		}
	}
}

// A point of the curve as the API has it, whoever encodes it.
func TestAPointOfTheCurve(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal([]Point{{exchange.MustDate("2026-11-20"), amount(decimal.New(-5, -1)), amount(decimal.New(12, 2)), amount(decimal.New(12345, -3))}})
	if want := `[{"trade_date":"2026-11-20","pnl":"-0.50","cumulative_pnl":"1200.00","drawdown":"12.345"}]`; err != nil || string(got) != want {
		t.Errorf("%s (%v)", got, err)
	}
}
