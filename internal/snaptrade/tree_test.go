package snaptrade

import (
	"testing"
	"time"
)

func mustParse(t *testing.T, text string) Value {
	t.Helper()
	v, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestDecimalsDecodeFromStringNumberOrNull(t *testing.T) {
	t.Parallel()
	cases := []struct {
		json, want string // want "" is nil
		readable   bool
	}{
		{`"1.250000000"`, "1.25", true},
		{`1.25`, "1.25", true},
		{`1.10`, "1.1", true},
		{`12345678901234567.89`, "12345678901234567.89", true},
		{`2`, "2", true},
		{`-3`, "-3", true},
		{`1e2`, "100", true},
		{`null`, "", true},
		{`""`, "", true},
		{`"abc"`, "", false},
		{`"NaN"`, "", false},
		{`true`, "", false},
		{`{}`, "", false},
		{`"1e999999999"`, "", false},
		{`1e-300`, "", false},
		{`"0000000000000000000000000000000000000000000000000000000000000000001"`, "", false},
	}
	for _, c := range cases {
		got, ok := mustParse(t, c.json).Decimal()
		if ok != c.readable {
			t.Errorf("%s: readable %v", c.json, ok)
		}
		if (got == nil) != (c.want == "") || got != nil && got.String() != c.want {
			t.Errorf("%s: %v, want %q", c.json, got, c.want)
		}
	}
	if got, ok := (Value{}).Decimal(); got != nil || !ok {
		t.Errorf("missing: %v %v", got, ok)
	}
}

func TestTimesDecodeWithTAndWithASpace(t *testing.T) {
	t.Parallel()
	want := time.Date(2024, 6, 28, 18, 42, 46, 561408000, time.UTC)
	for _, text := range []string{`"2024-06-28T18:42:46.561408Z"`, `"2024-06-28 18:42:46.561408+00:00"`, `"2024-06-28T13:42:46.561408-05:00"`} {
		if got, ok := mustParse(t, text).Time(); !ok || !got.Equal(want) {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
	if got, ok := mustParse(t, `"2024-06-28"`).Time(); !ok || !got.Equal(want.Truncate(24*time.Hour)) {
		t.Errorf("date: %v %v", got, ok)
	}
	for text, readable := range map[string]bool{`null`: true, `""`: true, `"soon"`: false, `17`: false} {
		if got, ok := mustParse(t, text).Time(); ok != readable || !got.IsZero() {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
}

func TestTreeKeepsTheLastOfDoubledKeysAndTheCaseOfKeys(t *testing.T) {
	t.Parallel()
	v := mustParse(t, `{"a":1,"A":2,"a":3}`)
	if v.Get("a").ID() != "3" || v.Get("A").ID() != "2" || v.Get("b").Kind() != Missing {
		t.Errorf("%s", v.Canonical())
	}
}

func TestTextIsSafeForADatabase(t *testing.T) {
	t.Parallel()
	if got := mustParse(t, `"a\ud800b\u0000c"`).Text(); got != "a\uFFFDb\uFFFDc" {
		t.Errorf("%q", got)
	}
}
