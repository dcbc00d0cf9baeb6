package users

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

const (
	usernameMin = 2
	usernameMax = 30 // as the table checks
	suffixRoom  = 7  // "_" and six digits
)

// validUsername is the table's own check, so that a form can say it first.
func validUsername(s string) bool {
	strange := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strange < 0 && len(s) >= usernameMin && len(s) <= usernameMax
}

// reserved names speak for the house. Only the command line may give them away.
func reserved(username string) bool {
	return slices.Contains([]string{
		"admin", "administrator", "alertsify", "api", "everyone", "help", "here", "me", "moderator",
		"null", "official", "root", "security", "staff", "support", "system", "undefined",
	}, username)
}

// candidates are usernames to try, best first: the plain one, a few small
// numbers, then numbers nobody can have taken all of.
func candidates(n NewUser) []string {
	base := wantedUsername(n)
	tries := []string{}
	if n.Username != "" || !reserved(base) {
		tries = append(tries, base)
	}
	if len(base) > usernameMax-suffixRoom {
		base = strings.TrimRight(base[:usernameMax-suffixRoom], "_")
	}
	for i := 2; i <= 4; i++ {
		tries = append(tries, fmt.Sprintf("%s%d", base, i))
	}
	for _, digits := range []int{1_000, 10_000, 100_000, 100_000, 100_000, 100_000} {
		tries = append(tries, fmt.Sprintf("%s_%d", base, digits+rand.N(9*digits)))
	}
	return tries
}

func wantedUsername(n NewUser) string {
	local, _, _ := strings.Cut(n.Email, "@")
	for _, source := range []string{n.Username, n.Name, local} {
		if username := derive(source); len(username) >= usernameMin {
			return username
		}
	}
	return "member"
}

// derive writes a name in the letters of usernames: "Zoë O'Neil" is zoe_oneil.
func derive(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(norm.NFKD.String(name)) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case strings.ContainsRune(" _-.", r) && b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() == usernameMax {
			break
		}
	}
	return strings.Trim(b.String(), "_")
}
