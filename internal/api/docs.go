package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/alertsify/alertsify/internal/markup"
)

//go:embed docs.css
var docsStyle []byte

// Docs answers the description of the API as a page for people, made from the
// same document that programs read.
func (a *API) Docs(w http.ResponseWriter, _ *http.Request) error {
	page, err := a.docs()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=300")
	_, err = w.Write(page)
	return err
}

// DocsStyle answers the page's style sheet.
func DocsStyle(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=300")
	_, err := w.Write(docsStyle)
	return err
}

// document is as much of the specification as the page shows.
type document struct {
	Info struct{ Title, Summary, Description string }
	Tags []struct{ Name, Description string }
	// Paths are path, then method.
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    map[string]schema
	}
}

type operation struct {
	Tags                              []string
	OperationID, Summary, Description string
	Parameters                        []parameter
	RequestBody                       *struct {
		Required    bool
		Description string
		Content     map[string]media
	}
	Responses map[string]response
	Events    map[string]schema `json:"x-events"`
	Security  *[]map[string][]string

	Method, Path string
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]media
	Events      map[string]schema `json:"x-events"`
}

type media struct {
	Schema   schema
	Example  json.RawMessage
	Examples map[string]struct {
		Summary string
		Value   json.RawMessage
	}
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        kinds
	Description string
	Enum        []any
	Const       any
	Properties  map[string]schema
	Required    []string
	Items       *schema
	AnyOf       []schema `json:"anyOf"`
	Minimum     *float64
	Maximum     *float64
	Examples    []json.RawMessage

	Name string
}

// kinds is a schema's type: one word, or several.
type kinds []string

// UnmarshalJSON takes both forms.
func (k *kinds) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*k = kinds{""}
		return json.Unmarshal(b, &(*k)[0])
	}
	return json.Unmarshal(b, (*[]string)(k))
}

// group is the operations of one tag.
type group struct {
	Name, Description string
	Operations        []operation
}

func renderDocs() ([]byte, error) {
	var doc document
	if err := json.Unmarshal(specification, &doc); err != nil {
		return nil, fmt.Errorf("read the specification: %w", err)
	}
	p := docsPage{doc: doc}
	p.draw()
	return []byte(p.String()), nil
}

// groups are the tags in the document's order, each with its operations by path.
func (d document) groups() []group {
	var all []group
	for _, tag := range d.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			for _, method := range []string{"get", "post", "put", "patch", "delete"} {
				o, found := d.Paths[path][method]
				if found && slices.Contains(o.Tags, tag.Name) {
					o.Method, o.Path = method, path
					g.Operations = append(g.Operations, o)
				}
			}
		}
		all = append(all, g)
	}
	return all
}

func (d document) schemas() []schema {
	var all []schema
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		s.Name = name
		all = append(all, s)
	}
	return all
}

func (d document) parameter(p parameter) parameter {
	if p.Ref != "" {
		return d.Components.Parameters[base(p.Ref)]
	}
	return p
}

func (d document) response(r response) response {
	if r.Ref != "" {
		return d.Components.Responses[base(r.Ref)]
	}
	return r
}

// base is the last word of a reference.
func base(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// code marks `words` in a text; everything else is escaped.
func code(text string) markup.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = html.EscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return markup.HTML(b.String())
}

// pretty is an example on several lines; the specification was read, so it is JSON.
func pretty(raw json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Indent(&b, raw, "", "  ")
	return b.String()
}

// typeOf says what a value looks like, with links to the shapes that have names.
func typeOf(s schema) markup.HTML {
	var words []string
	switch {
	case s.Ref != "":
		name := html.EscapeString(base(s.Ref))
		words = append(words, `<a href="#schema-`+name+`">`+name+`</a>`)
	case len(s.AnyOf) > 0:
		for _, one := range s.AnyOf {
			words = append(words, string(typeOf(one)))
		}
	case len(s.Enum) > 0:
		for _, v := range s.Enum {
			words = append(words, literal(v))
		}
	case s.Const != nil:
		words = append(words, literal(s.Const))
	case s.Items != nil:
		words = append(words, "list of "+string(typeOf(*s.Items)))
	default:
		words = append(words, s.Type...)
	}
	text := strings.Join(words, " or ")
	if s.Minimum != nil && s.Maximum != nil {
		text += fmt.Sprintf(", %g to %g", *s.Minimum, *s.Maximum)
	}
	return markup.HTML(text)
}

func literal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return "<code>" + html.EscapeString(string(text)) + "</code>"
}
