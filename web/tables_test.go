package web

import (
	"bytes"
	"encoding/csv"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"golang.org/x/net/html"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/web/ui"
)

// What a table shows and what its CSV says are the same values: each field stands in the
// cell of its column, written for people there and as data here.
func TestACSVSaysWhatItsTableShows(t *testing.T) {
	t.Parallel()
	for _, chosen := range [][]string{nil, {"contract", "pnl", "time", "reason", "closed", "account", "opened", "gone"}} {
		sameAsShown(t, ui.OpenPositions, chosen, cannedPositions(noon))
		sameAsShown(t, ui.ClosedPositions, chosen, cannedClosed(noon))
		sameAsShown(t, ui.Trades, chosen, cannedResults("trades", noon).Closed.Rows)
		sameAsShown(t, ui.OrderTable("/orders"), chosen, append(cannedOrders(noon), everyState(noon)...))
		sameAsShown(t, ui.Decisions, chosen, cannedCopying(noon).Decisions)
	}
}

func sameAsShown[R any](t *testing.T, table ui.Table[R], chosen []string, rows []R) {
	t.Helper()
	var drawn bytes.Buffer
	view := ui.View{Chosen: chosen}
	if err := ui.Rows(table, "Rows", rows, view).Render(ui.WithViewer(t.Context(), ui.Viewer{Zone: time.UTC, Now: noon}), &drawn); err != nil {
		t.Fatal(err)
	}
	lines := linesOf(t, table.Shown(chosen), rows)
	if !slices.Equal(lines[0], ui.Names(table.Shown(chosen))) || len(lines) != len(rows)+1 {
		t.Fatalf("%s: %d lines of %d rows under %v", table.Name, len(lines), len(rows), lines[0])
	}
	for i, cells := range cellsOf(parse(t, drawn.String())) {
		field := 0
		for _, column := range table.Shown(chosen) {
			for _, d := range column.Data {
				if value := lines[i+1][field]; !says(cells[column.Key], d.Name, value) {
					t.Errorf("%s, row %d: %s is %q in the CSV, and the cell says %q", table.Name, i, d.Name, value, text(cells[column.Key]))
				}
				field++
			}
		}
	}
}

func linesOf[R any](t *testing.T, columns []ui.Column[R], rows []R) [][]string {
	t.Helper()
	var out bytes.Buffer
	err := writeSheet(&out, columns, func(do func(R) error) error {
		for _, row := range rows {
			if err := do(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// cellsOf are the cells of each row by their column.
func cellsOf(p page) (rows []map[string]*html.Node) {
	for _, row := range p.all("tabindex", "0") {
		cells := map[string]*html.Node{}
		for n := range row.Descendants() {
			if n.Type == html.ElementNode && n.Data == "td" {
				cells[value(n, "data-column")] = n
			}
		}
		rows = append(rows, cells)
	}
	return rows
}

// says tells whether a cell shows a value of the CSV. A few fields are more exact than
// what is shown, or its code.
func says(cell *html.Node, field, v string) bool {
	shown := strings.ToLower(text(cell))
	switch field {
	case "symbol", "expiration", "held_seconds", "paper", "sent":
		return true
	case "mark_at", "opened_at", "closed_at", "time":
		return v == "" || attributeSays(cell, "datetime", func(got string) bool {
			at, err := time.Parse(time.RFC3339Nano, v)
			return err == nil && got == at.Format(time.RFC3339)
		})
	case "broker_id":
		return v == "" || attributeSays(cell, "data-copy", func(got string) bool { return got == v })
	case "reason":
		return v == "" || slices.ContainsFunc(strings.Split(v, "; "), func(part string) bool {
			return strings.Contains(shown, strings.ToLower(part)) || attributeSays(cell, "title", func(got string) bool { return strings.EqualFold(got, part) })
		})
	case "tags", "remarks":
		return !slices.ContainsFunc(strings.Split(v, ", "), func(part string) bool { return !strings.Contains(shown, part) })
	}
	if v == "" {
		return shown == "" || strings.Contains(shown, "—") || field == "stop" || field == "limit"
	}
	return slices.ContainsFunc(written(field, v), func(words string) bool { return strings.Contains(shown, strings.ToLower(words)) })
}

// written are the ways in which a value stands on a page.
func written(field, v string) []string {
	d, err := decimal.NewFromString(v)
	if err != nil {
		return []string{v}
	}
	n, _ := strconv.Atoi(v)
	switch field {
	case "pnl", "today":
		return []string{money.Amount{Decimal: d}.Signed()}
	case "value", "in", "out", "fees":
		return []string{money.Amount{Decimal: d}.Display()}
	case "average", "mark", "limit", "stop", "their_price", "your_price":
		return []string{money.Price{Decimal: d}.Display()}
	case "pnl_percent", "slippage_percent":
		return []string{money.DisplayPercent(decimal.NewNullDecimal(d))}
	case "days_left":
		return []string{ui.DaysLeft(n)}
	case "delay_seconds":
		return []string{"+" + v + " s", "+" + d.Truncate(1).StringFixed(1) + " s"}
	}
	return []string{v}
}

func attributeSays(cell *html.Node, name string, is func(string) bool) bool {
	for n := range cell.Descendants() {
		if got, there := attr(n, name); n.Type == html.ElementNode && there && is(got) {
			return true
		}
	}
	return false
}

// Words of people and of brokers are no formulas in a spreadsheet, and losses stay numbers.
func TestACSVRunsNothing(t *testing.T) {
	t.Parallel()
	row := cannedClosed(noon)[1]
	row.Tags = []ui.Tab{{Label: `=HYPERLINK("https://evil.test","x")`}}
	row.Account, row.Source = "@SUM(A1)", "-2+3"
	lines := linesOf(t, ui.ClosedPositions.Columns, []ui.PositionRow{row})
	for i, name := range lines[0] {
		got := lines[1][i]
		if strings.ContainsAny(got[:min(1, len(got))], "=+@") || strings.HasPrefix(got, "-") && decimalText(got) == "" {
			t.Errorf("%s is %q", name, got)
		}
		if name == "pnl" && got != "-120.50" {
			t.Errorf("a loss is %q", got)
		}
	}
	open := linesOf(t, ui.OpenPositions.Shown([]string{"account"}), []ui.PositionRow{row})
	if got := open[1][len(open[1])-1]; got != "'@SUM(A1)" {
		t.Errorf("the account is %q", got)
	}
}

func decimalText(s string) string {
	if d, err := decimal.NewFromString(s); err == nil {
		return d.String()
	}
	return ""
}

// A list that is longer than a CSV may be, or that cannot be read to its end, is an error:
// nobody takes what arrived for all of it. Nothing has left while it is still short.
func TestACSVIsWholeOrNone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	row := cannedClosed(noon)[0]
	away := errors.New("the database is away")
	err := writeSheet(&out, ui.ClosedPositions.Columns, func(do func(ui.PositionRow) error) error { return errors.Join(do(row), away) })
	if !errors.Is(err, away) || out.Len() != 0 {
		t.Errorf("%v after %d bytes", err, out.Len())
	}
	column := []ui.Column[ui.PositionRow]{{Key: "source"}}
	err = writeSheet(&out, column, func(do func(ui.PositionRow) error) error {
		for range sheetMost + 1 {
			if err := do(row); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, errSheetTooLong) {
		t.Errorf("a list without end: %v", err)
	}
}

// The docs name every field of every CSV, and no other.
func TestTheDocsNameEveryField(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/tables.md")
	if err != nil {
		t.Fatal(err)
	}
	for title, names := range map[string][]string{
		"Open positions": ui.Names(ui.OpenPositions.Columns), "Closed positions": ui.Names(ui.ClosedPositions.Columns),
		"Orders": ui.Names(ui.OrderTable("").Columns), "Copy decisions": ui.Names(ui.Decisions.Columns),
	} {
		_, section, _ := strings.Cut(string(raw), "\n## "+title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var said []string
		for i, piece := range strings.Split(section, "`") {
			if i%2 == 1 {
				said = append(said, piece)
			}
		}
		if !slices.Equal(said, names) {
			t.Errorf("%s: the docs say %v, the CSV has %v", title, said, names)
		}
	}
}

// A page is shown though nobody can say which columns somebody picked: its tables have the
// usual ones. It is written down.
func TestAPageOutlivesThePickedColumns(t *testing.T) {
	t.Parallel()
	var written bytes.Buffer
	s := &Site{users: users.New(pgtest.Empty(t)), log: slog.New(slog.NewTextHandler(&written, nil))} // without a table of them
	r := httptest.NewRequest(http.MethodGet, "/dashboard", nil)
	picked, err := s.picked(r.WithContext(auth.With(t.Context(), auth.Principal{User: users.User{ID: uuid.UUID{1}}})))
	if err != nil || picked[ui.Decisions.Name] != nil {
		t.Errorf("%v, %v", picked, err)
	}
	if !strings.Contains(written.String(), "path=/dashboard") {
		t.Errorf("written down: %s", written.String())
	}
}
