package email

import (
	"strings"

	"github.com/alertsify/alertsify/internal/markup"
)

// Letter is what a mail says. Every text of it is data.
type Letter struct {
	Items       []Item
	Reason      string // why the reader gets it
	Settings    string // address where mail is switched
	Unsubscribe string // address that switches this off; empty: it cannot be
}

// Item is one thing told.
type Item struct {
	Title  string
	Body   string
	At     string // when it happened, in words
	Link   string // address of our own page about it
	Action string // what the link is called
}

// HTML draws the letter. Mail programs know no style sheets, so styles stand in line.
func (l Letter) HTML() string {
	var m markup.Page
	m.Raw(letterHead)
	for _, item := range l.Items {
		item.draw(&m)
	}
	m.Put(`<p style="margin:12px 0 0;font-size:12px;color:#4b5563">%s`, l.Reason)
	if isWeb(l.Settings) {
		m.Put(` <a href="%s" style="color:#4b5563">Settings</a>`, l.Settings)
	}
	if isWeb(l.Unsubscribe) {
		m.Put(` · <a href="%s" style="color:#4b5563">No more of these</a>`, l.Unsubscribe)
	}
	m.Raw("</p>\n</div>\n</body>\n</html>\n")
	return m.String()
}

func (i Item) draw(m *markup.Page) {
	m.Raw(`<div style="margin:0 0 12px;padding:20px;background:#ffffff;border:1px solid #e5e7eb;border-radius:8px">` + "\n")
	m.Put(`<h1 style="margin:0 0 4px;font-size:17px;line-height:1.35;color:#111827">%s</h1>`+"\n", i.Title)
	if i.At != "" {
		m.Put(`<p style="margin:0 0 12px;font-size:13px;color:#4b5563">%s</p>`+"\n", i.At)
	}
	if i.Body != "" {
		m.Put(`<p style="margin:0 0 16px;color:#111827">%s</p>`+"\n", i.Body)
	}
	if isWeb(i.Link) {
		m.Put(`<p style="margin:0"><a href="%s" style="display:inline-block;padding:9px 16px;background:#1d4ed8;color:#ffffff;border-radius:6px;text-decoration:none;font-weight:600">%s</a></p>`+"\n", i.Link, i.Action)
	}
	m.Raw("</div>\n")
}

// isWeb tells whether an address is one of a page; another one, such as a script, is left out.
func isWeb(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}

// Text is the same for who reads plain text.
func (l Letter) Text() string {
	var b strings.Builder
	for i, item := range l.Items {
		if i > 0 {
			b.WriteString("\n- - -\n\n")
		}
		b.WriteString(plain(item.Title) + "\n")
		if item.At != "" {
			b.WriteString(plain(item.At) + "\n")
		}
		if item.Body != "" {
			b.WriteString("\n" + plain(item.Body) + "\n")
		}
		if item.Link != "" {
			b.WriteString("\n" + plain(item.Action) + ": " + plain(item.Link) + "\n")
		}
	}
	b.WriteString("\n--\n" + plain(l.Reason) + "\n")
	if l.Settings != "" {
		b.WriteString("Settings: " + plain(l.Settings) + "\n")
	}
	if l.Unsubscribe != "" {
		b.WriteString("No more of these: " + plain(l.Unsubscribe) + "\n")
	}
	return b.String()
}

// plain keeps what people wrote from looking like more lines of ours.
func plain(text string) string { return strings.Join(strings.Fields(Line(text)), " ") }

const letterHead markup.HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Alertsify</title>
</head>
<body style="margin:0;padding:24px 12px;background:#f3f4f6;color:#111827;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5">
<div style="max-width:560px;margin:0 auto">
<p style="margin:0 0 12px;font-size:13px;font-weight:600;color:#4b5563">Alertsify</p>
`
