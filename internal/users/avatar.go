package users

import (
	"net/url"
	"slices"
	"strings"
)

// Pictures are served by the providers people sign in with; no other address is kept or
// shown, and none is ever fetched by us.
const googlePictures = "googleusercontent.com" // lh3 and its siblings

func pictureHosts() []string {
	return []string{"cdn.discordapp.com", "avatars.githubusercontent.com"}
}

// PictureSources are the origins that a page may show pictures of people from, for the
// Content-Security-Policy.
func PictureSources() []string {
	sources := []string{"https://*." + googlePictures}
	for _, host := range pictureHosts() {
		sources = append(sources, "https://"+host)
	}
	return sources
}

const pictureMax = 1000 // bytes of an address

// picture keeps an address of a provider's pictures; anything else is nobody's.
func picture(address string) string {
	u, err := url.Parse(address)
	if err != nil || len(address) > pictureMax || u.Scheme != "https" || u.User != nil || u.Port() != "" {
		return ""
	}
	sub, google := strings.CutSuffix(u.Host, "."+googlePictures)
	if google && sub != "" && !strings.Contains(sub, ".") || slices.Contains(pictureHosts(), u.Host) {
		return u.String()
	}
	return ""
}
