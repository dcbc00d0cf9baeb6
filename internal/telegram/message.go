package telegram

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// TextMax is how long a message may be, in UTF-16 units, after its markup is taken out.
const TextMax = 4096

// Message is what a chat is told: plain words only. What of it is bold, and how it is
// escaped, is decided here, so that nobody's name can become markup.
type Message struct {
	Lead    string     // the first line, where there are several parts; else empty
	Parts   []Part     // in the order in which they are read
	Buttons [][]Button // rows of links below it
	Silent  bool       // it does not ring
}

// Part is one thing that is told.
type Part struct {
	Title string // one line
	Body  string // may have several; may be empty
}

// Button leads to a page.
type Button struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// span is a stretch of a message's text.
type span struct {
	text string
	bold bool
}

// spans are the message's text, cut to what Telegram takes: at a code point, in the
// middle of the last part that still has room.
func (m Message) spans() []span {
	var all []span
	add := func(text string, bold bool, before string) {
		if text == "" {
			return
		}
		if len(all) > 0 {
			all = append(all, span{text: before})
		}
		all = append(all, span{text, bold})
	}
	add(line(m.Lead), true, "")
	for _, p := range m.Parts {
		add(line(p.Title), true, "\n\n")
		add(clean(p.Body), false, "\n")
	}
	return fit(all, TextMax)
}

func fit(all []span, most int) []span {
	length := 0
	for _, s := range all {
		length += units(s.text)
	}
	if length <= most {
		return all
	}
	left := most - units(ellipsis)
	for i, s := range all {
		n := units(s.text)
		if n > left {
			all[i].text = strings.TrimRight(firstUnits(s.text, left), " \n") + ellipsis
			return all[:i+1]
		}
		left -= n
	}
	return all
}

// HTML is the message in Telegram's HTML.
func (m Message) HTML() string {
	var b strings.Builder
	for _, s := range m.spans() {
		if s.bold {
			b.WriteString("<b>" + escaper.Replace(s.text) + "</b>")
			continue
		}
		b.WriteString(escaper.Replace(s.text))
	}
	return b.String()
}

// Plain is the same without markup.
func (m Message) Plain() string {
	var b strings.Builder
	for _, s := range m.spans() {
		b.WriteString(s.text)
	}
	return b.String()
}

// escaper does all that Telegram's HTML asks for outside of attributes, of which we
// write none.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// units is the length of a text as Telegram counts.
func units(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// firstUnits keeps at most so many units of a text, and every code point whole.
func firstUnits(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += utf16.RuneLen(r); n > most {
			return s[:i]
		}
	}
	return s
}

const ellipsis = "…"

// line is a text in one line.
func line(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// clean takes out what is not seen but changes what is: control characters, and marks that
// turn the direction of all that follows.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), r == utf8.RuneError:
			return -1
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c':
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
