package leaderboard

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/record"
)

// crowded is a database with a thousand traders, of whom each published five hundred trades
// in two years.
func crowded(b *testing.B) (*Board, *time.Time) {
	b.Helper()
	db, now := pgtest.New(b), time.Date(2026, 11, 20, 15, 20, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	err := db.AsSystem(context.Background(), "bench", func(ctx context.Context, tx pgx.Tx) error {
		for _, sql := range []string{
			`set local statement_timeout = '120s'`,
			`set local session_replication_role = replica`, // boards never look at the positions
			`insert into users (username, name, role) select 'trader' || i, 'Trader ' || i, 'trader' from generate_series(1, 1000) i`,
			`insert into published_results (position_id, trader_id, paper, result, realized, cost, finished_at)
				select gen_random_uuid(), u.id, false, case when x < 0.5 then 'loss' else 'win' end, round((x * 1000 - 500)::numeric, 2), 400, '2026-11-20T15:00:00Z'::timestamptz - random() * interval '730 days'
				from users u cross join lateral (select random() as x from generate_series(1, 500) where u.id is not null) r`,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = db.Pool().Exec(context.Background(), `vacuum analyze published_results`)
	}
	if err != nil {
		b.Fatal(err)
	}
	announcer := alerts.New(alerts.Options{DB: db, AppURL: "https://app.example", Now: clock})
	return New(Options{DB: db, Alerts: announcer, Clock: exchange.NewClock(clock), Now: clock}), &now
}

// BenchmarkRefresh makes all boards of half a million results, and reads pages of them.
func BenchmarkRefresh(b *testing.B) {
	board, now := crowded(b)
	b.Run("refresh", func(b *testing.B) {
		for b.Loop() {
			*now = now.Add(time.Hour)
			if err := board.Refresh(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := board.Page(b.Context(), Query{Metric: ROI, Period: record.Always, Limit: 50}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
