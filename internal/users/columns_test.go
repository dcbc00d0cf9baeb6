package users_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/users"
)

// What somebody chose for a table stays until they choose again or take it as it comes, is
// nobody else's, and goes with their account.
func TestColumnsAreRememberedForEachTable(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ctx := t.Context()
	ava, ben := create(t, db, d, users.NewUser{Username: "ava"}), create(t, db, d, users.NewUser{Username: "ben"})
	set := func(user uuid.UUID, table string, shown ...string) {
		t.Helper()
		if err := d.SetColumns(ctx, user, table, shown); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(user uuid.UUID, want map[string][]string) {
		t.Helper()
		got, err := d.Columns(ctx, user)
		if err != nil || !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%v (%v), want %v", got, err, want)
		}
	}
	kept(ava.ID, nil)
	set(ava.ID, "open", "contract", "pnl")
	set(ava.ID, "orders", "time", "contract")
	set(ben.ID, "open", "contract")
	set(ava.ID, "open", "contract", "value", "actions")
	kept(ava.ID, map[string][]string{"open": {"contract", "value", "actions"}, "orders": {"time", "contract"}})
	kept(ben.ID, map[string][]string{"open": {"contract"}})
	set(ava.ID, "open")
	kept(ava.ID, map[string][]string{"orders": {"time", "contract"}})

	many := make([]string, 41)
	for i := range many {
		many[i] = fmt.Sprint("column", i)
	}
	if d.SetColumns(ctx, ava.ID, "open", many) == nil || d.SetColumns(ctx, ava.ID, "no such name", []string{"a"}) == nil {
		t.Error("what no table has was kept")
	}
	err := db.As(ctx, ava.ID, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update table_columns set shown = '{x}'`) // names nobody
		if tag.RowsAffected() != 1 {
			t.Errorf("%d rows of everybody's were changed", tag.RowsAffected())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	kept(ben.ID, map[string][]string{"open": {"contract"}})
	if err := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return d.Close(ctx, tx, ava.ID) }); err != nil {
		t.Fatal(err)
	}
	kept(ava.ID, nil)
}
