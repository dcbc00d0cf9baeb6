package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

const lastSeen = `caches.open("last-seen").then(cache => cache.match("/dashboard")).then(found => Boolean(found))`

// Without a connection the dashboard is shown as it was, under its time, and nothing on it
// moves or can be sent; it goes as soon as there is one again. Nothing of it stays on the
// device once one has signed out or hidden amounts, and nobody else sees it.
func TestWithoutAConnectionTheDashboardIsAsItWas(t *testing.T) {
	t.Parallel()
	b, site := startBrowser(t), gallerySite(t)
	p := b.openTab(t, b.ctx, site.URL, phone, chromedp.WithNewBrowserContext()) // its troubles are the point
	p.person = "ava"
	visit := func() {
		t.Helper()
		p.open("/dashboard")
		p.wait("the worker to rule the page", `navigator.serviceWorker.controller !== null`)
	}
	keeps := func(want bool) {
		t.Helper()
		until(p, "what is kept", lastSeen, func(kept bool) bool { return kept == want })
	}
	visit()
	visit()
	keeps(true)
	must[bool](p, `(document.querySelector("form[action='/auth/logout']").requestSubmit(), true)`)
	p.arrive("/gallery/login")
	keeps(false)
	visit()
	visit()
	keeps(true)
	must[bool](p, `(document.querySelector("form[data-privacy]").requestSubmit(), true)`)
	keeps(false) // amounts that are hidden now stood on it

	visit()
	visit()
	keeps(true)
	site.CloseClientConnections()
	site.Close()
	p.open("/analytics")
	p.reads("[data-testid=offline]", "No connection. This is how it was on")
	p.reads("main", "Open positions")
	p.shoot("offline")
	if live := must[int](p, `[...document.querySelectorAll("button, input, select")].filter(e => !e.matches(":disabled")).length`); live != 0 {
		t.Errorf("%d parts of the page can still be used", live)
	}
	if moves := must[int](p, `document.querySelectorAll("script").length`); moves != 1 {
		t.Errorf("%d scripts run under the time of what was kept", moves)
	}
	if faults := p.tooWide(); len(faults) > 0 {
		t.Errorf("without a connection: %v", faults)
	}
	again := gallerySiteAt(t, site.Listener.Addr().String())
	p.gone("[data-testid=offline]")
	again.CloseClientConnections()
	again.Close()

	other := b.openTab(t, b.ctx, site.URL, phone, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(other.ctx, chromedp.Navigate(site.URL+"/dashboard")); err == nil {
		t.Error("somebody who was never here sees something")
	}
}
