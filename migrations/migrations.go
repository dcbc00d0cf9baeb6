// Package migrations is the history of the database, embedded.
package migrations

import "embed"

// FS holds the SQL files in goose's format, applied in the order of their numbers.
//
//go:embed *.sql
var FS embed.FS
