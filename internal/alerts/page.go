package alerts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
)

const (
	pageDefault = 25
	pageMax     = 100
)

func pageSize(asked int) int {
	if asked <= 0 {
		return pageDefault
	}
	return min(asked, pageMax)
}

// mark is where a page ended: lists are sorted by instant, then id.
type mark struct {
	at time.Time
	id uuid.UUID
}

// newest is the mark before the first row of any list.
func newest() mark {
	return mark{at: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), id: uuid.Max}
}

func (m mark) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(m.at.UTC().Format(time.RFC3339Nano) + " " + m.id.String()))
}

// markOf reads a cursor we gave; "" is the beginning.
func markOf(cursor string) (mark, error) {
	if cursor == "" {
		return newest(), nil
	}
	m, err := readMark(cursor)
	if err != nil {
		return mark{}, fault.Field("cursor", "is not one we gave").Because(err)
	}
	return m, nil
}

func readMark(cursor string) (mark, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return mark{}, err
	}
	at, id, found := strings.Cut(string(b), " ")
	if !found {
		return mark{}, errors.New("cursor has one part")
	}
	var m mark
	if m.at, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return mark{}, fmt.Errorf("cursor: %w", err)
	}
	m.id, err = uuid.Parse(id)
	return m, err
}
