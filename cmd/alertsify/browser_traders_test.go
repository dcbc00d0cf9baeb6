package main

import "testing"

// What is seldom seen of traders, copying, results and people, from the gallery: long names, nothing
// finished, who has stopped publishing, what is muted. Followed by a trader's own switch.
func tradersAreFitToRead(t *testing.T, b *browser, w window) {
	s := open(t)
	p := b.visitor(t, s.url, w)
	p.signIn("ava")
	for _, page := range []string{
		"traders", "traders-none", "trader", "trader-new", "trader-open", "trader-stopped", "copy", "followers", "copy-stop", "limits", "halted",
		"profile-wrong", "users", "leave-email", "leave-last-admin", "mail-undo",
		"analytics-overview", "analytics-trades", "analytics-calendar", "analytics-heatmap", "analytics-performance",
	} {
		p.open("/gallery/" + page)
		p.inspect(page)
	}
	p.open("/copy")
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
