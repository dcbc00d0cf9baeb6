package sandbox

import (
	"io"
	"net/http"
	"slices"

	"github.com/alertsify/alertsify/internal/markup"
)

// consoleRows is how much of the log the page shows.
const consoleRows = 200

func (w *World) console(rw http.ResponseWriter, _ *http.Request) {
	entries := w.deps.log.List("", 0)
	entries = slices.Clone(entries[max(len(entries)-consoleRows, 0):])
	slices.Reverse(entries)
	orders := w.paper.book(func(string) bool { return true })
	orders = orders[max(len(orders)-consoleRows, 0):]
	rows := make([]BookRow, 0, len(orders))
	for _, o := range slices.Backward(orders) {
		rows = append(rows, w.row(o))
	}
	var m markup.Page
	m.Raw(consoleHead)
	w.drawClock(&m)
	if faults := w.deps.faults.List(); len(faults) > 0 {
		m.Raw("<h2>Faults in force</h2><table><tr><th>target<th>match<th>account<th>mode<th>left</tr>\n")
		for _, f := range faults {
			m.Put("<tr><td>%s<td>%s<td>%s<td>%s<td>%s</tr>", f.Target, f.Match, f.Account, f.Mode, f.Count)
		}
		m.Raw("</table>")
	}
	m.Raw("\n<h2>Broker's book</h2><table><tr><th>placed<th>user<th>action<th>contract<th>filled<th>status<th>via</tr>\n")
	for _, o := range rows {
		m.Put("<tr><td>%s<td>%s<td>%s<td>%s<td>%s/%s<td>%s<td>%s</tr>", o.PlacedAt.Format(consoleTime), o.User, o.Action, o.Symbol, o.Filled, o.Quantity, o.Status, o.Via)
	}
	m.Raw("</table>\n<h2>Received</h2><table><tr><th>#<th>at<th>target<th>request<th>status<th>body</tr>\n")
	for _, e := range entries {
		m.Put(`<tr><td>%s<td>%s<td>%s<td>%s %s<td>%s<td class="body">%s</tr>`, e.Seq, e.At.Format(consoleTime), e.Target, e.Method, e.Path, e.Status, string(e.Body))
	}
	m.Raw("</table>\n</body></html>\n")
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(rw, m.String())
}

const consoleTime = "15:04:05.000"

func (w *World) drawClock(m *markup.Page) {
	clock, untouched := w.clockNow(), ""
	if !clock.Set {
		untouched = " (real time, always in session)"
	}
	m.Put(`<h1>Sandbox</h1>
<p>Plays every outside party. Market time %s%s.</p>
<nav><a href="/_sandbox/log">log</a><a href="/_sandbox/broker/orders">broker orders</a><a href="/_sandbox/broker/accounts">broker accounts</a>
<a href="/_sandbox/market">market</a><a href="/_sandbox/faults">faults</a><a href="/_sandbox/clock">clock</a><a href="/_sandbox/webhooks">webhooks</a></nav>
`, clock.Now, untouched)
}

const consoleHead markup.HTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox</title>
<style>
body{font:14px/1.45 system-ui,sans-serif;margin:1.5rem;color:#16202c}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #e2e6ec;vertical-align:top}
td.body{font-family:ui-monospace,monospace;font-size:12px;max-width:50rem;overflow-wrap:anywhere}nav a{margin-right:1rem}
</style></head><body>
`
