package main

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A trader with followers trades in the broker's own app, and no webhook says
// so: the account is listed all the same, and the trade becomes a position.
func TestATradeElsewhereIsSeenWithoutAWebhook(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "webhook", "match": "", "mode": "error", "status": 503}, nil)
	s.quote(apple, "3.45", "3.50")
	s.sandbox("POST", "/_sandbox/broker/trade", map[string]any{
		"account": "ava", "symbol": apple, "side": "BTO", "quantity": 3, "price": "3.50",
	}, nil)
	err := s.stage.db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into account_looks (account_id, user_id, listed_at) select id, user_id, now() - interval '2 minutes' from accounts
			on conflict (account_id) do update set listed_at = excluded.listed_at, next_look_at = null`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.eventually("the trade is a position", func() bool {
		a := s.do("ava", "GET", "/api/positions", "")
		return contains(a.body, `"bought":3`) && contains(a.body, `"source":"detected"`)
	})
}
