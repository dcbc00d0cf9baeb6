// Package audit reads the log of who changed what; the database's own triggers write it.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Entry is one change of one row.
type Entry struct {
	ID     uuid.UUID                     `json:"id"`
	At     time.Time                     `json:"at"`
	Owner  string                        `json:"owner"`  // username of whose row it is; empty: nobody's
	By     string                        `json:"by"`     // username of who did it; empty: the program by itself, or the command line
	Actor  string                        `json:"actor"`  // user, or the part of the program
	Origin string                        `json:"origin"` // network and browser, or access token; empty where there was no request
	Act    string                        `json:"act"`    // insert, update, delete
	Kind   string                        `json:"kind"`   // the table
	RowID  string                        `json:"rowId"`
	Change map[string][2]json.RawMessage `json:"change"` // by column, before and after; null: there was nothing
}

// Kinds are the tables that are watched, by name.
func Kinds() []string {
	return []string{
		"access_tokens", "accounts", "announcements", "connections", "consents", "data_exports", "dead_letter_log", "destinations", "identities", "inbound_webhooks",
		"legal_acceptances", "order_changes", "orders", "passkeys", "positions", "redemptions", "risk_limits", "river_job", "second_factors", "sign_ins", "subscriptions", "trader_applications", "trading_switches", "users", "whop_links",
	}
}

// Log reads what was written.
type Log struct{ db *postgres.DB }

// New makes a reader.
func New(db *postgres.DB) *Log { return &Log{db: db} }

// columns join the users table twice, for names.
const columns = `l.id, l.at, coalesce(o.username, ''), coalesce(b.username, ''), l.actor, l.origin, l.act, l.kind, l.row_id, l.change`

// ownColumns tell nobody who else it was, nor from where: only that it was not themselves.
const ownColumns = `l.id, l.at, coalesce(o.username, ''), case when l.by_user = $1 then b.username else '' end, l.actor,
	case when l.by_user = $1 then l.origin else '' end, l.act, l.kind, l.row_id, l.change - 'granted_by' - 'set_by'`

const named = ` left join users o on o.id = l.user_id left join users b on b.id = l.by_user order by l.at desc, l.id desc `

// Own lists what was changed of a user's, and what they changed, newest first (indexes
// audit_log_user, audit_log_by). The second result is where the next page begins.
func (l *Log) Own(ctx context.Context, user uuid.UUID, limit int, from *httpio.Cursor) (page []Entry, next *httpio.Cursor, err error) {
	at, id := place(from)
	err = l.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		page, err = collect(tx.Query(ctx, `
			select `+ownColumns+` from (
				(select * from audit_log where user_id = $1 and (at, id) < ($2, $3) order by at desc, id desc limit $4)
				union
				(select * from audit_log where by_user = $1 and (at, id) < ($2, $3) order by at desc, id desc limit $4)) l`+named+`limit $4`,
			user, at, id, limit+1))
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read a user's audit log: %w", err)
	}
	page, next = cut(page, limit)
	return page, next, nil
}

// Filter says which entries an operator wants; its zero value: all.
type Filter struct {
	Username string // whose, or by whom
	Kind     string // of Kinds
}

// All lists everybody's, newest first (indexes audit_log_at, _kind, _user, _by). A name
// that nobody has is a wrong field.
func (l *Log) All(ctx context.Context, f Filter, limit int, from *httpio.Cursor) (page []Entry, next *httpio.Cursor, err error) {
	at, id := place(from)
	const newest = ` and (at, id) < ($2, $3) and ($1 = '' or kind = $1) order by at desc, id desc limit $4`
	args := []any{f.Kind, at, id, limit + 1}
	what := `(select * from audit_log where true` + newest + `)`
	if f.Username != "" {
		who, err := l.find(ctx, f.Username)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, who)
		what = `(select * from audit_log where user_id = $5` + newest + `) union (select * from audit_log where by_user = $5` + newest + `)`
	}
	page, err = collect(l.db.Pool().Query(ctx, `select `+columns+` from (`+what+`) l`+named+`limit $4`, args...))
	if err != nil {
		return nil, nil, fmt.Errorf("read the audit log: %w", err)
	}
	page, next = cut(page, limit)
	return page, next, nil
}

// find reads the users table.
func (l *Log) find(ctx context.Context, username string) (id uuid.UUID, err error) {
	nobody := fault.Field("user", "Nobody is called that.")
	if !postgres.Storable(username) {
		return uuid.Nil, nobody
	}
	rows, err := l.db.Pool().Query(ctx, `select id from users where username = $1`, strings.ToLower(username))
	if err != nil {
		return uuid.Nil, fmt.Errorf("find %q: %w", username, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return uuid.Nil, fmt.Errorf("find %q: %w", username, err)
	}
	if len(ids) == 0 {
		return uuid.Nil, nobody
	}
	return ids[0], nil
}

func place(from *httpio.Cursor) (at time.Time, id uuid.UUID) {
	if from == nil {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), uuid.Max
	}
	return from.At, from.ID
}

func collect(rows pgx.Rows, err error) ([]Entry, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
		err = row.Scan(&e.ID, &e.At, &e.Owner, &e.By, &e.Actor, &e.Origin, &e.Act, &e.Kind, &e.RowID, &e.Change)
		e.At = e.At.UTC()
		return e, err
	})
}

func cut(page []Entry, limit int) ([]Entry, *httpio.Cursor) {
	if len(page) <= limit {
		return page, nil
	}
	page = page[:limit]
	last := page[limit-1]
	return page, &httpio.Cursor{At: last.At, ID: last.ID}
}
