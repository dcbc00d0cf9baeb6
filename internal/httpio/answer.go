package httpio

import (
	"fmt"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Answer writes {"data": data}. Nil slices are [], instants are RFC 3339 in UTC.
func Answer(w http.ResponseWriter, status int, data any) error {
	return write(w, status, struct {
		Data any `json:"data"`
	}{data})
}

// AnswerList writes {"data": […], "nextCursor": …}; an empty cursor is the last
// page and becomes null.
func AnswerList(w http.ResponseWriter, data any, nextCursor string) error {
	var next *string
	if nextCursor != "" {
		next = &nextCursor
	}
	return write(w, http.StatusOK, struct {
		Data       any     `json:"data"`
		NextCursor *string `json:"nextCursor"`
	}{data, next})
}

// AnswerPage is AnswerList with an account of the page beside it, which the first
// product's lists had.
func AnswerPage(w http.ResponseWriter, data, pagination any, nextCursor string) error {
	var next *string
	if nextCursor != "" {
		next = &nextCursor
	}
	return write(w, http.StatusOK, struct {
		Data       any     `json:"data"`
		Pagination any     `json:"pagination"`
		NextCursor *string `json:"nextCursor"`
	}{data, pagination, next})
}

// encoded are the options of every answer and event: made once, because marshalers remember
// which types they are for.
var encoded = json.JoinOptions(json.Deterministic(true), json.WithMarshalers(json.MarshalToFunc(marshalInstant)))

// Marshal encodes as every answer and event of ours is encoded.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, encoded) }

// marshalInstant writes UTC: the database driver hands out instants in the zone
// of the machine.
func marshalInstant(enc *jsontext.Encoder, at time.Time) error {
	return enc.WriteToken(jsontext.String(at.UTC().Format(time.RFC3339Nano)))
}

// write encodes first, so that what cannot be encoded is still a clean 500.
func write(w http.ResponseWriter, status int, v any) error {
	body, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	// A write fails only when the client is gone; there is nobody left to tell.
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// writeFault writes the one error shape: every error has all four members.
func writeFault(w http.ResponseWriter, f *fault.Error, requestID string) {
	details := f.Details
	if details == nil {
		details = map[string]any{}
	}
	err := write(w, f.Status, struct {
		Error     string         `json:"error"`
		Code      string         `json:"code"`
		RequestID string         `json:"request_id"`
		Details   map[string]any `json:"details"`
	}{f.Public, f.Code, requestID, details})
	if err != nil { // details somebody filled with what JSON cannot hold
		writeFault(w, fault.Internal(err), requestID)
	}
}
