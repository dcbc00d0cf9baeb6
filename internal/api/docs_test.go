package api

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// The page says everything the document says, and asks for nothing from elsewhere.
func TestThePageShowsEveryOperationAndShape(t *testing.T) {
	t.Parallel()
	raw, err := renderDocs()
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	var doc document
	if err := json.Unmarshal(specification, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Paths) < 50 || len(doc.Components.Schemas) < 30 {
		t.Fatalf("the document has %d paths and %d schemas", len(doc.Paths), len(doc.Components.Schemas))
	}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			if !strings.Contains(page, `<article id="`+o.OperationID+`">`) || !strings.Contains(page, "<code>"+path+"</code>") {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	for name := range doc.Components.Schemas {
		if !strings.Contains(page, `id="schema-`+name+`"`) {
			t.Errorf("the shape %s is not on the page", name)
		}
	}
	for _, link := range regexp.MustCompile(`href="#(schema-[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+link[1]+`"`) {
			t.Errorf("a link leads to %s, which is not there", link[1])
		}
	}
	if found := regexp.MustCompile(`<script|style=|(?:src|href)="https?:`).FindAllString(page, -1); len(found) > 0 {
		t.Errorf("the page's policy refuses %v", found)
	}
}
