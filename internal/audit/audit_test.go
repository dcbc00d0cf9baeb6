package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/audit"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

func person(t *testing.T, db *postgres.DB, name, role string) (id uuid.UUID) {
	t.Helper()
	err := db.Pool().QueryRow(t.Context(), `insert into users (username, name, role) values ($1, $1, $2) returning id`, name, role).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func do(t *testing.T, as func(context.Context, postgres.TxFunc) error, sql string, args ...any) {
	t.Helper()
	ctx := postgres.WithOrigin(t.Context(), "Firefox on Linux, 203.0.113.0/24")
	err := as(ctx, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, sql, args...); return err })
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (h *house) as(user uuid.UUID) func(context.Context, postgres.TxFunc) error {
	return func(ctx context.Context, fn postgres.TxFunc) error { return h.db.As(ctx, user, fn) }
}

func (h *house) program(ctx context.Context, fn postgres.TxFunc) error {
	return h.db.AsSystem(ctx, "job:refresh", fn)
}

type house struct {
	db        *postgres.DB
	log       *audit.Log
	ava, root uuid.UUID
}

func open(t *testing.T) *house {
	t.Helper()
	db := pgtest.New(t)
	return &house{db: db, log: audit.New(db), ava: person(t, db, "ava", "trader"), root: person(t, db, "root", "admin")}
}

func (h *house) own(t *testing.T, user uuid.UUID) []audit.Entry {
	t.Helper()
	list, _, err := h.log.Own(t.Context(), user, 50, nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Whatever code changes a watched row, the log has who, what, and from where.
func TestAChangeIsWrittenWithWhoAndFromWhere(t *testing.T) {
	t.Parallel()
	h := open(t)
	do(t, h.as(h.ava), `insert into risk_limits (user_id, kind, own, own_at) values ($1, 'manual_premium', 500, now())`, h.ava)
	do(t, h.as(h.ava), `update risk_limits set own = 900 where user_id = $1`, h.ava)
	do(t, h.program, `update users set role = 'subscriber' where id = $1`, h.ava)
	list := h.own(t, h.ava)
	if len(list) != 3 {
		t.Fatalf("%d entries: %+v", len(list), list)
	}
	role, limit := list[0], list[1]
	if role.Kind != "users" || role.By != "" || role.Actor != "job:refresh" || string(role.Change["role"][0]) != `"trader"` || string(role.Change["role"][1]) != `"subscriber"` || len(role.Change) != 1 {
		t.Errorf("the role's change: %+v", role)
	}
	if limit.Owner != "ava" || limit.By != "ava" || limit.Act != "update" || limit.Origin != "Firefox on Linux, 203.0.113.0/24" || len(limit.Change) != 1 {
		t.Errorf("the limit's change: %+v", limit)
	}
}

// A person learns that an operator changed something of theirs, not who it was nor from
// where; other operators do.
func TestWhoElseItWasIsForOperators(t *testing.T) {
	t.Parallel()
	h := open(t)
	by := h.root
	do(t, func(ctx context.Context, fn postgres.TxFunc) error { return h.db.AsOperator(ctx, &by, fn) },
		`update users set status = 'suspended' where id = $1`, h.ava)
	if e := h.own(t, h.ava)[0]; e.Kind != "users" || e.By != "" || e.Origin != "" || e.Actor != "operator" {
		t.Errorf("ava reads %+v", e)
	}
	list, _, err := h.log.All(t.Context(), audit.Filter{Username: "root", Kind: "users"}, 10, nil)
	if err != nil || len(list) != 1 || list[0].By != "root" || list[0].Owner != "ava" || list[0].Origin == "" {
		t.Errorf("operators read %+v, %v", list, err)
	}
}

// What a refresh writes again as it was is no change.
func TestNothingIsWrittenWhereNothingChanged(t *testing.T) {
	t.Parallel()
	h := open(t)
	before := len(h.own(t, h.ava))
	do(t, h.program, `update users set role = role, status = status, updated_at = now() where id = $1`, h.ava)
	if after := len(h.own(t, h.ava)); after != before {
		t.Errorf("%d entries, there were %d", after, before)
	}
}

// Nobody changes what is written about them, and nobody reads what others did.
func TestTheLogIsReadByItsOwnersAndChangedByNobody(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, sql := range []string{`delete from audit_log`, `update audit_log set change = '{}'`, `insert into audit_log (actor, act, kind, row_id, change) values ('x', 'insert', 'x', 'x', '{}')`} {
		err := h.db.As(t.Context(), h.ava, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, sql); return err })
		if err == nil {
			t.Errorf("%s was done", sql)
		}
	}
	do(t, h.as(h.root), `insert into trading_switches (scope, key, stops, set_by) values ('self', $1::uuid::text, 'all', $1)`, h.root)
	for _, e := range h.own(t, h.ava) {
		if e.By == "root" || e.Owner == "root" {
			t.Errorf("ava reads what root did: %+v", e)
		}
	}
	if list := h.own(t, h.root); len(list) != 1 || list[0].Kind != "trading_switches" {
		t.Errorf("root reads %+v", list)
	}
}

func TestOperatorsReadAllOfItPageByPage(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range 5 {
		do(t, h.as(h.ava), `insert into access_tokens (user_id, name, token_hash, scope, created_at) values ($1, 'bot', $2, 'read', now())`, h.ava, time.Duration(i).String())
	}
	var seen int
	var from *httpio.Cursor
	for {
		page, next, err := h.log.All(t.Context(), audit.Filter{Username: "AVA", Kind: "access_tokens"}, 2, from)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if _, shown := e.Change["token_hash"]; shown || e.Kind != "access_tokens" {
				t.Errorf("an entry of a token: %+v", e)
			}
		}
		seen += len(page)
		if from = next; next == nil {
			break
		}
	}
	if seen != 5 {
		t.Errorf("%d of 5 were listed", seen)
	}
	if _, _, err := h.log.All(t.Context(), audit.Filter{Username: "nobody"}, 2, nil); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("a name that nobody has: %v", err)
	}
}

// The page's list of tables is the database's own.
func TestKindsAreTheWatchedTables(t *testing.T) {
	t.Parallel()
	h := open(t)
	rows, err := h.db.Pool().Query(t.Context(), `
		select distinct tgrelid::regclass::text from pg_trigger where tgfoid = 'audit'::regproc order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	watched, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if kinds := audit.Kinds(); len(kinds) != len(watched) {
		t.Errorf("kinds %v, watched %v", kinds, watched)
	}
	for i, kind := range audit.Kinds() {
		if i < len(watched) && watched[i] != kind {
			t.Errorf("%s is listed, %s is watched", kind, watched[i])
		}
	}
}

// The log is kept for three years; what is older goes, in slices, and nothing else.
func TestTheLogIsKeptForThreeYears(t *testing.T) {
	t.Parallel()
	h := open(t)
	now := time.Now()
	const day = 24 * time.Hour
	for at, n := range map[time.Duration]int{3*365*day + time.Minute: 25_000, 3*365*day - time.Minute: 2, 0: 1} {
		_, err := h.db.Pool().Exec(t.Context(), `
			insert into audit_log (at, user_id, actor, act, kind, row_id, change) select $1, $2, 'user', 'update', 'users', '1', '{}' from generate_series(1, $3)`,
			now.Add(-at), h.ava, n)
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int64{25_000, 0} {
		if n, err := audit.Trim(t.Context(), h.db, now); err != nil || n != want {
			t.Errorf("%d rows removed, %v, want %d", n, err, want)
		}
	}
	if left := h.own(t, h.ava); len(left) != 3 {
		t.Errorf("%d entries are left, want 3", len(left))
	}
}
