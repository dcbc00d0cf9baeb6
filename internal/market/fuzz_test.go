package market

import (
	"testing"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// Whatever is sent as a row of the grid: a row that the table can hold, or what is wrong
// with it.
func FuzzWatchlist(f *testing.F) {
	f.Add("aapl", "call", "2027-01-15", 5)
	f.Add("BRK.B", "put", "", -1)
	f.Add("\x00", "Call", "0001-01-01", 1<<40)
	f.Fuzz(func(t *testing.T, underlying, kind, day string, near int) {
		row := WatchRow{Underlying: underlying, Type: exchange.OptionType(kind), Near: near}
		if d, err := exchange.ParseDate(day); err == nil {
			row.Expiration = &d
		}
		rows, err := checkWatchlist([]WatchRow{row}, exchange.MustDate("2026-11-20"))
		if err != nil {
			if fault.CodeOf(err) != "validation_failed" {
				t.Errorf("%+v: %v", row, err)
			}
			return
		}
		if r := rows[0]; len(r.Underlying) > 8 || r.Underlying == "" || r.Near < 0 || r.Near > NearMax || !r.Type.Valid() {
			t.Errorf("%+v is taken as %+v", row, r)
		}
	})
}
