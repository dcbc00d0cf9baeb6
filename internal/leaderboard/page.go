package leaderboard

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/record"
)

// Query asks for a page of a board.
type Query struct {
	Metric Metric
	Period record.Period
	Limit  int       // 1 to 200
	Cursor string    // "" is the start
	Viewer uuid.UUID // whose own standing is shown besides; the zero id: nobody's
}

// Page is a part of a board.
type Page struct {
	Metric    Metric        `json:"metric"`
	Period    record.Period `json:"period"`
	AsOf      *time.Time    `json:"asOf"`          // when the board was made; null: there is none yet
	Minimum   int           `json:"minimumTrades"` // finished ones of the period, to be on it
	Standings []Standing    `json:"standings"`
	Own       *Standing     `json:"own"` // the viewer's, with or without a rank; null where they do not publish
}

// Page reads a part of a board, best first; next is the cursor of the part behind, empty on
// the last. Who follows the cursor stays on the boards on which they began, as long as these
// are kept. Who stopped publishing since the boards were made is left out. (The indexes
// leaderboard_rows_pnl and so on.) Foreign tables: users, trading_switches.
func (b *Board) Page(ctx context.Context, q Query) (page Page, next string, err error) {
	at, err := parsePlace(q.Cursor)
	if err != nil {
		return Page{}, "", err
	}
	page = Page{Metric: q.Metric, Period: q.Period, Minimum: q.Metric.Minimum(q.Period), Standings: []Standing{}}
	id, asOf, err := b.refresh(ctx, at.refresh)
	if err != nil || id == 0 {
		return page, "", err
	}
	page.AsOf = &asOf
	rank := ranks[q.Metric]
	args := pgx.NamedArgs{"refresh": id, "period": q.Period, "rank": at.rank, "after": at.trader, "limit": q.Limit + 1, "viewer": q.Viewer}
	batch := &pgx.Batch{}
	batch.Queue(`
		select r.`+rank+`, `+standingColumns+` from leaderboard_rows r join users u on u.id = r.trader_id
		where r.refresh_id = @refresh and r.period = @period and r.`+rank+` is not null and (r.`+rank+`, r.trader_id) > (@rank, @after)
		  and `+record.Trader+` and `+record.StoppedAt+` is null
		order by r.`+rank+`, r.trader_id limit @limit`, args).Query(func(rows pgx.Rows) (err error) {
		page.Standings, err = pgx.CollectRows(rows, scanStanding)
		return err
	})
	batch.Queue(`
		select r.`+rank+`, `+standingColumns+` from leaderboard_rows r join users u on u.id = r.trader_id
		where r.refresh_id = @refresh and r.period = @period and r.trader_id = @viewer`, args).Query(func(rows pgx.Rows) error {
		own, err := pgx.CollectOneRow(rows, scanStanding)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		page.Own = &own
		return err
	})
	if err := b.db.Pool().SendBatch(ctx, batch).Close(); err != nil {
		return Page{}, "", fmt.Errorf("read the leaderboard: %w", err)
	}
	if len(page.Standings) > q.Limit {
		page.Standings = page.Standings[:q.Limit]
		last := page.Standings[q.Limit-1]
		next = place{id, *last.Rank, last.trader}.text()
	}
	return page, next, nil
}

// Of is how a trader stands in a period, with their rank by P&L; nil before the first boards
// that they are on. Foreign table: users.
func (b *Board) Of(ctx context.Context, username string, period record.Period) (*Standing, error) {
	rows, err := b.db.Pool().Query(ctx, `
		select r.rank_pnl, `+standingColumns+` from leaderboard_rows r join users u on u.id = r.trader_id
		where r.refresh_id = (select max(id) from leaderboard_refreshes) and r.period = $2 and u.username = lower($1) and `+record.Trader, username, period)
	if err != nil {
		return nil, fmt.Errorf("read the standing of a trader: %w", err)
	}
	s, err := pgx.CollectOneRow(rows, scanStanding)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the standing of a trader: %w", err)
	}
	return &s, nil
}

// refresh is the newest one, or the one that is asked for where it is still kept; 0: there
// is none.
func (b *Board) refresh(ctx context.Context, wanted int64) (id int64, asOf time.Time, err error) {
	err = b.db.Pool().QueryRow(ctx, `select id, as_of from leaderboard_refreshes order by id = $1 desc, id desc limit 1`, wanted).Scan(&id, &asOf)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("find the newest leaderboard: %w", err)
	}
	return id, asOf.UTC(), nil
}

// place is where a page ended.
type place struct {
	refresh int64
	rank    int
	trader  uuid.UUID
}

func (p place) text() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.refresh, 10) + " " + strconv.Itoa(p.rank) + " " + p.trader.String()))
}

func parsePlace(cursor string) (p place, err error) {
	if cursor == "" {
		return place{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.Split(string(raw), " ")
	if err != nil || len(parts) != 3 {
		return place{}, fault.Field("cursor", "Not a cursor of this list.")
	}
	refresh, badRefresh := strconv.ParseUint(parts[0], 10, 63)
	rank, badRank := strconv.ParseUint(parts[1], 10, 31)
	trader, badTrader := uuid.Parse(parts[2])
	if err := errors.Join(badRefresh, badRank, badTrader); err != nil {
		return place{}, fault.Field("cursor", "Not a cursor of this list.")
	}
	return place{int64(refresh), int(rank), trader}, nil
}
