package httpio

import "net/http"

// Body reads a JSON request's bytes for callers that keep them, as an
// idempotency key does; DecodeBytes reads what is in them.
func Body(r *http.Request) ([]byte, error) {
	if err := checkContentType(r.Header); err != nil {
		return nil, err
	}
	return readBody(r)
}
