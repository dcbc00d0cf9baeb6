package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Invent adds subscribers with the given ids, named stem_1 and on, in one
// statement, for development. A name that is taken fails the whole.
func (d *Directory) Invent(ctx context.Context, tx pgx.Tx, stem string, ids []uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		insert into users (id, username, name)
		select id, $1 || '_' || i, initcap($1) || ' ' || i from unnest($2::uuid[]) with ordinality as q(id, i)`, stem, ids)
	if err != nil {
		return fmt.Errorf("invent %d users: %w", len(ids), err)
	}
	return nil
}
