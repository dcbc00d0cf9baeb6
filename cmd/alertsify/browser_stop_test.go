package main

import "testing"

// offersNoRetry waits for an order that only the broker knows about: nobody offers to send it
// again, and it is found by looking.
func (p *tab) offersNoRetry() {
	p.t.Helper()
	offers := until(p, "check with the broker", `(row => /Checking\s+with\s+broker/.test(row?.innerText) ?
		[...row.querySelectorAll("button, a.btn")].map(e => e.innerText.trim()).filter(Boolean) : null)(`+seen("[data-testid=order-row]")+`)`,
		func(offers []string) bool { return offers != nil })
	if len(offers) > 1 || len(offers) == 1 && offers[0] != "Cancel" {
		p.t.Errorf("an order that nobody knows about offers %q", offers)
	}
}

// STOP is in reach on every page, says what it would touch, takes one tap, and
// every tab says how to go on.
func stopStops(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	p := b.visitor(t, s.url, w)
	p.signIn("ava")
	p.live()
	if !w.touch { // the broker's answer is lost
		s.looksLater("ava")
		s.fails("ava", placing, "accept_then_drop")
	}
	s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	if !w.touch {
		p.offersNoRetry()
	}
	s.looksOften()
	s.onlyWorking("ava")
	p.see("[data-testid=ask-replace]")
	p.inspect("working order")
	p.click("[data-testid=ask-replace]")
	p.see("dialog[open] [data-testid=replace-form]")
	p.click("[data-step='-1']") // one legal tick
	p.wait("a lower price", `document.querySelector("[data-testid=replace-limit]").value === "3.45"`)
	p.inspect("replace dialog")
	p.click("[data-testid=replace]")
	p.reads("[data-testid=notice]", "asked to replace")
	s.eventually("the broker has replaced it", func() bool { return s.book("ava")[0].Status == "REPLACED" })
	p.live()
	p.click("[data-testid=stop]")
	p.reads("[data-testid=stop-cancel]", "1 order")
	p.inspect("stop")
	p.click("[data-testid=stop-cancel]")
	p.reads("[data-testid=halted]", "You stopped trading.")
	p.gone("[data-testid=cancel]")
	s.eventually("the broker has cancelled it", func() bool { return s.book("ava")[1].Status == "CANCELED" })
	p.inspect("stopped")

	p.open("/dashboard?line=BTO+1+AAPL+200C+" + expiry + "+@+3.50")
	p.click("[data-testid=preview]")
	p.reads("[data-testid=ticket-problem], [data-testid=refusal]", "stopped")

	p.open("/stop")
	p.inspect("stop page")
	p.click("main [data-testid=resume]")
	p.reads("[data-testid=notice]", "Trading again.")
	p.gone("[data-testid=halted]")
}
