package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys lead to every place and through its rows, each as the list of keys says; one that
// sends is off again when its time is over.
func keysLeadAnywhere(t *testing.T, b *browser, w window) {
	p := b.visitor(t, gallerySite(t), w)
	p.person = "ava"
	p.open("/orders")
	for _, place := range []struct{ keys, path, holds string }{
		{"gd", "/dashboard", ""}, {"gt", "/dashboard", `location.hash === "#ticket"`}, {"gc", "/copy", ""}, {"gp", "/positions", ""}, {"ga", "/analytics", ""},
		{"gf", "/feed", ""}, {"go", "/orders", ""}, {"gn", "/notifications", ""},
	} {
		p.ready()
		p.chord(place.keys)
		p.arrive(place.path)
		if place.holds != "" {
			p.wait("be at "+place.keys, place.holds)
		}
	}
	p.ready()
	p.press("/")
	p.wait("reach the symbol", `document.activeElement?.matches("input[data-find]")`)
	p.press(kb.Escape)
	p.wait("leave the field", `document.activeElement === document.body`)

	p.open("/positions")
	p.ready()
	row := func(n string) {
		t.Helper()
		p.wait("be at row "+n, `[...document.querySelectorAll("[data-testid=position-row]")].indexOf(document.activeElement) === `+n)
	}
	p.press("j")
	row("0")
	p.press("j")
	row("1")
	p.press("k")
	row("0")
	p.press("x")
	p.arrive("/dashboard")
	p.wait("fill the ticket", `new URLSearchParams(location.search).has("position")`)
	p.ready()
	p.press("b")
	p.wait("reach the quick line", `document.activeElement?.name === "line"`)
	p.press(kb.Escape)
	p.press(kb.Escape, chromedp.ModifierShift)
	p.see("dialog#stop[open]")
	p.press(kb.Escape)
	p.gone("dialog#stop[open]")
	p.press("k", chromedp.ModifierMeta)
	p.see("#palette-text")
	p.press(kb.Escape)
	p.gone("#palette-text")

	p.open("/copy")
	p.ready()
	p.press("j")
	p.press("a")
	p.see("dialog#arm[open]")
	p.click("[data-testid=arm]")
	p.see("[data-testid=armed]")
	if left := must[int](p, `Math.round((Number(sessionStorage.getItem("armed-until")) - Date.now()) / 1000)`); left < 270 || left > 300 {
		t.Errorf("armed for %d s", left)
	}
	must[bool](p, `(sessionStorage.setItem("armed-until", String(Date.now() + 700)), true)`)
	p.open("/copy")
	p.ready()
	p.gone("[data-testid=armed]")
	p.press("j")
	p.press("r")
	p.see("dialog#arm[open]") // and nothing was sent
}

// chord presses keys that belong together, which they do for a second. The page's clock stands
// still for them: on a busy machine the second key comes later than a person's would.
func (p *tab) chord(keys string) {
	p.t.Helper()
	must[bool](p, `(now => (Date.now = () => now, true))(Date.now())`)
	p.press(keys)
}

// ready waits until the page's script listens.
func (p *tab) ready() {
	p.t.Helper()
	p.wait("listen to keys", `document.readyState === "complete"`)
}

// A few letters lead to any page, a symbol to its chain, a name to its trader, all by keys;
// what is open already is never left by it.
func paletteLeadsAnywhere(t *testing.T, b *browser, w window) {
	p := b.visitor(t, gallerySite(t), w)
	p.person = "ava"
	typed := func(text string) {
		t.Helper()
		p.press("k", chromedp.ModifierCtrl)
		p.see("#palette-text")
		p.press(text)
	}
	offered := func(want string) {
		t.Helper()
		p.reads("#palette", want)
	}
	p.open("/dashboard")
	typed("analy")
	offered("Analytics")
	p.press(kb.Enter)
	p.arrive("/analytics")
	typed("tsla")
	offered("Option chain of TSLA")
	p.press(kb.ArrowDown)
	p.press(kb.Enter)
	p.arrive("/chain/TSLA")
	typed("@ben")
	offered("Trader @ben")
	p.inspect("palette")
	p.press(kb.Escape)
	p.gone("#palette-text")
	typed("no such page at all")
	offered("Nothing is called that.")
	p.press(kb.Enter) // leads nowhere
	p.press("k", chromedp.ModifierCtrl)
	p.gone("#palette-text")
	p.press("?")
	p.see("#keys-title")
	p.press("k", chromedp.ModifierCtrl)
	p.gone("#palette-text")
}
