package orders

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

const (
	entry = `"side":"BTO","underlying":"AAPL","optionType":"call","strike":"200.00","expiration":"2027-01-15"`
	exit  = `"side":"STC","positionId":"6b1f7c1e-92d4-4b3c-8a51-7d2e6f904c33"`
)

// Every field that is wrong is named, all at once, and no other.
func TestARequestsProblemsAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, wrong string }{
		"an entry":                       {entry + `,"quantity":5,"orderType":"Limit","limitPrice":"3.50","timeInForce":"Day"`, ""},
		"an entry's defaults":            {entry + `,"quantity":5,"limitPrice":"3.50"`, ""},
		"an exit at market":              {exit + `,"quantity":5,"orderType":"Market"`, ""},
		"a stop":                         {exit + `,"quantity":5,"orderType":"Stop","stopPrice":"3.00"`, ""},
		"a stop limit until cancelled":   {exit + `,"quantity":5,"orderType":"StopLimit","stopPrice":"3.00","limitPrice":"2.90","timeInForce":"GTC"`, ""},
		"nothing":                        {``, "limitPrice quantity side"},
		"no quantity":                    {entry + `,"limitPrice":"3.50"`, "quantity"},
		"none":                           {entry + `,"limitPrice":"3.50","quantity":0`, "quantity"},
		"fewer than none":                {entry + `,"limitPrice":"3.50","quantity":-1`, "quantity"},
		"the most":                       {entry + `,"limitPrice":"3.50","quantity":10000`, ""},
		"more than that":                 {entry + `,"limitPrice":"3.50","quantity":10001`, "quantity"},
		"a limit without its price":      {entry + `,"quantity":5`, "limitPrice"},
		"a price of nothing":             {entry + `,"quantity":5,"limitPrice":"0"`, "limitPrice"},
		"a price below that":             {entry + `,"quantity":5,"limitPrice":"-1"`, "limitPrice"},
		"a price at market":              {exit + `,"quantity":5,"orderType":"Market","limitPrice":"3.50"`, "limitPrice"},
		"a stop price on a limit":        {entry + `,"quantity":5,"limitPrice":"3.50","stopPrice":"3.00"`, "stopPrice"},
		"a stop without its price":       {exit + `,"quantity":5,"orderType":"Stop"`, "stopPrice"},
		"a stop limit without either":    {exit + `,"quantity":5,"orderType":"StopLimit"`, "limitPrice stopPrice"},
		"an order type of no broker":     {entry + `,"quantity":5,"limitPrice":"3.50","orderType":"limit"`, "orderType"},
		"a time in force of no broker":   {entry + `,"quantity":5,"limitPrice":"3.50","timeInForce":"IOC"`, "timeInForce"},
		"another side":                   {`"side":"STO","quantity":5,"limitPrice":"3.50"`, "side"},
		"an entry in a position":         {entry + `,"quantity":5,"limitPrice":"3.50","positionId":"6b1f7c1e-92d4-4b3c-8a51-7d2e6f904c33"`, "positionId"},
		"an exit from nowhere":           {`"side":"STC","quantity":5,"orderType":"Market"`, "positionId"},
		"an exit from what is no id":     {`"side":"STC","quantity":5,"orderType":"Market","positionId":"1"`, "positionId"},
		"an account that is no id":       {entry + `,"quantity":5,"limitPrice":"3.50","accountId":"mine"`, "accountId"},
		"a contract without its parts":   {`"side":"BTO","quantity":5,"limitPrice":"3.50"`, "expiration optionType strike underlying"},
		"an impossible day":              {strings.Replace(entry, "2027-01-15", "2027-02-29", 1) + `,"quantity":5,"limitPrice":"3.50"`, "expiration"},
		"an option type in capitals":     {strings.Replace(entry, "call", "CALL", 1) + `,"quantity":5,"limitPrice":"3.50"`, "optionType"},
		"a strike no contract can have":  {strings.Replace(entry, "200.00", "200.0001", 1) + `,"quantity":5,"limitPrice":"3.50"`, "contract"},
		"an underlying too long":         {strings.Replace(entry, "AAPL", "TOOLONG", 1) + `,"quantity":5,"limitPrice":"3.50"`, "contract"},
		"an underlying of other letters": {strings.Replace(entry, "AAPL", "ÄPFEL", 1) + `,"quantity":5,"limitPrice":"3.50"`, "contract"},
	} {
		var r Request
		if err := json.Unmarshal([]byte("{"+c.body+"}"), &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err := r.intent()
		if got := strings.Join(fieldsOf(err), " "); got != c.wrong {
			t.Errorf("%s: wrong are %q, want %q", name, got, c.wrong)
		}
	}
}

func fieldsOf(err error) []string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return nil
	}
	fields, _ := f.Details["fields"].(map[string]any)
	return slices.Sorted(maps.Keys(fields))
}

func TestAnIntentIsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	var r Request
	if err := json.Unmarshal([]byte("{"+entry+`,"quantity":5,"limitPrice":"3.50","confirmDuplicate":true}`), &r); err != nil {
		t.Fatal(err)
	}
	in, err := r.intent()
	if err != nil {
		t.Fatal(err)
	}
	if in.Side != BTO || in.Quantity != 5 || in.Type != Limit || in.TimeInForce != Day || in.Limit.String() != "3.50" ||
		in.Contract.Symbol != "AAPL  270115C00200000" || !in.ConfirmDuplicate || in.ConfirmPrice || in.PositionID != nil {
		t.Errorf("%+v", in)
	}
}
