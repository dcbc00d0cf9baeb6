package leaderboard

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/record"
)

// Kind is what somebody can achieve, once.
type Kind string

// The achievements. Trades are published ones that ended; a streak is of wins, and what came
// out even ends it; the top ten is by P&L of 7 days, 30 days or all time, with as many trades
// as percentages ask for.
const (
	FirstTrade   Kind = "first_trade"
	FirstWin     Kind = "first_win"
	FiveInARow   Kind = "streak_5"
	TenInARow    Kind = "streak_10"
	HundredTrade Kind = "trades_100"
	TopTen       Kind = "top_10"
)

// kindWords are a name for each, and what its owner is told.
var kindWords = map[Kind][2]string{
	FirstTrade:   {"First trade", "Your first published trade has ended."},
	FirstWin:     {"First win", "A published trade of yours has ended with a profit for the first time."},
	FiveInARow:   {"Five wins in a row", "Five published trades of yours in a row have ended with a profit."},
	TenInARow:    {"Ten wins in a row", "Ten published trades of yours in a row have ended with a profit."},
	HundredTrade: {"A hundred trades", "A hundred published trades of yours have ended."},
	TopTen:       {"Top ten", "You are among the first ten by P&L."},
}

// Name is the achievement in words.
func (k Kind) Name() string { return kindWords[k][0] }

// Achievement is one that a trader has.
type Achievement struct {
	Kind     Kind
	EarnedAt time.Time
}

// Achievements lists what a trader has achieved, the latest first. Foreign table: users.
func (b *Board) Achievements(ctx context.Context, username string) ([]Achievement, error) {
	rows, err := b.db.Pool().Query(ctx, `
		select a.kind, a.earned_at from achievements a join users u on u.id = a.trader_id
		where u.username = lower($1) and `+record.Trader+` order by a.earned_at desc, a.kind limit $2`, username, len(kindWords))
	if err != nil {
		return nil, fmt.Errorf("list achievements: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Achievement, err error) {
		err = row.Scan(&a.Kind, &a.EarnedAt)
		a.EarnedAt = a.EarnedAt.UTC()
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list achievements: %w", err)
	}
	return list, nil
}

// award gives everybody what they have achieved and do not have yet, by one statement, and
// tells them, in the transaction of a refresh. A correction that comes later takes nothing
// back. Foreign tables: users, trading_switches, published_results.
func (b *Board) award(ctx context.Context, tx pgx.Tx, refresh int64, now time.Time) error {
	rows, err := tx.Query(ctx, `
		with trader as (
			select u.id from users u where `+record.Trader+` and `+record.StoppedAt+` is null
		), trade as (
			select r.trader_id, r.result = 'win' as won, r.finished_at as at, row_number() over past as nth,
				count(*) filter (where r.result <> 'win') over past as run -- one number for each run of wins, and what ended the one before
			from trader t join published_results r on r.trader_id = t.id
			where `+record.Counted+` and r.finished_at <= @now
			window past as (partition by r.trader_id order by r.finished_at, r.position_id)
		), counted as (
			select *, count(*) filter (where won) over (partition by trader_id, run order by nth) as in_a_row from trade
		), reached as (
			select trader_id, kind, min(at) as at from counted cross join lateral (values
				('first_trade', nth = 1), ('first_win', won), ('streak_5', won and in_a_row = 5), ('streak_10', won and in_a_row = 10), ('trades_100', nth = 100)
			) k(kind, reached) where reached group by trader_id, kind
			union all
			select distinct r.trader_id, 'top_10', @now::timestamptz from leaderboard_rows r
			join unnest(@periods::text[], @minimum::int[]) p(period, minimum) on p.period = r.period and r.finished >= p.minimum
			where r.refresh_id = @refresh and r.period <> 'daily' and r.rank_pnl <= @told
		)
		insert into achievements (trader_id, kind, earned_at, awarded_at)
		select trader_id, kind, at, @now from reached
		on conflict (trader_id, kind) do nothing
		returning trader_id, kind`, b.args(pgx.NamedArgs{"refresh": refresh, "now": now, "told": told}))
	if err != nil {
		return fmt.Errorf("award achievements: %w", err)
	}
	var notes []alerts.Notification
	var trader uuid.UUID
	var kind Kind
	_, err = pgx.ForEachRow(rows, []any{&trader, &kind}, func() error {
		notes = append(notes, alerts.Notification{
			UserID: trader, Type: alerts.Achievement, Title: kind.Name(), Body: kindWords[kind][1], URL: "/leaderboard",
			SubjectKey: "achievement:" + string(kind), Data: map[string]any{"achievement": kind},
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("award achievements: %w", err)
	}
	for len(notes) > 0 { // more at once only when many traders are looked at for the first time
		n := min(len(notes), alerts.NotifyMax)
		if err := b.alerts.Notify(ctx, tx, notes[:n]...); err != nil {
			return fmt.Errorf("tell of achievements: %w", err)
		}
		notes = notes[n:]
	}
	return nil
}
