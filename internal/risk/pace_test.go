package risk

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
)

func (d *desk) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.db.Pool().Exec(d.t.Context(), sql, args...); err != nil {
		d.t.Fatal(err)
	}
}

func one[T any](d *desk, sql string, args ...any) T {
	d.t.Helper()
	rows, err := d.db.Pool().Query(d.t.Context(), sql, args...)
	if err != nil {
		d.t.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		d.t.Fatal(err)
	}
	return v
}

func paced(t *testing.T, limit int) *desk {
	t.Helper()
	limits := Defaults()
	limits.PlatformEntriesPerMinute = limit
	return newDesk(t, limits)
}

func (d *desk) claim() string { return d.in(d.countEntry) }

func (d *desk) countEntry(ctx context.Context, tx pgx.Tx) error {
	return alone(ctx, tx, func(b *pgx.Batch) { d.QueueCountEntry(b, today) })
}

// R11: however many claims come at once, the platform's minute takes as many as
// its pace; then the next is refused before it is claimed, and exits are not.
func TestThePlatformsPaceCannotBeOutrun(t *testing.T) {
	t.Parallel()
	d := paced(t, 10)
	if got := atOnce(24, func(int) string { return d.claim() }); got[""] != 10 || got["risk_breaker"] != 14 {
		t.Errorf("of 24 claims at once: %v", got)
	}
	entry := Trade{UserID: d.user, Entry: true}
	if code := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, entry) }); code != "risk_breaker" {
		t.Errorf("a new entry: %q", code)
	}
	if code := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, Trade{UserID: d.user}) }); code != "" {
		t.Errorf("an exit: %q", code)
	}
	if peak := one[int](d, `select peak from entry_peaks where trading_day = $1`, today); peak != 10 {
		t.Errorf("the day's peak is %d", peak)
	}
}

// withinASecond lets the counts be so many seconds old and says what became of twelve
// claims at once. A second that turns between them makes room for some: then it begins
// anew, until all of them came within the one the counts were set in.
func (d *desk) withinASecond(age int, counts string) map[string]int {
	d.t.Helper()
	const second = `floor(extract(epoch from clock_timestamp()))::bigint`
	for {
		began := one[int64](d, `update entry_pace set second = `+second+` - $1::bigint, counts = `+counts+` returning second + $1::bigint`, age)
		got := atOnce(12, func(int) string { return d.claim() })
		if one[int64](d, `select `+second) == began {
			return got
		}
	}
}

// A minute is any sixty seconds: what is older than that makes room, and no more.
func TestThePlatformsMinuteRolls(t *testing.T) {
	t.Parallel()
	d := paced(t, 10)
	atOnce(10, func(int) string { return d.claim() })
	const ten = `array[10] || array_fill(0, array[60])`
	const three = `array[3] || array_fill(0, array[29]) || array[7] || array_fill(0, array[30])` // and seven, thirty seconds older
	for _, c := range []struct {
		counts    string
		age, room int
	}{{ten, 59, 0}, {ten, 60, 0}, {ten, 61, 10}, {ten, 1000, 10}, {three, 30, 0}, {three, 31, 7}} {
		if got := d.withinASecond(c.age, c.counts); got[""] != c.room || got["risk_breaker"] != 12-c.room {
			t.Errorf("%d s after %s: %v, want %d", c.age, c.counts, got, c.room)
		}
	}
	if n := one[int](d, `select cardinality(counts) from entry_pace`); n != 61 {
		t.Errorf("%d counts are kept", n)
	}
}

// A busy past raises the pace to three times its busiest minute; today's own does not.
func TestABusyPastRaisesThePlatformsPace(t *testing.T) {
	t.Parallel()
	d := paced(t, 10)
	d.exec(`insert into entry_peaks (trading_day, peak) select $1::date - n, case n when 20 then 6 when 21 then 100 else 2 end from generate_series(0, 21) n`, today)
	d.exec(`update entry_peaks set peak = 90 where trading_day = $1`, today)
	if got := atOnce(30, func(int) string { return d.claim() }); got[""] != 18 {
		t.Errorf("three times six: %v", got)
	}
}

func TestWhoeverIsRefusedForThePaceTripsTheBreaker(t *testing.T) {
	t.Parallel()
	d := paced(t, 0)
	err := d.db.AsSystem(t.Context(), "test", d.countEntry)
	if !errors.Is(err, ErrPace) {
		t.Fatalf("%v does not say that the pace is used up", err)
	}
	var told []Trip
	tell := func(_ context.Context, _ pgx.Tx, trip Trip) error { told = append(told, trip); return nil }
	for range 2 { // the second changes nothing
		if err := d.TripPace(t.Context(), tell); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 1 || told[0].Scope != "platform" || told[0].Stops != "copies" || told[0].Owner != nil {
		t.Errorf("told %+v", told)
	}
	d.exec(`update entry_pace set counts = array_fill(0, array[61])`)
	d.limits.PlatformEntriesPerMinute = 10
	leader := d.user
	copied := Trade{UserID: d.user, LeaderID: &leader, Entry: true}
	for code, trade := range map[string]Trade{"risk_breaker": copied, "": {UserID: d.user, Entry: true}} {
		if got := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, trade) }); got != code {
			t.Errorf("%+v: %q, want %q", trade, got, code)
		}
	}
}
