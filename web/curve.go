package web

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

// The curve's picture, in its own units: it grows with the page.
const (
	curveWide, curveTall = 800, 220
	fallTall             = 60
)

// curveView is an equity curve as a picture, and as the numbers it is drawn from.
type curveView struct {
	Points    []analytics.Point // newest first
	Range     string
	Line      string // of the running sum, as an SVG path
	Zero      int    // how far down the picture zero lies
	Fall      string // of the drawdown below its peak, as an SVG path
	Low, High money.Amount
	Deepest   money.Amount
	Last      *money.Amount
	Script    string // the address of what draws it to zoom into; the picture stays without
	Drawn     string // for the script, oldest first: [["2026-10-01","12.50","0.00"]], a sum and how far below its peak
}

// curvePoints bounds the picture: no screen shows more. What one zooms into has ten years of
// trading days before any is left out.
const curvePoints, zoomedPoints = 800, 2520

// curveOf draws the points in order, one beside the other: days without trades are no days.
func curveOf(points []analytics.Point, window string) curveView {
	v := curveView{Range: window, Points: slices.Clone(points)}
	slices.Reverse(v.Points)
	if len(points) == 0 {
		return v
	}
	v.Last = &points[len(points)-1].Cumulative
	for _, p := range points {
		v.Low.Decimal, v.High.Decimal = decimal.Min(v.Low.Decimal, p.Cumulative.Decimal), decimal.Max(v.High.Decimal, p.Cumulative.Decimal)
		v.Deepest.Decimal = decimal.Max(v.Deepest.Decimal, p.Drawdown.Decimal)
	}
	v.Zero = level(v.High.Decimal, v.High.Sub(v.Low.Decimal), curveTall)
	drawn := thinned(points, curvePoints)
	var line, fall strings.Builder
	for i, p := range drawn {
		x, step := curveWide*i/max(len(drawn)-1, 1), "L"
		if i == 0 {
			step = "M"
		}
		fmt.Fprintf(&line, "%s%d %d", step, x, level(v.High.Sub(p.Cumulative.Decimal), v.High.Sub(v.Low.Decimal), curveTall))
		fmt.Fprintf(&fall, "L%d %d", x, level(p.Drawdown.Decimal, v.Deepest.Decimal, fallTall))
	}
	if len(drawn) == 1 { // a line needs two ends
		fmt.Fprintf(&line, "H%d", curveWide)
	}
	v.Line, v.Fall = line.String(), "M0 0"+fall.String()+"L"+strconv.Itoa(curveWide)+" 0Z"
	return v
}

// level is part of whole in the picture's units; the middle where whole is nothing.
func level(part, whole decimal.Decimal, tall int64) int {
	if !whole.IsPositive() {
		return int(tall / 2)
	}
	return int(part.Mul(decimal.NewFromInt(tall)).Div(whole).IntPart())
}

// thinned leaves so many points of a longer curve, the last among them.
func thinned(points []analytics.Point, most int) []analytics.Point {
	if len(points) <= most {
		return points
	}
	kept := make([]analytics.Point, most)
	for i := range kept {
		kept[i] = points[i*(len(points)-1)/(most-1)]
	}
	return kept
}

// zoomable adds what the script at an address draws the curve from.
func (v *curveView) zoomable(script string, points []analytics.Point) {
	if script == "" || len(points) == 0 {
		return
	}
	var b strings.Builder
	for i, p := range thinned(points, zoomedPoints) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `["%s","%s","%s"]`, p.Date, p.Cumulative.String(), p.Drawdown.String())
	}
	v.Script, v.Drawn = script, "["+b.String()+"]"
}

// zooms tells whether the script draws it. Its axis would say the amounts that the eye hides.
func (v curveView) zooms(ctx context.Context) bool { return v.Script != "" && !ui.Private(ctx) }

// heatView is the heatmap: half hours of the session by weekday, and what lay outside.
type heatView struct {
	Rows    []heatRow
	Outside []analytics.Cell
	Trades  int
}

type heatRow struct {
	Time  string
	Cells []heatCell // Monday to Friday
}

// heatCell is one half hour. Few is less than five trades: hatched, for it says little.
type heatCell struct {
	Cell    *analytics.Cell
	Few     bool
	Opacity string // how much, beside the cell that made or lost most
}

// shade is the cell's opacity; where amounts are hidden, all are alike.
func (c heatCell) shade(ctx context.Context) string {
	if ui.Private(ctx) {
		return "0.30"
	}
	return c.Opacity
}

// The session's half hours.
const firstSlot, lastSlot, fewTrades = 19, 31, 5

func heatOf(cells []analytics.Cell) heatView {
	var v heatView
	at := map[[2]int]*analytics.Cell{}
	most := decimal.Zero
	for i, c := range cells {
		v.Trades += c.Trades
		slot := c.HourOfDay*2 + c.Half/30
		if c.DayOfWeek < 1 || c.DayOfWeek > 5 || slot < firstSlot || slot > lastSlot {
			v.Outside = append(v.Outside, c)
			continue
		}
		at[[2]int{c.DayOfWeek, slot}] = &cells[i]
		most = decimal.Max(most, c.PnL.Abs())
	}
	for slot := firstSlot; slot <= lastSlot; slot++ {
		row := heatRow{Time: fmt.Sprintf("%d:%02d", slot/2, slot%2*30)}
		for day := 1; day <= 5; day++ {
			cell := heatCell{Cell: at[[2]int{day, slot}]}
			if c := cell.Cell; c != nil {
				share := level(c.PnL.Abs(), most, 80) // a tenth is always seen
				cell.Few, cell.Opacity = c.Trades < fewTrades, fmt.Sprintf("0.%02d", 10+share)
			}
			row.Cells = append(row.Cells, cell)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

var weekdays = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

// words say a cell, for the picture's titles and the table.
func cellWords(c analytics.Cell) string {
	return fmt.Sprintf("%s %d:%02d, %d trades, %d won", weekdays[c.DayOfWeek], c.HourOfDay, c.Half, c.Trades, c.Wins)
}

// direction is the sign of an amount as shown, for where the amount has no room.
func direction(a money.Amount) string {
	switch a.Direction() {
	case 1:
		return "+"
	case -1:
		return money.Minus
	}
	return "0"
}
