package web

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/audit"
)

func cannedAudit(now time.Time) []audit.Entry {
	raw := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		if err != nil {
			return json.RawMessage(`"?"`)
		}
		return text
	}
	return []audit.Entry{
		{
			ID: uuid.UUID{1}, At: now.Add(-2 * time.Minute), Owner: "ben", By: "ben", Actor: "user", Origin: "Firefox on Linux, 203.0.113.0/24", Act: "update", Kind: "subscriptions",
			RowID: uuid.UUID{9}.String(), Change: map[string][2]json.RawMessage{"auto_execute": {raw(false), raw(true)}, "max_position_size": {raw(10), raw(25)}, "allowed_underlyings": {raw(nil), raw([]string{"AAPL", "MSFT"})}},
		},
		{
			ID: uuid.UUID{2}, At: now.Add(-9 * time.Minute), Owner: "ben", By: "ben", Actor: "user", Origin: "access token 0192f3c4-7a51-7c1e-9a55-3f1d2c4b5a60, 2001:db8:1::/48", Act: "insert", Kind: "orders",
			RowID: uuid.UUID{8}.String(), Change: map[string][2]json.RawMessage{"side": {nil, raw("BTO")}, "symbol": {nil, raw("AAPL  270115C00200000")}, "quantity": {nil, raw(5)}, "limit_price": {nil, raw("3.5000")}},
		},
		{
			ID: uuid.UUID{3}, At: now.Add(-26 * time.Hour), Owner: "ben", Actor: "job:refresh_connections", Act: "update", Kind: "connections",
			RowID: uuid.UUID{7}.String(), Change: map[string][2]json.RawMessage{"status": {raw("ok"), raw("broken")}},
		},
		{
			ID: uuid.UUID{4}, At: now.Add(-50 * time.Hour), By: "root", Actor: "user", Origin: "Chrome on Mac, 198.51.100.0/24", Act: "insert", Kind: "trading_switches",
			RowID: "TSLA", Change: map[string][2]json.RawMessage{"scope": {nil, raw("underlying")}, "key": {nil, raw("TSLA")}, "stops": {nil, raw("entries")}, "reason": {nil, raw("Halted by the exchange.")}},
		},
	}
}
