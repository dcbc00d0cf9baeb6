// Package markup writes documents by hand: what people's texts hold is escaped.
package markup

import (
	"fmt"
	"html"
	"strings"
)

// HTML is text that is markup already.
type HTML string

// Page writes a document by hand: mails, the API's description, the sandbox's pages; people's
// pages are templates of web. It takes the place of html/template, which finds methods by
// their names while it runs, so that the linker has to keep every exported method of every
// type: a fifth of the program.
type Page struct{ text strings.Builder }

// Raw writes what is markup already.
func (m *Page) Raw(markup HTML) { m.text.WriteString(string(markup)) }

// Put writes a format of ours whose every %s takes an argument, escaped unless it is HTML: for the text of
// elements and for attributes in double quotes. An address of others' needs a look at its scheme before.
func (m *Page) Put(format string, args ...any) {
	escaped := make([]any, len(args))
	for i, a := range args {
		if markup, is := a.(HTML); is {
			escaped[i] = string(markup)
			continue
		}
		escaped[i] = html.EscapeString(fmt.Sprint(a))
	}
	fmt.Fprintf(&m.text, format, escaped...)
}

// String is what was written.
func (m *Page) String() string { return m.text.String() }
