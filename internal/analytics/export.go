package analytics

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/httpio"
)

// Format is how an export is written.
type Format string

// CSV is RFC 4180 with a line of names; JSON an array of objects with the same names.
const (
	CSV  Format = "csv"
	JSON Format = "json"
)

// readAtOnce is how many rows are in memory: a page, read and handed over before the next,
// so that no transaction is open while somebody reads slowly.
const readAtOnce = 1000

// exported is a row of an export: the list's fields, and what only its owner reads.
type exported struct {
	finishedShape

	CopiedFrom string `json:"copied_from"` // the trader's username, or empty
	Notes      string `json:"notes"`
}

// names are the columns of the CSV, as the members of the JSON are called.
var exportNames = []string{
	"id", "symbol", "ticker", "option_type", "strike_price", "expiration_date", "quantity", "avg_buy_price", "avg_sell_price", "pnl", "pnl_pct", "result",
	"trade_type", "opened_at", "closed_at", "hold_time_days", "ended", "fees", "tags", "copied_from", "notes",
}

// Export writes every finished position that the query's filter, tag and text leave, oldest
// first, whatever its sort and page. What finishes while it is being written may be missing.
// The error may come after some was written: half an export is for the caller to mark as such.
func (r *Reports) Export(ctx context.Context, user uuid.UUID, q ClosedQuery, format Format, w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 32<<10)
	out := writerOf(format, buffered)
	if err := out.begin(); err != nil { // into the buffer: a query that is refused has written nothing
		return fmt.Errorf("write an export: %w", err)
	}
	q.Sort, q.Up = "closed_at", true
	err := r.EachClosed(ctx, user, q, func(f Finished) error {
		row := exported{finishedShape: f.shape(), Notes: f.Notes}
		if f.CopiedFrom != nil {
			row.CopiedFrom = *f.CopiedFrom
		}
		return out.row(row)
	})
	if err != nil {
		return err
	}
	if err := errors.Join(out.end(), buffered.Flush()); err != nil {
		return fmt.Errorf("write an export: %w", err)
	}
	return nil
}

// EachClosed hands over every finished position that the query's filter, tag and text leave,
// by its sort, whatever its page. It stops at the first error of do.
func (r *Reports) EachClosed(ctx context.Context, user uuid.UUID, q ClosedQuery, do func(Finished) error) error {
	q.Limit, q.Offset, q.Cursor = readAtOnce, 0, ""
	for first := true; first || q.Cursor != ""; first = false {
		page, err := r.page(ctx, user, q, nil)
		if err != nil {
			return err
		}
		for _, f := range page.Rows {
			if err := do(f); err != nil {
				return fmt.Errorf("hand over a finished position: %w", err)
			}
		}
		q.Cursor = page.Next
	}
	return nil
}

// rowWriter writes one format.
type rowWriter struct {
	begin func() error
	row   func(exported) error
	end   func() error
}

func writerOf(format Format, w io.Writer) rowWriter {
	if format == JSON {
		return jsonRows(w)
	}
	return csvRows(w)
}

func jsonRows(w io.Writer) rowWriter {
	separator := "[\n"
	return rowWriter{
		begin: func() error { return nil },
		row: func(e exported) error {
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			_, err = io.WriteString(w, separator+string(line))
			separator = ",\n"
			return err
		},
		end: func() error {
			if separator == "[\n" {
				_, err := io.WriteString(w, "[]\n")
				return err
			}
			_, err := io.WriteString(w, "\n]\n")
			return err
		},
	}
}

func csvRows(w io.Writer) rowWriter {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return rowWriter{
		begin: func() error { return c.Write(exportNames) },
		row:   func(e exported) error { return c.Write(e.cells()) },
		end:   func() error { c.Flush(); return c.Error() },
	}
}

// cells are the row's values in the order of exportNames.
func (e exported) cells() []string {
	pct := ""
	if e.Percent != nil {
		pct = e.Percent.String()
	}
	return []string{
		e.ID.String(), httpio.SpreadsheetText(e.Symbol), httpio.SpreadsheetText(e.Ticker), e.OptionType, e.Strike, e.Expiration.String(), strconv.Itoa(e.Quantity), e.AvgBuy.String(), e.AvgSell.String(),
		e.PnL.String(), pct, e.Result, string(e.TradeType), e.OpenedAt.Format(time.RFC3339Nano), e.ClosedAt.Format(time.RFC3339Nano), e.HoldDays.String(), e.Ended,
		e.Fees.String(), httpio.SpreadsheetText(strings.Join(e.Tags, ", ")), httpio.SpreadsheetText(e.CopiedFrom), httpio.SpreadsheetText(e.Notes),
	}
}
