package app

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// Money and quantities are decimals (correctness §13): a package that touches money
// computes with no float, written or inferred, but for what stands here. Each entry
// is a file, or a declaration in it, and why.
func floatsAllowed() map[string]string {
	return map[string]string{
		"internal/snaptrade/canonical.go":            "prints numbers as Python prints its floats, to be signed",
		"internal/market/alpaca.go:price":            "the boundary to Alpaca's SDK: the shortest decimal, at once",
		"internal/market/alpaca.go:quoteOf":          "the boundary to Alpaca's SDK",
		"internal/market/alpaca.go:spot":             "the boundary to Alpaca's SDK",
		"internal/market/alpaca.go:dayClose":         "the boundary to Alpaca's SDK",
		"internal/market/alpaca.go:barsOf":           "the boundary to Alpaca's SDK",
		"internal/market/alpaca_stream.go:hearQuote": "the boundary to Alpaca's SDK",
		"internal/market/alpaca_stream.go:hearTrade": "the boundary to Alpaca's SDK",
		"internal/market/alpaca.go:greeksOf":         "greeks and implied volatility",
		"internal/market/chain.go:Greeks":            "greeks and implied volatility",
		"internal/market/chain.go:distance":          "how far a delta is from 0.5",
		"web/rung.go:optionOf":                       "shows greeks",
		"web/gallery_market.go:cannedOption":         "shows greeks",
		"web/ui/times.go:AgeText":                    "hours and days of an age",
		"internal/api/alerts.go:pushSubscription":    "a browser's milliseconds",
		"internal/api/docs.go:schema":                "bounds in the API's document",
		"internal/api/docs.go:typeOf":                "bounds in the API's document",
		"internal/app/telemetry.go":                  "seconds and counts in metrics",
		"internal/app/traces.go":                     "counts in metrics",
		"internal/app/config.go:checkTraces":         "the share of traces",
		"internal/app/gauges.go":                     "seconds and counts in metrics",
		"internal/app/retention.go:cleanUp":          "counts in metrics",
		"internal/app/results.go:completeRecords":    "counts in metrics",
	}
}

// TestMoneyIsNeverAFloat looks at the type of every expression in the program.
func TestMoneyIsNeverAFloat(t *testing.T) {
	t.Parallel()
	allowed := floatsAllowed()
	used := map[string]bool{}
	packages := compiled(t)
	touching := 0
	for _, p := range packages {
		if !p.ours() || !p.touchesMoney() {
			continue
		}
		touching++
		fset := token.NewFileSet()
		files := p.parse(t, fset)
		for _, f := range floatsIn(t, fset, p.path, files, importerOf(fset, packages)) {
			file, err := filepath.Rel(top(t), f.at.Filename)
			if err != nil {
				t.Fatal(err)
			}
			file = filepath.ToSlash(file)
			switch {
			case allowed[file] != "":
				used[file] = true
			case allowed[file+":"+f.within] != "":
				used[file+":"+f.within] = true
			default:
				t.Errorf("%s:%d: %s is a %s, in %s", file, f.at.Line, f.text, f.kind, f.within)
			}
		}
	}
	for entry := range allowed {
		if !used[entry] {
			t.Errorf("%s is allowed floats and has none", entry)
		}
	}
	if touching < 10 {
		t.Errorf("only %d packages touch money: this looked in the wrong place", touching)
	}
}

// TestEveryKindOfFloatIsSeen shows that the look above finds what it is for.
func TestEveryKindOfFloatIsSeen(t *testing.T) {
	t.Parallel()
	const source = `package p

import (
	"strconv"
	"time"

	"github.com/shopspring/decimal"
)

type price float64

type row struct{ strike *float32 }

func written(p float64) {}

func inferred() int { x := 1.5; return int(x) }

func parsed(s string) string { _, err := strconv.ParseFloat(s, 64); return err.Error() }

func fromDecimal(d decimal.Decimal) string { return strconv.Itoa(int(d.InexactFloat64())) }

func intoDecimal() decimal.Decimal { return decimal.NewFromFloat(0.1) }

func inAList() []float64 { return nil }

func clean(d decimal.Decimal, wait time.Duration) (decimal.Decimal, int) {
	wanted(wait.Seconds())
	return d.Mul(decimal.NewFromInt(2)), 7 / 2
}

func wanted(any) {}
`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range floatsIn(t, fset, "p", []*ast.File{file}, importerOf(fset, compiled(t))) {
		seen[f.within] = true
	}
	for _, want := range []string{"price", "row", "written", "inferred", "parsed", "fromDecimal", "intoDecimal", "inAList"} {
		if !seen[want] {
			t.Errorf("the float in %s is not seen", want)
		}
	}
	if seen["clean"] || seen["wanted"] {
		t.Error("there is no float in clean, and one is seen")
	}
}

// float is an expression of a floating-point type.
type float struct {
	at     token.Position
	text   string
	kind   string
	within string // the function, method or type it stands in
}

// floatsIn type-checks a package and gives its floats. Seconds of a duration are
// how SQL is told a length of time, and nobody's money.
func floatsIn(t *testing.T, fset *token.FileSet, path string, files []*ast.File, from types.Importer) (found []float) {
	t.Helper()
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	cfg := types.Config{Importer: from}
	if _, err := cfg.Check(path, fset, files, info); err != nil {
		t.Fatalf("type-check %s: %v", path, err)
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			ast.Inspect(decl, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				if call, ok := e.(*ast.CallExpr); ok && isSeconds(info, call) {
					return false
				}
				kind := typeOf(info, e)
				if kind == nil || !floating(kind, 0) {
					return true
				}
				found = append(found, float{fset.Position(e.Pos()), types.ExprString(e), kind.String(), nameOf(decl, e.Pos())})
				return false
			})
		}
	}
	return found
}

func typeOf(info *types.Info, e ast.Expr) types.Type {
	if id, ok := e.(*ast.Ident); ok {
		if o := info.ObjectOf(id); o != nil {
			if _, isFunc := o.(*types.Func); isFunc { // its parameters and its calls are looked at themselves
				return nil
			}
			if _, isPackage := o.(*types.PkgName); isPackage {
				return nil
			}
			return o.Type()
		}
	}
	tv, ok := info.Types[e]
	if !ok {
		return nil
	}
	if _, isFunc := tv.Type.(*types.Signature); isFunc {
		return nil
	}
	return tv.Type
}

func isSeconds(info *types.Info, call *ast.CallExpr) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := info.Uses[s.Sel].(*types.Func)
	return ok && f.FullName() == "(time.Duration).Seconds"
}

// floating reports whether a type is a float or made of floats; a struct that
// somebody else declared counts by the fields that are used of it.
func floating(t types.Type, depth int) bool {
	if depth > 4 {
		return false
	}
	switch t := t.(type) {
	case *types.Basic:
		return t.Info()&(types.IsFloat|types.IsComplex) != 0
	case *types.Named:
		b, ok := t.Underlying().(*types.Basic)
		return ok && floating(b, depth+1)
	case *types.Alias:
		return floating(types.Unalias(t), depth+1)
	case *types.Pointer:
		return floating(t.Elem(), depth+1)
	case *types.Slice:
		return floating(t.Elem(), depth+1)
	case *types.Array:
		return floating(t.Elem(), depth+1)
	case *types.Map:
		return floating(t.Key(), depth+1) || floating(t.Elem(), depth+1)
	case *types.Chan:
		return floating(t.Elem(), depth+1)
	case *types.Tuple:
		for i := range t.Len() {
			if floating(t.At(i).Type(), depth+1) {
				return true
			}
		}
	}
	return false
}

// nameOf is what a declaration declares where pos stands.
func nameOf(decl ast.Decl, pos token.Pos) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if pos < spec.Pos() || pos > spec.End() {
				continue
			}
			switch s := spec.(type) {
			case *ast.TypeSpec:
				return s.Name.Name
			case *ast.ValueSpec:
				return s.Names[0].Name
			}
		}
	}
	return ""
}

// compiledPackage is a package as the go command knows it.
type compiledPackage struct {
	path, dir, export string
	files             []string
	imports           []string
}

func (p compiledPackage) ours() bool {
	return strings.HasPrefix(p.path, module) && p.path != module+"internal/sandbox" && p.path != module+"internal/pgtest"
}

func (p compiledPackage) touchesMoney() bool {
	return p.path == module+"internal/money" || slices.Contains(p.imports, module+"internal/money") ||
		slices.Contains(p.imports, "github.com/shopspring/decimal")
}

func (p compiledPackage) parse(t *testing.T, fset *token.FileSet) (files []*ast.File) {
	t.Helper()
	for _, name := range p.files {
		file, err := parser.ParseFile(fset, filepath.Join(p.dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// compiled lists the program's packages and what they build on, with where the go
// command keeps what it compiled of them: the same build as this test's.
func compiled(t *testing.T) map[string]compiledPackage {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Dir}}\t{{.Export}}\t{{join .GoFiles \" \"}}\t{{join .Deps \" \"}}"}
	if raced() {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./...")...)
	cmd.Dir = top(t)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v\n%s", err, said.String())
	}
	list := map[string]compiledPackage{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		list[f[0]] = compiledPackage{f[0], f[1], f[2], strings.Fields(f[3]), strings.Fields(f[4])}
	}
	return list
}

func raced() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

func importerOf(fset *token.FileSet, packages map[string]compiledPackage) types.Importer {
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		p, ok := packages[path]
		if !ok || p.export == "" {
			return nil, fmt.Errorf("%s was not compiled", path)
		}
		return os.Open(p.export)
	})
}

// top is the folder of go.mod.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
