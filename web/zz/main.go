package main

import (
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/web"
)

func main() {
	s, err := web.New(web.Options{Now: time.Now, Dev: true})
	if err != nil {
		log.Fatal(err)
	}
	r := chi.NewRouter()
	for _, x := range s.Routes() {
		r.Method(x.Method, x.Pattern, x.Handler)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'")
		r.ServeHTTP(w, q)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:7799", h))
}
