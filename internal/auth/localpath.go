package auth

import (
	"net/url"
	"strings"
	"unicode"
)

const localPathMax = 2000 // bytes; longer ones do not come from our pages

// LocalPath returns path when it leads to a page of ours, else "/": one slash,
// not two and no backslash (browsers read both as another host), no control
// characters (browsers drop them before reading).
func LocalPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || len(path) > localPathMax {
		return "/"
	}
	if strings.ContainsRune(path, '\\') || strings.ContainsFunc(path, unicode.IsControl) {
		return "/"
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return "/"
	}
	// What is written %2f or %5c is a slash once somebody writes the address anew.
	if strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') || strings.ContainsFunc(u.Path, unicode.IsControl) {
		return "/"
	}
	if u.Path == LoginPath { // it would send people round in a circle
		return "/"
	}
	return path
}
