package leaderboard

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/record"
)

const (
	// told is how far down a board a change of rank is news.
	told = 10

	// changesMost bounds what one refresh tells; ties could make a top ten of any length.
	changesMost = 5000
)

// change is a trader's new place on a board, in the top ten or fallen out of it.
type change struct {
	trader  uuid.UUID
	metric  Metric
	period  record.Period
	was, is *int // nil: not on the board
}

// metricWords and periodWords name a board in a message.
var (
	metricWords = map[Metric]string{PnL: "P&L", ROI: "ROI", WinRate: "win rate", Efficiency: "copy efficiency", Followers: "followers"}
	periodWords = map[record.Period]string{record.Weekly: "7 days", record.Monthly: "30 days", record.Always: "all time"}
)

// tellChanges tells traders whose place in a top ten is not what it was an hour ago, each in
// one message, in the transaction of the refresh that finds it. Today's boards are left out:
// they begin anew each day. Who stopped publishing is told nothing.
func (b *Board) tellChanges(ctx context.Context, tx pgx.Tx, id int64) error {
	list, err := changes(ctx, tx, id)
	if err != nil {
		return err
	}
	var notes []alerts.Notification
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].trader == list[0].trader {
			n++
		}
		notes = append(notes, note(id, list[:n]))
		list = list[n:]
	}
	if err := b.alerts.Notify(ctx, tx, notes...); err != nil {
		return fmt.Errorf("tell changes of rank: %w", err)
	}
	return nil
}

// changes are those of all traders between a refresh and the one before it, by trader, the
// best places first. (The primary key of leaderboard_rows, twice.)
func changes(ctx context.Context, tx pgx.Tx, id int64) ([]change, error) {
	rows, err := tx.Query(ctx, `
		select r.trader_id, m.metric, r.period, m.was, m.place
		from leaderboard_rows r
		join leaderboard_rows b on b.refresh_id = (select max(id) from leaderboard_refreshes where id < @id) and b.period = r.period and b.trader_id = r.trader_id
		cross join lateral (values
			('pnl', b.rank_pnl, r.rank_pnl), ('roi', b.rank_roi, r.rank_roi), ('winRate', b.rank_win_rate, r.rank_win_rate), ('copyEfficiency', b.rank_efficiency, r.rank_efficiency), ('followers', b.rank_followers, r.rank_followers)
		) m(metric, was, place)
		where r.refresh_id = @id and r.period <> 'daily' and m.was is distinct from m.place and least(m.was, m.place) <= @told
		  and (m.metric not in ('followers', 'copyEfficiency') or r.period = 'all') -- which have no period
		order by r.trader_id, m.place nulls last, m.metric, r.period limit @most`,
		pgx.NamedArgs{"id": id, "told": told, "most": changesMost})
	if err != nil {
		return nil, fmt.Errorf("compare ranks: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c change, err error) {
		err = row.Scan(&c.trader, &c.metric, &c.period, &c.was, &c.is)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("compare ranks: %w", err)
	}
	return list, nil
}

// linesMost bounds the body of a message: the best places are named first.
const linesMost = 4

// note is one trader's message about their changes, of which there is at least one. It is
// said once for each refresh.
func note(refresh int64, list []change) alerts.Notification {
	best := list[0]
	title := "Your rank has changed"
	if best.is != nil && *best.is <= told && (best.was == nil || *best.is < *best.was) {
		title = "You are " + Ordinal(*best.is) + " on the leaderboard"
	}
	lines := make([]string, 0, linesMost)
	for _, c := range list[:min(len(list), linesMost)] {
		lines = append(lines, c.words())
	}
	if more := len(list) - len(lines); more > 0 {
		lines = append(lines, "and "+strconv.Itoa(more)+" more")
	}
	return alerts.Notification{
		UserID: best.trader, Type: alerts.Leaderboard, Title: title, Body: strings.Join(lines, "; ") + ".",
		URL:        "/leaderboard?metric=" + string(best.metric) + "&period=" + string(best.period),
		SubjectKey: "leaderboard:" + strconv.FormatInt(refresh, 10),
		Data:       map[string]any{"metric": best.metric, "period": best.period, "rank": best.is, "was": best.was},
	}
}

// words is a change as a message has it: "P&L, 30 days: 3rd, was 7th".
func (c change) words() string {
	place := func(rank *int) string {
		switch {
		case rank == nil:
			return "not ranked"
		case *rank > told:
			return "out of the top ten"
		}
		return Ordinal(*rank)
	}
	board := metricWords[c.metric]
	if c.metric != Followers && c.metric != Efficiency {
		board += ", " + periodWords[c.period]
	}
	return board + ": " + place(c.is) + ", was " + place(c.was)
}
