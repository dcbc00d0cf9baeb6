//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// findUnprivileged picks the user postgres, or nobody, which every machine has.
func findUnprivileged() (*unprivileged, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 {
			return &unprivileged{uid: uid, gid: gid}, nil
		}
	}
	return nil, errors.New("this program runs as root, Postgres may not, and there is no user postgres or nobody to run it as")
}

// reaches tells whether the user can pass through dir and all above it, as far as
// they exist; what does not exist yet will be made passable.
func (u *unprivileged) reaches(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && !u.enters(info) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

func (u *unprivileged) enters(info os.FileInfo) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) == u.uid {
		return mode&0o100 != 0
	}
	if ok && int(stat.Gid) == u.gid {
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

// trusts tells whether the folder is ours or the server user's.
func (h home) trusts(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	return int(stat.Uid) == os.Geteuid() || (h.runAs != nil && int(stat.Uid) == h.runAs.uid)
}

func (h home) setUser(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; the server is stopped in order
	if h.runAs != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{
			Uid: uint32(h.runAs.uid), Gid: uint32(h.runAs.gid), NoSetGroups: false, // read from the user database
		}
	}
}

// lockHome makes this process the cluster's only owner. The lock dies with the
// process, however it dies.
func lockHome(h home) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(h.base, "owner.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, ErrPrivateInUse
	}
	return func() { f.Close() }, nil
}
