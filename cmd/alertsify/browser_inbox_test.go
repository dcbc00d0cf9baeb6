package main

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/alertsify/alertsify/web/ui"
)

// The bell counts in every tab without a reload, up and down.
func notificationsArrive(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	one := b.visitor(t, s.url, w)
	one.signIn("ava")
	one.live()
	two := one.second()
	two.open("/positions")
	two.live()
	before := must[int](two, `Number(document.querySelector("[data-testid=unread]")?.innerText ?? 0)`)
	unread := func(more int) string { return strconv.Itoa(before + more) }

	id := s.place("ava", "BTO 1 AAPL 200C "+expiry+" @ 3.50")
	two.reads("[data-toast]", "AAPL") // first: it goes by itself after a while
	two.click("[data-toast] [data-dismiss]")
	two.gone("[data-toast]")
	s.eventually("ava's order fills", func() bool { return s.order("ava", id).State == "filled" })
	two.reads("[data-testid=unread]", unread(1))
	s.place("ava", "STC 1 AAPL 200C "+expiry+" @ 3.45")
	two.see("[data-toast]")
	two.inspect("toast")
	two.reads("[data-testid=unread]", unread(2))

	one.click("[data-testid=bell]")
	one.arrive("/notifications")
	one.live()
	one.wait("list both", "document.querySelectorAll('[data-testid=notification]').length >= "+unread(2))
	one.inspect("inbox")
	one.click("[data-testid=notification] button")
	one.reads("[data-testid=unread]", unread(1))
	two.reads("[data-testid=unread]", unread(1))
	one.click("[data-testid=read-all]")
	one.reads("[data-testid=notice]", "Marked as read.")
	two.gone("[data-testid=unread]")
	one.gone("[data-testid=read-all]")
	one.inspect("inbox, read")
}

// A theme is seen before it is saved and stays after; hidden amounts stay hidden.
func appearanceStays(t *testing.T, b *browser, w window) {
	s := open(t)
	p := b.visitor(t, s.url, w)
	p.signIn("ava")
	p.wait("begin dark", theme("dark"))
	p.open("/settings/appearance")
	p.inspect("appearance")
	p.click("input[name=theme][value=light]")
	p.wait("show light at once", theme("light"))
	p.click("[data-testid=save]")
	p.reads("[data-testid=notice]", "Saved.")
	p.wait("stay light", theme("light"))
	other := p.second()
	other.open("/orders")
	other.wait("be light elsewhere", theme("light"))
	other.inspect("orders, none")

	p.open("/dashboard")
	p.live()
	p.wait("show amounts", painted+` !== "rgba(0, 0, 0, 0)"`)
	p.click("[aria-label='Hide amounts']")
	p.wait("hide amounts", painted+` === "rgba(0, 0, 0, 0)"`)
	p.see("[aria-label='Hide amounts'][aria-pressed=true]")
	p.wait("be read again without them", `document.readyState === "complete" && performance.getEntriesByType("navigation")[0].type === "reload"`)
	p.inspect("amounts hidden")
	p.wait("keep it", `fetch("/positions").then(r => r.text()).then(t => t.includes('data-private="on"'))`)
	p.open("/positions")
	p.see("[aria-label='Hide amounts'][aria-pressed=true]")
	p.see("[data-private=on]")
	p.hidesAsTheServer()
	p.click("[aria-label='Hide amounts']")
	p.see("[data-private=off]")
}

// hidesAsTheServer: what the page's script writes by itself loses its quantities as the server's
// sentences do.
func (p *tab) hidesAsTheServer() {
	p.t.Helper()
	hidden := ui.WithViewer(p.t.Context(), ui.Viewer{Private: true})
	for _, sentence := range []string{
		"STC 5 AAPL 200C 1/15 @ 3.50", "Paper: 5 NVDA 20 Nov 185 C expired", "5 AAPL 15 Jan 200 C left your account", "5 copied from @ben are being sold: at $1.48.",
		"You hold 5, 3 of them copied from @ben.", "Exercised, it sells 500 shares of yours for $100,000.00; without them you are short.", "Sold 1,250 AAPL, 3/5 filled",
		"At most 1,000 contracts for one order.", "1,250 contracts ended for nothing.", "1 contract left this account",
	} {
		event, err := json.Marshal(map[string]any{"detail": map[string]string{"title": sentence, "body": sentence}})
		if err != nil {
			p.t.Fatal(err)
		}
		want := ui.Discreet(hidden, sentence)
		for _, part := range []string{"title", "body"} {
			if got := must[string](p, `(document.body.dispatchEvent(new CustomEvent("live-notification", `+string(event)+`)), [...document.querySelectorAll("[data-toast] [data-`+part+`]")].at(-1).textContent)`); got != want {
				p.t.Errorf("a toast's %s says %q, the server %q", part, got, want)
			}
		}
	}
	must[bool](p, `(document.querySelectorAll("[data-toast]").forEach((toast) => toast.remove()), true)`)
}

func theme(name string) string {
	return `document.documentElement.dataset.theme === "` + name + `" && getComputedStyle(document.documentElement).colorScheme.includes("` + name + `")`
}

// painted is the colour of an amount.
const painted = `getComputedStyle(document.querySelector("[data-testid=summary] .private")).color`
