package app

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// healthy is a database in which everything holds.
func healthy(t *testing.T) *postgres.DB {
	t.Helper()
	seed, err := os.ReadFile("testdata/healthy.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	if _, err := db.Pool().Exec(t.Context(), string(seed), pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("fill the database: %v", err)
	}
	return db
}

// testBounds are production's, on the trading day of healthy's orders.
func testBounds() Bounds {
	return BoundsOf(Defaults(Production), exchange.MustDate("2026-03-04").At(12, 0))
}

func TestInvariantsHoldWhereNothingIsWrong(t *testing.T) {
	t.Parallel()
	findings, err := ExamineInvariants(t.Context(), healthy(t), testBounds())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Rows > 0 {
			t.Error(f.Line())
		}
	}
	names := make([]string, 0, len(findings))
	for _, f := range findings {
		names = append(names, f.Name)
	}
	// What the specification asks to be SQL, less what leaves no trace in the tables.
	for _, name := range strings.Fields(`INV-1 INV-2 INV-3 INV-4 INV-5 INV-6 INV-7 INV-8 INV-9 INV-10 INV-11 INV-12 INV-13 INV-14 INV-15 INV-16 INV-17 INV-18
		INV-19 INV-20 INV-21 INV-22 INV-23 INV-24 INV-25 INV-26 INV-27 INV-28 INV-29 INV-32 INV-33 INV-34 INV-35 INV-36 INV-37 INV-38 INV-46 INV-49 INV-50 INV-51 INV-52 INV-53 INV-55 INV-56 INV-57 INV-58`) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not examined", name)
		}
	}
}

// A check that cannot fail is a defect: each part of each invariant is broken on
// purpose, with the database's own guards out of the way, and must be found.
func TestEachInvariantIsFoundBroken(t *testing.T) {
	t.Parallel()
	db := healthy(t)
	list, err := Invariants()
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]int{}
	for _, c := range breaches() {
		tried[c.name]++
		at := slices.IndexFunc(list, func(i Invariant) bool { return i.Name == c.name })
		if at < 0 {
			t.Errorf("there is no %s", c.name)
			continue
		}
		breakAndExamine(t, db, list[at], c)
	}
	for _, i := range list {
		if parts := strings.Count(i.SQL, "union all") + 1; tried[i.Name] < parts {
			t.Errorf("%s has %d parts, %d of them are tried", i.Name, parts, tried[i.Name])
		}
	}
}

// breach is how an invariant may be broken, and what is said about it.
type breach struct{ name, sql, why string }

func breakAndExamine(t *testing.T, db *postgres.DB, i Invariant, c breach) {
	t.Helper()
	errDone := errors.New("roll back")
	err := pgx.BeginFunc(t.Context(), db.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "set local session_replication_role = replica; "+c.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		args, err := testBounds().Args(t.Context(), tx)
		if err != nil {
			return err
		}
		f, err := i.examine(t.Context(), tx, args)
		if err != nil {
			return err
		}
		if !strings.Contains(strings.Join(f.Examples, "\n"), c.why) || f.Rows == 0 {
			t.Errorf("%s after %s\n\tfound: %s\n\twant:  %s", i.Name, c.sql, f.Line(), c.why)
		}
		return errDone
	})
	if !errors.Is(err, errDone) {
		t.Errorf("%s: %s: %v", c.name, c.sql, err)
	}
}

// INV-38 is about sessions, not rows.
func TestATransactionThatWaitsIsFound(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	waiting, err := pgx.Connect(t.Context(), url+"&application_name=alertsify")
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close(context.WithoutCancel(t.Context()))
	if _, err := waiting.Exec(t.Context(), "begin"); err != nil {
		t.Fatal(err)
	}
	bounds := testBounds()
	bounds.Idle = 0
	deadline := time.Now().Add(time.Minute)
	for found := 0; found == 0; {
		findings, err := ExamineInvariants(t.Context(), db, bounds)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(findings, func(f Finding) bool { return f.Name == "INV-38" })
		if found = findings[at].Rows; found == 0 && time.Now().After(deadline) {
			t.Fatal("not found")
		}
	}
}

func TestAFindingSaysWhatIsBroken(t *testing.T) {
	t.Parallel()
	i := Invariant{Name: "INV-12", Says: "Nobody sells more than they hold."}
	if got := (Finding{Invariant: i}).Line(); got != "INV-12 ok" {
		t.Errorf("%q", got)
	}
	f := Finding{Invariant: i, Rows: 3, Examples: []string{"p1 sold 5", "p2 sold 6"}}
	if got, want := f.Line(), "INV-12 broken: 3 rows, e.g. p1 sold 5; p2 sold 6 (Nobody sells more than they hold.)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is unresolved at a close counts from the close before now.
func TestTheLastClose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		day        string
		hour       int
		wantDay    string
		wantHour   int
		wantMinute int
	}{
		{"2026-03-04", 12, "2026-03-03", 16, 15}, // in the session: yesterday's
		{"2026-03-04", 17, "2026-03-04", 16, 15}, // after it: today's
		{"2026-03-09", 9, "2026-03-06", 16, 15},  // over a weekend that changes the clocks
		{"2026-11-28", 9, "2026-11-27", 13, 15},  // an early close
	} {
		now := exchange.MustDate(c.day).At(c.hour, 0)
		got := exchange.NewClock(func() time.Time { return now }).LastClose()
		if want := exchange.MustDate(c.wantDay).At(c.wantHour, c.wantMinute); !got.Equal(want) {
			t.Errorf("at %s the last close was %s, want %s", now, got, want)
		}
	}
}
