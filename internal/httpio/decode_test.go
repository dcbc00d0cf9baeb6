package httpio

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
)

type sample struct {
	Quantity int       `json:"quantity"`
	Symbol   string    `json:"symbol"`
	Account  uuid.UUID `json:"account"`
	Note     *string   `json:"note"`
	Legs     []struct {
		Ratio int `json:"ratio"`
	} `json:"legs"`
	Any any `json:"any"`
}

func request(body, contentType string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/x", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

// The table of rule 17: what is not exactly the JSON we asked for, and what it gets.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		status int
		field  string // named in details
		words  string // in the sentence
	}{
		"empty":               {"", 400, "", "empty"},
		"only spaces":         {"  \n", 400, "", "empty"},
		"broken":              {`{"quantity":`, 400, "", "valid JSON"},
		"not closed":          {`{"quantity":1`, 400, "", "valid JSON"},
		"trailing comma":      {`{"quantity":1,}`, 400, "", "valid JSON"},
		"comment":             {`{/*x*/"quantity":1}`, 400, "", "valid JSON"},
		"bad UTF-8":           {"{\"symbol\":\"\xff\"}", 400, "symbol", "valid JSON"},
		"lone surrogate":      {`{"symbol":"\ud800"}`, 400, "symbol", "valid JSON"},
		"byte order mark":     {"\ufeff{}", 400, "", "valid JSON"},
		"doubled key":         {`{"quantity":1,"quantity":2}`, 400, "quantity", "twice"},
		"doubled deep key":    {`{"any":{"a":1,"a":2}}`, 400, "any.a", "twice"},
		"doubled escaped key": {`{"quantity":1,"quantit\u0079":2}`, 400, "quantity", "twice"},
		"trailing object":     {`{"quantity":1}{}`, 400, "", "after the end"},
		"trailing word":       {`{"quantity":1} x`, 400, "", "valid JSON"},
		"fraction":            {`{"quantity":5.0}`, 400, "quantity", "whole number"},
		"exponent":            {`{"quantity":1e9}`, 400, "quantity", "whole number"},
		"too large":           {`{"quantity":99999999999999999999}`, 400, "quantity", "whole number"},
		"quoted number":       {`{"quantity":"5"}`, 400, "quantity", "whole number"},
		"leading zero":        {`{"quantity":05}`, 400, "quantity", "valid JSON"},
		"plus sign":           {`{"quantity":+5}`, 400, "quantity", "valid JSON"},
		"not a number":        {`{"quantity":NaN}`, 400, "quantity", "valid JSON"},
		"number for text":     {`{"symbol":5}`, 400, "symbol", "string"},
		"deep wrong type":     {`{"legs":[{"ratio":1},{"ratio":"x"}]}`, 400, "legs.1.ratio", "whole number"},
		"bad id":              {`{"account":"x"}`, 400, "account", "valid value"},
		"unknown field":       {`{"quantity":1,"qty":2}`, 400, "qty", "no field"},
		"other capitals":      {`{"Quantity":1}`, 400, "Quantity", "no field"},
		"unknown deep field":  {`{"legs":[{"ratio":1,"x":2}]}`, 400, "legs.0.x", "no field"},
		"array":               {`[{"quantity":1}]`, 400, "", "one JSON object"},
		"null":                {`null`, 400, "", "one JSON object"},
		"text":                {`"quantity"`, 400, "", "one JSON object"},
		"too deep":            {`{"any":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, 400, "", "deeper than 32"},
		"too much":            {`{"symbol":"` + strings.Repeat("a", BodyMax) + `"}`, 413, "", "large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v sample
			err := Decode(request(c.body, "application/json"), &v)
			var f *fault.Error
			if !errors.As(err, &f) || f.Status != c.status {
				t.Fatalf("error = %v, want status %d", err, c.status)
			}
			if c.status == 400 && f.Code != "invalid_json" {
				t.Errorf("code = %q, want invalid_json", f.Code)
			}
			if got, _ := f.Details["field"].(string); got != c.field && c.words != "valid JSON" {
				t.Errorf("field = %q, want %q", got, c.field)
			}
			if !strings.Contains(f.Public, c.words) {
				t.Errorf("sentence %q does not say %q", f.Public, c.words)
			}
			if _, named := f.Details["offset"]; c.status == 400 && !named {
				t.Errorf("no offset in details %v", f.Details)
			}
		})
	}
}

func TestDecodeRefusesTheBodyThatLiesAboutItsLength(t *testing.T) {
	t.Parallel()
	r := request(`{"symbol":"`+strings.Repeat("a", BodyMax)+`"}`, "application/json")
	r.ContentLength = -1 // chunked: the length is not known beforehand
	if err := Decode(r, &sample{}); fault.CodeOf(err) != "body_too_large" {
		t.Errorf("error = %v, want body_too_large", err)
	}
}

func TestDecodeRefusesOtherContentTypes(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/json; charset=utf-16", "application/jsonp", "application/problem+json", ";",
	} {
		if err := Decode(request(`{}`, kind), &sample{}); fault.CodeOf(err) != "unsupported_media_type" {
			t.Errorf("%q: error = %v, want unsupported_media_type", kind, err)
		}
	}
	zipped := request(`{}`, "application/json")
	zipped.Header.Set("Content-Encoding", "gzip")
	if err := Decode(zipped, &sample{}); fault.CodeOf(err) != "unsupported_media_type" {
		t.Errorf("gzip: error = %v, want unsupported_media_type", err)
	}
}

func TestDecodeReadsWhatIsRight(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	var v sample
	body := ` {"quantity":-5,"symbol":"AÄ😀","account":"` + id.String() + `","note":null,"legs":[{"ratio":2}],` +
		`"any":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `} `
	if err := Decode(request(body, "Application/JSON; charset=UTF-8"), &v); err != nil {
		t.Fatal(err)
	}
	if v.Quantity != -5 || v.Symbol != "AÄ😀" || v.Account != id || v.Note != nil || v.Legs[0].Ratio != 2 {
		t.Errorf("decoded %+v", v)
	}
}

func TestDecodeKeepsRepeatedNamesShort(t *testing.T) {
	t.Parallel()
	err := DecodeBytes([]byte(`{"`+strings.Repeat("é", 5000)+`":1}`), &sample{})
	if f := fault.Of(err); len(f.Public) > 300 {
		t.Errorf("the sentence has %d bytes", len(f.Public))
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	f.Add([]byte(`{"quantity":1,"legs":[{"ratio":2}]}`))
	f.Add([]byte(`{"any":[[[[]]]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var v sample
		if err := DecodeBytes(body, &v); err != nil && fault.CodeOf(err) != "invalid_json" {
			t.Errorf("error = %v, want invalid_json", err)
		}
	})
}
