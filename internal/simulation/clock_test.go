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
	if _, err := c.database.Exec(ctx, `update sim.clock set at = $1`, at); err != nil {
		return fmt.Errorf("turn the database's clock: %w", err)
	}
	c.shown = at
	return nil
}

// virtualTime gives a database, before it is migrated, a clock of ours and ids
// that come from the seed. Every statement of the program calls now() and its like
// without a schema, so functions of those names that stand before the built-in ones
// in the search path answer instead, in defaults and in functions too.
const virtualTime = `
create schema sim;
create table sim.clock (at timestamptz not null);
insert into sim.clock values ('%[1]s');
create function sim.now() returns timestamptz language plpgsql stable as 'begin return (select at from sim.clock); end';
create function sim.clock_timestamp() returns timestamptz language plpgsql stable as 'begin return (select at from sim.clock); end';
create function sim.statement_timestamp() returns timestamptz language plpgsql stable as 'begin return (select at from sim.clock); end';
create function sim.transaction_timestamp() returns timestamptz language plpgsql stable as 'begin return (select at from sim.clock); end';
create sequence sim.ids;
create function sim.gen_random_uuid() returns uuid language plpgsql volatile as $$begin return md5('%[2]d ' || nextval('sim.ids'))::uuid; end$$;
do $$ begin
	execute format('alter database %%I set search_path = public, sim, pg_catalog', current_database());
	execute format('alter database %%I set plan_cache_mode = force_generic_plan', current_database()); -- planning is half of the work
end $$;`

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
