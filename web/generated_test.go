package web

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The Go code of the templates is committed. This draws it again with the pinned
// tool, so that a template changed without it cannot pass.
func TestGeneratedTemplatesAreUpToDate(t *testing.T) {
	t.Parallel()
	fresh := t.TempDir()
	templates := copyTemplates(t, fresh)
	if len(templates) < 10 {
		t.Fatalf("found only %d templates", len(templates))
	}
	generate := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../tools/go.mod", "templ", "generate", "-path", fresh)
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("the pinned templ does not run (%v). Fetch it with `go mod download -modfile=tools/go.mod` and try again:\n%s", err, out)
	}
	for _, name := range templates {
		code := strings.TrimSuffix(name, ".templ") + "_templ.go"
		committed, err := os.ReadFile(code)
		if err != nil {
			t.Errorf("%s has no code: run `go tool -modfile=tools/go.mod templ generate -path web`", name)
			continue
		}
		want, err := os.ReadFile(filepath.Join(fresh, code))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(committed, want) {
			t.Errorf("%s is older than its template: run `go tool -modfile=tools/go.mod templ generate -path web`", code)
		}
	}
}

func copyTemplates(t *testing.T, to string) (names []string) {
	t.Helper()
	for _, dir := range []string{".", "ui"} {
		found, err := fs.Glob(os.DirFS(dir), "*.templ")
		if err != nil {
			t.Fatal(err)
		}
		for _, base := range found {
			name := filepath.Join(dir, base)
			body, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(to, dir), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, name), body, 0o644); err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	return names
}
