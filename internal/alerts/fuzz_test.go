package alerts

import (
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

// Whatever comes as the cursor of a feed or of the notifications: a place in the list, or
// 422 with the field's name.
func FuzzMark(f *testing.F) {
	f.Add(newest().cursor())
	f.Add("MjAyNi0xMS0yMFQxNDozMDowMFog")
	f.Add("====")
	f.Fuzz(func(t *testing.T, cursor string) {
		m, err := markOf(cursor)
		if err != nil {
			if fault.CodeOf(err) != "validation_failed" {
				t.Errorf("%q: %v", cursor, err)
			}
			return
		}
		if again, err := markOf(m.cursor()); err != nil || !again.at.Equal(m.at) || again.id != m.id {
			t.Errorf("%q becomes %q", cursor, m.cursor())
		}
	})
}

// Whatever somebody sends as the hours in which they want quiet: hours of a day in a zone
// of this world, or a word about each field that is none.
func FuzzQuiet(f *testing.F) {
	f.Add("22:00", "07:00", "America/New_York")
	f.Add("24:00", "7:00", "Local")
	f.Add("", "\x00", "../../etc/passwd")
	f.Fuzz(func(t *testing.T, from, to, zone string) {
		wrong := map[string]string{}
		q := Quiet{From: from, To: to, TimeZone: zone}.read(wrong)
		if len(wrong) > 0 {
			return
		}
		if q.From == q.To || q.From < 0 || q.From > 24*60 || q.To < 0 || q.To > 24*60 || q.Zone == nil || clockText(q.From) != from {
			t.Errorf("%q to %q in %q is %+v", from, to, zone, q)
		}
	})
}

// Whatever addresses a push leads to, it is a page of ours.
func FuzzPushPath(f *testing.F) {
	for _, seed := range []string{"/orders/1", "//evil.example", "/\\evil.example", "https://app.example/x", "javascript:alert(1)", "/\t/evil.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		if got := localPath(url); got != "" && (got[0] != '/' || len(got) > 1 && (got[1] == '/' || got[1] == '\\')) {
			t.Errorf("%q leads to %q", url, got)
		}
	})
}
