package httpio

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

const cursorBytes = 8 + 16 // microseconds since 1970, then the id

// PathID reads a uuid from the path. One that is malformed cannot exist, so it is
// the same 404 as a missing one or somebody else's.
func PathID(r *http.Request, name string) (uuid.UUID, error) {
	text := chi.URLParam(r, name)
	if len(text) != 36 { // uuid.Parse would also take braces and "urn:uuid:"
		return uuid.Nil, fault.NotFound()
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, fault.NotFound()
	}
	return id, nil
}

// QueryLimit reads ?limit=: preset when it is absent, 422 when it is not between 1 and most.
func QueryLimit(r *http.Request, preset, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fault.Field("limit", fmt.Sprintf("must be a whole number from 1 to %d", most))
	}
	return n, nil
}

// Cursor marks a place in a list that runs from new to old: the last row seen.
type Cursor struct {
	At time.Time // microseconds, as the database keeps them
	ID uuid.UUID
}

// String is the opaque form for ?cursor= and nextCursor.
func (c Cursor) String() string {
	raw := binary.BigEndian.AppendUint64(make([]byte, 0, cursorBytes), uint64(c.At.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, c.ID[:]...))
}

// ParseCursor reads what String wrote. Empty text is the start of the list, and
// ok is false then; anything else that is not a cursor is 422.
func ParseCursor(text string) (c Cursor, ok bool, err error) {
	if text == "" {
		return Cursor{}, false, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != cursorBytes {
		return Cursor{}, false, fault.Field("cursor", "must be one that an earlier page gave")
	}
	copy(c.ID[:], raw[8:])
	c.At = time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC()
	return c, true, nil
}
