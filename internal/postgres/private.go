package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrPrivateInUse says that another living process runs the cluster in this folder.
var ErrPrivateInUse = errors.New("the private database of this folder is run by another process")

const (
	privateUser    = "alertsify"
	startWait      = 30 * time.Second // recovery after a crash included
	stopWait       = 20 * time.Second // the longest clean stop before it is forced
	logTailMax     = 4 << 10          // bytes of the server's log shown when it does not start
	maxSocketBytes = 107              // of a unix socket's path, with its final zero
)

// PrivateOptions says where a private cluster lives.
type PrivateOptions struct {
	Dir string // everything of the cluster: data, socket, log
	// Throwaway turns fsync off: for tests, whose data nobody misses. Without it
	// the cluster keeps every promise of a real one.
	Throwaway bool
	MaxConns  int // of the server; 100 when zero
	Logger    *slog.Logger
}

// Private is a Postgres of our own, made from the machine's binaries and reachable
// only through a unix socket that belongs to its user.
type Private struct {
	home     home
	log      *slog.Logger
	server   *server
	unlock   func()
	fallback *embedded // set when the machine has no binaries
}

// StartPrivate starts the cluster in o.Dir, making it on first use, and returns
// when it answers. A cluster orphaned by a killed process is stopped first. When
// another living process runs it the error is ErrPrivateInUse.
func StartPrivate(ctx context.Context, o PrivateOptions) (*Private, error) {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	bin, err := findBinaries()
	if errors.Is(err, errNoBinaries) && os.Geteuid() != 0 {
		return startEmbedded(ctx, o, log)
	}
	if err != nil {
		return nil, err
	}
	h, err := openHome(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start private database: %w", err)
	}
	unlock, err := lockHome(h)
	if err != nil {
		return nil, fmt.Errorf("start private database in %s: %w", h.base, err)
	}
	p := &Private{home: h, log: log, unlock: unlock}
	if err := p.start(ctx, bin, o); err != nil {
		unlock()
		return nil, fmt.Errorf("start private database in %s: %w", h.base, err)
	}
	return p, nil
}

func (p *Private) start(ctx context.Context, bin string, o PrivateOptions) error {
	if err := stopOrphan(ctx, p.home.data, p.log); err != nil {
		return err
	}
	if err := p.initialise(ctx, bin, o.Throwaway); err != nil {
		return err
	}
	began := time.Now()
	srv, err := startServer(p.home, serverCommand(bin, p.home, o))
	if err != nil {
		return err
	}
	if err := p.waitReady(ctx, srv); err != nil {
		srv.kill()
		return err
	}
	p.server = srv
	p.log.InfoContext(ctx, "private database runs", "dir", p.home.base, "took", time.Since(began))
	return nil
}

// initialise makes the data folder once, under another name until it is whole, so
// that a crash in between leaves nothing half made.
func (p *Private) initialise(ctx context.Context, bin string, throwaway bool) error {
	if _, err := os.Stat(filepath.Join(p.home.data, "PG_VERSION")); err == nil {
		return nil
	}
	fresh := p.home.data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear %s: %w", fresh, err)
	}
	args := []string{
		"-D", fresh, "-U", privateUser, "--auth-local=trust", "--auth-host=reject",
		"--encoding=UTF8", "--locale=" + utf8Locale(),
	}
	if throwaway {
		args = append(args, "-N", "--wal-segsize=1")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
	p.home.prepare(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, tail(out))
	}
	return os.Rename(fresh, p.home.data)
}

func serverCommand(bin string, h home, o PrivateOptions) *exec.Cmd {
	conns := 100
	if o.MaxConns > 0 {
		conns = o.MaxConns
	}
	args := []string{
		"-D", h.data, "-k", h.socket, "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700",
		"-c", fmt.Sprintf("max_connections=%d", conns), "-c", "timezone=UTC", "-c", "log_timezone=UTC",
	}
	if o.Throwaway {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off",
			"-c", "shared_buffers=64MB", "-c", "autovacuum_naptime=10min", "-c", "max_wal_size=256MB")
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...) //nolint:noctx // it outlives the start; Stop ends it
	h.prepare(cmd)
	return cmd
}

// waitReady asks until our own child answers. Another server on the same socket
// would answer too, so the pid in its file must be the child's.
func (p *Private) waitReady(ctx context.Context, srv *server) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		if readPID(p.home.data).pid == srv.pid && p.answers(ctx) {
			return nil
		}
		timer := time.NewTimer(5 * time.Millisecond)
		select {
		case <-srv.done:
			timer.Stop()
			return fmt.Errorf("postgres ended at once: %s", p.home.logTail())
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("postgres does not answer: %w: %s", ctx.Err(), p.home.logTail())
		case <-timer.C:
		}
	}
}

func (p *Private) answers(ctx context.Context) bool {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return false
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx) == nil
}

// URL is where the named database of the cluster is reached.
func (p *Private) URL(dbname string) string {
	if p.fallback != nil {
		return p.fallback.url(dbname)
	}
	q := url.Values{"host": {p.home.socket}, "user": {privateUser}, "sslmode": {"disable"}}
	return "postgres:///" + url.PathEscape(dbname) + "?" + q.Encode()
}

// Dir is the folder the cluster really lives in: the one asked for, unless the
// server's user could not reach that.
func (p *Private) Dir() string { return p.home.base }

// EnsureDatabase makes the named database unless it is there.
func (p *Private) EnsureDatabase(ctx context.Context, dbname string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("make database %s: %w", dbname, Translate(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{dbname}.Sanitize())
	if err != nil && !hasCode(err, "42P04") { // it is there already
		return fmt.Errorf("make database %s: %w", dbname, err)
	}
	return nil
}

// Stop ends the cluster cleanly; what still runs when ctx ends is stopped hard,
// which the next start recovers from.
func (p *Private) Stop(ctx context.Context) error {
	if p.fallback != nil {
		return p.fallback.stop()
	}
	defer p.unlock()
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	return p.server.stop(ctx)
}

func tail(b []byte) string {
	return string(b[max(0, len(b)-logTailMax):])
}

// logTail is the end of the server's log, to say why it did not start.
func (h home) logTail() string {
	f, err := os.Open(h.log)
	if err != nil {
		return "(no log)"
	}
	defer f.Close()
	all, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return "(log unreadable)"
	}
	return tail(all)
}
