package legal

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

func person(t *testing.T, db *postgres.DB, username string) (id uuid.UUID) {
	t.Helper()
	if err := db.Pool().QueryRow(t.Context(), `insert into users (username, name) values ($1, $1) returning id`, username).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func versions(list []Document) map[string]string {
	m := map[string]string{}
	for _, d := range list {
		m[d.Name] = d.Version
	}
	return m
}

func missing(t *testing.T, err error) (names []string) {
	t.Helper()
	if fault.CodeOf(err) != "terms_required" {
		t.Fatalf("not asked: %v", err)
	}
	list, _ := fault.Of(err).Details["documents"].([]map[string]string)
	for _, d := range list {
		names = append(names, d["document"])
	}
	return names
}

// Who accepted nothing is told all three, who accepted some the rest, and who accepted
// all goes through, for as long as the versions are those.
func TestWhoHasNotAcceptedIsToldWhatIsMissing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r, ctx := New(db), postgres.WithOrigin(t.Context(), "Firefox on Linux, 203.0.113.0/24")
	ava, ben := person(t, db, "ava"), person(t, db, "ben")
	if got := missing(t, r.Agreed(ctx, ava)); len(got) != 3 {
		t.Errorf("missing %v", got)
	}
	now := versions(Documents())
	if err := r.Accept(ctx, ava, map[string]string{Terms: now[Terms], Risk: now[Risk]}); err != nil {
		t.Fatal(err)
	}
	if got := missing(t, r.Agreed(ctx, ava)); len(got) != 1 || got[0] != Privacy {
		t.Errorf("missing %v", got)
	}
	for range 2 { // the second time changes nothing
		if err := r.Accept(ctx, ava, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Agreed(ctx, ava); err != nil {
		t.Errorf("accepted, and %v", err)
	}
	missing(t, r.Agreed(ctx, ben)) // nobody accepts for others

	r.inForce = append([]Document(nil), r.inForce...)
	r.inForce[0].Version = "2099-01-01"
	newer := &Register{db: db, inForce: r.inForce, accepted: map[uuid.UUID]bool{}} // the next release
	if got := missing(t, newer.Agreed(ctx, ava)); len(got) != 1 || got[0] != Terms {
		t.Errorf("after new terms missing %v", got)
	}
	list, err := newer.Standing(ctx, ava)
	if err != nil || list[0].AcceptedAt != nil || list[0].Before != now[Terms] || list[1].AcceptedAt == nil {
		t.Errorf("standing = %+v, %v", list, err)
	}
}

// What was accepted stays as it was written, with where from, and is in the audit log.
func TestWhatWasAcceptedIsNeverUnsaid(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r, ctx := New(db), postgres.WithOrigin(t.Context(), "Firefox on Linux, 203.0.113.0/24")
	ava := person(t, db, "ava")
	if err := r.Accept(ctx, ava, versions(Documents())); err != nil {
		t.Fatal(err)
	}
	var rows, logged int
	err := db.Pool().QueryRow(ctx, `
		select (select count(*) from legal_acceptances where user_id = $1 and origin = 'Firefox on Linux, 203.0.113.0/24'),
			(select count(*) from audit_log where kind = 'legal_acceptances' and user_id = $1 and by_user = $1)`, ava).Scan(&rows, &logged)
	if err != nil || rows != 3 || logged != 3 {
		t.Errorf("%d rows, %d logged, %v", rows, logged, err)
	}
	for _, sql := range []string{`delete from legal_acceptances`, `update legal_acceptances set version = '2000-01-01'`} {
		if _, err := db.Pool().Exec(ctx, sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
		err := db.As(ctx, ava, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("a member: %s: %v", sql, err)
		}
	}
}

func TestOnlyWhatIsInForceIsAccepted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r := New(db)
	ava := person(t, db, "ava")
	for _, wrong := range []map[string]string{nil, {Terms: "2001-01-01"}, {Terms: ""}, {"cookies": "2026-11-28"}} {
		if err := r.Accept(t.Context(), ava, wrong); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	var rows int
	if err := db.Pool().QueryRow(t.Context(), `select count(*) from legal_acceptances`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestTheTextsCanBeRead(t *testing.T) {
	t.Parallel()
	for _, d := range Documents() {
		if len(d.Sections) < 4 {
			t.Errorf("%s has only %d sections", d.Name, len(d.Sections))
		}
	}
	for _, broken := range []string{"", "title: A\n\n# B\ntext", "title: A\nversion: today\nchanged: C\n\n# B\ntext", "title: A\nversion: 2026-11-28\nchanged: C\n\ntext", "title: A\nversion: 2026-11-28\nchanged: C\n\n# B\n\n# C\ntext", "titel: A\nversion: 2026-11-28\n\n# B\ntext"} {
		if _, err := parse("terms", broken); err == nil {
			t.Errorf("%q was taken", broken)
		}
	}
}
