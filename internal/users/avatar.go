package users

import (
	"net/url"
	"slices"
	"strings"
)

// pictureHosts are where the providers of sign-in keep pictures. No other address is kept
// or shown; they are shown by browsers and never fetched by us (correctness §16).
func pictureHosts() []string {
	return []string{"lh3.googleusercontent.com", "cdn.discordapp.com", "avatars.githubusercontent.com"}
}

// PictureSources are the origins that a page may show pictures of people from, for the
// Content-Security-Policy.
func PictureSources() []string {
	var sources []string
	for _, host := range pictureHosts() {
		sources = append(sources, "https://"+host)
	}
	return sources
}

const pictureMax = 1000 // characters of an address

// picture keeps an address of a provider's pictures; anything else is nobody's.
func picture(address string) string {
	u, err := url.Parse(address)
	if err != nil || len(address) > pictureMax || u.Scheme != "https" || u.User != nil || u.Fragment != "" {
		return ""
	}
	if !slices.Contains(pictureHosts(), u.Host) || strings.ContainsFunc(address, isOdd) {
		return ""
	}
	return u.String()
}

// isOdd finds what browsers drop from an address, or read as something else.
func isOdd(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }
