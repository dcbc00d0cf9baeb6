package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// home is where a private cluster lives and as whom it runs.
type home struct {
	base, data, socket, log string

	runAs *unprivileged // nil: as ourselves
}

// unprivileged is the user that runs Postgres when we are root, which it refuses to be.
type unprivileged struct{ uid, gid int }

// rootHomes holds the clusters whose own folder is closed to the unprivileged user.
const rootHomes = "/var/lib/alertsify"

// openHome makes the folders. For root they belong to the unprivileged user and
// move elsewhere when that user cannot reach dir (root's home, for one, is closed);
// the place depends on dir alone, so the next start finds the data again.
func openHome(dir string) (home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return home{}, err
	}
	var who *unprivileged
	if os.Geteuid() == 0 {
		if who, err = findUnprivileged(); err != nil {
			return home{}, err
		}
		if !who.reaches(filepath.Dir(dir)) {
			dir = filepath.Join(rootDir(), shortHash(dir))
		}
	}
	h := home{base: dir, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "postgres.log"), runAs: who}
	if err := h.makeFolder(dir); err != nil {
		return home{}, err
	}
	h.socket = dir
	if len(filepath.Join(dir, ".s.PGSQL.5432.lock")) >= maxSocketBytes {
		h.socket = filepath.Join(os.TempDir(), "alertsify-"+shortHash(dir))
	}
	return h, h.makeFolder(h.socket)
}

// rootDir is /var/lib/alertsify, or the temporary folder where that cannot be made.
func rootDir() string {
	//nolint:gosec // others must be able to pass through to the folders below, which are closed
	if os.MkdirAll(rootHomes, 0o755) == nil {
		return rootHomes
	}
	return filepath.Join(os.TempDir(), "alertsify")
}

// makeFolder makes a folder that only the server's user may enter. A folder that
// is there already must belong to that user or to us: in a shared temporary folder
// somebody else might have put it there.
func (h home) makeFolder(dir string) error {
	//nolint:gosec // parents are passed through by the unprivileged user
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || !h.trusts(info) {
		return fmt.Errorf("folder %s belongs to somebody else", dir)
	}
	if h.runAs != nil {
		if err := os.Chown(dir, h.runAs.uid, h.runAs.gid); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // a folder needs its x
}

// prepare gives a command the server's user, a folder it may stand in, and an
// environment without our secrets or PG* settings.
func (h home) prepare(cmd *exec.Cmd) {
	cmd.Dir = h.base
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=" + utf8Locale(), "TZ=UTC"}
	h.setUser(cmd)
}

func utf8Locale() string {
	if runtime.GOOS == "darwin" {
		return "en_US.UTF-8" // C.UTF-8 came to macOS only lately
	}
	return "C.UTF-8"
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// errNoBinaries is what StartPrivate says on a machine without Postgres.
var errNoBinaries = fmt.Errorf("no Postgres on this machine: install it " +
	"(Debian, Ubuntu: apt-get install -y --no-install-recommends postgresql; Fedora: dnf install postgresql-server; " +
	"macOS: brew install postgresql@17), or set DATABASE_URL to a running one")

// findBinaries finds the folder with initdb and postgres: on the PATH, in Debian's
// and Fedora's places, in Homebrew's; the highest version wins among those.
func findBinaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		// Follow links: a distribution may link single programs into the PATH.
		if real, err := filepath.EvalSymlinks(path); err == nil && hasServer(filepath.Dir(real)) {
			return filepath.Dir(real), nil
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin", "/opt/homebrew/opt/postgresql/bin", "/usr/local/opt/postgresql/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("look for Postgres in %s: %w", pattern, err)
		}
		slices.SortFunc(found, func(a, b string) int { return versionIn(b) - versionIn(a) })
		for _, dir := range found {
			if hasServer(dir) {
				return dir, nil
			}
		}
	}
	return "", errNoBinaries
}

func hasServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// versionIn reads the number in a folder such as /usr/lib/postgresql/17/bin.
func versionIn(dir string) int {
	version := 0
	for _, digit := range strings.Map(onlyDigits, dir) {
		version = version*10 + int(digit-'0')
	}
	return version
}

func onlyDigits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}
