package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

const telegramTextMax = 4096 // UTF-16 units, markup not counted

var telegramTags = []string{"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "blockquote", "tg-spoiler"}

// telegramHTML takes the markup out of a text, or says what Telegram finds wrong in it.
func telegramHTML(markup string) (text, wrong string) {
	var out strings.Builder
	var open []string
	for at := 0; at < len(markup); {
		switch markup[at] {
		case '<':
			end := strings.IndexByte(markup[at:], '>')
			if end < 0 {
				return "", fmt.Sprintf("Unclosed start tag at byte offset %d", at)
			}
			tag := markup[at+1 : at+end]
			if open, wrong = telegramTag(open, tag, at); wrong != "" {
				return "", wrong
			}
			at += end + 1
		case '&':
			word, length := telegramEntity(markup[at:])
			out.WriteString(word)
			at += length
		default:
			out.WriteByte(markup[at])
			at++
		}
	}
	if len(open) > 0 {
		return "", fmt.Sprintf("Can't find end tag corresponding to start tag %q", open[len(open)-1])
	}
	return out.String(), ""
}

// telegramTag opens or closes one.
func telegramTag(open []string, tag string, at int) (left []string, wrong string) {
	if name, closes := strings.CutPrefix(tag, "/"); closes {
		if len(open) == 0 || open[len(open)-1] != name {
			return nil, fmt.Sprintf("Unexpected end tag at byte offset %d", at)
		}
		return open[:len(open)-1], ""
	}
	name, _, _ := strings.Cut(tag, " ")
	if !slices.Contains(telegramTags, strings.ToLower(name)) {
		return nil, fmt.Sprintf("Unsupported start tag %q at byte offset %d", name, at)
	}
	return append(open, name), ""
}

// telegramEntity reads what stands for a character; what stands for none is text.
func telegramEntity(from string) (word string, length int) {
	end := strings.IndexByte(from, ';')
	if end < 0 || end > 10 {
		return "&", 1
	}
	name := from[1:end]
	if known := map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`}[name]; known != "" {
		return known, end + 1
	}
	if number, is := strings.CutPrefix(name, "#"); is {
		base := 10
		if hex, isHex := strings.CutPrefix(number, "x"); isHex {
			number, base = hex, 16
		}
		if n, err := strconv.ParseInt(number, base, 32); err == nil && n > 0 {
			return string(rune(n)), end + 1
		}
	}
	return "&", 1
}

func utf16Length(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}
