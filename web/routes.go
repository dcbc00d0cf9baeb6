package web

import "github.com/alertsify/alertsify/internal/httpio"

// Route is one address of the site. Rule says who may call it, in the words of
// the route table: "public", "signed-in".
type Route struct {
	Method, Pattern, Rule string
	Handler               httpio.Handler
}

// Routes lists every address of the site. Nothing is served that is not here.
func (s *Site) Routes() []Route {
	list := []Route{
		{"GET", "/assets/{name}", "public", s.asset},
		{"GET", "/sw.js", "public", s.worker},
		{"GET", "/manifest.webmanifest", "public", s.manifest},
	}
	if s.dev {
		list = append(list,
			Route{"GET", "/gallery", "public", s.gallery},
			Route{"GET", "/gallery/{name}", "public", s.gallery},
		)
	}
	return list
}
