package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// Columns are the columns that somebody chose by hand, by the table's name and in the order
// they were kept in; a table that they left as it is has none here. Who draws the table knows
// which there are: a column that has gone out of use since is theirs to pass over.
func (d *Directory) Columns(ctx context.Context, user uuid.UUID) (map[string][]string, error) {
	type kept struct {
		Name  string
		Shown []string
	}
	list, err := postgres.OwnRows(ctx, d.db, user, pgx.RowToStructByPos[kept], `
		select name, shown from table_columns where user_id = $1 order by name limit 50`, user)
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", user, err)
	}
	chosen := make(map[string][]string, len(list))
	for _, k := range list {
		chosen[k.Name] = k.Shown
	}
	return chosen, nil
}

// SetColumns keeps which columns of a table somebody wants to see; none means that they take
// it as it comes again.
func (d *Directory) SetColumns(ctx context.Context, user uuid.UUID, table string, shown []string) error {
	err := d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		if len(shown) == 0 {
			_, err = tx.Exec(ctx, `delete from table_columns where user_id = $1 and name = $2`, user, table)
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into table_columns (user_id, name, shown) values ($1, $2, $3)
			on conflict (user_id, name) do update set shown = excluded.shown, updated_at = now()`, user, table, shown)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the columns of %s's table %s: %w", user, table, err)
	}
	return nil
}
