package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// acrossAllowed are the functions whose transaction is a user's and keeps the program's
// rights all the same. Whatever they ask is held by its WHERE alone, so each that joins
// them is to be read by somebody else.
func acrossAllowed() []string {
	return []string{
		"internal/account/delete.go:Delete",
		"internal/account/email.go:ChangeEmail", "internal/account/email.go:ConfirmEmail", "internal/account/email.go:tryCode",
		"internal/alerts/announcements.go:SayToAll",
		"internal/auth/linked.go:link",
		"internal/billing/buy.go:claim", "internal/billing/link.go:link", "internal/billing/unlink.go:Unlink",
		"internal/copytrade/approve.go:Approve", "internal/copytrade/approve.go:Reject",
		"internal/copytrade/decision.go:Decisions",
		"internal/copytrade/drift.go:Drifts", "internal/copytrade/drift.go:settleDrift",
		"internal/copytrade/dryrun.go:DryRun",
		"internal/copytrade/followers.go:CopiesOf", "internal/copytrade/followers.go:FollowerCount", "internal/copytrade/followers.go:Followers",
		"internal/copytrade/line.go:Line",
		"internal/copytrade/publishing.go:Publish", "internal/copytrade/publishing.go:Publishing", "internal/copytrade/publishing.go:StopPublishing",
		"internal/copytrade/subscription.go:Subscribe",
		"internal/delivery/browsers.go:AddPush", "internal/delivery/chats.go:ConfirmChat",
		"internal/status/jobs.go:Again",
		"internal/users/profile.go:change",
	}
}

// TestWhoLooksAcrossIsNamed finds every transaction of a user that goes around
// row-level security.
func TestWhoLooksAcrossIsNamed(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, top := range []string{"internal", "web", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && looksAcross(fn) {
					found[strings.TrimPrefix(filepath.ToSlash(path), "../../")+":"+fn.Name.Name] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	allowed := acrossAllowed()
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(allowed, name) {
			t.Errorf("%s keeps the program's rights in a user's transaction", name)
		}
	}
	for _, name := range allowed {
		if !found[name] {
			t.Errorf("%s is allowed to look across and does not", name)
		}
	}
}

func looksAcross(fn *ast.FuncDecl) (yes bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Across" {
			yes = true
		}
		return true
	})
	return yes
}
