package main

import (
	"fmt"
)

// inspect holds the page as it stands against what is asked of every page:
// nothing wider than the window, down to 320 pixels, and no serious fault that
// axe finds, in either theme.
func (p *tab) inspect(name string) {
	p.t.Helper()
	p.shoot(name)
	for _, fault := range p.faults() {
		p.t.Errorf("%s, %s: %s", name, p.person, fault)
	}
}

func (p *tab) faults() []string {
	p.t.Helper()
	found := p.tooWide()
	if p.plain { // axe needs script; the pages are the same ones
		return found
	}
	chosen := must[string](p, `document.documentElement.dataset.theme ?? ""`)
	for _, look := range []struct{ theme, rules string }{
		{"dark", ""},
		{"light", `runOnly: ["color-contrast", "link-in-text-block"],`}, // a theme is nothing but colours
	} {
		p.paint(look.theme)
		for _, violation := range p.violations(look.rules) {
			found = append(found, look.theme+": "+violation)
		}
	}
	p.paint(chosen)
	return found
}

// tooWide names what makes the page scroll sideways.
func (p *tab) tooWide() []string {
	p.t.Helper()
	found := p.overflow(p.window.width)
	if p.window.touch {
		narrow := p.window
		narrow.width = 320
		p.resize(narrow)
		found = append(found, p.overflow(narrow.width)...)
		p.resize(p.window)
	}
	return found
}

// overflow names the outermost elements that reach beyond the window, if the page scrolls there.
const overflowing = `(() => {
	const root = document.documentElement;
	if (root.scrollWidth <= root.clientWidth) return [];
	const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 0.5);
	return [root.scrollWidth + " of " + root.clientWidth + " px: " + wide.slice(0, 4).map(e => e.tagName + "." + e.className).join(", ")];
})()`

func (p *tab) overflow(width int64) []string {
	p.t.Helper()
	p.wait("be laid out anew", fmt.Sprintf("document.documentElement.clientWidth <= %d", width))
	list := must[[]string](p, overflowing)
	for i := range list {
		list[i] = fmt.Sprintf("scrolls sideways at %d: %s", width, list[i])
	}
	return list
}

// paint shows a theme, with its colours at once: fading from one to the other would
// keep the machine busy with pictures that nobody looks at.
func (p *tab) paint(theme string) {
	p.t.Helper()
	must[bool](p, fmt.Sprintf(`(document.documentElement.dataset.theme = %q, true)`, theme))
	must[bool](p, arrived)
	must[bool](p, settled)
}

// arrived brings everything that fades or slides to its end, and what that sets in
// motion: a colour that is inherited begins to fade when its parent's has arrived.
const arrived = `(() => {
	for (let looks = 0; looks < 20; looks++) {
		const moving = document.getAnimations().filter(a => a.playState === "running" && Number.isFinite(a.effect.getComputedTiming().endTime));
		if (moving.length === 0) break;
		moving.forEach(a => a.finish());
	}
	return true;
})()`

// settled waits until nothing fades or slides any more, but not for ever: where the
// browser draws no frames, an animation does not come to its end.
const settled = `(async () => {
	getComputedStyle(document.body).color;
	const moves = a => a.playState === "running" && Number.isFinite(a.effect.getComputedTiming().endTime);
	for (let looks = 0; looks < 60 && document.getAnimations().some(moves); looks++) {
		await new Promise(again => setTimeout(again, 50));
	}
	return true;
})()`

// violations are the serious and critical ones, of every rule unless it is said of which.
// Style sheets are not read once more for it: only a rule about turned screens would look at
// them, and ours say nothing of those.
func (p *tab) violations(of string) []string {
	p.t.Helper()
	if !must[bool](p, `typeof axe === "object"`) {
		must[bool](p, p.browser.axe+";true")
	}
	return must[[]string](p, `axe.run(document, {`+of+` resultTypes: ["violations"], preload: false}).then(result => result.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; ")))`)
}
