package risk

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// ErrPace is in the refusal of an entry that would pass the platform's pace
// (R11): whoever gets it trips the breaker, once its own transaction is over.
var ErrPace = errors.New("the platform's pace of entries is used up")

// platformPace is how many entries all users together may send in a minute: the
// platform's limit, or three times the busiest minute of twenty trading days
// before the day $1, whichever is more.
const platformPace = `greatest($2, 3 * coalesce((
	select max(peak) from (select peak from entry_peaks where trading_day < $1 order by trading_day desc limit 20) days), 0))`

// thisSecond is the statement's time in whole seconds.
const thisSecond = `(select floor(extract(epoch from statement_timestamp()))::bigint as now) s`

// latestMinute is the sum of the counts as they stand this second. Written out: a function
// that selects is planned anew in each transaction.
const latestMinute = `(select coalesce(sum(n), 0) from unnest(later_counts(counts, s.now - second)) n)`

// QueueCountEntry counts an entry that is being claimed against the platform's minute
// (R11), in the claim's own transaction, so that it cannot be outrun: its row is
// held until the claim commits, which is why it comes last. Sixty-one counts of a
// second each cover every rolling minute.
func (r *Rules) QueueCountEntry(b *pgx.Batch, day exchange.Date) {
	b.Queue(`
		with counted as (
			update entry_pace set
				counts = array[(later_counts(counts, s.now - second))[1] + 1] || (later_counts(counts, s.now - second))[2:61],
				second = greatest(second, s.now)
			from `+thisSecond+`
			where `+latestMinute+` < `+platformPace+`
			returning (select coalesce(sum(n), 0) from unnest(counts) n) as minute
		), peak as (
			insert into entry_peaks (trading_day, peak) select $1, minute from counted
			on conflict (trading_day) do update set peak = excluded.peak where entry_peaks.peak < excluded.peak
		)
		select exists (select from counted)`, day, r.limits.PlatformEntriesPerMinute).
		QueryRow(func(row pgx.Row) error {
			var counted bool
			if err := row.Scan(&counted); err != nil {
				return fmt.Errorf("count an entry of the platform's minute: %w", err)
			}
			if !counted {
				return paceRefusal()
			}
			return nil
		})
}

func paceRefusal() error {
	return fault.Risk("breaker", "More entries than usual are being placed; new ones wait for an operator.").Because(ErrPace)
}
