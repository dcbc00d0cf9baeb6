package main

import (
	"net/http"
	"testing"
)

// A trader with followers trades in the broker's own app, and no webhook says
// so: the account is listed all the same, and the trade becomes a position.
// It is announced when the trader wants that, from the next trade on.
func TestATradeElsewhereIsSeenWithoutAWebhook(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "webhook", "match": "", "mode": "error", "status": 503}, nil)
	s.quote(apple, "3.45", "3.50")
	trades := func(quantity int) {
		t.Helper()
		s.sandbox("POST", "/_sandbox/broker/trade", map[string]any{
			"account": "ava", "symbol": apple, "side": "BTO", "quantity": quantity, "price": "3.50",
		}, nil)
		s.exec(`
			insert into account_looks (account_id, user_id, listed_at) select id, user_id, now() - interval '2 minutes' from accounts
			on conflict (account_id) do update set listed_at = excluded.listed_at, next_look_at = null`)
	}
	trades(3)
	s.eventually("the trade is a position", func() bool {
		a := s.do("ava", "GET", "/api/positions", "")
		return contains(a.body, `"bought":3`) && contains(a.body, `"source":"detected"`)
	})
	s.do("ava", "PATCH", "/api/settings", `{"announcesDetected":true}`).want(t, http.StatusOK)
	trades(2)
	s.hurried("both are known, the second is announced", func() bool {
		return s.text(`select coalesce(string_agg(public::text, ' ' order by created_at), '') from alerts where user_id = $1`, s.people["ava"]) == "false true"
	})
}
