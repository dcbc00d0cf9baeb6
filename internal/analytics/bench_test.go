package analytics

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	heavyPositions = 100_000
	lightPositions = 100
	crowdPositions = 1000 // each
	openEach       = 20
)

// Million is a database with a million finished positions: 100,000 of heavy's, a hundred of
// light's, the others' 1,000 each; heavy and light also hold a few. The same rows stand in a
// table of their own with an index on owner and status, and the view plain over it: what the
// reports are held against.
type Million struct {
	DB           *postgres.DB
	Reports      *Reports
	Heavy, Light uuid.UUID
}

// NewMillion makes one; ANALYTICS_CROWD is how many others there are, 900 without.
func NewMillion(b *testing.B) Million {
	b.Helper()
	r := newRoom(b)
	heavy, light := r.person("heavy", 1), r.person("light", 1)
	r.fill(heavy, heavyPositions)
	r.fill(light, lightPositions)
	for i := range crowdUsers() {
		r.fill(r.person(fmt.Sprintf("crowd%d", i), 1), crowdPositions)
	}
	for _, p := range []person{heavy, light} {
		r.open(p, openEach)
	}
	r.patiently(`create table plain_positions as select * from positions`)
	r.patiently(`create index plain_user on plain_positions (user_id, status)`)
	r.patiently(`create view plain as select *, (closed_at at time zone 'America/New_York')::date as day, closed_at at time zone 'America/New_York' as at from plain_positions`)
	r.rollUp(r.now)
	r.patiently(`vacuum analyze`)
	return Million{DB: r.db, Reports: r.reports, Heavy: heavy.id, Light: light.id}
}

// crowdUsers are the others: 900, or ANALYTICS_CROWD for a quick look.
func crowdUsers() int {
	n, err := strconv.Atoi(os.Getenv("ANALYTICS_CROWD"))
	if err != nil {
		return 900
	}
	return n
}

// patiently runs a statement without the pool's timeout.
func (r *room) patiently(sql string, args ...any) {
	r.t.Helper()
	conn, err := r.db.Pool().Acquire(r.ctx())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Release()
	for _, s := range []string{`set statement_timeout = 0`, `set session_replication_role = replica`} {
		if _, err := conn.Exec(r.ctx(), s); err != nil {
			r.t.Fatal(err)
		}
	}
	if _, err := conn.Exec(r.ctx(), sql, args...); err != nil {
		r.t.Fatal(err)
	}
	if _, err := conn.Exec(r.ctx(), `reset statement_timeout; reset session_replication_role`); err != nil {
		r.t.Fatal(err)
	}
}

// fill gives somebody n finished positions of the last two years, without marks: as if
// they had closed in their time.
func (r *room) fill(p person, n int) {
	r.t.Helper()
	r.patiently(`
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, status, bought, sold, cost_bought, proceeds,
			realized, fees, source, opened_at, closed_at, created_at)
		select $1, $2, rpad(u, 6) || '290115C00200000', u, case h % 2 when 0 then 'call' else 'put' end, 200, '2029-01-15', 100, 'closed', 1 + h % 9, 1 + h % 9,
			cost, cost + made, made, 1.3, case when h % 10 < 3 then 'copy' when h % 10 < 4 then 'detected' else 'manual' end, at - (h % 500000) * interval '1 second', at, at
		from generate_series(1, $3::int) i, lateral (select abs(hashint4(i)::bigint) as h) x,
			lateral (select (array['AAPL','AMD','AMZN','F','GOOG','IWM','META','MSFT','NVDA','QQQ','SPY','TSLA'])[1 + h % 12] as u,
				(100 + h % 90000)::numeric / 100 as cost, ((h / 7) % 60000 - 29000)::numeric / 100 as made,
				date_trunc('day', now()) - (h % 730) * interval '1 day' + interval '14 hours 30 minutes' + ((h / 730) % 23400) * interval '1 second' as at) y
		where at < now()`, p.id, p.accounts[0], n)
}

// open gives somebody n open positions of one contract each.
func (r *room) open(p person, n int) (ids []uuid.UUID) {
	r.t.Helper()
	rows, err := r.db.Pool().Query(r.ctx(), `
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, cost_bought, remaining_cost, source, opened_at)
		select $1, $2, rpad('Q' || (i % 1000), 6) || '290115C' || lpad((i / 1000 + 1)::text, 8, '0'), 'Q', 'call', 200, '2029-01-15', 100, 1, 100, 100, 'manual', now()
		from generate_series(1, $3::int) i on conflict do nothing returning id`, p.id, p.accounts[0], n)
	if err != nil {
		r.t.Fatal(err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		r.t.Fatal(err)
	}
	return ids
}

const (
	closers     = 8
	closesATurn = 3000
	closeTurns  = 3
)

// BenchmarkClosing is how many positions close in a second, each by the sale of its last
// contract in a transaction of its own, beside the rate without anything of this package: no
// trigger, no mark, and the index that was there before. Many people close, then one.
// One run is enough for all of it, so b.N is not looked at.
func BenchmarkClosing(b *testing.B) {
	r := newRoom(b)
	var crowd []person
	for i := range closers {
		crowd = append(crowd, r.person(fmt.Sprintf("closer%d", i), 1))
		r.fill(crowd[i], 10_000)
	}
	r.rollUp(r.now)
	worst := math.Inf(1)
	for name, who := range map[string][]person{"many": crowd, "one": crowd[:1]} {
		var with, without float64
		for range closeTurns {
			with += r.closeAll(b, r.openFor(who))
			back := r.without()
			without += r.closeAll(b, r.openFor(who))
			r.patiently(back)
		}
		b.ReportMetric(with/closeTurns, name+"-closes/s")
		b.ReportMetric(with/without, name+"-ratio")
		worst = min(worst, with/without)
	}
	b.ReportMetric(worst, "ratio")
	b.ReportMetric(0, "ns/op")
}

// without takes away what this package added to positions, puts back the index that was
// there before, and gives the statements that undo it.
func (r *room) without() (back string) {
	r.t.Helper()
	var drop string
	err := r.db.Pool().QueryRow(r.ctx(), `
		with added as (
			select 'drop trigger ' || tgname || ' on positions' as gone, pg_get_triggerdef(oid) as made from pg_trigger where tgname like 'rollups%'
			union all
			select 'drop index ' || name, pg_get_indexdef(name::regclass)
			from unnest(array['positions_results', 'positions_closed_opened', 'positions_closed_percent', 'positions_closed_held']) name)
		select string_agg(gone, '; '), 'drop index positions_finished; ' || string_agg(made, '; ') from added`).Scan(&drop, &back)
	if err != nil {
		r.t.Fatal(err)
	}
	r.patiently(drop + `; create index positions_finished on positions (user_id, closed_at) include (realized, outcome, account_id)
		where outcome is not null and source <> 'copy'`)
	return back
}

// openFor makes open positions of one contract, in contracts of their own.
func (r *room) openFor(who []person) (ids []uuid.UUID) {
	r.t.Helper()
	for _, p := range who {
		ids = append(ids, r.open(p, closesATurn/len(who))...)
	}
	return ids
}

// closeAll closes the positions, several at once, and says how many in a second.
func (r *room) closeAll(b *testing.B, ids []uuid.UUID) float64 {
	b.Helper()
	var next atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for range closers {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(ids); i = next.Add(1) - 1 {
				if err := r.close(ids[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	return float64(len(ids)) / time.Since(began).Seconds()
}

func (r *room) close(id uuid.UUID) error {
	return r.db.AsSystem(r.ctx(), "bench", func(ctx context.Context, tx pgx.Tx) error {
		p, err := positions.Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		now := time.Now()
		_, err = positions.Apply(ctx, tx, p, positions.Fill{Quantity: 1, Notional: decimal.NewFromInt(2), At: now, Day: exchange.TradingDay(now)})
		if err != nil {
			return err
		}
		return positions.Settle(ctx, tx, id, now)
	})
}
