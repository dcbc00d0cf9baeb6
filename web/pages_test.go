package web

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// The Content-Security-Policy allows nothing inline; a page that held some would
// lose it in the browser without a word.
func TestNothingIsInline(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, p page) {
		for _, n := range p.where(func(*html.Node) bool { return true }) {
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || strings.HasPrefix(a.Val, "js:") {
					t.Errorf("<%s %s=%q> is inline", n.Data, a.Key, a.Val)
				}
			}
		}
		for _, n := range p.tags("script") {
			if value(n, "src") == "" {
				t.Error("an inline <script>")
			}
		}
		if len(p.tags("style")) > 0 {
			t.Error("an inline <style>")
		}
	})
}

// Every control can be named by a screen reader, and every id is unique.
func TestPagesCanBeReadAloud(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, p page) {
		labels := map[string]bool{}
		for _, n := range p.tags("label") {
			labels[value(n, "for")] = true
		}
		for _, n := range p.tags("input", "select", "textarea") {
			if value(n, "type") != "hidden" && !named(n) && !labels[value(n, "id")] {
				t.Errorf("<%s name=%q> has no label", n.Data, value(n, "name"))
			}
		}
		for _, n := range p.tags("button", "a", "summary") {
			if !named(n) && text(n) == "" {
				t.Errorf("a <%s class=%q> without a name", n.Data, value(n, "class"))
			}
		}
		seen := map[string]bool{}
		for _, n := range p.all("id", "*") {
			id := value(n, "id")
			if seen[id] {
				t.Errorf("two elements with id %q", id)
			}
			seen[id] = true
		}
		for _, attribute := range []string{"aria-labelledby", "aria-describedby", "for"} {
			for _, n := range p.all(attribute, "*") {
				if !seen[value(n, attribute)] {
					t.Errorf("%s=%q leads nowhere", attribute, value(n, attribute))
				}
			}
		}
	})
}

// One h1, and no level skipped on the way down.
func TestHeadingsAreInOrder(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, p page) {
		if n := len(p.tags("h1")); n != 1 {
			t.Errorf("%d h1, want 1", n)
		}
		last := 0
		for _, n := range p.tags("h1", "h2", "h3", "h4") {
			level := int(n.Data[1] - '0')
			if level > last+1 && !insideDialog(n) {
				t.Errorf("h%d %q follows h%d", level, text(n), last)
			}
			last = level
		}
	})
}

// Gains and losses read the same without their colours, on grey paper and to everybody: each
// says by its sign, an arrow or a word what its colour says.
func TestColourNeverStandsAlone(t *testing.T) {
	t.Parallel()
	coloured := regexp.MustCompile(`(^|\s)(text|fill|bg|stroke)-(gain|loss)\b`)
	said := regexp.MustCompile(`[+−▲▼]|(?i)\b(win|won|loss|lost|up|down|profit|calls|puts)\b`)
	eachPage(t, func(t *testing.T, p page) {
		for _, n := range p.all("class", "*") {
			if !coloured.MatchString(value(n, "class")) || n.Data == "svg" { // a curve says it by its place about zero
				continue
			}
			words := text(n) + value(n, "aria-label") + value(n, "title")
			for up := n.Parent; up != nil && !said.MatchString(words) && up.Data != "table" && up.Data != "main"; up = up.Parent {
				words += value(up, "aria-label") + value(up, "title")
				if up.Data == "svg" || up.Data == "figure" {
					words += text(up)
				}
			}
			if !said.MatchString(words) {
				t.Errorf("<%s class=%q> %q is told apart by its colour alone", n.Data, value(n, "class"), text(n))
			}
		}
	})
}

// State changes are forms that POST; htmx only reads, or asks for a preview.
func TestOnlyFormsChangeAnything(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, p page) {
		for _, verb := range []string{"hx-post", "hx-put", "hx-patch", "hx-delete"} {
			for _, n := range p.all(verb, "*") {
				if value(n, verb) != "/orders/preview" {
					t.Errorf("%s=%q", verb, value(n, verb))
				}
			}
		}
	})
}

// What only the broker knows offers nothing but its cancellation: a second click
// must never make a second order.
func TestAnUnknownOrderOffersNoRetry(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "parts")
	row := p.all("data-order", "unknown")[0]
	if !strings.Contains(text(row), "Checking with broker") {
		t.Errorf("row says %q", text(row))
	}
	for n := range row.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && !strings.HasSuffix(value(n, "action"), "/cancel") {
			t.Errorf("an unknown order offers %s", value(n, "action"))
		}
		if n.Type == html.ElementNode && n.Data == "button" && text(n) != "Cancel" {
			t.Errorf("an unknown order offers %q", text(n))
		}
	}
}

// A fee that nobody reported is not available; it is never $0.00.
func TestAnUnknownFeeIsNotZero(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "confirm")
	for testID, want := range map[string]string{
		"fees": "not available", "cash-effect": "$1,750.00", "buying-power-after": "$14,460.55", "estimate-source": "Our estimate",
	} {
		if got := text(p.one(testID)); got != want {
			t.Errorf("%s: %q, want %q", testID, got, want)
		}
	}
	form := p.one("confirm-form")
	if value(form, "method") != "post" || value(form, "action") != "/orders" {
		t.Errorf("the confirmation goes to %s %s", value(form, "method"), value(form, "action"))
	}
}

func TestPagesWorkWithoutBuiltAssets(t *testing.T) {
	t.Parallel()
	w := get(t, gallery(t), "/assets/fallback.css")
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		t.Errorf("fallback.css: %d, %d bytes", w.Code, w.Body.Len())
	}
	p := galleryPage(t, "dashboard")
	for _, n := range p.tags("form") {
		if value(n, "action") == "" && value(n, "method") != "dialog" {
			t.Errorf("a form without an address: %q", text(n))
		}
	}
}

// Sheets and scripts are kept for good under a name that changes with them.
func TestFingerprintedAssetsAreKept(t *testing.T) {
	t.Parallel()
	h := gallery(t)
	p := galleryPage(t, "dashboard")
	sheet := p.all("rel", "stylesheet")[0]
	w := get(t, h, value(sheet, "href"))
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d, %q", value(sheet, "href"), w.Code, w.Header().Get("Cache-Control"))
	}
	if w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("type %q", w.Header().Get("Content-Type"))
	}
}

func eachPage(t *testing.T, check func(*testing.T, page)) {
	t.Helper()
	names := galleryNames(t)
	if len(names) < 10 {
		t.Fatalf("only %d pages in the gallery", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, galleryPage(t, name))
		})
	}
}

// named tells whether an element has its name from itself, a label around it, or what labels it.
func named(n *html.Node) bool {
	if value(n, "aria-label") != "" || value(n, "aria-labelledby") != "" {
		return true
	}
	for up := n.Parent; up != nil; up = up.Parent {
		if up.Data == "label" && text(up) != "" {
			return true
		}
	}
	return false
}

func insideDialog(n *html.Node) bool {
	for up := n.Parent; up != nil; up = up.Parent {
		if up.Data == "dialog" {
			return true
		}
	}
	return false
}

// Why an order was not replaced, or refused, is cut short in its row, and opened by whoever has
// no mouse to rest on it.
func TestAnOrdersReasonCanBeOpened(t *testing.T) {
	t.Parallel()
	const reason = "not replaced: Replacing orders is not supported for this brokerage"
	for _, aside := range galleryPage(t, "orders").all("data-testid", "order-aside") {
		if opens := inside(t, aside).tags("summary"); aside.Data == "details" && len(opens) == 1 && text(opens[0]) == reason {
			return
		}
	}
	t.Errorf("nothing opens to %q", reason)
}
