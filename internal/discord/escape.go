package discord

import (
	"regexp"
	"strings"
	"unicode"
)

const zeroWidthSpace = "\u200b"

var (
	everyone = regexp.MustCompile(`(?i)@(everyone|here)`)
	bareLink = regexp.MustCompile(`(?i)(https?:)(/)`)
)

// Clean makes text that a user wrote safe to show where Discord renders no
// markdown, such as an author's name: invisible and direction-changing
// characters go, white space becomes single spaces, mass mentions and links
// are broken up by a zero-width space.
func Clean(s string) string { return breakUp(visible(s)) }

// Escape does what Clean does and also takes away the meaning of markdown, of
// mentions and of masked links, for embed descriptions and field values.
func Escape(s string) string {
	var b strings.Builder
	for _, r := range breakUp(visible(s)) {
		if strings.ContainsRune("\\*_~|>#-[]()<@`", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func breakUp(s string) string {
	s = everyone.ReplaceAllString(s, "@"+zeroWidthSpace+"$1")
	return bareLink.ReplaceAllString(s, "$1"+zeroWidthSpace+"$2")
}

// visible drops what cannot be seen and collapses white space.
func visible(s string) string {
	var b strings.Builder
	previous := rune(0)
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unicode.IsControl(r) {
			r = ' '
		}
		if isInvisible(r) || r == zeroWidthJoiner && !joins(previous) {
			continue
		}
		b.WriteRune(r)
		previous = r
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

const zeroWidthJoiner = '\u200d'

func isInvisible(r rune) bool {
	switch {
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069': // text direction
		return true
	case r == '\u200b', r == '\u2060', r == '\ufeff': // zero width
		return true
	default:
		return false
	}
}

// joins reports whether a zero-width joiner has a meaning after r: in an emoji
// (symbol, skin tone, variation selector) or after a combining mark, as Indic
// scripts use it.
func joins(r rune) bool { return unicode.In(r, unicode.So, unicode.Sk, unicode.M) }
