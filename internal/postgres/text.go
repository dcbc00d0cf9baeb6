package postgres

import (
	"strings"
	"unicode/utf8"
)

// Storable tells whether the database can hold a text, and so can be asked for it at all:
// UTF-8 without a zero in it. A name that is not is nobody's.
func Storable(text string) bool {
	return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0
}

// Clip is what the database can hold of a text, at most so many bytes and no half character.
func Clip(text string, most int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}
