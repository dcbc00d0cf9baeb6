package postgres_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/alertsify/alertsify/migrations"
)

// firstReleased is the newest migration of the first release: until then no version was
// running while another migrated.
const firstReleased = 149

// Two versions run side by side while one replaces the other, on the schema of the newer:
// migrations expand. One that takes away what the version before may use is a contract
// migration; it says in a line "-- contract: " since which release nobody uses that, and
// comes a release later. This finds those that do not say so.
func TestMigrationsExpandOrSayThatTheyContract(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	contract := 0
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		version, err := goose.NumericComponent(name)
		if err != nil {
			t.Fatal(err)
		}
		takes := takesAway(string(text))
		if len(takes) > 0 {
			contract++
		}
		switch says := strings.Contains(string(text), "-- contract: "); {
		case version <= firstReleased:
		case len(takes) > 0 && !says:
			t.Errorf("%s takes away what the version before may use: %q; split it, or say \"-- contract: \" and since when nobody uses that", name, takes)
		case len(takes) == 0 && says:
			t.Errorf("%s says that it contracts, and takes nothing away", name)
		}
	}
	t.Logf("%d of %d migrations contract; those after %05d say so", contract, len(names), firstReleased)
}

func TestWhatTakesAwayIsSeen(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]int{
		"create table a (b text not null)":                                    0,
		"alter table a add column b text":                                     0,
		"alter table a add column b text not null default ''":                 0,
		"drop index a_b":                                                      0,
		"-- drop table a\nselect 1":                                           0,
		"select 1;\n-- +goose Down\ndrop table a":                             0,
		"alter table a\n    drop column b, drop column c":                     2,
		"drop table a":                                                        1,
		"alter table a rename to b":                                           1,
		"alter table a rename column b to c":                                  1,
		"alter table a alter column b type bigint":                            1,
		"alter table a alter column b set not null":                           1,
		"alter table a add column b text not null":                            1,
		"alter table a add column b text not null,\n add column c text null;": 1,
	} {
		if got := takesAway("-- +goose Up\n" + sql); len(got) != want {
			t.Errorf("%s: %q, want %d", sql, got, want)
		}
	}
}

// takesAway are the statements of a migration after which a program that knew the schema
// before may fail.
func takesAway(text string) (found []string) {
	up, _, _ := strings.Cut(text, "-- +goose Down")
	up = regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(up, "")
	up = strings.Join(strings.Fields(strings.ToLower(up)), " ")
	for _, pattern := range []string{
		`drop (table|column|view|type|sequence|schema) (if exists )?[\w.]+`, `\brename (to|column) \w+`, `alter column \w+ (set data )?type \w+`, `alter column \w+ set not null`,
	} {
		found = append(found, regexp.MustCompile(pattern).FindAllString(up, -1)...)
	}
	for _, added := range regexp.MustCompile(`add column (if not exists )?\w+ [^,;]*not null[^,;]*`).FindAllString(up, -1) {
		if !strings.Contains(added, "default") && !strings.Contains(added, "generated") {
			found = append(found, fmt.Sprintf("%s (without a default)", added))
		}
	}
	return found
}
