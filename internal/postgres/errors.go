package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrUnavailable says that the database could not be reached or is stopping;
	// the caller answers 503 and the client repeats.
	ErrUnavailable = errors.New("database unavailable")

	// ErrOutcomeUnknown says that the answer to COMMIT was lost: the transaction
	// may or may not have happened. What must follow only a sure commit (sending an
	// order, C6) must not follow this. It is also ErrUnavailable.
	ErrOutcomeUnknown = fmt.Errorf("commit answer lost: %w", ErrUnavailable)
)

// ErrReadOnly says that the database takes no writes: its sessions were opened so, or it is
// a standby.
var ErrReadOnly = errors.New("database is read-only")

// IsReadOnly tells whether something was not done because the database takes no writes.
func IsReadOnly(err error) bool { return errors.Is(err, ErrReadOnly) || hasCode(err, "25006") }

// IsUnavailable tells for any error of this package or of pgx whether the database
// was away; plain pool queries return pgx's own errors.
func IsUnavailable(err error) bool {
	return err != nil && (errors.Is(err, ErrUnavailable) || away(err))
}

// IsUnique tells whether err is a violation of the named unique constraint or
// index; an empty name stands for any.
func IsUnique(err error, constraint string) bool {
	return violates(err, "23505", constraint)
}

// IsCheck tells whether err is a violation of the named check constraint; an empty
// name stands for any.
func IsCheck(err error, constraint string) bool {
	return violates(err, "23514", constraint)
}

// IsBadValue tells whether the database could not read a value as what it was said to be.
func IsBadValue(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22")
}

func violates(err error, code, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code && (constraint == "" || pg.ConstraintName == constraint)
}

func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains(codes, pg.Code)
}

// IsLockTimeout tells whether a lock was not given within lock_timeout.
func IsLockTimeout(err error) bool { return hasCode(err, "55P03") }

// IsTimeout tells whether a statement was not done within statement_timeout.
func IsTimeout(err error) bool { return hasCode(err, "57014") && !errors.Is(err, context.Canceled) }

// Translate marks errors that mean "the database is away" as ErrUnavailable and
// leaves all others alone. The caller's own cancellation is not an outage.
func Translate(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || !away(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, hideURL(err))
}

func away(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// 57P01 admin shutdown, 57P02 crash shutdown, 57P03 cannot connect now,
		// 53300 too many connections, 25P03 idle session ended, class 08 connection.
		return slices.Contains([]string{"57P01", "57P02", "57P03", "53300"}, pg.Code) || strings.HasPrefix(pg.Code, "08")
	}
	var connect *pgconn.ConnectError
	var network net.Error
	var op *net.OpError
	return errors.As(err, &connect) || errors.As(err, &op) ||
		(errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded)) || brokenConn(err)
}

// brokenConn recognises a connection that ended under a query. pgx reports that
// as plain errors with these words.
func brokenConn(err error) bool {
	if errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	words := err.Error()
	return strings.Contains(words, "unexpected EOF") || strings.Contains(words, "conn closed") ||
		strings.Contains(words, "closed pool") || strings.Contains(words, "connection reset")
}

// hideURL keeps the words of a connect or parse error without the address, which
// may hold a password.
func hideURL(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return errors.New("it is not a valid postgres URL")
	}
	return err
}
