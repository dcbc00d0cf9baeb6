package postgres_test

import (
	"testing"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// What is storable and what is not, the database itself says; what is clipped it takes.
func TestStorableIsWhatTheDatabaseTakes(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t).Pool()
	takes := func(text string) bool {
		var back string
		err := pool.QueryRow(t.Context(), `select $1::text`, text).Scan(&back)
		if err != nil && !postgres.IsBadValue(err) {
			t.Fatal(err)
		}
		return err == nil && back == text
	}
	for _, text := range []string{
		"", "ava", "é👩🏽\u200d🚒", "a\nb\x01\x7f", "\ufffd\ufffe\uffff\U0010ffff",
		"\x00", "a\x00b", "\xff", "half \xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	} {
		if took := takes(text); postgres.Storable(text) != took {
			t.Errorf("%q is storable: %t; the database takes it: %t", text, !took, took)
		}
		for most := range len(text) + 2 {
			if got := postgres.Clip(text, most); !takes(got) || len(got) > most {
				t.Errorf("%q clipped to %d: %q", text, most, got)
			}
		}
	}
}

func TestClippedIsOnlyWhatHasTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"ava", 3, "ava"}, {"ava", 2, "av"}, {"éé", 3, "é"}, {"a\x00v\xffa", 3, "ava"}, {"", 0, ""},
	} {
		if got := postgres.Clip(c.text, c.most); got != c.want {
			t.Errorf("%q clipped to %d: %q", c.text, c.most, got)
		}
	}
}
