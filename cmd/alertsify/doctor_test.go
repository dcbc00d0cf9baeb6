package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// Whoever runs the doctor reads one line for each integration: whether it works, and what to
// do where it does not. It fails when one has an error, and settings that contradict each other
// are not taken for the database's fault.
func TestDoctorSaysWhatWorksAndWhatToDo(t *testing.T) {
	t.Parallel()
	usual := map[string]string{
		"APP_URL": "https://alertsify.example", "DATABASE_URL": pgtest.URL(t), "REDIS_URL": "redis://127.0.0.1:1",
		"SESSION_SECRET": strings.Repeat("s", 32), "ENCRYPTION_KEYS": "a:" + strings.Repeat("A", 43) + "=",
	}
	google := map[string]string{"GOOGLE_CLIENT_ID": "id", "GOOGLE_CLIENT_SECRET": "secret"}
	for name, c := range map[string]struct {
		set      map[string]string
		out, err string // of which both must be found
		complete bool   // every integration has its line
	}{
		"Redis is away": {
			set:      google,
			out:      `(?m)^database +ok.*\n(.*\n)*redis +error: .*; check REDIS_URL and that Redis runs; without it rates are kept per process$`,
			err:      `1 integration has an error`,
			complete: true,
		},
		"the database is away": {
			set: map[string]string{"DATABASE_URL": "postgres://127.0.0.1:1/alertsify"},
			out: `(?s)^database +error: .*refused; check DATABASE_URL and that PostgreSQL runs; .alertsify migrate up. when the schema is behind\n$`,
			err: `1 integration has an error`,
		},
		"there is no such database": {
			set: map[string]string{"DATABASE_URL": strings.Replace(pgtest.URL(t), "postgres:///", "postgres:///no_", 1)},
			out: `(?s)^database +error: .*does not exist.*; check DATABASE_URL and that PostgreSQL runs; .alertsify migrate up. when the schema is behind\n$`,
			err: `1 integration has an error`,
		},
		"nobody could sign in": {
			out: `^$`,
			err: `no sign-in provider is set: give a pair such as GOOGLE_CLIENT_ID`,
		},
		"half a pair of keys": {
			set: map[string]string{"SNAPTRADE_CLIENT_ID": "half"},
			out: `^$`,
			err: `(?s)settings need attention:.*SNAPTRADE_CLIENT_ID and SNAPTRADE_CONSUMER_KEY go together`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, said strings.Builder
			env := app.Layered(app.Map(c.set), app.Map(usual))
			if code := run(t.Context(), console{out: &out, err: &said, env: env}, []string{"doctor"}); code != 1 {
				t.Errorf("ends with %d", code)
			}
			if !regexp.MustCompile(c.out).MatchString(out.String()) || !regexp.MustCompile(c.err).MatchString(said.String()) {
				t.Errorf("says\n%s\nand\n%s", out.String(), said.String())
			}
			if lines := regexp.MustCompile(`(?m)^[a-z-]+ +(ok |disabled: |error: )`).FindAllString(out.String(), -1); c.complete && len(lines) != 21 { // as App.Checks has
				t.Errorf("%d lines:\n%s", len(lines), out.String())
			}
		})
	}
}
