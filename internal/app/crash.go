package app

import (
	"log/slog"
	"os"
	"strings"
	"syscall"
)

// crashPoint makes the hook that ends the process, as hard as a power cut, when
// it passes the point named in CRASH_AT: "C7", or "C7:once=FILE" to do it only
// while FILE does not exist yet. Production refuses to start with it.
func crashPoint(at string, log *slog.Logger) func(string) {
	if at == "" {
		return func(string) {}
	}
	point, file, once := strings.Cut(at, ":once=")
	return func(passed string) {
		if passed != point {
			return
		}
		if once {
			f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return
			}
			_ = f.Close()
		}
		log.Warn("crash point reached", "point", point)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing after the point may happen
	}
}
