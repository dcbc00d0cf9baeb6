package main

import "testing"

// Without script every page is forms and links, and all of it can be done.
func worksWithoutScript(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	ava := b.visitor(t, s.url, w)
	ava.withoutScript()
	ava.signIn("ava")
	ava.inspect("dashboard")

	ava.fill("[data-testid=underlying]", "AAPL")
	ava.load("select[data-testid=expiration]")
	ava.choose("select[data-testid=expiration]", expiryDate)
	ava.load("select[data-testid=strike]")
	ava.choose("select[data-testid=strike]", "200")
	ava.fill("[data-testid=quantity]", "2")
	ava.fill("[data-testid=limit]", "3.40")
	ava.inspect("ticket")
	ava.click("[data-testid=preview]")
	ava.arrive("/orders/preview")
	ava.reads("[data-testid=confirmation]", "Buy to open 2 contracts")
	ava.reads("[data-testid=confirmation]", "$680.00")
	ava.inspect("confirmation")
	ava.click("[data-testid=confirm]")
	ava.arrive("/dashboard")
	ava.reads("[data-testid=notice]", "The order was taken.")

	s.onlyWorking("ava")
	s.eventually("the order works", func() bool {
		return contains(s.do("ava", "GET", "/api/trading/orders?view=working", "").body, `"state":"accepted"`)
	})
	ava.open("/orders?view=working")
	ava.inspect("working")
	ava.click("[data-testid=ask-replace]")
	ava.reads("[data-testid=replacing]", "Replace: Buy to open 2 contracts")
	ava.fill("[data-testid=replace-limit]", "3.45")
	ava.inspect("replace")
	ava.click("[data-testid=replace]")
	ava.reads("[data-testid=notice]", "asked to replace")
	s.eventually("the broker has replaced it", func() bool { return len(s.book("ava")) == 2 && s.book("ava")[0].Status == "REPLACED" })
	s.eventually("the successor works", func() bool {
		return contains(s.do("ava", "GET", "/api/trading/orders?view=working", "").body, `"state":"done"`)
	})
	ava.open("/orders?view=working")
	ava.click("[data-testid=cancel]")
	ava.reads("[data-testid=notice]", "asked to cancel")
	ava.gone("[data-testid=cancel]")
	s.eventually("the broker has cancelled it", func() bool { return s.book("ava")[1].Status == "CANCELED" })

	s.mode("immediate")
	s.settings("cara", `{"settings":{"maxDelaySeconds":900}}`) // signing in takes of the time to answer
	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	cara := b.visitor(t, s.url, w)
	cara.withoutScript()
	s.eventually("cara is asked", func() bool {
		return contains(s.do("cara", "GET", "/api/copy-trading/decisions?view=awaiting", "").body, `"awaiting_approval"`)
	})
	cara.signIn("cara")
	cara.open("/copy")
	cara.click("[data-testid=approve]")
	cara.reads("[data-testid=notice]", "Approved.")
	s.eventually("cara's copy is at the broker", func() bool { return len(s.book("cara")) == 1 })
}

// load asks for quotes by the button that pages without script have, once more
// each time the market was slow, until they offer what is wanted.
func (p *tab) load(wanted string) {
	p.t.Helper()
	for {
		must[bool](p, `(window.left = true)`)
		p.click("button[formaction='/dashboard']")
		p.wait("load", `!window.left && location.search.includes("underlying=AAPL") && document.readyState === "complete"`)
		if must[bool](p, "Boolean("+seen(wanted)+")") {
			return
		}
		p.see("[data-testid=slow-quotes]")
	}
}
