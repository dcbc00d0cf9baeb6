package snaptrade

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestBodiesStayWhereAllReferenceClientsAgree(t *testing.T) {
	t.Parallel()
	type body map[string]any
	cases := []struct {
		name string
		body any
		want string // "" with no error: no body at all
		err  error
	}{
		{"sorted and compact", body{"b": "x", "a": 1}, `{"a":1,"b":"x"}`, nil},
		{"angle brackets stay", body{"u": "a=1&b=<x>/"}, `{"u":"a=1&b=<x>/"}`, nil},
		{"never {}", body{}, "", nil},
		{"nothing", nil, "", nil},
		{"all null is a body", body{"a": nil}, `{"a":null}`, nil},
		{"accent", body{"a": "é"}, "", errBodyText},
		{"DEL", body{"a": "\x7f"}, "", errBodyText},
		{"newline", body{"a": "x\ny"}, "", errBodyText},
		{"accent in a key", body{"é": 1}, "", errBodyText},
		{"accent deep inside", body{"a": []any{body{"b": "é"}}}, "", errBodyText},
		{"decimal", body{"a": json.Number("31.5")}, `{"a":31.5}`, nil},
		{"zero", body{"a": 0}, `{"a":0}`, nil},
		{"smallest", body{"a": json.Number("0.0001")}, `{"a":0.0001}`, nil},
		{"largest", body{"a": json.Number("999999999999999")}, `{"a":999999999999999}`, nil},
		{"trailing zero", body{"a": json.Number("31.50")}, "", errBodyNumber},
		{"whole with a point", body{"a": json.Number("1.0")}, "", errBodyNumber},
		{"exponent", body{"a": json.Number("1e2")}, "", errBodyNumber},
		{"too small", body{"a": json.Number("0.00001")}, "", errBodyNumber},
		{"too large", body{"a": json.Number("1000000000000000")}, "", errBodyNumber},
		{"sixteen digits", body{"a": json.Number("1.234567890123456")}, "", errBodyNumber},
		{"minus zero", body{"a": json.Number("-0")}, "", errBodyNumber},
	}
	for _, c := range cases {
		got, err := encodeBody(c.body)
		if !errors.Is(err, c.err) || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.name, got, err)
		}
	}
}

func TestIdentifiersNeedNoEscaping(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"0d3c1f6e-5b0a": true, "a.b_c~d-9": true, "...": true,
		"": false, ".": false, "..": false, "a/b": false, "a b": false, "a%2fb": false, "é": false, "a?b": false, "a#b": false,
	} {
		if got := plainID(id) == nil; got != ok {
			t.Errorf("path parameter %q: %v", id, got)
		}
	}
	for id, ok := range map[string]bool{"u-1001": true, "A_b9": true, "": false, "a.b": false, "a@b": false, "a b": false} {
		if got := plainUserID(id) == nil; got != ok {
			t.Errorf("user id %q: %v", id, got)
		}
	}
}
