package copytrade

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

// Whatever a program sends as settings of a copy: settings within their bounds that stay
// what they are when they are written and read, or the fields that are wrong.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		`{"scaling":{"mode":"factor","value":"0.5"},"maxOpenPositions":null,"stopLossPercent":"20","optionTypes":["call"]}`,
		`{"maxExposure":"99999999999999999999999999999999","allowedUnderlyings":["\u0000","aapl"],"closeOnExpiryAt":"25:99"}`,
		`{"optionTypes":[],"minDaysToExpiration":9,"maxDaysToExpiration":3,"scaling":{}}`, `{}`, `null`, `{"maxPositionSize":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var given Settings
		if json.Unmarshal(body, &given) != nil {
			return
		}
		preset := Defaults()
		s := given.over(preset)
		if err := s.Check(); err != nil {
			if fault.CodeOf(err) != "validation_failed" {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		_ = s.Loosens(preset)
		wire, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Settings
		if err := json.Unmarshal(wire, &again); err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		if second, _ := json.Marshal(again); !reflect.DeepEqual(wire, second) {
			t.Errorf("%q is written as %s and then as %s", body, wire, second)
		}
	})
}
