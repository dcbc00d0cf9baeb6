package main

import "testing"

// STOP is in reach on every page, says what it would touch, takes one tap, and
// every tab says how to go on.
func stopStops(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	s.place("ava", "BTO 2 AAPL 200C 1/15/27 @ 3.50")
	s.onlyWorking("ava")
	p := b.visitor(t, s.url, w)
	p.signIn("ava")
	p.live()
	p.click("[data-testid=stop]")
	p.reads("[data-testid=stop-cancel]", "1 order")
	p.inspect("stop")
	p.click("[data-testid=stop-cancel]")
	p.reads("[data-testid=halted]", "You stopped trading.")
	p.gone("[data-testid=cancel]")
	s.eventually("the broker has cancelled it", func() bool { return s.book("ava")[0].Status == "CANCELED" })
	p.inspect("stopped")

	p.open("/dashboard?line=BTO+1+AAPL+200C+1/15/27+@+3.50")
	p.click("[data-testid=preview]")
	p.reads("[data-testid=ticket-problem], [data-testid=refusal]", "stopped")

	p.open("/stop")
	p.inspect("stop page")
	p.click("main [data-testid=resume]")
	p.reads("[data-testid=notice]", "Trading again.")
	p.gone("[data-testid=halted]")
}
