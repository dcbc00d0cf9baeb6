package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

const lastSeen = `caches.open("last-seen").then(cache => cache.match("/dashboard")).then(found => Boolean(found))`

// Without a connection the dashboard is shown as it was, under its time, and nothing on it
// can be sent; nothing of it stays on the device once one has signed out.
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
	p.see("[data-testid=sign-in-google], [name=return_to], main")
	keeps(false)

	visit()
	visit()
	keeps(true)
	site.CloseClientConnections()
	site.Close()
	p.open("/positions")
	p.reads("[data-testid=offline]", "No connection. This is how it was on")
	p.reads("main", "Open positions")
	p.shoot("offline")
	if live := must[int](p, `[...document.querySelectorAll("button, input, select")].filter(e => !e.matches(":disabled")).length`); live != 0 {
		t.Errorf("%d parts of the page can still be used", live)
	}
	if faults := p.tooWide(); len(faults) > 0 {
		t.Errorf("without a connection: %v", faults)
	}

	other := b.openTab(t, b.ctx, site.URL, phone, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(other.ctx, chromedp.Navigate(site.URL+"/dashboard")); err == nil {
		t.Error("somebody who was never here sees something")
	}
}
