package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// What a member may change is their own by its policy: one that asks only for another row that
// they see would give them rows of others, where that row is shown to several. The exception
// hangs on subscriptions, of which everybody sees only their own.
func TestMembersChangeOnlyWhatNamesThem(t *testing.T) {
	t.Parallel()
	rows, err := pgtest.New(t).Pool().Query(t.Context(), `
		select tablename || ' by ' || policyname from pg_policies
		where $1 = any(roles) and cmd in ('ALL', 'UPDATE', 'DELETE') and coalesce(qual, '') !~ 'app_user\(\)|own_switch\('
		  and (has_table_privilege($1, quote_ident(tablename), 'update') or has_table_privilege($1, quote_ident(tablename), 'delete'))
		  and tablename <> 'subscription_periods'
		order by 1`, postgres.Member)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range found {
		t.Errorf("members change rows of %s that are not theirs", table)
	}
}
