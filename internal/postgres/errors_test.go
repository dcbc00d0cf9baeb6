package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

func TestADatabaseThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(context.Background(), postgres.Options{URL: "postgres://me:hunter2@127.0.0.1:1/none"})
	if !errors.Is(err, postgres.ErrUnavailable) || !postgres.IsUnavailable(err) {
		t.Errorf("err = %v, want ErrUnavailable", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password shows in %q", err)
	}
}

func TestAnUnreadableURLDoesNotShowInTheError(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(context.Background(), postgres.Options{URL: "postgres://me:hunter2@:notaport/x"})
	if err == nil || strings.Contains(err.Error(), "hunter2") || postgres.IsUnavailable(err) {
		t.Errorf("err = %v, want a refusal without the URL", err)
	}
}

func TestASessionThatIsCutIsUnavailable(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	err := db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select pg_terminate_backend(pg_backend_pid())")
		return err
	})
	if !errors.Is(err, postgres.ErrUnavailable) || errors.Is(err, postgres.ErrOutcomeUnknown) {
		t.Errorf("err = %v, want ErrUnavailable, and no doubt that nothing was committed", err)
	}
	if err := db.Pool().Ping(context.Background()); err != nil {
		t.Errorf("the pool did not recover: %v", err)
	}
}

// C6: whoever must act only on a sure commit can tell that this one is not.
func TestALostCommitAnswerIsOutcomeUnknown(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	err := db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		return tx.Conn().PgConn().Conn().Close() // the wire is cut between the work and COMMIT
	})
	if !errors.Is(err, postgres.ErrOutcomeUnknown) || !errors.Is(err, postgres.ErrUnavailable) {
		t.Errorf("err = %v, want ErrOutcomeUnknown and ErrUnavailable", err)
	}
}

func TestACallerThatLeavesIsNotAnOutage(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	ctx, cancel := context.WithCancel(context.Background())
	err := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		cancel()
		_, err := tx.Exec(ctx, "select 1")
		return err
	})
	if !errors.Is(err, context.Canceled) || postgres.IsUnavailable(err) {
		t.Errorf("err = %v, want only context.Canceled", err)
	}
}

func TestRefusalsAreNotOutages(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	_, syntax := db.Pool().Exec(context.Background(), "selec")
	for _, err := range []error{nil, syntax, pgx.ErrNoRows, errRefused} {
		if postgres.IsUnavailable(err) {
			t.Errorf("%v counts as an outage", err)
		}
	}
}
