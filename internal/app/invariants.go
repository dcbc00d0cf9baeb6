package app

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

//go:embed invariants/*.sql
var invariantFiles embed.FS

// Invariant is something that must hold of the stored data whatever happened:
// its name (INV-12), what it says in plain words, and the SELECT that returns
// what breaks it, as id and why. It holds when there are no rows.
type Invariant struct{ Name, Says, SQL string }

// invariantHead begins an invariant in its file: "-- INV-12: One sentence."
var invariantHead = regexp.MustCompile(`(?m)^-- (INV-\d+): (.+)\n`)

// Invariants lists them all, by number. The others of correctness §20 leave no
// trace in the tables: what a request was refused (INV-30, 39 to 41, 43, 47),
// what two runs have in common (INV-31, 44), what secrets are where (INV-42),
// what the process uses (INV-45), and how it stops (INV-48).
func Invariants() ([]Invariant, error) {
	var list []Invariant
	err := fs.WalkDir(invariantFiles, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := invariantFiles.ReadFile(path)
		list = append(list, parseInvariants(string(text))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the invariants: %w", err)
	}
	slices.SortFunc(list, func(a, b Invariant) int { return cmp.Compare(a.number(), b.number()) })
	return list, nil
}

func parseInvariants(text string) []Invariant {
	heads := invariantHead.FindAllStringSubmatchIndex(text, -1)
	list := make([]Invariant, 0, len(heads))
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		sql := strings.TrimSuffix(strings.TrimSpace(text[h[1]:end]), ";")
		list = append(list, Invariant{Name: text[h[2]:h[3]], Says: text[h[4]:h[5]], SQL: sql})
	}
	return list
}

func (i Invariant) number() int {
	n, _ := strconv.Atoi(strings.TrimPrefix(i.Name, "INV-")) // the pattern of its head has seen to it
	return n
}

// Finding is what holding the data against one invariant came to.
type Finding struct {
	Invariant

	Rows     int      // that break it; none when it holds
	Examples []string // a few of them: id, and why
}

// Line is what `alertsify doctor --invariants` prints.
func (f Finding) Line() string {
	if f.Rows == 0 {
		return f.Name + " ok"
	}
	rows := strconv.Itoa(f.Rows) + " rows"
	if f.Rows == 1 {
		rows = "1 row"
	}
	return fmt.Sprintf("%s broken: %s, e.g. %s (%s)", f.Name, rows, strings.Join(f.Examples, "; "), f.Says)
}

const (
	invariantTime = "2min" // for one statement; on a million orders they take seconds
	examplesMax   = 3
)

// ExamineInvariants holds the data against every invariant, as it is at one
// moment: a read-only snapshot, which keeps nobody from writing. The error says
// what could not be examined; what could is in the findings all the same.
func ExamineInvariants(ctx context.Context, db *postgres.DB, b Bounds) ([]Finding, error) {
	list, err := Invariants()
	if err != nil {
		return nil, err
	}
	tx, err := db.Pool().BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", postgres.Translate(err))
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it wrote nothing
	if _, err := tx.Exec(ctx, "set local statement_timeout = '"+invariantTime+"'"); err != nil {
		return nil, fmt.Errorf("bound the statements: %w", postgres.Translate(err))
	}
	args, err := b.Args(ctx, tx)
	if err != nil {
		return nil, err
	}
	findings := make([]Finding, 0, len(list))
	var errs []error
	for _, i := range list {
		f, err := i.examine(ctx, tx, args)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		findings = append(findings, f)
	}
	return findings, errors.Join(errs...)
}

// examine runs one invariant's statement, of which a failure leaves the others to run.
func (i Invariant) examine(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (Finding, error) {
	f := Finding{Invariant: i}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select count(*) over ()::int, id || ' ' || coalesce(why, '') from (`+i.SQL+`) broken order by 2 limit `+strconv.Itoa(examplesMax), args)
		if err != nil {
			return err
		}
		var example string
		_, err = pgx.ForEachRow(rows, []any{&f.Rows, &example}, func() error {
			f.Examples = append(f.Examples, example)
			return nil
		})
		return err
	})
	if err != nil {
		return Finding{}, fmt.Errorf("examine %s: %w", i.Name, err)
	}
	return f, nil
}
