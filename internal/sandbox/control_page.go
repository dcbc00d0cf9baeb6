package sandbox

import (
	"html/template"
	"net/http"
	"slices"
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
	page := template.Must(template.New("console").Parse(consolePage))
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	err := page.Execute(rw, map[string]any{
		"Clock": w.clockNow(), "Faults": w.deps.faults.List(), "Entries": entries, "Orders": rows,
	})
	if err != nil {
		w.options.Logger.Error("sandbox: console page", "error", err)
	}
}

const consolePage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox</title>
<style>
body{font:14px/1.45 system-ui,sans-serif;margin:1.5rem;color:#16202c}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #e2e6ec;vertical-align:top}
td.body{font-family:ui-monospace,monospace;font-size:12px;max-width:50rem;overflow-wrap:anywhere}nav a{margin-right:1rem}
</style></head><body>
<h1>Sandbox</h1>
<p>Plays every outside party. Market time {{.Clock.Now}}{{if not .Clock.Set}} (real time, always in session){{end}}.</p>
<nav><a href="/_sandbox/log">log</a><a href="/_sandbox/broker/orders">broker orders</a><a href="/_sandbox/broker/accounts">broker accounts</a>
<a href="/_sandbox/market">market</a><a href="/_sandbox/faults">faults</a><a href="/_sandbox/clock">clock</a><a href="/_sandbox/webhooks">webhooks</a></nav>
{{if .Faults}}<h2>Faults in force</h2><table><tr><th>target<th>match<th>account<th>mode<th>left</tr>
{{range .Faults}}<tr><td>{{.Target}}<td>{{.Match}}<td>{{.Account}}<td>{{.Mode}}<td>{{.Count}}</tr>{{end}}</table>{{end}}
<h2>Broker's book</h2><table><tr><th>placed<th>user<th>action<th>contract<th>filled<th>status<th>via</tr>
{{range .Orders}}<tr><td>{{.PlacedAt.Format "15:04:05.000"}}<td>{{.User}}<td>{{.Action}}<td>{{.Symbol}}<td>{{.Filled}}/{{.Quantity}}<td>{{.Status}}<td>{{.Via}}</tr>{{end}}</table>
<h2>Received</h2><table><tr><th>#<th>at<th>target<th>request<th>status<th>body</tr>
{{range .Entries}}<tr><td>{{.Seq}}<td>{{.At.Format "15:04:05.000"}}<td>{{.Target}}<td>{{.Method}} {{.Path}}<td>{{.Status}}<td class="body">{{printf "%s" .Body}}</tr>{{end}}</table>
</body></html>
`
