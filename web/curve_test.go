package web

import (
	"encoding/json"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// What one zooms into is the same curve as the numbers below it, oldest first and to the
// cent; of more days than are sent the first and the last are among them.
func TestTheZoomedCurveIsTheCurve(t *testing.T) {
	for _, days := range []int{1, 2, zoomedPoints, zoomedPoints + 1, 3 * zoomedPoints} {
		points := curveFor(days)
		v := curveOf(points, "all")
		v.zoomable("/assets/chart.js", points)
		var drawn [][3]string
		if err := json.Unmarshal([]byte(v.Drawn), &drawn); err != nil {
			t.Fatalf("%d days: %v", days, err)
		}
		if len(drawn) != min(days, zoomedPoints) {
			t.Errorf("%d days: %d points", days, len(drawn))
		}
		for end, p := range map[int]analytics.Point{0: points[0], len(drawn) - 1: points[days-1]} {
			if want := [3]string{p.Date.String(), p.Cumulative.String(), p.Drawdown.String()}; drawn[end] != want {
				t.Errorf("%d days: point %d is %v, want %v", days, end, drawn[end], want)
			}
		}
		for i := 1; i < len(drawn); i++ {
			if drawn[i-1][0] >= drawn[i][0] {
				t.Fatalf("%d days: %s comes before %s", days, drawn[i-1][0], drawn[i][0])
			}
		}
	}
}

// Without its script, or without results, the picture is all there is.
func TestACurveWithoutScriptStaysAPicture(t *testing.T) {
	v := curveOf(curveFor(3), "all")
	v.zoomable("", curveFor(3))
	if v.Script != "" || v.Drawn != "" || v.Line == "" {
		t.Errorf("without a script: %q %q %q", v.Script, v.Drawn, v.Line)
	}
	none := curveOf(nil, "all")
	none.zoomable("/assets/chart.js", nil)
	if none.Script != "" {
		t.Error("nothing is to be drawn, by a script")
	}
}

func curveFor(days int) []analytics.Point {
	first := exchange.MustDate("2000-01-03")
	points := make([]analytics.Point, days)
	for i := range points {
		points[i] = analytics.Point{Date: first.AddDays(i), Cumulative: money.Amount{Decimal: decimal.New(int64(i), -2)}, Drawdown: money.Amount{Decimal: decimal.New(int64(i%7), -2)}}
	}
	return points
}
