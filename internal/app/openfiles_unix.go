//go:build unix

package app

import "syscall"

// openFilesMax is how many files and connections this process may have open; 0 where
// nobody says. Go raises it to the hard limit by itself.
func openFilesMax() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}
