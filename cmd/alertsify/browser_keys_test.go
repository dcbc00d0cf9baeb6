package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	tabKey    = "\t"
	enterKey  = "\r"
	escapeKey = "\u001b"
)

// The whole ticket by keys alone, in the order it is read; the confirmation takes
// the focus, keeps it, and gives it back.
func ticketByKeys(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	p := b.visitor(t, s.url, w)
	p.signIn("ava")
	p.live()
	p.press("b")
	p.focused("line")
	p.press("BTO 1 AAPL 200C " + expiry + " @ 3.50" + enterKey)
	p.wait("fill the ticket", `location.search.includes("line=") && document.readyState === "complete" && document.querySelector("[data-testid=use-Ask]")`)
	p.live()

	must[bool](p, `(document.querySelector("[name=side]:checked").focus(), true)`)
	reached := []string{focusName(p)}
	for len(reached) < 40 && !slices.Contains(reached, "preview") {
		p.press(tabKey)
		reached = append(reached, focusName(p))
	}
	want := []string{"side", "underlying", "optionType", "expiration", "strike", "use-Bid", "use-Mid", "use-Ask", "quantity", "orderType", "limitPrice", "timeInForce", "accountId", "preview"}
	if !ordered(reached, want...) {
		t.Fatalf("Tab reaches %q, not in it in this order: %q", reached, want)
	}
	p.press(enterKey)
	p.see("dialog#confirmation")
	p.focused("confirm")
	for range 12 {
		p.press(tabKey)
		p.wait("keep the focus in the dialog", `document.activeElement === document.body || document.activeElement.closest("dialog[open]")`)
	}
	p.press(escapeKey)
	p.gone("dialog#confirmation")
	p.focused("preview")
	if book := s.book("ava"); len(book) != 0 {
		t.Errorf("an order without a confirmation: %+v", book)
	}

	p.press("\u001b", chromedp.ModifierShift)
	p.see("dialog#stop [data-testid=stop-entries]")
	p.inspect("stop")
	p.press(escapeKey)
	p.gone("dialog#stop")
	p.press("?")
	p.see("dialog#keys")
	p.inspect("keys")
	p.press(escapeKey)
	p.gone("dialog#keys")

	must[bool](p, `(document.querySelector("[data-testid=preview]").focus(), true)`)
	p.press(enterKey)
	p.focused("confirm")
	p.press(enterKey)
	p.reads("[data-testid=notice]", "The order was taken.")
	p.see("[data-testid=position-row]")
	p.live() // the page is another one since the order
	p.chord("gp")
	p.arrive("/positions")
	p.press("j")
	p.wait("reach the first row", `document.activeElement?.dataset.testid === "position-row"`)
	p.inspect("positions by key")
	p.press("x")
	p.arrive("/dashboard")
	p.wait("fill the ticket that closes it", `document.querySelector("[name=side]:checked")?.value === "STC" && document.querySelector("[name=quantity]")?.value === "1"`)
}

// focusName says what has the focus: a field's name, else a mark of ours.
func focusName(p *tab) string {
	p.t.Helper()
	return strings.TrimSpace(must[string](p, `(e => e?.name || e?.dataset.testid || e?.getAttribute("aria-label") || e?.innerText?.slice(0, 20) || e?.tagName)(document.activeElement)`))
}

// focused waits until something has the focus.
func (p *tab) focused(name string) {
	p.t.Helper()
	until(p, "focus "+name, `(e => [e?.name, e?.dataset.testid].join(" "))(document.activeElement)`, func(got string) bool {
		return slices.Contains(strings.Fields(got), name)
	})
}
