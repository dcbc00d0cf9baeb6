package httpio

import (
	"net/http"
	"strings"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/go-chi/chi/v5"
)

// MethodNotAllowed answers a path that exists with other methods; Allow names
// them, as RFC 9110 asks. routes is the router whose 405 this is.
func MethodNotAllowed(routes chi.Routes) http.Handler {
	return Handler(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", strings.Join(allowed(routes, r.URL.Path), ", "))
		return fault.Method()
	})
}

func allowed(routes chi.Routes, path string) []string {
	var methods []string
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		if routes.Match(chi.NewRouteContext(), method, path) {
			methods = append(methods, method)
		}
	}
	return methods
}
