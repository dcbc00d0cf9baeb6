package discord

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

const ellipsis = "…"

// Truncate trims outer white space and cuts to at most limit code points, the
// closing "…" counted in. It never splits what a reader sees as one character
// (a family emoji is seven code points, a flag is two), nor an escape made by Escape.
func Truncate(s string, limit int) string {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	if limit < 1 {
		return ""
	}
	kept := firstGraphemes(s, limit-1)
	return strings.TrimRight(dropHalfEscape(kept), " ") + ellipsis
}

func firstGraphemes(s string, limit int) string {
	end, count, state := 0, 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if count += utf8.RuneCountInString(cluster); count > limit {
			break
		}
		end += len(cluster)
	}
	return s[:end]
}

// dropHalfEscape removes a last backslash whose character was cut away, which
// would escape the ellipsis or, worse, whatever is put after the text.
func dropHalfEscape(s string) string {
	backslashes := len(s) - len(strings.TrimRight(s, `\`))
	if backslashes%2 == 0 {
		return s
	}
	return s[:len(s)-1]
}
