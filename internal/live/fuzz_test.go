package live

import "testing"

// Whatever a page sends as its Last-Event-ID: what is taken is written as it was read, and
// is a snapshot that Postgres would take.
func FuzzCursor(f *testing.F) {
	f.Add("1795185000.7.10:20:10,14,15")
	f.Add("1.2.0:0:")
	f.Add("-9223372036854775808.9223372036854775807.18446744073709551615:18446744073709551615:")
	f.Add("1.2.3:2:,")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseCursor(text)
		if !ok {
			return
		}
		s, ok := parseSnapshot(c.snapshot)
		if !ok || s.low == 0 || s.low > s.high || s.saw(s.high) {
			t.Errorf("%q holds %+v", text, s)
		}
		if again, ok := parseCursor(c.String()); !ok || again != c {
			t.Errorf("%q becomes %q", text, c.String())
		}
		_ = c.fresh(c.at)
	})
}
