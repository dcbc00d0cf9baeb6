package simulation

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// clock is the one time of a simulation: the program's, the market's, the broker's
// and the database's. It stands still until somebody moves it, and lies ahead of
// real time, so that no deadline kept in a context ever passes by itself.
type clock struct {
	database *pgx.Conn

	mu    sync.Mutex
	at    time.Time
	shown time.Time // by the database
}

// Now is the virtual time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// to moves the clock; never back.
func (c *clock) to(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at = at.Truncate(time.Microsecond); at.After(c.at) { // what the database keeps
		c.at = at
	}
}

// show turns the database's clock to the same time. It goes before everything that
// makes the program run on.
func (c *clock) show(ctx context.Context) error {
	at := c.Now()
	if at.Equal(c.shown) {
		return nil
	}
	if _, err := c.database.Exec(ctx, `select setval('sim.clock', $1)`, at.UnixMicro()); err != nil {
		return fmt.Errorf("turn the database's clock: %w", err)
	}
	c.shown = at
	return nil
}

// virtualTime gives a database, before it is migrated, a clock of ours and ids
// that come from the seed. Every statement of the program calls now() and its like
// without a schema, so functions of those names that stand before the built-in ones
// in the search path answer instead, in defaults and in functions too.
//
// The clock is a sequence of microseconds: turning and reading it is the cheapest
// thing that every session sees at once, and it is read hundreds of times a life.
const virtualTime = `
create schema sim;
do $$ declare clock regclass; word text; begin
	execute case when current_setting('server_version_num')::int >= 150000 then 'create unlogged sequence sim.clock' else 'create sequence sim.clock' end;
	perform setval('sim.clock', (extract(epoch from timestamptz '2028-01-01Z') * 1000000)::bigint);
	clock := 'sim.clock'::regclass;
	foreach word in array array['now', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp'] loop
		execute format('create function sim.%I() returns timestamptz language plpgsql stable as %L', word, format(
			'begin return timestamptz %L + pg_sequence_last_value(%s::regclass) * interval %L; end', 'epoch', clock::oid, '1 microsecond'));
	end loop;
end $$;
create sequence sim.seed minvalue 0;
create sequence sim.ids;
create function sim.gen_random_uuid() returns uuid language plpgsql volatile as
	$$begin return md5(pg_sequence_last_value('sim.seed'::regclass) || ' ' || nextval('sim.ids'))::uuid; end$$;`

// settings are those of every world's database.
const settings = `
do $$ begin
	execute format('alter database %I set search_path = public, sim, pg_catalog', current_database());
	execute format('alter database %I set plan_cache_mode = force_generic_plan', current_database()); -- planning is half of the work
	execute format('alter database %I set enable_seqscan = off', current_database()); -- plans are made while the tables are empty
	execute format('alter database %I set jit = off', current_database());
end $$;`

// ownTime gives a copied database its own seed and time.
const ownTime = `select setval('sim.seed', %d), setval('sim.ids', 1), setval('sim.clock', %d);`

// seenByTime lets the observer find what changed. Nobody may tidy up in the middle:
// new statistics are new plans, and those give rows in another order.
const seenByTime = `
do $$ declare name text; begin
	for name in select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public' loop
		execute 'alter table ' || name || ' set (autovacuum_enabled = false)';
	end loop;
end $$;
create index on public.orders (updated_at);
create index on public.positions (updated_at);
create index on public.copy_decisions (updated_at) where result = 'awaiting_approval';`

// clockless are the words that ask the real clock whatever the search path says.
var clockless = regexp.MustCompile(`(?i)\b(current_timestamp|current_date|current_time|localtimestamp|localtime|timeofday)\b|'now'|pg_catalog\.(now|clock_timestamp|statement_timestamp|transaction_timestamp)`)

// timeIsVirtual is the proof that no statement, default or function looks at the
// real clock.
func timeIsVirtual(ctx context.Context, t *testing.T, database *pgx.Conn, want time.Time) {
	t.Helper()
	var now, precise time.Time
	if err := database.QueryRow(ctx, `select now(), clock_timestamp()`).Scan(&now, &precise); err != nil || !now.Equal(want) || !precise.Equal(want) {
		t.Fatalf("the database shows %s and %s, not %s: %v", now, precise, want, err)
	}
	rows, err := database.Query(ctx, `
		select format('default of %s.%s: ', c.relname, a.attname), pg_get_expr(d.adbin, d.adrelid)
		from pg_attrdef d join pg_class c on c.oid = d.adrelid join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
		where c.relnamespace = 'public'::regnamespace and c.relname !~ '^(river|goose)_'
		union all
		select 'function ' || proname || ': ', prosrc from pg_proc
		where pronamespace = 'public'::regnamespace and proname !~ '^river_'`)
	if err != nil {
		t.Fatal(err)
	}
	var where, text string
	_, err = pgx.ForEachRow(rows, []any{&where, &text}, func() error {
		if clockless.MatchString(text) {
			t.Errorf("%s%s asks the real clock", where, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The same for the statements in the code, which the database has not seen yet.
func TestNoStatementAsksTheRealClock(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".sql") {
			return err
		}
		body, err := os.ReadFile(path)
		if found := clockless.Find(body); found != nil {
			t.Errorf("%s says %s: write now() or clock_timestamp(), which a simulation can turn", path, found)
		}
		files++
		return err
	})
	if err != nil || files < 200 {
		t.Errorf("%d files read: %v", files, err)
	}
}
