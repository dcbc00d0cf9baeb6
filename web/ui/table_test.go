package ui

import (
	"slices"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

// What holds of every table: its keys and its CSV's names are its own, what a list goes by
// says how it begins, and a row can always be told from the others.
func TestTablesAreWhole(t *testing.T) {
	t.Parallel()
	whole(t, OpenPositions)
	whole(t, ClosedPositions)
	whole(t, Trades)
	whole(t, OrderTable("/orders"))
	whole(t, Decisions)
}

func whole[R any](t *testing.T, table Table[R]) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range table.Columns {
		if c.Key == "" || c.Label == "" || c.Cell == nil || seen[c.Key] || (len(c.Data) == 0 && !c.Unnamed) {
			t.Errorf("%s: the column %q is not whole", table.Name, c.Key)
		}
		if c.Unnamed && !c.Kept {
			t.Errorf("%s: %s has no name to be picked by", table.Name, c.Key)
		}
		if c.Kept && (c.Extra || c.Room != "") || c.Extra && c.Room != "" {
			t.Errorf("%s: %s is kept, extra and roomy at once", table.Name, c.Key)
		}
		seen[c.Key] = true
	}
	names := Names(table.Columns)
	if slices.Sort(names); len(slices.Compact(names)) != len(Names(table.Columns)) {
		t.Errorf("%s: two fields of one name", table.Name)
	}
	if !seen["contract"] || !slices.ContainsFunc(table.Picks([]string{}), func(p Pick) bool { return p.Key == "contract" && p.Shown && p.Kept }) {
		t.Errorf("%s: the contract can be hidden", table.Name)
	}
	if len(table.Columns) > 40 {
		t.Errorf("%s has more columns than can be kept", table.Name)
	}
}

func keysOf[R any](columns []Column[R]) string {
	var list []string
	for _, c := range columns {
		list = append(list, c.Key)
	}
	return strings.Join(list, " ")
}

// Who chose nothing sees the usual columns. Who chose sees those, in the table's order, and
// what must stay; what was kept once and has gone out of use is passed over, and what is
// asked for and was never there is refused.
func TestColumnsAreThoseThatWereChosen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		chosen []string
		want   string
	}{
		"nobody's choice": {nil, "contract held average mark value pnl percent today expires source actions"},
		"a choice":        {[]string{"opened", "pnl"}, "contract pnl opened actions"},
		"gone out of use": {[]string{"moon", "pnl"}, "contract pnl actions"},
		"nothing at all":  {[]string{}, "contract actions"},
	} {
		if got := keysOf(OpenPositions.Shown(c.chosen)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, col := range OpenPositions.Shown([]string{"value"}) {
		if col.Room != "" {
			t.Errorf("%s was picked by hand and gives way", col.Key)
		}
	}
	if got, err := OpenPositions.Chosen([]string{"pnl", "held", "pnl"}); err != nil || strings.Join(got, " ") != "contract held pnl actions" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := OpenPositions.Chosen([]string{"pnl", "moon"}); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("a column that is none: %v", err)
	}
}
