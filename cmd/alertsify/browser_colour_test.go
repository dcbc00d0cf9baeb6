package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Gains and losses can be read in each palette on both themes, and all of a page on paper,
// where nothing but what is written is printed and all ink may be black. That no colour
// stands alone is TestColourNeverStandsAlone.
func readableInAnyColour(t *testing.T, b *browser, w window) {
	p := b.visitor(t, gallerySite(t), w)
	p.person = "anybody"
	const contrast = `runOnly: ["color-contrast"],`
	for _, name := range []string{"positions", "analytics-calendar"} {
		p.open("/gallery/" + name)
		for _, palette := range []string{"red-up", "blue-orange"} {
			must[bool](p, fmt.Sprintf(`(document.documentElement.dataset.palette = %q, true)`, palette))
			for _, theme := range []string{"dark", "light"} {
				p.paint(theme)
				for _, fault := range p.violations(contrast) {
					t.Errorf("%s, %s, %s: %s", name, palette, theme, fault)
				}
			}
		}
		if name == "positions" {
			p.pricesGrowOld()
		}
		p.paint("dark")
		p.onPaper("print")
		if shown := must[bool](p, `Boolean(`+seen("aside, header, nav[aria-label='Main, phone']")+`)`); shown {
			t.Errorf("%s: what leads elsewhere is printed", name)
		}
		must[bool](p, arrived)
		for _, fault := range p.violations(contrast) {
			t.Errorf("%s, printed from the dark theme: %s", name, fault)
		}
		p.onPaper("")
	}
}

// pricesGrowOld lets prices that were 59 seconds old when the page was opened pass the minute
// while it stays open: they look old then, and say so.
func (p *tab) pricesGrowOld() {
	p.t.Helper()
	p.wait("show prices and their age", `document.querySelector("time[data-age=price]")`)
	must[bool](p, `(() => {
		const opened = Number(document.querySelector("meta[name=server-time]").content);
		for (const age of document.querySelectorAll("time[data-age=price]")) age.dateTime = new Date(opened - 59_000).toISOString();
		return true;
	})()`)
	p.wait("look old", `[...document.querySelectorAll("time[data-age=price]")].every(t => t.classList.contains("age-dead") && /min ago/.test(t.textContent))`)
}

// onPaper draws the page as it would be printed; "" is the screen. Who has a phone here prefers
// that nothing fades or slides; at the desk it does.
func (p *tab) onPaper(media string) {
	p.t.Helper()
	motion := &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "no-preference"}
	if p.window.touch {
		motion.Value = "reduce"
	}
	p.do("draw for "+media, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{motion}})
		return err
	}))
}
