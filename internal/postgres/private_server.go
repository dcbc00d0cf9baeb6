package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a running postmaster that is our child.
type server struct {
	pid  int
	proc *os.Process
	done chan struct{} // closed when it has ended and was waited for
}

// startServer starts the command and owns it until it ends. The starting thread
// stays alive as long as the child: on Linux the child is told to stop when that
// thread dies, so even a kill -9 of this process ends the server cleanly.
func startServer(h home, cmd *exec.Cmd) (*server, error) {
	// A file and not a pipe: a server that outlives us must be able to write its log.
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)

	started := make(chan error, 1)
	s := &server{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		s.proc = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in its log
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	s.pid = s.proc.Pid
	return s, nil
}

// stop asks for a fast shutdown (SIGINT: sessions end, data is written), and when
// ctx ends for an immediate one (SIGQUIT), which is safe but needs recovery.
func (s *server) stop(ctx context.Context) error {
	if err := s.proc.Signal(syscall.SIGINT); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	s.kill()
	return fmt.Errorf("private database did not stop in time and was stopped hard: %w", ctx.Err())
}

func (s *server) kill() {
	_ = s.proc.Signal(syscall.SIGQUIT)
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		_ = s.proc.Kill()
		<-s.done
	}
}

// pidFile is what postmaster.pid says.
type pidFile struct {
	pid  int
	data string
}

func readPID(data string) pidFile {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return pidFile{}
	}
	lines := strings.Split(string(raw), "\n")
	if len(lines) < 2 {
		return pidFile{}
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 {
		return pidFile{}
	}
	return pidFile{pid: pid, data: strings.TrimSpace(lines[1])}
}

// StopOrphan ends a server that a killed process left on the data folder; nil when
// none runs there any more.
func StopOrphan(ctx context.Context, data string) error {
	return stopOrphan(ctx, data, slog.New(slog.DiscardHandler))
}

// stopOrphan ends a server that runs on data without an owner: its parent was
// killed, for the folder's lock was free. A pid file whose process is gone is stale,
// and Postgres deals with that itself; not so when another program has that pid by now.
func stopOrphan(ctx context.Context, data string, log *slog.Logger) error {
	file := readPID(data)
	if file.pid == 0 || file.data != data {
		return nil
	}
	if !isServerOf(file.pid, data) {
		return forgetReusedPID(file)
	}
	log.WarnContext(ctx, "stopping the private database a killed process left behind", "pid", file.pid, "dir", data)
	proc, err := os.FindProcess(file.pid)
	if err != nil {
		return fmt.Errorf("find orphaned postgres %d: %w", file.pid, err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := proc.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop orphaned postgres %d: %w", file.pid, err)
		}
		if gone(ctx, file.pid, data) {
			return nil
		}
	}
	return fmt.Errorf("orphaned postgres %d does not stop", file.pid)
}

// forgetReusedPID removes the pid file that names a living process which is no
// server: Postgres would refuse to start beside it.
func forgetReusedPID(file pidFile) error {
	if alive := syscall.Kill(file.pid, 0) == nil; !alive {
		return nil
	}
	if err := os.Remove(filepath.Join(file.data, "postmaster.pid")); err != nil {
		return fmt.Errorf("remove stale pid file: %w", err)
	}
	return nil
}

// gone waits up to 10 s for the server to end.
func gone(ctx context.Context, pid int, data string) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for isServerOf(pid, data) {
		if pauseFor(ctx, 10*time.Millisecond) != nil {
			return false
		}
	}
	return true
}
