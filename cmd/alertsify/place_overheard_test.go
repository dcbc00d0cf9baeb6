package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// script is what the database was told while one order was placed.
type script struct {
	statements []statement
	order, key string // what must be another in each run
}

// statement is one round trip. Parameters are as the server's log shows them; nil
// is null.
type statement struct {
	session    string
	sql        string
	parameters []*string
}

// overheard places an order for everybody, one after the other, and reads in the
// database's log which statements that took. Whose list is longer than another's
// had something else going on beside it, and is left out.
func (c *crowd) overheard(b *testing.B, url string) (scripts []script) {
	b.Helper()
	db, err := postgres.Open(b.Context(), postgres.Options{URL: c.stage.env["DATABASE_URL"], MaxConns: 1, AppName: "overhearing"})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	c.rest(b)
	c.logging(b, db, "all")
	log := filepath.Join(c.stage.dir, "postgres", "postgres.log")
	shortest := 0
	first := (c.n/placers + 1) * placers // everybody's next
	for i := range placers {
		from := size(b, log)
		c.n = first + i
		c.place(b, url, c.n)
		text, err := os.ReadFile(log)
		if err != nil {
			b.Fatal(err)
		}
		s := readScript(b, string(text[from:]))
		if n := len(s.statements); shortest == 0 || n < shortest {
			shortest = n
		}
		scripts = append(scripts, s)
		<-time.After(50 * time.Millisecond) // what it set off is not the next one's
	}
	c.logging(b, db, "none")
	clean := scripts[:0]
	for _, s := range scripts {
		if len(s.statements) == shortest {
			clean = append(clean, s)
		}
	}
	return clean
}

// rest waits until no order is on its way any more.
func (c *crowd) rest(b *testing.B) {
	b.Helper()
	for end := time.Now().Add(2 * time.Minute); ; <-time.After(200 * time.Millisecond) {
		var busy int
		if err := c.stage.db.Pool().QueryRow(b.Context(), `select count(*) from orders where state in ('queued', 'submitting')`).Scan(&busy); err != nil {
			b.Fatal(err)
		}
		if busy == 0 {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("%d orders are still on their way", busy)
		}
	}
}

func (c *crowd) logging(b *testing.B, db *postgres.DB, what string) {
	b.Helper()
	for _, sql := range []string{
		`alter system set log_line_prefix = '@@%p@%a@'`, `alter system set log_statement = '` + what + `'`, `select pg_reload_conf()`,
	} {
		if _, err := db.Pool().Exec(context.Background(), sql); err != nil {
			b.Fatal(err)
		}
	}
	<-time.After(500 * time.Millisecond) // sessions hear of it at their next statement
}

func size(b *testing.B, path string) int64 {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

var (
	logged    = regexp.MustCompile(`(?s)^(\d+)@alertsify@LOG:\s+(?:execute [^:]*|statement): (.*)$`)
	detailed  = regexp.MustCompile(`(?s)^(\d+)@alertsify@DETAIL:\s+parameters: (.*)$`)
	parameter = regexp.MustCompile(`(?s)\$\d+ = (NULL|'(?:[^']|'')*')`)
)

// readScript takes the program's statements up to the commit of the order.
func readScript(b *testing.B, log string) (s script) {
	b.Helper()
	writer := "" // the session that wrote the order
	for entry := range strings.SplitSeq(log, "@@") {
		entry = strings.TrimRight(entry, "\n")
		if m := logged.FindStringSubmatch(entry); m != nil {
			sql := strings.ReplaceAll(m[2], "\n\t", "\n")
			s.statements = append(s.statements, statement{session: m[1], sql: sql})
			if strings.Contains(sql, "insert into orders ") {
				writer = m[1]
			}
			if m[1] == writer && sql == "commit" {
				s.identify(b)
				return s
			}
		}
		if m := detailed.FindStringSubmatch(entry); m != nil && len(s.statements) > 0 {
			last := &s.statements[len(s.statements)-1]
			for _, p := range parameter.FindAllStringSubmatch(m[2], -1) {
				last.parameters = append(last.parameters, literalValue(p[1]))
			}
		}
	}
	b.Fatalf("the log does not show an order:\n%s", log)
	return s
}

func literalValue(shown string) *string {
	if shown == "NULL" {
		return nil
	}
	text := strings.ReplaceAll(strings.Trim(shown, "'"), "''", "'")
	return &text
}

// identify finds the order's id and the client's key.
func (s *script) identify(b *testing.B) {
	b.Helper()
	for _, st := range s.statements {
		switch {
		case strings.Contains(st.sql, "insert into orders "):
			s.order = *st.parameters[0]
		case strings.Contains(st.sql, "insert into idempotency_keys "):
			s.key = *st.parameters[2]
		}
	}
	if s.order == "" || s.key == "" {
		b.Fatalf("the statements of placing changed: no order or no key in %+v", s.statements)
	}
}

// benchOrders is how the ids of pgbench's orders begin.
const benchOrders = "00000000-0000-4000-8000-"

var placeholder = regexp.MustCompile(`\$(\d+)`)

// pgbench writes the script, with an order id and a key of its own in each run.
func (s script) pgbench() string {
	var out strings.Builder
	out.WriteString("\\set n random(1, 999999999999)\n")
	for _, st := range s.statements {
		sql := placeholder.ReplaceAllStringFunc(st.sql, func(name string) string {
			n, _ := strconv.Atoi(name[1:])
			return s.literal(st.parameters[n-1])
		})
		if begin, rest, both := strings.Cut(sql, "; "); both && strings.HasPrefix(sql, "begin") {
			fmt.Fprintf(&out, "\\startpipeline\n%s;\n%s;\n\\endpipeline\n", begin, rest)
			continue
		}
		out.WriteString(sql + ";\n")
	}
	return out.String()
}

func (s script) literal(p *string) string {
	switch {
	case p == nil:
		return "null"
	case *p == s.order:
		return "('" + benchOrders + "' || lpad(:n::text, 12, '0'))::uuid"
	case *p == s.key:
		return "('bench-' || :client_id::text || '-' || :n::text)"
	}
	// A colon would be a variable of pgbench.
	return " E'" + strings.NewReplacer(`\`, `\\`, "'", "''", ":", `\072`).Replace(*p) + "'"
}
