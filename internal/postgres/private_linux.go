package postgres

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// dieWithParent asks the kernel for a fast shutdown of the server when the thread
// that started it dies.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGINT }

// isServerOf tells whether pid is a postmaster on this data folder; pids are reused,
// so its command line must say so.
func isServerOf(pid int, data string) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(raw) == 0 { // gone, or a zombie waiting for its parent
		return false
	}
	args := bytes.Split(raw, []byte{0})
	program := filepath.Base(string(args[0]))
	return strings.HasPrefix(program, "postgres") && bytes.Contains(raw, []byte("\x00"+data+"\x00"))
}
