package httpio

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
)

func TestACursorComesBackAsItWas(t *testing.T) {
	t.Parallel()
	want := Cursor{At: time.Date(2026, 11, 3, 14, 30, 0, 123456000, time.UTC), ID: uuid.New()}
	got, ok, err := ParseCursor(want.String())
	if err != nil || !ok || got != want {
		t.Errorf("got %v %v %v, want %v", got, ok, err, want)
	}
	if _, ok, err := ParseCursor(""); ok || err != nil {
		t.Errorf("no cursor = %v, %v", ok, err)
	}
	for _, bad := range []string{"x", "AAAA", want.String() + "A", want.String() + "=", "../../etc"} {
		if _, _, err := ParseCursor(bad); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %v, want validation_failed", bad, err)
		}
	}
}

func TestQueryLimitHasBounds(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{"": 20, "?limit=1": 1, "?limit=100": 100} {
		if got, err := QueryLimit(httptest.NewRequest("GET", "/x"+query, nil), 20, 100); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", query, got, err, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=101", "?limit=-1", "?limit=x", "?limit=1.0", "?limit=99999999999999999999"} {
		if _, err := QueryLimit(httptest.NewRequest("GET", "/x"+query, nil), 20, 100); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %v, want validation_failed", query, err)
		}
	}
}
