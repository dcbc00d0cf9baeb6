package copytrade

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

const fanOutRounds = 8

// written are the tables a fan-out writes, and how their rows are written again.
var written = []struct{ table, condition, overriding string }{
	{"copy_decisions", "true", ""},
	{"notifications", "true", ""},
	{"deliveries", "true", "overriding system value"},
}

// BenchmarkFanOut decides about one fill for 1,000 and 10,000 followers, half of them
// automatic, half asked on a browser of their own: decisions, questions, deliveries
// and events. The floor is the bare INSERT … SELECT of the very same rows into the
// same tables, one statement for each, in one transaction. Each round's tables are fresh,
// which makes Postgres forget its plans; a server has made them with earlier signals, and
// so has this one, with one that nobody follows. It reports the medians of its rounds but
// the first; b.N is not looked at.
func BenchmarkFanOut(b *testing.B) {
	var small time.Duration
	for _, n := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			f := open(b)
			f.crowd(n)
			alone := *f
			alone.trader = f.user("alone", "trader")
			f.copier.forecast = snaptrade.NewBudget(f.db.Pool(), snaptrade.DefaultPerMinute).Forecast
			var took, bare []time.Duration
			var grew int64
			for round := range fanOutRounds {
				order, earlier := f.leads(orders.BTO, 4, 4, orders.Filled), alone.leads(orders.BTO, 1, 1, orders.Filled)
				f.exec(`vacuum (analyze) subscriptions, accounts, copy_decisions, notifications, deliveries, live_events`)
				f.decide(earlier)
				before := startPeak(b)
				t := stopwatch(func() { f.decide(order) })
				peak := peakMemory(b) - before
				floor := f.writeAgain(n)
				if round == 0 { // plans and pages are cold
					continue
				}
				took, bare, grew = append(took, t), append(bare, floor), max(grew, peak)
			}
			mid, floor := median(took), median(bare)
			b.ReportMetric(0, "ns/op") // a round is more than the fan-out
			b.ReportMetric(mid.Seconds()*1000, "p50-ms")
			b.ReportMetric(slices.Max(took).Seconds()*1000, "worst-ms")
			b.ReportMetric(floor.Seconds()*1000, "floor-ms")
			b.ReportMetric(mid.Seconds()/floor.Seconds(), "ratio")
			b.ReportMetric(float64(grew)/(1<<20), "MiB-grown")
			if n == 1000 {
				small = mid
			} else if small > 0 {
				b.ReportMetric(mid.Seconds()/small.Seconds(), "x-1000")
			}
		})
	}
}

// crowd makes n followers, every second one automatic, the others with a browser.
func (f *floor) crowd(n int) {
	f.Helper()
	f.exec(`
		with u as (insert into users (username, name) select 'crowd_' || i, 'Crowd' from generate_series(1, $2) i returning id, username),
		c as (insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
			select id, id::text, 'ALPACA-PAPER', 'Alpaca', true, 'ok' from u returning id, user_id),
		a as (insert into accounts (user_id, connection_id, broker_account_id, institution, can_trade, selected, cash, buying_power, balance_at)
			select user_id, id, user_id::text, 'Alpaca', true, true, 100000, 100000, now() from c),
		k as (insert into consents (user_id, version) select id, $3 from u),
		d as (insert into destinations (user_id, channel, address) select id, 'push', id::text from u where right(username, 1) in ('1', '3', '5', '7', '9'))
		insert into subscriptions (follower_id, trader_id, auto_execute, active_since)
		select id, $1, right(username, 1) not in ('1', '3', '5', '7', '9'), now() - interval '1 hour' from u`, f.trader, n, ConsentVersion)
	f.exec(`vacuum (analyze)`)
}

// writeAgain takes away what a fan-out wrote, times the bare writing of the same
// rows, and takes them away again.
func (f *floor) writeAgain(n int) time.Duration {
	f.Helper()
	for _, w := range written {
		f.exec(`drop table if exists saved_` + w.table)
		f.exec(`create table saved_` + w.table + ` as select * from ` + w.table)
	}
	if got := read[int](f, `select count(*)::int from saved_copy_decisions`); got != n {
		f.Fatalf("%d decisions for %d followers", got, n)
	}
	clear := func() { // the signal goes with its decisions
		f.exec(`delete from deliveries; delete from notifications; delete from copy_decisions; delete from live_events`)
		f.exec(`vacuum (analyze) copy_decisions, notifications, deliveries, live_events`)
	}
	clear()
	took := stopwatch(func() {
		f.must(f.db.AsSystem(f.ctx, "bench", func(ctx context.Context, tx pgx.Tx) error {
			for _, w := range written {
				if _, err := tx.Exec(ctx, `insert into `+w.table+` `+w.overriding+` select * from saved_`+w.table); err != nil {
					return err
				}
			}
			return nil
		}))
	})
	clear()
	return took
}

func stopwatch(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// startPeak forgets the highest memory of this process so far, and gives what it
// has now, in bytes.
func startPeak(b *testing.B) int64 {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Skip("the system does not measure memory:", err)
	}
	return statusOf(b, "VmRSS:")
}

func peakMemory(b *testing.B) int64 {
	b.Helper()
	return statusOf(b, "VmHWM:")
}

func statusOf(b *testing.B, field string) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), field)
	var kB int64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		b.Fatal(err)
	}
	return kB << 10
}
