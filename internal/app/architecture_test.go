package app

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/architecture.md is read by people who decide where code goes; these tests
// hold it to the code, and the code to it.

const (
	root   = "../.."
	module = "github.com/alertsify/alertsify/"
)

func page(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// diagram is the body of the page's first mermaid block of a kind.
func diagram(t *testing.T, kind string) []string {
	t.Helper()
	_, rest, ok := strings.Cut(page(t), "```mermaid\n"+kind+"\n")
	body, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("docs/architecture.md has no %s", kind)
	}
	var lines []string
	for line := range strings.SplitSeq(body, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

type pair struct{ from, to string }

// house is the flowchart: which package lives on which floor, and who may use whom.
type house struct {
	order []string          // floors, top first
	floor map[string]string // of each package
	thin  map[pair]bool     // package to package
	thick map[pair]bool     // floor to floor
}

func readHouse(t *testing.T) house {
	t.Helper()
	h := house{floor: map[string]string{}, thin: map[pair]bool{}, thick: map[pair]bool{}}
	inside := ""
	for _, line := range diagram(t, "flowchart TD") {
		switch name, is := strings.CutPrefix(line, "subgraph "); {
		case is:
			inside = name
			h.order = append(h.order, name)
		case line == "end":
			inside = ""
		case strings.Contains(line, "==>"):
			chain(line, "==>", func(p pair) { h.thick[p] = true })
		default:
			for _, node := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" &->", r) }) {
				if _, placed := h.floor[node]; !placed {
					h.floor[node] = inside
				}
			}
			chain(line, "-->", func(p pair) { h.thin[p] = true })
		}
	}
	return h
}

// chain reads "a & b --> c --> d & e".
func chain(line, arrow string, add func(pair)) {
	stops := strings.Split(line, arrow)
	for i := range len(stops) - 1 {
		for from := range strings.SplitSeq(stops[i], "&") {
			for to := range strings.SplitSeq(stops[i+1], "&") {
				add(pair{strings.TrimSpace(from), strings.TrimSpace(to)})
			}
		}
	}
}

// below are the floors that a floor's thick arrows lead to, over one floor or several.
func (h house) below(floor string) map[string]bool {
	found := map[string]bool{}
	for p := range h.thick {
		if p.from == floor {
			found[p.to] = true
			maps.Copy(found, h.below(p.to))
		}
	}
	return found
}

// imports are all uses of one package by another, tests left out.
func imports(t *testing.T) map[pair]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{if .GoFiles}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := map[pair]bool{}
	for line := range strings.Lines(string(out)) {
		names := strings.Fields(line)
		for _, name := range names[min(1, len(names)):] {
			if strings.HasPrefix(name, module) {
				found[pair{room(names[0]), room(name)}] = true
			}
		}
	}
	return found
}

func room(importPath string) string {
	if importPath == module+"cmd/alertsify" {
		return "cmd"
	}
	return path.Base(importPath)
}

func TestImportsAreThoseOfTheDiagram(t *testing.T) {
	t.Parallel()
	h, used := readHouse(t), imports(t)
	if len(used) < 50 {
		t.Fatalf("found only %d imports", len(used))
	}
	for p := range used {
		if p.from == "pgtest" || p.to == "pgtest" {
			if p.to == "pgtest" {
				t.Errorf("%s uses pgtest, which is for tests", p.from)
			}
			continue
		}
		from, to := h.floor[p.from], h.floor[p.to]
		if from == "" || to == "" {
			t.Errorf("%s (floor %q) uses %s (floor %q): both need a floor in docs/architecture.md", p.from, from, p.to, to)
			continue
		}
		if !h.thin[p] && !h.below(from)[to] {
			t.Errorf("%s uses %s: docs/architecture.md does not allow it", p.from, p.to)
		}
	}
	for p := range h.thin {
		if !used[p] {
			t.Errorf("docs/architecture.md draws %s --> %s, which the code does not have", p.from, p.to)
		}
		if h.below(h.floor[p.from])[h.floor[p.to]] {
			t.Errorf("docs/architecture.md draws %s --> %s, which a thick arrow says already", p.from, p.to)
		}
	}
}

func TestEveryArrowPointsDown(t *testing.T) {
	t.Parallel()
	h := readHouse(t)
	check := func(p pair, from, to string, level bool) {
		down := slices.Index(h.order, to) - slices.Index(h.order, from)
		if down < 0 || down == 0 && !level {
			t.Errorf("%s to %s leads up or nowhere", p.from, p.to)
		}
	}
	for p := range h.thin {
		check(p, h.floor[p.from], h.floor[p.to], true)
	}
	for p := range h.thick {
		check(p, p.from, p.to, false)
	}
}

func TestTheStatesAreThoseTheDatabaseAllows(t *testing.T) {
	t.Parallel()
	sql, err := os.ReadFile(filepath.Join(root, "migrations/00003_trading.sql"))
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[pair]bool{}
	for _, when := range regexp.MustCompile(`when '(\w+)' then new\.state in \(([^)]+)\)`).FindAllStringSubmatch(string(sql), -1) {
		for to := range strings.SplitSeq(when[2], ",") {
			allowed[pair{when[1], strings.Trim(to, " '")}] = true
		}
	}
	drawn := map[pair]bool{}
	for _, line := range diagram(t, "stateDiagram-v2") {
		step, _, _ := strings.Cut(line, ":")
		from, to, _ := strings.Cut(step, " --> ")
		if from != "[*]" {
			drawn[pair{from, to}] = true
		}
	}
	if len(allowed) < 20 || !maps.Equal(allowed, drawn) {
		t.Errorf("the diagram has\n%v\nthe database allows\n%v", drawn, allowed)
	}
}

// One writer for each table: the verb that may change a row is found where the table is listed.
func TestEveryTableHasTheWriterThePageNames(t *testing.T) {
	t.Parallel()
	tables := tablesOf(t)
	written := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if base := d.Name(); base == "node_modules" || base == "pgtest" || strings.HasPrefix(base, ".") && base != ".." {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		body, err := os.ReadFile(name)
		for _, table := range writes(string(body), tables) {
			if writer := filepath.Base(filepath.Dir(name)); !slices.Contains(written[table], writer) {
				written[table] = append(written[table], writer)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (.+) \\|$").FindAllStringSubmatch(page(t), -1) {
		for table := range strings.SplitSeq(row[2], ", ") {
			named[table] = append(named[table], row[1])
		}
	}
	for _, table := range tables {
		slices.Sort(written[table])
		slices.Sort(named[table])
		if !slices.Equal(written[table], named[table]) {
			t.Errorf("%s is written by %v; docs/architecture.md names %v", table, written[table], named[table])
		}
	}
	for table := range named {
		if !slices.Contains(tables, table) {
			t.Errorf("docs/architecture.md names %s, which is no table", table)
		}
	}
}

func tablesOf(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "migrations/*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	var tables []string
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, made := range regexp.MustCompile(`(?mi)^create (?:unlogged )?table (\w+)`).FindAllStringSubmatch(string(body), -1) {
			tables = append(tables, made[1])
		}
	}
	return tables
}

// writes are the tables that SQL in the code inserts into, updates or deletes from.
func writes(code string, tables []string) (found []string) {
	for _, m := range regexp.MustCompile(`\b(?:insert into|update|delete from|truncate) (\w+)`).FindAllStringSubmatch(code, -1) {
		if slices.Contains(tables, m[1]) {
			found = append(found, m[1])
		}
	}
	return found
}
