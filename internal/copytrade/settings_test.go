package copytrade

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

// What is left out keeps its value, null switches a bound off, and what is stored
// is answered in full.
func TestSettingsAreLaidOverWhatIsSet(t *testing.T) {
	t.Parallel()
	var first, second Settings
	for text, into := range map[string]*Settings{
		`{"maxOpenPositions":3,"maxExposure":"500.00","allowedUnderlyings":["AAPL"]}`: &first,
		`{"maxOpenPositions":null,"optionTypes":["put"],"closeOnExpiryAt":"15:30"}`:   &second,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(second.over(first.over(Defaults())))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"maxOpenPositions":null`, `"maxExposure":"500.00"`, `"allowedUnderlyings":["AAPL"]`, `"optionTypes":["put"]`, `"maxDailyTrades":5`,
		`"closeOnExpiryAt":"15:30"`, `"dailyLossStop":null`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// Every setting out of its bounds is named.
func TestSettingsOutOfBoundsAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`{}`: nil,
		`{"allowedUnderlyings":["aapl"],"deniedUnderlyings":["A B"]}`: {"allowedUnderlyings", "deniedUnderlyings"},
		`{"optionTypes":[]}`:                                    {"optionTypes"},
		`{"optionTypes":["call","call"]}`:                       {"optionTypes"},
		`{"optionTypes":["straddle"]}`:                          {"optionTypes"},
		`{"minDaysToExpiration":-1,"maxDaysToExpiration":1501}`: {"maxDaysToExpiration", "minDaysToExpiration"},
		`{"minDaysToExpiration":8,"maxDaysToExpiration":7}`:     {"maxDaysToExpiration"},
		`{"minDaysToExpiration":7,"maxDaysToExpiration":7}`:     nil,
		`{"maxOpenPositions":0}`:                                {"maxOpenPositions"},
		`{"maxPremiumPerTrade":"0","maxExposure":"10.001"}`:     {"maxExposure", "maxPremiumPerTrade"},
		`{"dailyLossStop":"0","stopLossPercent":"100","takeProfitPercent":"10000.01","closeOnExpiryAt":"16:00"}`: {
			"closeOnExpiryAt", "dailyLossStop", "stopLossPercent", "takeProfitPercent"},
		`{"dailyLossStop":"0.01","stopLossPercent":"99.99","takeProfitPercent":"10000","closeOnExpiryAt":"15:55"}`: nil,
		`{"closeOnExpiryAt":"9:35"}`: {"closeOnExpiryAt"}, `{"closeOnExpiryAt":"09:34"}`: {"closeOnExpiryAt"}, `{"closeOnExpiryAt":""}`: {"closeOnExpiryAt"},
		`{"maxPositionSize":501,"maxDelaySeconds":4,"maxSlippagePercent":"100.01"}`: {"maxDelaySeconds", "maxPositionSize", "maxSlippagePercent"},
	} {
		var given Settings
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			t.Fatal(err)
		}
		var wrong *fault.Error
		var named []string
		if err := given.over(Defaults()).Check(); errors.As(err, &wrong) {
			fields, _ := wrong.Details["fields"].(map[string]any)
			named = slices.Sorted(maps.Keys(fields))
		}
		if !slices.Equal(named, want) {
			t.Errorf("%s: %v, not %v", text, named, want)
		}
	}
}

// A bound lets more through when it moves outward or is switched off.
func TestABoundKnowsWhetherItIsLooser(t *testing.T) {
	t.Parallel()
	silent := Bound[int]{}
	for name, c := range map[string]struct {
		given, before Bound[int]
		higher, lower bool
	}{
		"nothing said":       {silent, At(3), false, false},
		"the same":           {At(3), At(3), false, false},
		"up":                 {At(4), At(3), true, false},
		"down":               {At(2), At(3), false, true},
		"switched off":       {Off[int](), At(3), true, true},
		"switched on":        {At(3), Off[int](), false, false},
		"still switched off": {Off[int](), Off[int](), false, false},
	} {
		if h, l := c.given.Higher(c.before, cmp.Compare), c.given.Lower(c.before, cmp.Compare); h != c.higher || l != c.lower {
			t.Errorf("%s: higher %v, lower %v", name, h, l)
		}
	}
}
