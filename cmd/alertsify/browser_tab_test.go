package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab is one tab of one person's browser.
type tab struct {
	t        *testing.T
	browser  *browser
	ctx      context.Context // chromedp's handle of the tab
	site     string
	window   window
	watch    *watch
	person   string
	plain    bool // without script
	pictures int
}

// second is another tab of the same person.
func (p *tab) second() *tab {
	p.t.Helper()
	other := p.browser.openTab(p.t, p.ctx, p.site, p.window)
	other.mind()
	other.person = p.person + "-second"
	return other
}

// do runs actions that must work.
func (p *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx); err != nil { // the tab lives as long as its own context
		p.t.Fatalf("%s: %v", what, err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

func (p *tab) resize(w window) {
	p.t.Helper()
	var options []chromedp.EmulateViewportOption
	if w.touch {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.do("resize", chromedp.EmulateViewport(w.width, w.height, options...))
}

// withoutScript turns script off for every page from here on.
func (p *tab) withoutScript() {
	p.t.Helper()
	p.plain = true
	p.do("turn script off", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

// open goes to a page of ours by its address.
func (p *tab) open(path string) {
	p.t.Helper()
	p.wait("be whole", `document.readyState === "complete"`) // a script still on its way would fail when its page is left
	p.do("open "+path, chromedp.Navigate(p.site+path))
}

// live waits until the page hears of every change.
func (p *tab) live() {
	p.t.Helper()
	p.wait("live", `document.querySelector("[data-live=on]")`)
}

// signIn is the way of a person of the cast: our page, the provider's, and back.
func (p *tab) signIn(person string) {
	p.t.Helper()
	p.person = person
	p.open("/login")
	p.click("[data-testid=sign-in-sandbox]")
	p.click("button[value=" + person + "]")
	p.arrive("/dashboard")
}

// arrive waits for a page of ours to be there.
func (p *tab) arrive(path string) {
	p.t.Helper()
	p.wait("arrive at "+path, fmt.Sprintf(`location.origin === %q && location.pathname === %q && document.readyState === "complete"`, p.site, path))
}

// eval is the value of an expression in the page.
func eval[T any](p *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// must is eval of what cannot fail.
func must[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := eval[T](p, expression)
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until polls an expression until ok holds for its value. Errors are pages that
// are just being left.
func until[T any](p *tab, what, expression string, ok func(T) bool) T {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		v, err := eval[T](p, expression)
		if err == nil && ok(v) {
			return v
		}
		if time.Now().After(deadline) || p.ctx.Err() != nil {
			p.t.Fatalf("%s never: %s\nlast: %v %v\n%s", p.person, what, v, err, p.describe())
		}
		select {
		case <-p.ctx.Done():
		case <-time.After(glance):
		}
	}
}

// wait waits for a condition, which may be a promise of it.
func (p *tab) wait(what, condition string) {
	p.t.Helper()
	until(p, what, "(met => met instanceof Promise ? met.then(Boolean) : Boolean(met))("+condition+")", func(met bool) bool { return met })
}

// describe is where the tab is and what it shows, for failures.
func (p *tab) describe() string {
	text, err := eval[string](p, `[location.href, "in focus: " + document.activeElement?.outerHTML.slice(0, 150),
		"open: " + [...document.querySelectorAll("dialog[open]")].map(d => d.id), "here for " + Math.round(performance.now()) + " ms, has focus: " + document.hasFocus(), document.body.innerText.slice(0, 1500)].join("\n")`)
	if err != nil {
		return err.Error()
	}
	return text
}

// seen is the first element that a person can see, as an expression.
func seen(selector string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%s)].find(e => e.checkVisibility({visibilityProperty: true, opacityProperty: false}))`, quote(selector))
}

// see waits for an element.
func (p *tab) see(selector string) {
	p.t.Helper()
	p.wait("see "+selector, seen(selector))
}

// gone waits until no such element is seen.
func (p *tab) gone(selector string) {
	p.t.Helper()
	p.wait("be without "+selector, "!("+seen(selector)+")")
}

// reads waits until an element says something.
func (p *tab) reads(selector, text string) {
	p.t.Helper()
	until(p, fmt.Sprintf("read %q in %s", text, selector), fmt.Sprintf(`(%s)?.innerText ?? ""`, seen(selector)), func(said string) bool {
		return strings.Contains(spaces.ReplaceAllString(said, " "), text)
	})
}

var spaces = regexp.MustCompile(`\s+`)

// point is the middle of an element that would really get the click, not
// something above it; null while there is none, and while the page loads: to leave it then
// would count as a failure of the scripts that are still on their way.
const pointOf = `(() => {
	const e = %s;
	if (!e || e.disabled || document.readyState !== "complete") return null;
	e.scrollIntoView({block: "center", behavior: "instant"});
	const r = e.getClientRects()[0], x = r.x + r.width / 2, y = r.y + r.height / 2;
	const top = document.elementFromPoint(x, y);
	return top && (e.contains(top) || top.closest("label")?.control === e) ? [x, y] : null;
})()`

// click clicks, or taps on a phone, once the element stands still and nothing covers it.
func (p *tab) click(selector string) {
	p.t.Helper()
	for range 3 {
		at := p.pointOn(selector) // each time: the page may have moved meanwhile
		hears := p.listensForClickOn(selector)
		if p.window.touch {
			p.do("tap "+selector, chromedp.TapXY(at[0], at[1]))
		} else {
			p.do("click "+selector, chromedp.MouseClickXY(at[0], at[1]))
		}
		if !hears || p.heardTheClick() {
			return
		}
		p.t.Logf("%s: a click on %s came to nothing", p.person, selector)
	}
	p.t.Fatalf("%s: no click reaches %s\n%s", p.person, selector, p.describe())
}

// pointOn is where to click on what the selector names, once it stands still.
func (p *tab) pointOn(selector string) []float64 {
	p.t.Helper()
	last := []float64{-1, -1}
	return until(p, "click "+selector, fmt.Sprintf(pointOf, seen(selector)), func(at []float64) bool {
		still := len(at) == 2 && at[0] == last[0] && at[1] == last[1]
		if len(at) == 2 {
			last = at
		}
		return still
	})
}

// listensForClickOn makes the page note the next clicks, and whether one is on what the
// selector names. A page without script notes nothing.
func (p *tab) listensForClickOn(selector string) bool {
	if p.plain {
		return false
	}
	_, err := eval[bool](p, fmt.Sprintf(`(() => {
		if (!window.click) {
			addEventListener("click", (e) => {
				window.click.heard = true;
				window.click.hit ||= e.composedPath().some((at) => at.matches?.(window.click.wanted));
			}, true);
		}
		window.click = { wanted: %s, heard: false, hit: false };
		return true;
	})()`, quote(selector)))
	return err == nil
}

// heardTheClick tells whether the click reached what it was meant for, or the page is
// another one by now. The browser throws input away that arrives while it swaps what it
// draws, and gives a tap to what lies behind when a live page replaces what was touched
// before the finger is up: a person sees that nothing happened and clicks again.
func (p *tab) heardTheClick() bool {
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(glance) {
		heard, err := eval[string](p, `!window.click || window.click.hit ? "hit" : window.click.heard ? "missed" : ""`)
		if err != nil || heard == "hit" {
			return true
		}
		if heard == "missed" {
			return false
		}
	}
	return false
}

// fill types into a field as a person does: to the field, all of it away, the new text.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.click(selector)
	p.wait("reach "+selector, fmt.Sprintf(`(e => e && document.activeElement === e && (e.select(), true))(%s)`, seen(selector)))
	p.press(text)
	p.wait("hold "+text, fmt.Sprintf(`(%s)?.value === %s`, seen(selector), quote(text)))
}

// choose picks an option; the list that opens is the system's, out of a page's reach.
func (p *tab) choose(selector, value string) {
	p.t.Helper()
	p.wait("choose "+value, fmt.Sprintf(`(e => {
		if (!e || e.disabled || ![...e.options].some(o => o.value === %[2]s)) return false;
		e.focus(); e.value = %[2]s;
		e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})(%[1]s)`, seen(selector), quote(value)))
}

// press sends keys to whatever has the focus. One event carries the key and its
// text, so that a page that takes the key for itself gets no text with it.
func (p *tab) press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.do("press", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, key := range keys {
			if err := pressOne(ctx, key, modifiers); err != nil {
				return err
			}
		}
		return nil
	}))
}

func pressOne(ctx context.Context, key rune, modifiers []chromedp.Modifier) error {
	events := kb.Encode(key)
	down, up := *events[0], *events[len(events)-1]
	if len(events) == 3 { // down, the text, up
		down.Type, down.Text, down.UnmodifiedText = input.DispatchKeyEventTypeKeyDown, events[1].Text, events[1].UnmodifiedText
	}
	for _, m := range modifiers {
		down.Modifiers |= int64(m)
		up.Modifiers |= int64(m)
	}
	if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, down); err != nil {
		return err
	}
	_, err := chromedp.Call(ctx, input.DispatchKeyEvent, up)
	return err
}

// troubles are what the tab's watch found, once the tab has nothing more to say.
func (p *tab) troubles() []string {
	_, _ = eval[int](p, "1") // events come in order: what happened before this answer has been seen
	return p.watch.list()
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(text)
}

func fileName(test, person string, n int, name string) string {
	plain := strings.NewReplacer("TestBrowser/", "", "/", "-", " ", "-").Replace
	return fmt.Sprintf("%s-%s-%02d-%s.png", plain(test), person, n, plain(name))
}
