package web

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	sheetPage       = 200     // rows read at once for a CSV: so many are in memory, however long it is
	sheetMost       = 250_000 // rows of a CSV; one that is longer is cut off, so that nobody takes half for all
	sheetsPerMinute = 30      // a person's downloads
)

// sheet is a table as its picker and its CSV see it, whatever its rows are.
type sheet struct {
	table string // what its columns are remembered under
	title string
	page  string // the page it belongs to
	file  string // how a download is called
	picks func(chosen []string) []ui.Pick
	check func(asked []string) ([]string, error)
	write func(s *Site, r *http.Request, chosen []string, to io.Writer) error
}

// sheetOf is the sheet of a table whose rows each hands over: those of the request's filter,
// in the order of its sort.
func sheetOf[R any](t ui.Table[R], page, file string, each func(*Site, *http.Request, func(R) error) error) sheet {
	return sheet{
		table: t.Name, title: t.Title, page: page, file: file, picks: t.Picks, check: t.Chosen,
		write: func(s *Site, r *http.Request, chosen []string, to io.Writer) error {
			return writeSheet(to, t.Shown(chosen), func(do func(R) error) error { return each(s, r, do) })
		},
	}
}

// sheets are the tables by their names in addresses.
func sheets() map[string]sheet {
	return map[string]sheet{
		"open":         sheetOf(ui.OpenPositions, "/positions", "open-positions", (*Site).eachPosition),
		"closed":       sheetOf(ui.ClosedPositions, "/positions", "closed-positions", (*Site).eachPosition),
		"orders":       sheetOf(ui.OrderTable(""), "/orders", "orders", (*Site).eachOrder),
		"decisions":    sheetOf(ui.Decisions, "/copy", "copy-decisions", (*Site).eachDecision),
		"trades":       sheetOf(ui.Trades, analyticsPath, "trades", (*Site).eachTrade),
		"open-results": sheetOf(ui.OpenPositions, analyticsPath, "open-positions", (*Site).eachOpenResult),
	}
}

func sheetFor(r *http.Request) (name string, t sheet, err error) {
	name = r.PathValue("table")
	t, known := sheets()[name]
	if !known {
		return "", sheet{}, fault.NotFound()
	}
	return name, t, nil
}

// chosen are the columns that somebody picked for a table; nil: the usual ones.
func (s *Site) chosen(ctx context.Context, table string) ([]string, error) {
	columns, err := s.users.Columns(ctx, me(ctx))
	return columns[table], err
}

// picked are the columns that somebody picked, by table, for a page that is more than its
// tables: where they cannot be read because of us, the tables have their usual ones.
func (s *Site) picked(r *http.Request) (map[string][]string, error) {
	columns, err := s.users.Columns(r.Context(), me(r.Context()))
	if s.away(r, err) {
		err = nil
	}
	return columns, err
}

// askColumns answers GET /tables/{table}/columns: the picker. With script it arrives as a
// dialog, without as a page.
func (s *Site) askColumns(w http.ResponseWriter, r *http.Request) error {
	name, t, err := sheetFor(r)
	if err != nil {
		return err
	}
	chosen, err := s.chosen(r.Context(), t.table)
	if err != nil {
		return err
	}
	p := ui.Picker{Table: name, Title: t.title, Picks: t.picks(chosen), ReturnTo: returnTo(r.URL.Query().Get("return_to"), t)}
	if r.Header.Get("HX-Request") != "" {
		return s.show(w, r, http.StatusOK, ui.PickerDialog(p))
	}
	return s.pickAgain(w, r, http.StatusOK, t, p)
}

// setColumns answers POST /tables/{table}/columns.
func (s *Site) setColumns(w http.ResponseWriter, r *http.Request) error {
	name, t, err := sheetFor(r)
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	to := returnTo(f.Get("return_to"), t)
	var keys []string
	if f.Get("usual") == "" {
		if keys, err = t.check(f["column"]); err != nil {
			p := ui.Picker{Table: name, Title: t.title, Picks: t.picks(f["column"]), ReturnTo: to, Wrong: wrongFields(fault.Of(err))["column"]}
			return s.pickAgain(w, r, http.StatusUnprocessableEntity, t, p)
		}
	}
	if err := s.users.SetColumns(r.Context(), me(r.Context()), t.table, keys); err != nil {
		return err
	}
	return back(w, to, "columns")
}

func returnTo(asked string, t sheet) string {
	if asked == "" {
		return t.page
	}
	return auth.LocalPath(asked)
}

func (s *Site) pickAgain(w http.ResponseWriter, r *http.Request, status int, t sheet, p ui.Picker) error {
	frame, err := s.shell(r, "Columns", t.page)
	if err != nil {
		return err
	}
	return s.show(w, r, status, pickerPage(frame, p))
}

// downloadTable answers GET /tables/{table}/csv: every row of the list that the query asks
// for, as its page does, with the columns that its reader sees there. Hidden amounts are in
// it: who downloads does it for themselves.
func (s *Site) downloadTable(w http.ResponseWriter, r *http.Request) error {
	_, t, err := sheetFor(r)
	if err != nil {
		return err
	}
	if err := httpio.Spend(w, r, s.allow, "csv:"+me(r.Context()).String(), sheetsPerMinute); err != nil {
		return err
	}
	chosen, err := s.chosen(r.Context(), t.table)
	if err != nil {
		return err
	}
	out := httpio.NewDownload(w, "text/csv; charset=utf-8; header=present", "alertsify-"+t.file+".csv")
	return t.write(s, r, chosen, out)
}

// everyRow hands over the rows of a list's pages, one after the other. page reads the one that
// begins after a place, nil for the first, and says where the next does, nil on the last.
func everyRow[R, P any](do func(R) error, page func(after *P) ([]R, *P, error)) error {
	for after := (*P)(nil); ; {
		rows, next, err := page(after)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := do(row); err != nil {
				return err
			}
		}
		if after = next; after == nil {
			return nil
		}
	}
}

var errSheetTooLong = errors.New("the list is longer than a CSV may be")

// writeSheet writes a head and the rows that each hands over, as RFC 4180 has it. What goes
// wrong before the first rows leave is a clean error; later it cuts the download off.
func writeSheet[R any](to io.Writer, columns []ui.Column[R], each func(func(R) error) error) error {
	buffered := bufio.NewWriterSize(to, 32<<10)
	out := csv.NewWriter(buffered)
	out.UseCRLF = true
	if err := out.Write(ui.Names(columns)); err != nil {
		return fmt.Errorf("write a table: %w", err)
	}
	rows := 0
	err := each(func(row R) error {
		if rows++; rows > sheetMost {
			return errSheetTooLong
		}
		return out.Write(ui.Values(columns, row))
	})
	if err != nil {
		return fmt.Errorf("write a table: %w", err)
	}
	out.Flush()
	if err := errors.Join(out.Error(), buffered.Flush()); err != nil {
		return fmt.Errorf("write a table: %w", err)
	}
	return nil
}

// tableRoutes are the lines of pickers and downloads in the route table.
func (s *Site) tableRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: "/tables/{table}/columns", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.askColumns},
		{Method: "POST", Pattern: "/tables/{table}/columns", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.setColumns},
		{Method: "GET", Pattern: "/tables/{table}/csv", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.downloadTable},
	}
}
