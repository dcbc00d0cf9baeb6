package risk

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// A user's own halt and an operator's on the same user are two: resuming takes
// away one's own only.
func TestNobodyLiftsAnOperatorsHalt(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rules := New(db, exchange.NewClock(time.Now), Defaults(), time.Now)
	user := uuid.New()
	trade := Trade{UserID: user, AccountID: uuid.New(), Underlying: "AAPL", Entry: true}
	in := func(f func(context.Context, pgx.Tx) error) {
		t.Helper()
		if err := db.InTx(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	halted := func() bool {
		t.Helper()
		err := db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return rules.Switches(ctx, tx, trade) })
		if err != nil && fault.CodeOf(err) != "trading_halted" {
			t.Fatal(err)
		}
		return err != nil
	}
	in(func(ctx context.Context, tx pgx.Tx) error {
		return rules.Turn(ctx, tx, Halt{Scope: "user", Key: user.String(), Stops: "entries", Reason: "under review"}, nil)
	})
	in(func(ctx context.Context, tx pgx.Tx) error {
		return rules.Turn(ctx, tx, Halt{Scope: Self, Key: user.String(), Stops: "entries", Reason: "enough"}, nil)
	})
	in(func(ctx context.Context, tx pgx.Tx) error { return rules.Resume(ctx, tx, Self, user.String()) })
	if !halted() {
		t.Error("resuming one's own halt lifted the operator's")
	}
	in(func(ctx context.Context, tx pgx.Tx) error { return rules.Resume(ctx, tx, "user", user.String()) })
	if halted() {
		t.Error("still halted after both were lifted")
	}
}
