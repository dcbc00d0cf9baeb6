package app

import (
	"os/exec"
	"strings"
	"testing"
)

// The standard library's templates find methods by their names while they run, so that the
// linker keeps every exported method there is: a fifth of the program (see markup.Page).
// Libraries may know their types; nothing of ours may run one.
func TestNothingRunsATemplateOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "../../...").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		packages++
		for _, one := range strings.Fields(line)[1:] {
			if one == "html/template" || one == "text/template" {
				t.Errorf("%s imports %s", strings.Fields(line)[0], one)
			}
		}
	}
	if packages < 30 {
		t.Errorf("looked at only %d packages", packages)
	}
}
