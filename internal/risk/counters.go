package risk

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Counters of a user and trading day.
const (
	DayPremium     = "premium"      // R13: dollars bought
	DayCopyPremium = "copy_premium" // R13: dollars bought by copies
	DayCopies      = "copies"       // R12: copied entries

	DayPaperPremium = "paper_premium" // what R13 and R12 count of copies on paper, apart
	DayPaperCopies  = "paper_copies"
)

// use adds to a day counter unless that would pass its cap, in one conditional
// statement; otherwise the batch ends with the refusal.
func use(b *pgx.Batch, user uuid.UUID, day exchange.Date, kind string, amount, limit decimal.Decimal, refusal error) {
	b.Queue(`
		insert into day_counters (user_id, trading_day, kind, used)
		select $1::uuid, $2::date, $3::text, $4::numeric where $4::numeric <= $5::numeric
		on conflict (user_id, trading_day, kind) do update set used = day_counters.used + excluded.used
		where day_counters.used + excluded.used <= $5::numeric`, user, day, kind, amount, limit).
		Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return refusal
			}
			return nil
		})
}

// UseDayPremium is QueueDayPremium alone.
func (r *Rules) UseDayPremium(ctx context.Context, tx pgx.Tx, user uuid.UUID, day exchange.Date, cost money.Amount, isCopy bool) error {
	return alone(ctx, tx, func(b *pgx.Batch) { r.QueueDayPremium(b, user, day, cost, isCopy) })
}

// QueueDayPremium counts an entry's dollars against the day (R13).
func (r *Rules) QueueDayPremium(b *pgx.Batch, user uuid.UUID, day exchange.Date, cost money.Amount, isCopy bool) {
	type cap struct {
		kind  string
		limit money.Amount
	}
	caps := []cap{{DayPremium, r.limits.DayPremium}}
	if isCopy {
		caps = append(caps, cap{DayCopyPremium, r.limits.DayCopyPremium})
	}
	for _, c := range caps {
		use(b, user, day, c.kind, cost.Decimal, c.limit.Decimal,
			fault.Risk("daily_premium", fmt.Sprintf("This would pass the day's limit of %s.", c.limit.Display())).With("needed", cost).With("limit", c.limit))
	}
}

// QueueDayCopy counts one copied entry against the subscription's daily cap (R12).
func (r *Rules) QueueDayCopy(b *pgx.Batch, user uuid.UUID, day exchange.Date, limit int) {
	use(b, user, day, DayCopies, decimal.NewFromInt(1), decimal.NewFromInt(int64(limit)),
		fault.Risk("daily_copies", fmt.Sprintf("The day's %d copies are used up.", limit)).With("limit", limit))
}

// alone sends what a verb queues as a batch of its own.
func alone(ctx context.Context, tx pgx.Tx, queue func(*pgx.Batch)) error {
	b := &pgx.Batch{}
	queue(b)
	return tx.SendBatch(ctx, b).Close()
}

// UsePaper counts an entry on paper against counters of its own, with the caps of
// R12 and R13 for copies.
func (r *Rules) UsePaper(ctx context.Context, tx pgx.Tx, user uuid.UUID, day exchange.Date, cost money.Amount, copies int) error {
	limit := r.limits.DayCopyPremium
	return alone(ctx, tx, func(b *pgx.Batch) {
		use(b, user, day, DayPaperCopies, decimal.NewFromInt(1), decimal.NewFromInt(int64(copies)),
			fault.Risk("daily_copies", fmt.Sprintf("The day's %d copies on paper are used up.", copies)).With("limit", copies))
		use(b, user, day, DayPaperPremium, cost.Decimal, limit.Decimal,
			fault.Risk("daily_premium", fmt.Sprintf("On paper this would pass the day's limit of %s.", limit.Display())).With("needed", cost).With("limit", limit))
	})
}

// Spent is what an entry counted against its day.
type Spent struct {
	Premium     decimal.Decimal // dollars
	CopyPremium bool            // the dollars count among the copies' too
	Copies      bool            // the entry counts as a copy of the day
}

// GiveBack returns what an entry counted and then did not use.
func (r *Rules) GiveBack(ctx context.Context, tx pgx.Tx, user uuid.UUID, day exchange.Date, s Spent) error {
	_, err := tx.Exec(ctx, `
		update day_counters set used = greatest(0, used - case kind when 'copies' then 1 else $3::numeric end)
		where user_id = $1 and trading_day = $2
		  and (kind = 'premium' or $4 and kind = 'copy_premium' or $5 and kind = 'copies')`,
		user, day, s.Premium, s.CopyPremium, s.Copies)
	if err != nil {
		return fmt.Errorf("give back the day's counters: %w", err)
	}
	return nil
}

// HoldDays locks a user's counters of some days, in the order in which placing takes
// them, for a transaction that gives back to them after it has locked positions.
func (r *Rules) HoldDays(ctx context.Context, tx pgx.Tx, user uuid.UUID, days ...exchange.Date) error {
	_, err := tx.Exec(ctx, `
		select 1 from day_counters where user_id = $1 and trading_day = any($2)
		order by trading_day, kind = 'copy_premium', kind for no key update`, user, days)
	if err != nil {
		return fmt.Errorf("hold the day's counters: %w", err)
	}
	return nil
}

// Count adds what an entry turned out to use, whatever the limits: it is at the
// broker, and the day's next order has to see it.
func (r *Rules) Count(ctx context.Context, tx pgx.Tx, user uuid.UUID, day exchange.Date, s Spent) error {
	_, err := tx.Exec(ctx, `
		insert into day_counters (user_id, trading_day, kind, used)
		select $1, $2, kind, used from (values ('premium', true, $3::numeric), ('copy_premium', $4, $3), ('copies', $5, 1)) c (kind, counts, used)
		where counts and used > 0 order by kind
		on conflict (user_id, trading_day, kind) do update set used = day_counters.used + excluded.used`,
		user, day, s.Premium, s.CopyPremium, s.Copies)
	if err != nil {
		return fmt.Errorf("count what was used of the day: %w", err)
	}
	return nil
}

// Pace is QueuePace alone.
func (r *Rules) Pace(ctx context.Context, tx pgx.Tx, user uuid.UUID, entry bool) error {
	return alone(ctx, tx, func(b *pgx.Batch) { r.QueuePace(b, user, entry) })
}

// QueuePace refuses (R10) the request that would pass the user's rolling minute. The
// minute's times stand in one row, so one conditional update decides.
func (r *Rules) QueuePace(b *pgx.Batch, user uuid.UUID, entry bool) {
	kind, limit := "exit", r.limits.ExitsPerMinute
	if entry {
		kind, limit = "entry", r.limits.EntriesPerMinute
	}
	b.Queue(`
		insert into order_pace (user_id, kind, times) values ($1, $2, array[clock_timestamp()])
		on conflict (user_id, kind) do update
		set times = (select coalesce(array_agg(t order by t), '{}') from unnest(order_pace.times) t
		             where t > clock_timestamp() - interval '1 minute') || clock_timestamp()
		where (select count(*) from unnest(order_pace.times) t where t > clock_timestamp() - interval '1 minute') < $3`,
		user, kind, limit).
		Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return fault.RateLimited(6 * time.Second)
			}
			return nil
		})
}

// Twin is what two orders have in common that may be taken for each other.
type Twin struct {
	AccountID    uuid.UUID
	Symbol, Side string
	Quantity     int
	Limit, Stop  *money.Price
}

// QueueTwins is QueueUnresolved, and refuses (R8) an order equal to one of the last seconds
// too. The caller holds the position's lock, so two equal requests cannot both look
// first. Foreign tables: orders (index orders_account_day), order_changes.
func (r *Rules) QueueTwins(b *pgx.Batch, o Twin) {
	b.Queue(unresolved+`,
		exists (select 1 from orders where account_id = $1 and symbol = $2 and side = $3 and quantity = $4
			and limit_price is not distinct from $5 and stop_price is not distinct from $6 and source = 'manual'
			and created_at > now() - make_interval(secs => $7))`,
		o.AccountID, o.Symbol, o.Side, o.Quantity, o.Limit, o.Stop, r.limits.DuplicateWithin.Seconds()).
		QueryRow(func(row pgx.Row) error {
			var waiting, seen bool
			switch err := row.Scan(&waiting, &seen); {
			case err != nil:
				return fmt.Errorf("look for an equal order: %w", err)
			case waiting:
				return unresolvedRefusal()
			case seen:
				return fault.Conflict("duplicate_suspected", "An equal order was placed a moment ago. Confirm to place another.").
					With("confirm", "confirmDuplicate")
			}
			return nil
		})
}

const unresolved = `
	select exists (select 1 from orders where account_id = $1 and symbol = $2 and side = $3 and state = 'unknown')
	    or exists (select 1 from order_changes where account_id = $1 and symbol = $2 and side = $3 and state = 'unknown')`

func unresolvedRefusal() error {
	return fault.Conflict("unresolved_order", "An earlier order is still being checked with the broker.")
}

// Unresolved is QueueUnresolved alone.
func (r *Rules) Unresolved(ctx context.Context, tx pgx.Tx, account uuid.UUID, symbol, side string) error {
	return alone(ctx, tx, func(b *pgx.Batch) { r.QueueUnresolved(b, account, symbol, side) })
}

// QueueUnresolved refuses (R9) while an order of the same account, contract and side
// may or may not be at the broker, or may or may not have been replaced there.
// Foreign tables: orders, order_changes.
func (r *Rules) QueueUnresolved(b *pgx.Batch, account uuid.UUID, symbol, side string) {
	b.Queue(unresolved, account, symbol, side).QueryRow(func(row pgx.Row) error {
		var waiting bool
		switch err := row.Scan(&waiting); {
		case err != nil:
			return fmt.Errorf("look for an unresolved order: %w", err)
		case waiting:
			return unresolvedRefusal()
		}
		return nil
	})
}
