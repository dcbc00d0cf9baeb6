package httpio

import (
	"net/http"
	"strings"
)

// secured sets what browsers must hold against a page of ours. Nothing inline,
// nothing from elsewhere but pictures of images, in nobody's frame. A form may lead to formTargets only:
// browsers apply form-action to the redirect after a form too, which is how
// sign-in reaches its provider.
func secured(appURL string, formTargets, images []string) func(http.Handler) http.Handler {
	policy := contentPolicy(formTargets, images)
	https := strings.HasPrefix(appURL, "https://")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", policy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
			if https {
				// Two years, as browsers' preload lists ask.
				h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
			}
			next.ServeHTTP(w, r)
		})
	}
}

func contentPolicy(formTargets, images []string) string {
	return strings.Join([]string{
		"default-src 'self'",
		"script-src 'self'",
		"style-src 'self'",
		strings.Join(append([]string{"img-src 'self' data:"}, images...), " "),
		"object-src 'none'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
		strings.Join(append([]string{"form-action 'self'"}, formTargets...), " "),
	}, "; ")
}
