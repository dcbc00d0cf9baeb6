package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// Operators halt and set limits from a terminal as on the page; what is refused
// changes nothing and says which word is wrong.
func TestOperatorsHaltAndSetLimitsFromATerminal(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	if _, err := pgtest.Open(t, url).Pool().Exec(t.Context(), `insert into users (username, name) values ('ava', 'Ava')`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says string // a pattern of what is printed
	}{
		{"halt", 0, `^0 in force, 0 stopped themselves\n$`},
		{"halt underlying tsla", 1, `reason: Say why`},
		{"halt planet mars --reason gone", 1, `scope: platform, broker`},
		{"halt user nobody --reason gone", 1, `key: There is no such user`},
		{"halt off", 2, `usage: alertsify halt`},
		{"halt underlying tsla too many", 2, `usage: alertsify halt`},
		{"halt underlying tsla --reason News", 0, `(?s)^underlying +TSLA +stops all .* operator +News\n1 in force`},
		{"halt --reason Asked leader ava", 0, `(?s)leader +@ava +stops copies .*2 in force`},
		{"halt off underlying tsla --reason Over", 0, `(?s)^leader .*1 in force`},
		{"halt off underlying tsla", 1, `.`},
		{"halt off leader ava", 0, `^0 in force`},
		{"limits", 2, `usage: alertsify limits`},
		{"limits nobody", 1, `find user "nobody"`},
		{"limits ava dayPremium much", 1, `"much" is no amount`},
		{"limits ava dayPremiums 5", 1, `kind: There is no such limit`},
		{"limits ava manualContracts 1.5", 1, `manualContracts: A whole number`},
		{"limits ava dayPremium $80,000", 0, `dayPremium +\$80,000.00 +\$50,000.00 +\$80,000.00 +- `},
		{"limits ava dayPremium default", 0, `dayPremium +\$50,000.00 +\$50,000.00 +- +- `},
		{"limits ava", 0, `manualContracts +100 contracts +100 contracts +- +- `},
	} {
		var out, err strings.Builder
		code := run(t.Context(), console{out: &out, err: &err, env: app.Map(map[string]string{"DATABASE_URL": url})}, strings.Fields(c.args))
		if code != c.code || !regexp.MustCompile(c.says).MatchString(out.String()+err.String()) {
			t.Errorf("alertsify %s: %d\n%s%s", c.args, code, out.String(), err.String())
		}
	}
}
