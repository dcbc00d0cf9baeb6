package auth

import (
	"net/http"
	"strings"
)

// deviceOf names a browser well enough to recognise one's own: "Firefox on
// Windows". Only words of our own come out of it.
func deviceOf(r *http.Request) string {
	agent := r.UserAgent()
	browser := firstNamed(agent, "A browser", [][2]string{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	})
	system := firstNamed(agent, "", [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
		{"Mac OS X", "Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	})
	if system == "" {
		return browser
	}
	return browser + " on " + system
}

// firstNamed takes the first mark found: browsers name their ancestors too, so
// the order of the list decides.
func firstNamed(agent, otherwise string, marks [][2]string) string {
	for _, mark := range marks {
		if strings.Contains(agent, mark[0]) {
			return mark[1]
		}
	}
	return otherwise
}
