package app

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// letGoOfProgram takes the program's code out of this process's memory: most of it was used by the
// start alone. What is used is mapped again when it is, from the system's cache, where it stays:
// that lowers what the process is counted for (RSS, by some 6 MiB), and frees memory only where
// the system wants it back. The first answer after a rest was not slower by what could be measured.
func letGoOfProgram() {
	own, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		if from, size, ok := codeOf(lines.Text(), own); ok {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, size, syscall.MADV_DONTNEED)
		}
	}
}

// codeOf reads a line of /proc/self/maps, "from-to r-xp offset device inode path". Only code counts: of
// what is or was writable, as are tables that a linker filled in, this process has the only copy.
func codeOf(line, own string) (from, size uintptr, ok bool) {
	f := strings.Fields(line)
	if len(f) != 6 || f[5] != own || f[1] != "r-xp" {
		return 0, 0, false
	}
	begin, end, found := strings.Cut(f[0], "-")
	a, err1 := strconv.ParseUint(begin, 16, 64)
	b, err2 := strconv.ParseUint(end, 16, 64)
	if !found || err1 != nil || err2 != nil || b <= a {
		return 0, 0, false
	}
	return uintptr(a), uintptr(b - a), true
}
