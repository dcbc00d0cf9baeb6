package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

// runPrivateIn makes this test binary play a program that runs a private cluster.
const runPrivateIn = "ALERTSIFY_TEST_RUN_PRIVATE_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(runPrivateIn); dir != "" {
		playOwner(dir)
		return
	}
	os.Exit(m.Run())
}

// playOwner starts the cluster, writes a row, says its address and waits to be killed.
func playOwner(dir string) {
	p, err := postgres.StartPrivate(context.Background(), postgres.PrivateOptions{Dir: dir})
	if err == nil {
		err = writeRow(p.URL("postgres"))
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ready", p.URL("postgres"))
	select {}
}

func writeRow(url string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "create table if not exists kept (n int); insert into kept values (1)")
	return err
}

// privateDir is a folder that the server's user can reach also when we are root:
// the test's own temporary folder is closed to others.
func privateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "alertsify-private-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "pg")
}

func startPrivate(t *testing.T, dir string) *postgres.Private {
	t.Helper()
	p, err := postgres.StartPrivate(context.Background(), postgres.PrivateOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func keptRows(t *testing.T, p *postgres.Private) int {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var n int
	if err := conn.QueryRow(ctx, "select count(*) from kept").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAPrivateClusterKeepsItsDataAndItsPromises(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	p := startPrivate(t, dir)
	if err := p.EnsureDatabase(context.Background(), "alertsify"); err != nil {
		t.Fatal(err)
	}
	if err := p.EnsureDatabase(context.Background(), "alertsify"); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := writeRow(p.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{"fsync": "on", "full_page_writes": "on", "listen_addresses": ""} {
		if got := setting1(t, p.URL("alertsify"), setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := keptRows(t, startPrivate(t, dir)); n != 1 {
		t.Errorf("rows after a restart = %d, want 1", n)
	}
}

func setting1(t *testing.T, url, name string) (value string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, "select current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestASecondOwnerIsTurnedAway(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	startPrivate(t, dir)
	_, err := postgres.StartPrivate(context.Background(), postgres.PrivateOptions{Dir: dir})
	if !errors.Is(err, postgres.ErrPrivateInUse) {
		t.Errorf("err = %v, want ErrPrivateInUse", err)
	}
}

// owner is another process that runs the cluster in dir.
func owner(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), runPrivateIn+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready ") {
		t.Fatalf("the owner said %q, %v", line, err)
	}
	return cmd
}

func TestAKilledOwnerLosesNothing(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	cmd := owner(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if n := keptRows(t, startPrivate(t, dir)); n != 1 {
		t.Errorf("rows after kill -9 = %d, want 1", n)
	}
}

// An orphan as it stays behind where the kernel does not end it with its parent:
// a server whose owner's lock is free although it runs.
func TestAnOrphanIsReplacedAndNotMistakenForOurs(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	cmd := owner(t, dir)
	pid := postmasterPID(t, dir)
	if err := os.Remove(filepath.Join(dir, "owner.lock")); err != nil { // as if the owner were dead
		t.Fatal(err)
	}
	if n := keptRows(t, startPrivate(t, dir)); n != 1 {
		t.Errorf("rows = %d, want the orphan's 1", n)
	}
	if now := postmasterPID(t, dir); now == pid {
		t.Errorf("pid %s still serves: the orphan was taken for our child", pid)
	}
	_ = cmd.Process.Signal(syscall.SIGKILL)
}

func postmasterPID(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(raw), "\n")
	return pid
}

func TestAStalePIDFileIsNoObstacle(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	p := startPrivate(t, dir)
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The pid lives, under the server's user, but is no server.
	data := filepath.Join(dir, "data")
	other := exec.Command("sleep", "600")
	stat := ownerOf(t, data)
	if os.Geteuid() == 0 {
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}}
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	stale := fmt.Sprintf("%d\n%s\n%d\n5432\n%s\n\n", other.Process.Pid, data, time.Now().Unix(), dir)
	file := filepath.Join(data, "postmaster.pid")
	if err := os.WriteFile(file, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, int(stat.Uid), int(stat.Gid)); err != nil {
		t.Fatal(err)
	}
	startPrivate(t, dir)
}

func ownerOf(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func TestAFolderClosedToTheServersUserMovesButIsFoundAgain(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as somebody else")
	}
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 20)) // closed to others, and too long for a socket
	p := startPrivate(t, dir)
	if err := writeRow(p.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := startPrivate(t, dir)
	if n := keptRows(t, again); n != 1 {
		t.Errorf("rows = %d, want 1", n)
	}
	t.Cleanup(func() { os.RemoveAll(again.Dir()) })
}
