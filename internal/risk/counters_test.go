package risk

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// desk is Rules on a database of its own with one user in it.
type desk struct {
	*Rules

	t    *testing.T
	user uuid.UUID
}

func newDesk(t *testing.T, limits Limits) *desk {
	t.Helper()
	db := pgtest.New(t)
	d := &desk{Rules: New(db, exchange.NewClock(time.Now), limits, time.Now), t: t}
	err := db.Pool().QueryRow(t.Context(), `insert into users (username, name) values ('ava', 'Ava') returning id`).Scan(&d.user)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// trader is somebody whose trades may be copied.
func (d *desk) trader() uuid.UUID {
	d.t.Helper()
	return one[uuid.UUID](d, `insert into users (username, name, role) values ('trader', 'Trader', 'trader') returning id`)
}

// in runs one transaction and gives the code of its refusal.
func (d *desk) in(fn postgres.TxFunc) string {
	err := d.db.AsSystem(d.t.Context(), "test", fn)
	if err == nil {
		return ""
	}
	if code := fault.CodeOf(err); code != "internal" {
		return code
	}
	d.t.Error(err)
	return "internal"
}

// atOnce runs fn n times at the same time and counts the answers.
func atOnce(n int, fn func(i int) string) map[string]int {
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			answer := fn(i)
			mu.Lock()
			defer mu.Unlock()
			got[answer]++
		})
	}
	all.Wait()
	return got
}

var today = exchange.MustDate("2026-09-21")

func (d *desk) used(kind string) string {
	d.t.Helper()
	var used decimal.Decimal
	err := d.db.Pool().QueryRow(d.t.Context(), `
		select coalesce((select used from day_counters where user_id = $1 and kind = $2 and trading_day = $3), 0)`, d.user, kind, today).Scan(&used)
	if err != nil {
		d.t.Fatal(err)
	}
	return used.String()
}

func (d *desk) useDayCopy(ctx context.Context, tx pgx.Tx, day exchange.Date) error {
	return alone(ctx, tx, func(b *pgx.Batch) { d.QueueDayCopy(b, d.user, day, 5) })
}

// R12: however many copies come at once, the day takes as many as its cap.
func TestTheDaysCopiesNeverPassTheirCap(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	got := atOnce(20, func(int) string {
		return d.in(func(ctx context.Context, tx pgx.Tx) error { return d.useDayCopy(ctx, tx, today) })
	})
	if got[""] != 5 || got["risk_daily_copies"] != 15 || d.used(DayCopies) != "5" {
		t.Errorf("%v, %s used", got, d.used(DayCopies))
	}
	tomorrow := today.AddDays(1)
	if code := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.useDayCopy(ctx, tx, tomorrow) }); code != "" {
		t.Errorf("the next trading day begins with %s", code)
	}
}

// R13: a day's premium is taken to the cent and no further; copies have their
// own limit inside the user's.
func TestTheDaysPremiumNeverPassesItsLimit(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	use := func(dollars string, isCopy bool) string {
		return d.in(func(ctx context.Context, tx pgx.Tx) error {
			return d.UseDayPremium(ctx, tx, d.user, today, money.MustAmount(dollars), isCopy)
		})
	}
	got := atOnce(12, func(int) string { return use("5000", false) })
	if got[""] != 10 || got["risk_daily_premium"] != 2 {
		t.Errorf("of twelve times $5,000: %v", got)
	}
	if code := use("0.01", false); code != "risk_daily_premium" {
		t.Errorf("a cent beyond $50,000: %q", code)
	}
	d.in(func(ctx context.Context, tx pgx.Tx) error {
		return d.GiveBack(ctx, tx, d.user, today, Spent{Premium: decimal.RequireFromString("20000")})
	})
	if code := use("10000.01", true); code != "risk_daily_premium" {
		t.Errorf("copies for $10,000.01: %q", code)
	}
	if d.used(DayPremium) != "30000" || d.used(DayCopyPremium) != "0" {
		t.Errorf("a refusal counted: %s and %s used", d.used(DayPremium), d.used(DayCopyPremium))
	}
	if code := use("10000", true); code != "" {
		t.Errorf("copies for $10,000: %q", code)
	}
	if code := use("60000", false); code != "risk_daily_premium" {
		t.Errorf("more than a whole day at once: %q", code)
	}
}

func TestWhatIsGivenBackNeverFallsBelowNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	d.in(func(ctx context.Context, tx pgx.Tx) error {
		if err := d.useDayCopy(ctx, tx, today); err != nil {
			return err
		}
		return d.UseDayPremium(ctx, tx, d.user, today, money.MustAmount("100"), true)
	})
	for range 2 {
		d.in(func(ctx context.Context, tx pgx.Tx) error {
			return d.GiveBack(ctx, tx, d.user, today, Spent{Premium: decimal.RequireFromString("100"), CopyPremium: true, Copies: true})
		})
	}
	if d.used(DayCopies) != "0" || d.used(DayPremium) != "0" || d.used(DayCopyPremium) != "0" {
		t.Errorf("%s copies, $%s, $%s", d.used(DayCopies), d.used(DayPremium), d.used(DayCopyPremium))
	}
}

// R10: any sixty seconds hold at most the limit, however the requests come; a
// refused one does not count.
func TestPaceIsAStrictRollingLimit(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	pace := func(entry bool) string {
		return d.in(func(ctx context.Context, tx pgx.Tx) error { return d.Pace(ctx, tx, d.user, entry) })
	}
	if got := atOnce(24, func(int) string { return pace(true) }); got[""] != 10 || got["rate_limited"] != 14 {
		t.Errorf("of 24 entries at once: %v", got)
	}
	if got := atOnce(40, func(int) string { return pace(false) }); got[""] != 30 || got["rate_limited"] != 10 {
		t.Errorf("of 40 exits at once, beside them: %v", got)
	}
	// Three of the ten grow older than a minute: three more may come, not ten.
	_, err := d.db.Pool().Exec(t.Context(), `
		update order_pace set times = (select array_agg(case when n <= 3 then at - interval '61 seconds' else at end order by n)
		                               from unnest(times) with ordinality as u(at, n)) where kind = 'entry'`)
	if err != nil {
		t.Fatal(err)
	}
	if got := atOnce(10, func(int) string { return pace(true) }); got[""] != 3 || got["rate_limited"] != 7 {
		t.Errorf("when three of ten have grown old: %v", got)
	}
	var kept int
	if err := d.db.Pool().QueryRow(t.Context(), `select cardinality(times) from order_pace where kind = 'entry'`).Scan(&kept); err != nil || kept > 10 {
		t.Errorf("%d times are kept (%v)", kept, err)
	}
}

func TestARefusalSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	limits := Defaults()
	limits.EntriesPerMinute = 1
	d := newDesk(t, limits)
	err := d.db.AsSystem(t.Context(), "test", func(ctx context.Context, tx pgx.Tx) error {
		for range 2 {
			if err := d.Pace(ctx, tx, d.user, true); err != nil {
				return err
			}
		}
		return nil
	})
	if f := fault.Of(err); f.Status != 429 || f.RetryAfter <= 0 {
		t.Errorf("%+v", f)
	}
}
