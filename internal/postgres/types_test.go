package postgres_test

import (
	"context"
	"testing"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

type typesRow struct {
	ID     uuid.UUID        `db:"id"`
	Maybe  *uuid.UUID       `db:"maybe"`
	Price  decimal.Decimal  `db:"price"`
	Limit  *decimal.Decimal `db:"limit_price"`
	IDs    []uuid.UUID      `db:"ids"`
	Prices []decimal.Decimal
}

func TestNumericAndUUIDKeepTheirValues(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := pgtest.Empty(t).Pool()
	if _, err := pool.Exec(ctx, `create table t (id uuid, maybe uuid, price numeric(24,8), limit_price numeric, ids uuid[], prices numeric[])`); err != nil {
		t.Fatal(err)
	}
	id, other := uuid.New(), uuid.New()
	limit := decimal.RequireFromString("123456789012345678.00000001")
	rows := []typesRow{
		{ID: id, Price: decimal.RequireFromString("3.45"), IDs: []uuid.UUID{id, other}, Prices: []decimal.Decimal{decimal.RequireFromString("0.1")}},
		{ID: other, Maybe: &id, Price: decimal.RequireFromString("-0.00000001"), Limit: &limit, IDs: []uuid.UUID{}, Prices: []decimal.Decimal{}},
	}
	for _, r := range rows {
		_, err := pool.Exec(ctx, `insert into t values ($1, $2, $3, $4, $5, $6)`, r.ID, r.Maybe, r.Price, r.Limit, r.IDs, r.Prices)
		if err != nil {
			t.Fatal(err)
		}
	}

	found, err := pool.Query(ctx, `select * from t where id = any($1) order by price desc`, []uuid.UUID{id, other})
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(found, pgx.RowToStructByName[typesRow])
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("rows = %d, want 2", len(got))
	}
	for i := range rows {
		assertRow(t, got[i], rows[i])
	}
}

func assertRow(t *testing.T, got, want typesRow) {
	t.Helper()
	if got.ID != want.ID || !got.Price.Equal(want.Price) {
		t.Errorf("got %v %v, want %v %v", got.ID, got.Price, want.ID, want.Price)
	}
	if (got.Maybe == nil) != (want.Maybe == nil) || (got.Maybe != nil && *got.Maybe != *want.Maybe) {
		t.Errorf("maybe = %v, want %v", got.Maybe, want.Maybe)
	}
	if (got.Limit == nil) != (want.Limit == nil) || (got.Limit != nil && !got.Limit.Equal(*want.Limit)) {
		t.Errorf("limit = %v, want %v", got.Limit, want.Limit)
	}
	if len(got.IDs) != len(want.IDs) || len(got.Prices) != len(want.Prices) {
		t.Errorf("arrays = %v %v, want %v %v", got.IDs, got.Prices, want.IDs, want.Prices)
	}
}

func TestNullIsNotZeroMoney(t *testing.T) {
	t.Parallel()
	var price decimal.Decimal
	err := pgtest.Empty(t).Pool().QueryRow(context.Background(), `select null::numeric`).Scan(&price)
	if err == nil {
		t.Errorf("NULL scanned into %v, want an error: an absent price is not 0", price)
	}
}

func TestDecimalsAreAlsoReadFromTextProtocol(t *testing.T) {
	t.Parallel()
	var price decimal.Decimal
	err := pgtest.Empty(t).Pool().QueryRow(context.Background(), `select $1::numeric + 0.1`,
		pgx.QueryExecModeSimpleProtocol, decimal.RequireFromString("0.2")).Scan(&price)
	if err != nil || price.String() != "0.3" {
		t.Errorf("0.2 + 0.1 = %v, %v", price, err)
	}
}

func TestSessionsAreBoundedAndInUTC(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.EmptyURL(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, want := range map[string]string{
		"lock_timeout": "2s", "statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s",
		"timezone": "UTC", "synchronous_commit": "on", "jit": "off",
	} {
		var got string
		err := db.Pool().QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q (rule 8.3)", name, got, err, want)
		}
	}
}
