//go:build unix && !linux

package postgres

import (
	"os/exec"
	"strconv"
	"strings"
)

// dieWithParent: only Linux can; elsewhere the next start stops the orphan.
func dieWithParent(*exec.Cmd) {}

// isServerOf tells whether pid is a postmaster on this data folder.
func isServerOf(pid int, data string) bool {
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), "-D "+data+" ")
}
