package pgtest

import (
	"context"
	"testing"

	"github.com/alertsify/alertsify/internal/postgres"
)

func TestEveryTestHasItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	one, two := New(t), New(t)

	if err := postgres.SchemaKnown(ctx, one); err != nil {
		t.Fatalf("schema: %v", err)
	}
	if _, err := one.Pool().Exec(ctx, "create table mine (id int)"); err != nil {
		t.Fatal(err)
	}
	var there bool
	if err := two.Pool().QueryRow(ctx, "select to_regclass('mine') is not null").Scan(&there); err != nil {
		t.Fatal(err)
	}
	if there {
		t.Error("a table made in one test's database shows in another's")
	}
}

func TestACopyHasWhatWasThereAndGoesItsOwnWay(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	mother := EmptyURL(t)
	first := Open(t, mother)
	if _, err := first.Pool().Exec(ctx, "create table mine (id int); insert into mine values (1)"); err != nil {
		t.Fatal(err)
	}
	first.Close()
	one, two := Open(t, CopyURL(t, mother)), Open(t, CopyURL(t, mother))
	if _, err := one.Pool().Exec(ctx, "insert into mine values (2)"); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := two.Pool().QueryRow(ctx, "select count(*) from mine").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("the second copy has %d rows: %v", rows, err)
	}
}

func TestEmptyHasNoTables(t *testing.T) {
	t.Parallel()
	var tables int
	err := Empty(t).Pool().QueryRow(context.Background(),
		"select count(*) from pg_tables where schemaname = 'public'").Scan(&tables)
	if err != nil || tables != 0 {
		t.Errorf("tables = %d, err = %v, want none", tables, err)
	}
}

func TestAHundredTestsAtOnce(t *testing.T) {
	t.Parallel()
	for range 100 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if err := New(t).Pool().Ping(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		URL(b)
	}
}
