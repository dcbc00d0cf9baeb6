package postgres

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Member is the role that a user's transactions take on in a migrated database: under
// it, row-level security leaves of every table that has owners what is theirs.
const Member = "alertsify_member"

// As is the one door to a user's data: the transaction knows whose it is in
// app.user_id (app.actor is "user", app.origin what WithOrigin said), where row-level
// security and the audit triggers read it. With RestrictRole set it also gives up the program's own rights,
// unless it says with Across what it needs of others.
func (db *DB) As(ctx context.Context, user uuid.UUID, fn TxFunc, opts ...TxOption) error {
	return db.run(ctx, beginAs(ctx, "user", user.String()), fn, append([]TxOption{db.asMember()}, opts...))
}

// asMember has a transaction begin by giving up the program's rights, on a connection
// where all do.
func (db *DB) asMember() TxOption {
	return func(c *txConfig) {
		c.across = db.pool
		if db.restrictRole != "" {
			c.pool = db.members
			c.restrict = "; set local role " + pgx.Identifier{db.restrictRole}.Sanitize()
		}
	}
}

// Across lets a user's transaction keep the program's rights, because what it does needs
// rows of others: the text says which. Its queries have no second wall, so that each of them
// names its owner, or the few columns of others that it gives away.
func Across(_ string) TxOption {
	return func(c *txConfig) { c.restrict, c.pool = "", c.across }
}

// ReadAs is As for reads that need nothing of each other: all of it, begin and commit
// too, is one message to the database, where every round trip of a request that people
// wait for counts. What queue adds to the batch gives its results to its own callbacks.
func (db *DB) ReadAs(ctx context.Context, user uuid.UUID, queue func(*pgx.Batch)) error {
	b := &pgx.Batch{}
	b.Queue("begin isolation level read committed read only")
	b.Queue("select set_config('app.actor', 'user', true), set_config('app.user_id', $1, true)", user.String())
	if db.restrictRole != "" {
		b.Queue("set local role " + pgx.Identifier{db.restrictRole}.Sanitize())
	}
	queue(b)
	b.Queue("commit")
	return Translate(db.members.SendBatch(ctx, b).Close())
}

// OwnRows is ReadAs for one list of a user's own rows.
func OwnRows[T any](ctx context.Context, db *DB, user uuid.UUID, row pgx.RowToFunc[T], sql string, args ...any) (list []T, err error) {
	err = db.ReadAs(ctx, user, func(b *pgx.Batch) {
		b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
			list, err = pgx.CollectRows(rows, row)
			return err
		})
	})
	return list, err
}

// Note runs one statement whose commit waits for no disk. It is for what a crash of the
// database may forget because it is then done once more, and for nothing else: no order,
// position, key, inbox or outbox (rule 8.6).
func (db *DB) Note(ctx context.Context, sql string, args ...any) error {
	b := &pgx.Batch{}
	b.Queue("begin isolation level read committed")
	b.Queue("set local synchronous_commit = off")
	b.Queue(sql, args...)
	b.Queue("commit")
	return Translate(db.pool.SendBatch(ctx, b).Close())
}

// AsSystem runs work that no user asked for: jobs, sweepers, webhooks. The actor,
// such as "job:send_order", stands in app.actor for the audit triggers.
func (db *DB) AsSystem(ctx context.Context, actor string, fn TxFunc, opts ...TxOption) error {
	return db.run(ctx, beginAs(ctx, actor, ""), fn, opts)
}

// AsOperator runs what an operator does to others, with the program's rights: who it was
// is in app.user_id for the audit triggers, and app.actor is "operator". by is nil from the
// command line.
func (db *DB) AsOperator(ctx context.Context, by *uuid.UUID, fn TxFunc, opts ...TxOption) error {
	who := ""
	if by != nil {
		who = by.String()
	}
	return db.run(ctx, beginAs(ctx, "operator", who), fn, opts)
}

type originKey struct{}

// WithOrigin notes where a request comes from, in words for people: the audit triggers
// write it beside what its transactions change.
func WithOrigin(ctx context.Context, origin string) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

func originOf(ctx context.Context) string {
	origin, _ := ctx.Value(originKey{}).(string)
	return origin
}

// beginAs spends one round trip on BEGIN and the settings, which end with the
// transaction. Without arguments pgx sends it in the simple protocol, so values
// are quoted here.
func beginAs(ctx context.Context, actor, user string) string {
	return "begin isolation level read committed" +
		"; select set_config('app.actor', " + quote(actor) + ", true)" +
		", set_config('app.user_id', " + quote(user) + ", true)" +
		", set_config('app.origin', " + quote(originOf(ctx)) + ", true)"
}

// quote makes a literal that means itself whatever standard_conforming_strings says.
func quote(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	s = strings.ReplaceAll(s, `\`, `\\`)
	return "E'" + strings.ReplaceAll(s, "'", "''") + "'"
}
