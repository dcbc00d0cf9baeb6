package market

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// WatchRow is one line of a person's option grid: which side of which expiration
// they look at. No expiration means the next that is listed, day after day. Near
// is how many strikes stand on each side of the money.
type WatchRow struct {
	Underlying string              `json:"underlying"`
	Type       exchange.OptionType `json:"optionType"`
	Expiration *exchange.Date      `json:"expiration"`
	Near       int                 `json:"near"`
}

// Same reports whether two rows look at the same contracts.
func (r WatchRow) Same(other WatchRow) bool {
	sameDay := r.Expiration == other.Expiration ||
		r.Expiration != nil && other.Expiration != nil && *r.Expiration == *other.Expiration
	return sameDay && r.Underlying == other.Underlying && r.Type == other.Type
}

const (
	// WatchMax is how many rows a grid may have.
	WatchMax = 20
	// NearMax is how many strikes a row may show on each side of the money.
	NearMax = 10

	// farthest is how many days from today a row may look: contracts are listed for about three years,
	// further than the exchange's calendar is published.
	farthest = 5 * 365
)

// Watchlist gives the user's rows in their order. It works without market data.
func (m *Market) Watchlist(ctx context.Context, user uuid.UUID) (rows []WatchRow, err error) {
	err = m.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err = readWatchlist(ctx, tx, user)
		return err
	})
	return rows, err
}

// SetWatchlist replaces the user's rows and gives them back as they are kept. A
// fault names the fields that are wrong, as in "rows[2].underlying".
func (m *Market) SetWatchlist(ctx context.Context, user uuid.UUID, rows []WatchRow) ([]WatchRow, error) {
	return m.changeWatchlist(ctx, user, func([]WatchRow) []WatchRow { return rows })
}

// AddToWatchlist puts a row at the end, or gives the one already there its new width.
func (m *Market) AddToWatchlist(ctx context.Context, user uuid.UUID, row WatchRow) ([]WatchRow, error) {
	return m.changeWatchlist(ctx, user, func(rows []WatchRow) []WatchRow {
		if name, err := ticker(row.Underlying); err == nil {
			row.Underlying = name
		}
		if at := slices.IndexFunc(rows, row.Same); at >= 0 {
			rows[at] = row
			return rows
		}
		return append(rows, row)
	})
}

// RemoveFromWatchlist takes a row away; one that is not there is gone already.
func (m *Market) RemoveFromWatchlist(ctx context.Context, user uuid.UUID, row WatchRow) ([]WatchRow, error) {
	return m.changeWatchlist(ctx, user, func(rows []WatchRow) []WatchRow { return slices.DeleteFunc(rows, row.Same) })
}

// changeWatchlist reads, changes and writes the rows under a lock of their own, so
// that two tabs do not lose each other's rows.
func (m *Market) changeWatchlist(ctx context.Context, user uuid.UUID, change func([]WatchRow) []WatchRow) (rows []WatchRow, err error) {
	err = m.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.Lock(ctx, tx, "watchlist:"+user.String()); err != nil {
			return err
		}
		kept, err := readWatchlist(ctx, tx, user)
		if err != nil {
			return err
		}
		if rows, err = checkWatchlist(change(kept), exchange.TradingDay(time.Now())); err != nil {
			return err
		}
		return writeWatchlist(ctx, tx, user, rows)
	})
	return rows, err
}

// checkWatchlist brings rows into their form, or says what is wrong with each.
func checkWatchlist(rows []WatchRow, today exchange.Date) ([]WatchRow, error) {
	if len(rows) > WatchMax {
		return nil, fault.Field("rows", fmt.Sprintf("A grid has at most %d rows.", WatchMax))
	}
	wrong := map[string]string{}
	checked := make([]WatchRow, 0, len(rows))
	for i, row := range rows {
		at := func(field string) string { return fmt.Sprintf("rows[%d].%s", i, field) }
		name, err := ticker(row.Underlying)
		if err != nil {
			wrong[at("underlying")] = "A symbol is letters, like AAPL."
		}
		row.Underlying = name
		if !row.Type.Valid() {
			wrong[at("optionType")] = "Call or put."
		}
		if e := row.Expiration; e != nil && (e.Before(today.AddDays(-farthest)) || today.AddDays(farthest).Before(*e)) {
			wrong[at("expiration")] = "Within five years, or nothing for the next."
		}
		if row.Near < 0 || row.Near > NearMax {
			wrong[at("near")] = fmt.Sprintf("From 0 to %d strikes.", NearMax)
		}
		if slices.ContainsFunc(checked, row.Same) {
			wrong[at("underlying")] = "This row is there already."
		}
		checked = append(checked, row)
	}
	if len(wrong) > 0 {
		return nil, fault.Validation(wrong)
	}
	return checked, nil
}

func readWatchlist(ctx context.Context, tx pgx.Tx, user uuid.UUID) ([]WatchRow, error) {
	found, err := tx.Query(ctx, `
		select underlying, option_type, expiration, near from watchlist where user_id = $1 order by place`, user)
	if err != nil {
		return nil, fmt.Errorf("read watchlist of %s: %w", user, err)
	}
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[WatchRow])
	if err != nil {
		return nil, fmt.Errorf("read watchlist of %s: %w", user, err)
	}
	return rows, nil
}

func writeWatchlist(ctx context.Context, tx pgx.Tx, user uuid.UUID, rows []WatchRow) error {
	var names, types []string
	var days []*string
	var near []int
	for _, row := range rows {
		names, types, near = append(names, row.Underlying), append(types, string(row.Type)), append(near, row.Near)
		var day *string
		if row.Expiration != nil {
			text := row.Expiration.String()
			day = &text
		}
		days = append(days, day)
	}
	if _, err := tx.Exec(ctx, `delete from watchlist where user_id = $1`, user); err != nil {
		return fmt.Errorf("clear watchlist of %s: %w", user, err)
	}
	_, err := tx.Exec(ctx, `
		insert into watchlist (user_id, place, underlying, option_type, expiration, near)
		select $1, row.place, row.name, row.type, row.day::date, row.near
		from unnest($2::text[], $3::text[], $4::text[], $5::int[]) with ordinality as row (name, type, day, near, place)`,
		user, names, types, days, near)
	if err != nil {
		return fmt.Errorf("write watchlist of %s: %w", user, err)
	}
	return nil
}
