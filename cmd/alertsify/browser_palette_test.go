package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

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
