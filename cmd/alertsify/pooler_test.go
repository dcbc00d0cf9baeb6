package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/pgtest"
)

// The main path through a real PgBouncer that hands out transactions, with fewer sessions
// than the program has connections: what relied on a session of its own would be lost.
func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	direct := pgtest.URL(t)
	s := open(t, "DATABASE_URL="+pgBouncer(t, direct), "DIRECT_URL="+direct)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	pages := s.listen("ava", "")
	id := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ava's order fills", func() bool { return s.order("ava", id).State == "filled" })
	pages.until("the fill", func(e told) bool { return contains(e.Data, `"filled"`) })
	s.eventually("Discord has one alert", func() bool { return len(posts(s.received("discord"))) == 1 })
	s.becomes("ben", "BTO executed")
	atOnce(40, func(int) {
		if a := s.do("ava", "GET", "/api/positions", ""); a.status != http.StatusOK {
			t.Errorf("one of many at once: %d %s", a.status, a.body)
		}
	})
	s.quote(apple, "4.50", "4.55")
	sell := s.place("ava", "STC 4 AAPL 200C "+expiry+" @ 4.50")
	s.eventually("ava is out", func() bool { return s.order("ava", sell).State == "filled" })
	s.eventually("ben is out too", func() bool { return s.decided("ben") == "BTO executed, STC executed" })
}

// poolerSessions is less than one process has connections.
const poolerSessions = 6

// pgBouncer stands before a test's database, and is its address.
func pgBouncer(t *testing.T, direct string) (address string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("pgbouncer is not installed: apt-get install pgbouncer")
		}
	}
	server, err := pgx.ParseConfig(direct)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := openFolder("alertsify-pooler-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	port := freePort(t)
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%d user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
`, server.Host, server.Port, server.User, port, poolerSessions)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(context.Background(), program, "--quiet", file)
	child.SysProcAttr = asOwner(filepath.Join(server.Host, ".s.PGSQL."+strconv.Itoa(int(server.Port))))
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	child.Stdout, child.Stderr = said, said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
		if text, _ := os.ReadFile(said.Name()); t.Failed() {
			t.Logf("pgbouncer said:\n%s", text)
		}
	})
	through := url.URL{Scheme: "postgres", User: url.User(server.User), Host: "127.0.0.1:" + port, Path: server.Database, RawQuery: "sslmode=disable"}
	for end := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", through.Host); err == nil {
			_ = conn.Close()
			return through.String()
		}
		if time.Now().After(end) {
			t.Fatal("pgbouncer does not answer")
		}
	}
}

// asOwner runs a child as the user a socket belongs to, which alone may use it; PgBouncer
// does not run as root either.
func asOwner(socket string) *syscall.SysProcAttr {
	info, err := os.Stat(socket)
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
