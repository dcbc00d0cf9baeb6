package account

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

func open(t *testing.T) (*postgres.DB, *Accounts) {
	t.Helper()
	db := pgtest.New(t)
	return db, New(Options{DB: db, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
}

func exec(t *testing.T, db *postgres.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// person is somebody with something of several kinds, secrets among it.
func person(t *testing.T, db *postgres.DB, username string) uuid.UUID {
	t.Helper()
	id := uuid.New()
	exec(t, db, `insert into users (id, username, name, email, email_verified) values ($1, $2, $2, $2 || '@example.com', true)`, id, username)
	exec(t, db, `insert into identities (provider, subject, user_id, email) values ('google', $2 || '-canary-subject', $1, $2 || '@example.com')`, id, username)
	exec(t, db, `insert into access_tokens (user_id, name, token_hash, scope) values ($1, $2 || ' script', decode(md5($2), 'hex'), 'read')`, id, username)
	exec(t, db, `insert into snaptrade_users (user_id, snaptrade_user_id, user_secret) values ($1, $1::uuid::text, $2 || '-canary-secret')`, id, username)
	exec(t, db, `insert into destinations (user_id, channel, address, secret) values ($1, 'discord', $2 || '-canary-address', $2 || '-canary-secret')`, id, username)
	exec(t, db, `insert into passkeys (user_id, credential_id, public_key, name, backup_eligible, backed_up)
		values ($1, convert_to($2 || '-canary-id', 'UTF8'), convert_to($2 || '-canary-key', 'UTF8'), $2 || ' phone', true, true)`, id, username)
	exec(t, db, `insert into second_factors (user_id) values ($1)`, id)
	exec(t, db, `insert into record_entries (trader_id, seq, entry, hash) values ($1, 1, '{"of": "' || $2 || '"}', sha256(convert_to($2, 'UTF8')))`, id, username)
	exec(t, db, `insert into legal_acceptances (user_id, document, version) values ($1, 'terms', '2026-11-28')`, id)
	exec(t, db, `insert into notifications (user_id, type, title, body, subject_key)
		select $1, 'system', $2 || ' was told ' || i, 'Said.', 'x:' || i from generate_series(1, 3000) i`, id, username)
	return id
}

// files reads an archive.
func files(t *testing.T, a *Archive) map[string]string {
	t.Helper()
	body, err := io.ReadAll(a)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[f.Name] = string(text)
	}
	return found
}

// An archive has everything of its owner's, nothing of others, and no secret; every line
// is JSON.
func TestAnExportIsAllOfOnesOwnAndNoMore(t *testing.T) {
	t.Parallel()
	db, a := open(t)
	ava, ben := person(t, db, "ava"), person(t, db, "ben")
	archive, err := a.Export(t.Context(), ava)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	secretive := regexp.MustCompile(`"[^"]*(secret|token|hash|claim|public_key|credential)[^"]*":`)
	all := files(t, archive)
	for name, text := range all {
		if strings.Contains(text, "canary") || strings.Contains(text, hex.EncodeToString([]byte("canary"))) || strings.Contains(text, "ben") || strings.Contains(text, ben.String()) {
			t.Errorf("%s has what is not to be in it: %.300s", name, text)
		}
		for line := range strings.Lines(text) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("%s: %q is no JSON", name, line)
			}
			if key := secretive.FindString(line); key != "" {
				t.Fatalf("%s has the field %s", name, key)
			}
		}
	}
	for name, want := range map[string]int{"profile.jsonl": 1, "identities.jsonl": 1, "access_tokens.jsonl": 1, "destinations.jsonl": 1, "legal_acceptances.jsonl": 1, "passkeys.jsonl": 1, "second_factors.jsonl": 1, "record.jsonl": 1, "notifications.jsonl": 3000, "data_exports.jsonl": 1, "orders.jsonl": 0} {
		text, there := all[name]
		if got := strings.Count(text, "\n"); !there || got != want {
			t.Errorf("%s has %d rows, there %v, want %d", name, got, there, want)
		}
	}
	if len(all) != len(parts()) {
		t.Errorf("%d files of %d parts", len(all), len(parts()))
	}
}

// The second wall stands without the first: asked without any owner, a member finds
// nothing of others in what is exported.
func TestAnExportThatForgotItsOwnerFindsNothingOfOthers(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	ava := person(t, db, "ava")
	person(t, db, "ben")
	forgets := regexp.MustCompile(`(t\.)?(user_id|follower_id) = \$1`)
	tried := 0
	for _, p := range parts() {
		query := forgets.ReplaceAllString(p.query, "($$1::uuid is not null)")
		if query == p.query || p.name == "audit_log" || p.name == "alerts" || p.name == "destinations" {
			continue // these show platform rows and public alerts to everybody
		}
		tried++
		err := db.As(t.Context(), ava, func(ctx context.Context, tx pgx.Tx) error {
			var b strings.Builder
			err := writePart(ctx, tx, ava, part{p.name, query}, &b)
			if strings.Contains(b.String(), "ben") {
				t.Errorf("%s shows ava what is ben's: %.200s", p.name, b.String())
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	if tried < 30 {
		t.Errorf("only %d parts were tried", tried)
	}
}

// Once an hour, and the second of two at once is the second.
func TestDataIsTakenAlongOnceAnHour(t *testing.T) {
	t.Parallel()
	db, a := open(t)
	ava := person(t, db, "ava")
	archive, err := a.Export(t.Context(), ava)
	if err != nil {
		t.Fatal(err)
	}
	_ = archive.Close()
	if _, err := a.Export(t.Context(), ava); fault.CodeOf(err) != "rate_limited" || fault.Of(err).RetryAfter < 59*time.Minute {
		t.Errorf("again at once: %v", err)
	}
	exec(t, db, `update data_exports set at = now() - interval '61 minutes'`)
	if archive, err = a.Export(t.Context(), ava); err != nil {
		t.Fatalf("an hour later: %v", err)
	}
	_ = archive.Close()
	a.exports <- struct{}{}
	a.exports <- struct{}{}
	if _, err := a.Export(t.Context(), ava); fault.CodeOf(err) != "unavailable" {
		t.Errorf("while others are made: %v", err)
	}
}

// Whatever table gets an owner is taken along, or somebody said why not.
func TestEveryOwnedTableIsTakenAlongOrSaidWhyNot(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	rows, err := db.Pool().Query(t.Context(), `
		select distinct c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attname in ('user_id', 'follower_id')
		  and has_table_privilege('alertsify_member', c.oid, 'select') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) < 40 {
		t.Fatalf("found only %d tables", len(tables))
	}
	for _, table := range tables {
		taken := slices.ContainsFunc(parts(), func(p part) bool { return p.name == table })
		if taken == (notTaken[table] != "") {
			t.Errorf("%s: taken along %v, and it is said %q", table, taken, notTaken[table])
		}
	}
}
