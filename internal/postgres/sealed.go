package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/secret"
)

// Sealed is a column that holds sealed secrets, with its owner's statements.
type Sealed struct {
	Table, Column string
	// Stale reads id and value of rows that another key than $1 wraps, at most $2, for no
	// key update.
	Stale string
	// Store writes the values $2 to the rows $1.
	Store string
	// Count reads key ids and how many rows each wraps.
	Count string
}

const rewrapBatch = 100 // rows; each costs two unwrappings

// Rewrap wraps with the ring's first key what another one wraps, in batches, and tells
// how many rows that were; the secrets themselves are not touched. It may be run again
// after an error. A value that does not open ends it, named by its row.
func (s Sealed) Rewrap(ctx context.Context, db *DB, ring *secret.Ring) (changed int, err error) {
	for {
		n, err := s.rewrapSome(ctx, db, ring)
		changed += n
		if err != nil {
			return changed, fmt.Errorf("rewrap %s.%s: %w", s.Table, s.Column, err)
		}
		if n == 0 {
			return changed, nil
		}
	}
}

func (s Sealed) rewrapSome(ctx context.Context, db *DB, ring *secret.Ring) (n int, err error) {
	type row struct {
		ID    uuid.UUID
		Value string
	}
	err = db.AsSystem(ctx, "rotate", func(ctx context.Context, tx pgx.Tx) error {
		n = 0
		rows, err := tx.Query(ctx, s.Stale, ring.First(), rewrapBatch)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil {
			return err
		}
		ids, values := make([]uuid.UUID, len(list)), make([]string, len(list))
		for i, r := range list {
			ids[i] = r.ID
			if values[i], _, err = ring.Rewrap(s.Table, s.Column, r.ID.String(), r.Value); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, s.Store, ids, values)
		n = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Keys tells how many rows each key wraps: a key of which there is none may be retired.
func (s Sealed) Keys(ctx context.Context, db *DB) (map[string]int, error) {
	rows, err := db.Pool().Query(ctx, s.Count)
	if err != nil {
		return nil, fmt.Errorf("count keys of %s.%s: %w", s.Table, s.Column, err)
	}
	counts := map[string]int{}
	var key string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error { counts[key] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count keys of %s.%s: %w", s.Table, s.Column, err)
	}
	return counts, nil
}
