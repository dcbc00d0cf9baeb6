package main

import "testing"

// A trader stops publishing by their own switch, which everybody sees, and publishes again.
func traderStopsPublishing(t *testing.T, b *browser, w window) {
	s := open(t)
	p := b.visitor(t, s.url, w)
	p.signIn("ava")
	p.open("/copy")
	p.live()
	p.click("[data-testid=publishing-ask]")
	p.see("[data-testid=publishing-stop]")
	p.inspect("stop publishing")
	p.click("[data-testid=publishing-stop]")
	p.reads("[data-testid=notice]", "Nothing new of yours is announced or copied")
	p.reads("[data-testid=halted]", "You stopped publishing")
	p.open("/traders/ava")
	p.see("[data-testid=trader-stopped]")
	p.open("/copy/publishing")
	p.inspect("publish again")
	p.click("[data-testid=publishing-resume]")
	p.gone("[data-testid=halted]")
}
