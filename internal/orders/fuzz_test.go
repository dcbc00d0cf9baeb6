package orders

import (
	"encoding/json"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

// Whatever a program sends as an order or as its change: a well-formed intent, or the
// fields that are wrong.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"side":"BTO","underlying":"AAPL","optionType":"call","strike":"200","expiration":"2027-01-15","quantity":5,"limitPrice":"3.50"}`,
		`{"side":"STC","positionId":"11111111-1111-4111-8111-111111111111","quantity":-1,"orderType":"StopLimit","stopPrice":"0"}`,
		`{"side":"BTO","underlying":"\u0000","optionType":"call","strike":"-200","expiration":"9999-12-31","quantity":9223372036854775807}`,
		`{"line":"BTO 5 AAPL 200C 1/15/27 @ 3.50"}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Request
		if json.Unmarshal(body, &r) == nil {
			in, err := r.intent()
			switch {
			case err != nil && fault.CodeOf(err) != "validation_failed":
				t.Errorf("%q: %v", body, err)
			case err == nil && (in.Quantity < 1 || in.Quantity > maxQuantity || in.Side == BTO && in.Contract == nil || in.Side == STC && in.PositionID == nil ||
				in.Limit != nil && !in.Limit.IsPositive()):
				t.Errorf("%q is taken as %+v", body, in)
			}
			_ = r.Entry()
		}
		var change ChangeRequest
		if json.Unmarshal(body, &change) == nil {
			if err := change.shape(); err != nil && fault.CodeOf(err) != "validation_failed" {
				t.Errorf("%q: %v", body, err)
			}
		}
	})
}
