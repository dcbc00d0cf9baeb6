package copytrade

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/orders"
)

// Refusals of the rooms below that no copy can meet: what is said of manual orders, of
// changes and cancels, and of requests.
var notOfCopies = []string{
	"duplicate_suspected", // R8 looks at manual orders
	"invalid_state",       // changing and cancelling
	"not_found",           // the account: no_account
}

// Every code that can become the reason of a decision or of a trigger has its words:
// those written in this package, those of the statements that decide, and every
// refusal of the desk, the rules and the positions.
func TestEveryReasonThatCanBeGivenHasItsWords(t *testing.T) {
	t.Parallel()
	given := map[string]string{}
	for _, room := range []string{".", "../orders", "../risk", "../positions", "../brokers"} {
		for _, file := range sources(t, room) {
			ast.Inspect(file, func(n ast.Node) bool {
				for _, code := range codesOf(n, room == ".") {
					given[code] = room
				}
				return true
			})
		}
	}
	for name, statement := range map[string]string{"judgeEntries": judgeEntries, "fanOutEntries": fanOutEntries, "fanOutExits": fanOutExits} {
		for _, code := range reasonsIn(statement) {
			given[code] = name
		}
	}
	for _, s := range []orders.State{orders.Aborted, orders.Rejected, orders.Cancelled, orders.Expired, orders.NotPlaced} {
		given[endingOf(s, nil).reason] = "an order that is " + string(s)
	}
	given[string(Rejected)] = "the follower's no"
	for code, where := range given {
		if _, known := reasons[code]; !known && !slices.Contains(notOfCopies, code) {
			t.Errorf("%s, of %s, has no words for the follower", code, where)
		}
	}
	for code := range reasons {
		if _, known := given[code]; !known {
			t.Errorf("%s has words, and nobody gives it", code)
		}
	}
	if len(given) < 40 {
		t.Errorf("found only %d: %v", len(given), slices.Sorted(maps.Keys(given)))
	}
}

func sources(t *testing.T, room string) (files []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(room)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), room+"/"+name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

// codesOf are the codes that a piece of Go gives: a refusal anywhere, and in this
// package what an ending, a wait or a comparison says.
func codesOf(n ast.Node, here bool) []string {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		switch {
		case name == "Conflict" && len(n.Args) > 0:
			return texts("", n.Args[0])
		case name == "Risk" && len(n.Args) > 0:
			return texts("risk_", n.Args[0])
		case here && slices.Contains([]string{"over", "tryAgain", "failTrigger", "triggerWaits"}, name):
			return texts("", n.Args...)
		}
	case *ast.CompositeLit:
		if kind, ok := n.Type.(*ast.Ident); here && ok && kind.Name == "ending" && len(n.Elts) == 3 {
			return texts("", n.Elts[1])
		}
		if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "ending" && !here {
			return keyed(n, "code")
		}
	case *ast.AssignStmt:
		if here && len(n.Lhs) > 0 && strings.HasSuffix(types(n.Lhs[0]), ".reason") {
			return texts("", n.Rhs[0])
		}
	case *ast.ReturnStmt:
		if here && len(n.Results) == 3 && types(n.Results[2]) == "true" { // refusal
			return texts("", n.Results[0])
		}
	case *ast.ValueSpec:
		if here || n.Names[0].Name == "UserCancelled" {
			for i, name := range n.Names {
				if name.Name == "UserCancelled" || name.Name == "paperPrice" {
					return texts("", n.Values[i])
				}
			}
		}
	}
	return nil
}

func keyed(n *ast.CompositeLit, key string) []string {
	for _, e := range n.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok && types(pair.Key) == key {
			return texts("", pair.Value)
		}
	}
	return nil
}

// types writes a simple expression as it stands in the source.
func types(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return types(e.X) + "." + e.Sel.Name
	}
	return ""
}

func texts(prefix string, of ...ast.Expr) (list []string) {
	for _, e := range of {
		literal, ok := e.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			continue
		}
		if text, err := strconv.Unquote(literal.Value); err == nil && text != "" {
			list = append(list, prefix+text)
		}
	}
	return list
}

// givenInSQL is what a CASE of a statement comes to.
var givenInSQL = regexp.MustCompile(`then '([a-z_]+)'`)

// reasonsIn are the reasons that a statement gives; its other words are results.
func reasonsIn(statement string) (codes []string) {
	for _, c := range givenInSQL.FindAllStringSubmatch(statement, -1) {
		if !slices.Contains([]string{"skipped", "queued", "awaiting_approval", "factor", "contracts", "dollars"}, c[1]) {
			codes = append(codes, c[1])
		}
	}
	return codes
}

// What a reason says is never its code: on the page, on a push, and in what the API
// tells; what the broker said follows in its own words.
func TestAReasonIsToldInWords(t *testing.T) {
	t.Parallel()
	for code, words := range reasons {
		d := Decision{Reason: &code, Numbers: json.RawMessage(`{"words": "No."}`)}
		if got := d.ReasonText(); got != words+" (No.)" || !strings.HasSuffix(words, ".") || words == code {
			t.Errorf("%s: %q", code, got)
		}
		if got := (Trigger{Reason: &code}).ReasonText(); got != words {
			t.Errorf("%s of a trigger: %q", code, got)
		}
	}
}

// Every reason has its line in the docs, in the words the follower reads, and the docs
// have no other.
func TestTheDocsNameEveryReason(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/copying.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Why a copy was not made")
	table, _, _ = strings.Cut(table, "\n## ")
	for code, words := range reasons {
		if line := fmt.Sprintf("| `%s` | %s |", code, words); !strings.Contains(table, line) {
			t.Errorf("docs/copying.md has no line %s", line)
		}
	}
	if lines := strings.Count(table, "\n| `"); lines != len(reasons) {
		t.Errorf("docs/copying.md has %d reasons, there are %d", lines, len(reasons))
	}
}
