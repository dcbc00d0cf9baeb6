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
	if u.Path == LoginPath { // it would send people round in a circle
		return "/"
	}
	return path
}
