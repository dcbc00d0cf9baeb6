package httpio

import (
	"net/http/httptest"
	"testing"
	"time"
)

func TestAnswersHaveOneShape(t *testing.T) {
	t.Parallel()
	type row struct {
		At   time.Time      `json:"at"`
		Tags []string       `json:"tags"`
		More map[string]int `json:"more"`
	}
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 3, 9, 30, 0, 500, newYork)

	w := httptest.NewRecorder()
	if err := Answer(w, 202, row{At: at, More: map[string]int{"b": 2, "a": 1}}); err != nil {
		t.Fatal(err)
	}
	want := `{"data":{"at":"2026-11-03T14:30:00.0000005Z","tags":[],"more":{"a":1,"b":2}}}` + "\n"
	if w.Body.String() != want || w.Code != 202 || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%d %v %s, want %s", w.Code, w.Header(), w.Body, want)
	}

	for cursor, want := range map[string]string{
		"":    `{"data":[],"nextCursor":null}` + "\n",
		"abc": `{"data":[],"nextCursor":"abc"}` + "\n",
	} {
		w := httptest.NewRecorder()
		if err := AnswerList(w, []row(nil), cursor); err != nil || w.Body.String() != want {
			t.Errorf("list = %s, %v, want %s", w.Body, err, want)
		}
	}
}

func TestWhatCannotBeEncodedIsStillACleanError(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := Answer(w, 200, make(chan int)); err == nil || w.Body.Len() != 0 {
		t.Errorf("err = %v, body = %s", err, w.Body)
	}
}
