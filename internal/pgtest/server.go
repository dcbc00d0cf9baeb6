package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/migrations"
	"github.com/jackc/pgx/v5"
)

const (
	templateName = "alertsify_template"
	serverConns  = 400
)

// startServer gives this test binary its server: the one TEST_DATABASE_URL names,
// or a private one. Making and migrating a cluster takes a second, so that is done
// once for each set of migrations; a binary copies the folder and starts the copy,
// which takes a tenth. On Linux the server ends with the process; what processes
// leave behind is swept by the next.
func startServer() (*testServer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitMax)
	defer cancel()
	if base := os.Getenv("TEST_DATABASE_URL"); base != "" {
		return givenServer(ctx, base)
	}
	root, err := openRoot()
	if err != nil {
		return nil, err
	}
	mother, err := ensureMother(ctx, root)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "run-"+strconv.Itoa(os.Getpid()))
	if err := copyCluster(ctx, mother, dir); err != nil {
		return nil, err
	}
	cluster, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: dir, Throwaway: true, MaxConns: serverConns})
	if err != nil {
		return nil, err
	}
	s := &testServer{url: cluster.URL, template: templateName, creating: &sync.Mutex{}}
	return s, s.examine(ctx)
}

// openRoot is where clusters live, in memory where there is a memory file system.
// Only we may write to it; the server's user may pass through.
func openRoot() (string, error) {
	base := os.TempDir()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		base = "/dev/shm"
	}
	root := filepath.Join(base, "alertsify-test-"+strconv.Itoa(os.Getuid()))
	//nolint:gosec // the server's user passes through to folders that are closed to others
	if err := os.Mkdir(root, 0o755); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("make %s: %w", root, err)
	}
	info, err := os.Lstat(root)
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", root, err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s belongs to somebody else", root)
	}
	return root, nil
}

// ensureMother makes, once for each set of migrations, a stopped cluster with the
// migrated template in it. Binaries that start together wait for the first.
func ensureMother(ctx context.Context, root string) (string, error) {
	lock, err := os.OpenFile(filepath.Join(root, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("open lock: %w", err)
	}
	defer lock.Close() // releases it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", root, err)
	}
	key, err := motherKey()
	if err != nil {
		return "", err
	}
	mother := filepath.Join(root, "mother-"+key)
	sweep(root, mother)
	if _, err := os.Stat(filepath.Join(mother, "ready")); err == nil {
		return mother, nil
	}
	if err := makeMother(ctx, mother); err != nil {
		_ = os.RemoveAll(mother) // half made is worth nothing
		return "", fmt.Errorf("make test cluster: %w", err)
	}
	return mother, nil
}

func makeMother(ctx context.Context, dir string) error {
	cluster, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: dir, Throwaway: true})
	if err != nil {
		return err
	}
	err = cluster.EnsureDatabase(ctx, templateName)
	if err == nil {
		err = postgres.Migrate(ctx, cluster.URL(templateName))
	}
	if err = errors.Join(err, cluster.Stop(ctx)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600)
}

// motherKey names the content of a mother: our migrations and the versions of
// everything that makes tables (the job queue's migrations come with its module).
func motherKey() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, "layout 1")
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			fmt.Fprintln(h, dep.Path, dep.Version)
		}
	}
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(migrations.FS, path)
		fmt.Fprintln(h, path, len(body))
		h.Write(body)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read migrations: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// copyCluster copies the data folder with its owners.
func copyCluster(ctx context.Context, mother, dir string) error {
	if err := os.RemoveAll(dir); err != nil { // of an earlier process with our pid
		return fmt.Errorf("clear %s: %w", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	out, err := exec.CommandContext(ctx, "cp", "-Rp", filepath.Join(mother, "data"), dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy test cluster: %w: %s", err, out)
	}
	return nil
}

// sweep removes the folders of processes that are gone, and mothers nobody has
// needed for a day. It is a kindness: what cannot be removed stays.
func sweep(root, keep string) {
	runs, err := filepath.Glob(filepath.Join(root, "run-*"))
	if err != nil {
		return
	}
	for _, dir := range runs {
		pid, err := strconv.Atoi(filepath.Base(dir)[len("run-"):])
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) && !serverRuns(dir) {
			_ = os.RemoveAll(dir)
		}
	}
	mothers, err := filepath.Glob(filepath.Join(root, "mother-*"))
	if err != nil {
		return
	}
	now := time.Now()
	_ = os.Chtimes(keep, now, now)
	for _, dir := range mothers {
		if info, err := os.Stat(dir); err == nil && dir != keep && now.Sub(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}

// serverRuns tells whether a server is still on its way out; without Pdeathsig
// (macOS) it would stay, so it is asked to stop.
func serverRuns(dir string) bool {
	return postgres.StopOrphan(context.Background(), filepath.Join(dir, "data")) != nil
}

// givenServer uses a running server: one template for each set of migrations.
func givenServer(ctx context.Context, base string) (*testServer, error) {
	key, err := motherKey()
	if err != nil {
		return nil, err
	}
	if _, err := withDatabase(base, "postgres"); err != nil {
		return nil, err
	}
	s := &testServer{template: "alertsify_template_" + key, creating: &sync.Mutex{}}
	s.url = func(dbname string) string { u, _ := withDatabase(base, dbname); return u } // checked above
	if err := s.examine(ctx); err != nil {
		return nil, err
	}
	return s, s.ensureTemplate(ctx)
}

// ensureTemplate migrates a database and only then gives it the template's name;
// a session lock makes other binaries wait.
func (s *testServer) ensureTemplate(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtextextended($1, 0))", s.template); err != nil {
		return fmt.Errorf("lock template: %w", err)
	}
	var ready bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", s.template).Scan(&ready); err != nil || ready {
		return err
	}
	half := s.template + "_half"
	for _, sql := range []string{"drop database if exists " + half + " with (force)", "create database " + half} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	if err := postgres.Migrate(ctx, s.url(half)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "alter database "+half+" rename to "+s.template)
	return err
}
