package analytics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// nobody stands in a rollup for the trader of what was copied from none.
const nobody = `'00000000-0000-0000-0000-000000000000'::uuid`

// newYork turns an instant into New York's clock, and a date into the instant it begins.
const newYork = `at time zone 'America/New_York'`

// Grain is what one rollup's rows are about: of a day, or of a month.
type grain string

const (
	byDay   grain = "day"
	byMonth grain = "month"
)

// parts divides what is asked for into what the rollups have and what is read live. first
// and last bound the whole days or months that are taken from rollups; ranges are the days
// around and between them that are not: before, after, and months that are marked.
// Its name for the trader's id is whom.
func (g grain) parts() string {
	last := `least(m.until, @next::text::date)`
	if g == byMonth { // a month of which only a part is asked for is read live
		last = `case when @next::text::date >= m.until then m.until else @month_of_next::text::date end`
	}
	return `
	with mine as materialized (
		select @first::text::date as first, ` + last + ` as last
		from (select coalesce((select covers_until from rollup_progress where user_id = @user), '-infinity') as until) m
	), dirty as materialized (
		select distinct month from rollup_marks where user_id = @user
	), ranges as materialized (
		select r.a::timestamp ` + newYork + ` as a, r.b::timestamp ` + newYork + ` as b from (
			select @from::text::date as a, case when last <= first then @next::text::date else first end as b from mine
			union all
			select last, @next::text::date from mine where last > first
			union all
			select greatest(d.month, first), least((d.month + interval '1 month')::date, last) from mine, dirty d where last > first
		) r where r.a < r.b
	), whom as materialized (
		select id from users where username = lower(@trader::text)
	), live as (
		select p.* from ranges r cross join lateral (
			select p.closed_at ` + newYork + ` as at, p.outcome, p.realized, p.account_id, p.source = 'copy' as copied,
				p.underlying, p.option_type, p.bought, p.cost_bought, p.fees, p.closed_at - p.opened_at as held
			from positions p
			where p.user_id = @user and p.outcome is not null and p.closed_at >= r.a and p.closed_at < r.b
			  and (@account::uuid is null or p.account_id = @account)
			  and (@copied::bool is null or (p.source = 'copy') = @copied)
			  and (@trader::text is null or p.copied_from = (select id from whom))
			offset 0) p -- the index, range by range, whatever the planner thinks of their sizes
	)`
}

// rolled are the conditions of a rollup's row r. (Where nothing is marked, as mostly, "not in"
// is answered without a look at the row: to find the month of thousands of days takes longer
// than to add them up.)
func (g grain) rolled() string {
	month := `r.month`
	if g == byDay {
		month = `date_trunc('month', r.day::timestamp)::date`
	}
	return `r.user_id = @user and r.` + string(g) + ` >= (select first from mine) and r.` + string(g) + ` < (select last from mine)
		and ` + month + ` not in (select month from dirty)
		and (@account::uuid is null or r.account_id = @account)
		and (@copied::bool is null or r.copied = @copied)
		and (@trader::text is null or r.trader_id = (select id from whom))`
}

// days begins a statement whose facts are results by day, of one or many positions a row.
// (Index: rollup_days' own; positions_results.)
var days = byDay.parts() + `, facts as (
		select r.day, r.copied, r.trades, r.wins, r.losses, r.pnl, r.gross_profit, r.gross_loss, r.cost, r.fees, r.held, r.best, r.worst
		from rollup_days r where ` + byDay.rolled() + `
		union all
		select at::date, copied, 1, (outcome = 'win')::int, (outcome = 'loss')::int, realized, greatest(realized, 0), greatest(-realized, 0),
			cost_bought, fees, coalesce(extract(epoch from held), 0), realized, realized
		from live
	)`

// symbols begins a statement whose facts are results by ticker and option type.
var symbols = byMonth.parts() + `, facts as (
		select r.underlying, r.option_type, r.trades, r.wins, r.pnl, r.quantity from rollup_symbols r where ` + byMonth.rolled() + `
		union all
		select underlying, option_type, 1, (outcome = 'win')::int, realized, bought from live
	)`

// slots begins a statement whose facts are results by weekday and half hour.
var slots = byMonth.parts() + `, facts as (
		select r.weekday, r.slot, r.trades, r.wins, r.pnl from rollup_slots r where ` + byMonth.rolled() + `
		union all
		select extract(dow from at)::smallint, ` + slotOf + `, 1, (outcome = 'win')::int, realized from live
	)`

// slotOf is the half hour of the day of a New York time called at.
const slotOf = `(extract(hour from at) * 2 + floor(extract(minute from at) / 30))::smallint`

// asked are the arguments of a statement that begins with parts.
func (g grain) asked(user uuid.UUID, f Filter) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"user": user, "account": f.Account, "copied": f.copied(), "trader": nil,
		"from": "-infinity", "first": "-infinity", "next": "infinity", "month_of_next": "infinity",
	}
	if f.Trader != "" {
		args["trader"] = f.Trader
	}
	if f.From != nil {
		args["from"], args["first"] = f.From.String(), f.From.String()
		if g == byMonth && f.From.Day != 1 {
			args["first"] = monthAfter(*f.From).String()
		}
	}
	if f.To != nil {
		next := f.To.AddDays(1)
		args["next"], args["month_of_next"] = next.String(), exchange.Date{Year: next.Year, Month: next.Month, Day: 1}.String()
	}
	return args
}

func monthAfter(d exchange.Date) exchange.Date {
	next := time.Date(d.Year, d.Month+1, 1, 0, 0, 0, 0, time.UTC)
	return exchange.Date{Year: next.Year(), Month: next.Month(), Day: 1}
}

// read runs a report's queries as its owner, in one message, after making sure that the
// account and trader of the filter are there to be asked for.
func (r *Reports) read(ctx context.Context, user uuid.UUID, f Filter, queue func(*pgx.Batch)) error {
	if err := f.check(); err != nil {
		return err
	}
	mine, exists := true, true
	err := r.db.ReadAs(ctx, user, func(b *pgx.Batch) {
		if f.Account != nil {
			b.Queue(`select exists (select from accounts where id = $1 and user_id = $2)`, f.Account, user).
				QueryRow(func(row pgx.Row) error { return row.Scan(&mine) })
		}
		if f.Trader != "" {
			b.Queue(`select exists (select from users where username = lower($1))`, f.Trader).
				QueryRow(func(row pgx.Row) error { return row.Scan(&exists) })
		}
		queue(b)
	})
	switch {
	case err != nil && errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("read results: %w", err)
	case err != nil:
		return err
	case !mine:
		return fault.Field("account", "must be one of your accounts")
	case !exists:
		return fault.Field("trader", "must be somebody's username")
	}
	return nil
}
