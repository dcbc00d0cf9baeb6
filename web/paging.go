package web

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/httpio"
)

const pageSize = 50 // rows of a list before "Older"

// cursor reads ?cursor=; nil is the start of the list.
func cursor(r *http.Request) (*httpio.Cursor, error) {
	return cursorAt(r.URL.Query().Get("cursor"))
}

// cursorAt is cursor of a page with several lists.
func cursorAt(text string) (*httpio.Cursor, error) {
	c, ok, err := httpio.ParseCursor(text)
	if err != nil || !ok {
		return nil, err
	}
	return &c, nil
}

// older is the cursor of the next page as text, "" on the last.
func older(at time.Time, id uuid.UUID) string { return httpio.Cursor{At: at, ID: id}.String() }

// oneOf reads a query parameter that has a few words; the first is the default.
func oneOf(r *http.Request, name string, words ...string) string {
	given := r.URL.Query().Get(name)
	for _, word := range words {
		if given == word {
			return word
		}
	}
	return words[0]
}
