package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/alertsify/alertsify/internal/auth"
)

const specificationPath = "../../internal/api/openapi.json"

func readDocument(t *testing.T) []byte {
	t.Helper()
	raw, err := os.ReadFile(specificationPath)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The document is valid OpenAPI 3.1, its examples included: kin-openapi checks
// the document's own structure and hands schemas of a 3.1 document to a JSON
// Schema 2020-12 validator.
func TestOpenAPIDocumentIsValid(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(readDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Errorf("the document says %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// Every /api route of the table is described, with its security, and nothing else is.
func TestOpenAPIDescribesTheRouteTable(t *testing.T) {
	t.Parallel()
	s := open(t)
	doc, err := openapi3.NewLoader().LoadFromData(readDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			described[method+" "+path] = operation
		}
	}
	var routes int
	for _, route := range s.app.Routes() {
		if !strings.HasPrefix(route.Pattern, "/api/") {
			continue
		}
		routes++
		name := route.Method + " " + route.Pattern
		operation := described[name]
		delete(described, name)
		if operation == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		anyone := route.Rule == auth.Open || route.Rule == auth.Webhook || route.Rule == auth.Public
		if open := operation.Security != nil && len(*operation.Security) == 0; open != anyone {
			t.Errorf("%s: the document asks nobody's name: %v; the route: %v", name, open, anyone)
		}
	}
	if routes < 50 {
		t.Errorf("the table has only %d routes of the API", routes)
	}
	for name := range described {
		t.Errorf("%s is described and not there", name)
	}
}

// Every code that a refusal can carry is in the document's list.
func TestOpenAPIListsEveryErrorCode(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(readDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, code := range doc.Components.Schemas["Error"].Value.Properties["code"].Value.Enum {
		listed = append(listed, fmt.Sprint(code))
	}
	// Pages, sign-in and the reasons of copies have words of their own, which no
	// program is answered with.
	elsewhere := []string{"client_gone", "identity_taken", "invalid_form", "passkey_refused", "sign_in_expired", "copying_stopped", "already_held", "trader_stopped", "mixed_versions", "leader_flat", "max_open_positions", "max_exposure", "max_exposure_total", "daily_loss_stop", "spread_too_wide", "max_slippage", "no_order_lists"}
	made := regexp.MustCompile(`(New\(http\.\w+, |New\(statusClientGone, |Conflict\(|Risk\()"([a-z_]+)",`)
	used := map[string]bool{}
	err = filepath.WalkDir("../../internal", func(name string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		code, err := os.ReadFile(name)
		for _, m := range made.FindAllSubmatch(code, -1) {
			text := string(m[2])
			if string(m[1]) == "Risk(" {
				text = "risk_" + text
			}
			used[text] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(used) < 30 {
		t.Fatalf("found only %d codes", len(used))
	}
	for code := range used {
		if !slices.Contains(listed, code) && !slices.Contains(elsewhere, code) {
			t.Errorf("%s is not listed", code)
		}
	}
	for _, code := range listed {
		if !used[code] {
			t.Errorf("%s is listed and nobody says it", code)
		}
	}
}

// checker is a transport that holds what the API tests send and get against the
// document: what the server takes the document must allow, and every answer must
// be described, to the last field and header.
type checker struct {
	t    *testing.T
	doc  *openapi3.T
	next http.RoundTripper

	mu   sync.Mutex
	seen map[string]bool // operations that answered without an error
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	var raw any
	if err := json.Unmarshal(readDocument(t), &raw); err != nil {
		t.Fatal(err)
	}
	closeObjects(raw)
	closed, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(closed)
	if err != nil {
		t.Fatal(err)
	}
	connections := new(http.Transport)
	t.Cleanup(connections.CloseIdleConnections)
	return &checker{t: t, doc: doc, next: connections, seen: map[string]bool{}}
}

// closeObjects forbids fields that are not described. Clients are told nothing of
// the kind, because answers may grow; for us a field missing from the document is
// a defect of it.
func closeObjects(node any) {
	switch node := node.(type) {
	case map[string]any:
		_, has := node["properties"].(map[string]any)
		_, says := node["additionalProperties"]
		if has && !says && node["type"] == "object" {
			node["additionalProperties"] = false
		}
		for _, value := range node {
			closeObjects(value)
		}
	case []any:
		for _, value := range node {
			closeObjects(value)
		}
	}
}

// RoundTrip sends the request and checks both directions.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		return c.next.RoundTrip(r)
	}
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var got []byte
	if kind != "text/event-stream" {
		got, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(got))
	}
	if err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	c.check(again, sent, resp, kind, got)
	return resp, nil
}

func (c *checker) check(r *http.Request, sent []byte, resp *http.Response, kind string, got []byte) {
	name := r.Method + " " + r.URL.Path
	route, params := c.find(r)
	if route == nil {
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed {
			c.t.Errorf("%s is not described and answers %d", name, resp.StatusCode)
		}
		c.fits(name, "Error", got)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, RejectWhenRequestBodyNotSpecified: len(sent) > 0,
			SkipSettingDefaults: true, IncludeResponseStatus: true, ExcludeResponseBody: kind != "application/json",
		},
	}
	if resp.StatusCode < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			c.t.Errorf("%s was taken, and the document forbids it: %v\n%s", name, err, sent)
		}
		c.mu.Lock()
		c.seen[route.Method+" "+route.Path] = true
		c.mu.Unlock()
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(got)), Options: in.Options,
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		c.t.Errorf("%s: the answer %d is not as described: %v\n%s", name, resp.StatusCode, err, got)
	}
	answer := route.Operation.Responses.Status(resp.StatusCode)
	if answer != nil && len(answer.Value.Content) > 0 && answer.Value.Content.Get(kind) == nil {
		c.t.Errorf("%s: the answer %d is %q", name, resp.StatusCode, kind)
	}
}

// fits holds a JSON text against one of the document's shapes.
func (c *checker) fits(what, shape string, text []byte) {
	c.t.Helper()
	schema := c.doc.Components.Schemas[shape]
	if schema == nil {
		c.t.Errorf("%s: the document has no shape %s", what, shape)
		return
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		c.t.Errorf("%s is no JSON: %s", what, text)
		return
	}
	if err := schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		c.t.Errorf("%s is no %s: %v\n%s", what, shape, err, text)
	}
}

// isList tells whether an operation answers with a list.
func (c *checker) isList(o *openapi3.Operation) bool {
	answer := o.Responses.Status(http.StatusOK)
	if answer == nil || answer.Value.Content["application/json"] == nil {
		return false
	}
	return answer.Value.Content["application/json"].Schema.Value.Properties["nextCursor"] != nil
}

// find matches a request with the document's paths; a literal beats a parameter.
func (c *checker) find(r *http.Request) (*routers.Route, map[string]string) {
	asked := strings.Split(r.URL.Path, "/")
	paths := slices.SortedFunc(maps.Keys(c.doc.Paths.Map()), func(a, b string) int {
		return strings.Count(a, "{") - strings.Count(b, "{")
	})
	for _, path := range paths {
		item := c.doc.Paths.Value(path)
		params, matches := match(strings.Split(path, "/"), asked)
		if operation := item.GetOperation(r.Method); matches && operation != nil {
			return &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: r.Method, Operation: operation}, params
		}
	}
	return nil, nil
}

func match(path, asked []string) (map[string]string, bool) {
	if len(path) != len(asked) {
		return nil, false
	}
	params := map[string]string{}
	for i, word := range path {
		if name, is := strings.CutPrefix(word, "{"); is {
			params[strings.TrimSuffix(name, "}")] = asked[i]
		} else if word != asked[i] {
			return nil, false
		}
	}
	return params, true
}
