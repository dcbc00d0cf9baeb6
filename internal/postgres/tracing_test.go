package postgres

import "testing"

// What a span says of a statement is its verb and its first table, whatever stands in it.
func TestASpanNamesTheVerbAndTheTableOfAStatement(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"\n\t\tinsert into orders (id, note) values ($1, 'hunter2')": "insert orders",
		"select 1": "select",
		"update\n orders o set state = 'x' where id = '0d9a1f5e'":          "update orders",
		"begin isolation level read committed":                             "begin",
		"-- name: JobGetAvailable :many\nSELECT * FROM river_job":          "select river_job",
		"with x as (delete from deliveries where id = $1) select * from x": "with deliveries",
		"select set_config('app.user_id', '0d9a1f5e-2b0e', true)":          "select",
		"'hunter2'": "",
	} {
		if got := summary(sql); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
}
