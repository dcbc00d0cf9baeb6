package secret

import (
	"net/netip"
	"regexp"
	"strings"
)

const scrubbedMax = 300 // bytes

// What of an error's words may be somebody's or a secret. Fixed words of ours, numbers and our
// own ids are left.
var hidden = []struct {
	form *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`(?s)\ngoroutine \d+ .*`), ""},                                         // a stack is told of apart
	{regexp.MustCompile(`\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"']+`), "[address]"},                  // with its path and query
	{regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|` + "`[^`]*`"), "[…]"},                      // what is quoted was given to us
	{regexp.MustCompile(`\S+@\S+`), "[mail]"},                                                  //
	{regexp.MustCompile(`=\([^)]*\)`), "=(…)"},                                                 // Postgres: Key (email)=(…)
	{regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+\S+`), "[secret]"},                           //
	{regexp.MustCompile(`(?i)\b\w*(?:secret|token|password|key)\w*\s*[=:]\s*\S+`), "[secret]"}, //
}

var (
	longWord = regexp.MustCompile(`[A-Za-z0-9_+/=.~-]{20,}`)
	ourID    = regexp.MustCompile(`^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	place    = regexp.MustCompile(`\[?[0-9A-Fa-f:.]*[0-9A-Fa-f][:.][0-9A-Za-z:.%\[\]]+|\[?::[0-9A-Za-z:.%\[\]]*`) // perhaps a machine's address
	goWord   = regexp.MustCompile(`^[a-z]+(?:[./][a-zA-Z]+)+$`)                                                   // a package, a type
)

// Scrub is an error's words for those who look after the program: without what may be secret
// or somebody's, and at most some 300 bytes of them. Errors of ours hold nothing of that; those
// of libraries quote addresses with the keys in them, headers, and what they were given.
func Scrub(text string) string {
	for _, h := range hidden {
		text = h.form.ReplaceAllString(text, h.by)
	}
	text = place.ReplaceAllStringFunc(text, hidePlace)
	text = longWord.ReplaceAllStringFunc(text, func(word string) string {
		if ourID.MatchString(word) || goWord.MatchString(word) {
			return word
		}
		return "[…]"
	})
	if len(text) > scrubbedMax {
		text = strings.ToValidUTF8(text[:scrubbedMax], "") + "…"
	}
	return text
}

// hidePlace hides the address of a machine, with its port; what only looks like one is left.
func hidePlace(word string) string {
	bare := strings.TrimRight(word, ":.")
	for _, form := range []string{word, bare} {
		_, err := netip.ParseAddr(strings.Trim(form, "[]"))
		if _, portErr := netip.ParseAddrPort(form); err == nil || portErr == nil {
			return "[address]" + word[len(form):]
		}
	}
	return word
}
