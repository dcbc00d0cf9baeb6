package api

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var specification []byte

// Specification answers the description of the API (OpenAPI 3.1).
func Specification(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=300")
	_, err := w.Write(specification)
	return err
}
