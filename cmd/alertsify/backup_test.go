package main

import (
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// A backup is taken while orders are queued, alerts wait for their channels and mails are not
// sent. Life goes on. Then the backup is restored, beside the original, and a program starts
// on it: nothing leaves that has left before, and nothing that is old (INV-11).
func TestARestoredBackupSendsNothingOld(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.quote("AAPL  "+expiryCode+"C00205000", "3.45", "3.50")
	for _, channel := range []string{"discord", "resend", "getstream", "push"} {
		s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": channel, "match": "", "mode": "error", "status": 503}, nil)
	}
	first := s.place("ava", "BTO 1 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ava's first order fills", func() bool { return s.order("ava", first).State == "filled" })
	s.eventually("ben has copied it", func() bool { return s.decided("ben") == "BTO executed" })
	s.send(s.client, "POST", "/api/admin/announcements", `{"title":"Maintenance","body":"Tonight.","confirm":true}`, key(), "Authorization: Bearer "+s.token("root", "admin")).want(t, http.StatusAccepted)
	s.eventually("mails wait", func() bool {
		return s.number(`select count(*) from deliveries where state = 'pending' and channel = 'email'`) > 0
	})
	s.end()

	quiet := slog.New(slog.DiscardHandler)
	doors := s.beside(quiet, func(c *app.Config) { c.Part = app.NoJobs })
	home := s.url
	s.url = doors.url
	old, young := s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50"), s.place("ava", "BTO 1 AAPL 205C "+expiry+" @ 3.50")
	doors.end()
	s.url = home
	s.exec(`update orders set send_before = send_before + interval '5 minutes' where state = 'queued'`) // an entry has 30 seconds, and what follows may take longer
	waiting := s.number(`select count(*) from deliveries where state = 'pending'`)
	mails := s.number(`select count(*) from deliveries where state = 'pending' and channel = 'email'`)
	if queued := s.number(`select count(*) from orders where state = 'queued'`); queued != 2 || waiting < 3 || mails == 0 {
		t.Fatalf("%d orders are queued, %d messages wait, %d of them mails: this would prove nothing", queued, waiting, mails)
	}
	backup := filepath.Join(t.TempDir(), "alertsify.dump")
	pgTool(t, "pg_dump", "--format=custom", "--file="+backup, "--dbname="+s.stage.env["DATABASE_URL"])

	s.sandbox("DELETE", "/_sandbox/faults", nil, nil)
	alive := s.beside(quiet, nil)
	s.url = alive.url
	s.exec(`update deliveries set not_before = now() where state = 'pending'`) // what failed is tried at once
	s.eventually("life goes on", func() bool {
		return s.order("ava", old).State == "filled" && s.order("ava", young).State != "queued" &&
			s.number(`select count(*) from deliveries where state in ('pending', 'sending')`) == 0
	})
	s.examine() // while it runs
	alive.end()

	restored := pgtest.EmptyURL(t)
	pgTool(t, "pg_restore", "--exit-on-error", "--no-owner", "--dbname="+restored, backup)
	db := pgtest.Open(t, restored)
	// It starts the next day, but for one order whose time is not over yet.
	for _, sql := range []string{
		`update deliveries set cutoff = cutoff - interval '1 day', created_at = created_at - interval '1 day' where state in ('pending', 'sending')`,
		`update orders set send_before = send_before - interval '1 day' where id = '` + old + `'`,
	} {
		if _, err := db.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	before := s.sentOut()
	again := s.beside(quiet, func(c *app.Config) { c.DatabaseURL = restored })
	s.url = again.url
	s.eventually("what was queued has its end there", func() bool {
		return s.order("ava", old).State != "queued" && s.order("ava", young).State != "queued"
	})
	s.eventually("and every message", func() bool {
		var left int
		if err := db.Pool().QueryRow(t.Context(), `select count(*) from deliveries where state in ('pending', 'sending')`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	if now := s.sentOut(); now != before {
		t.Errorf("sent by the original: %+v; and after the restored one ran: %+v", before, now)
	}
	again.end()
	s.url = home
}

// sentOut is what has left for others.
type sentOut struct{ orders, posts, mails int }

func (s *show) sentOut() sentOut {
	s.t.Helper()
	return sentOut{orders: s.asked("ava") + s.asked("ben"), posts: len(posts(s.received("discord"))), mails: len(posts(s.received("resend")))}
}

// pgTool runs one of PostgreSQL's own programs.
func pgTool(t *testing.T, name string, args ...string) {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil { // Debian links only some of them
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
		if len(found) == 0 {
			t.Fatalf("%s is not installed", name)
		}
		program = found[len(found)-1]
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
