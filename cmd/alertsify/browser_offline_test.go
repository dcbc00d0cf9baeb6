package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

const lastSeen = `caches.open("last-seen").then(cache => cache.match("/dashboard")).then(found => Boolean(found))`

// Without a connection the dashboard is shown as it was, under its time, and nothing on it
// moves or can be sent; the page that was wanted comes as soon as there is one again. Nothing
// of it stays on the device once one has signed out, hidden amounts or is asked to sign in,
// and it is the only page that is kept.
func withoutConnection(t *testing.T, b *browser, w window) {
	site := gallerySiteAt(t, "127.0.0.1:0")
	p := b.openTab(t, b.ctx, site.URL, w, chromedp.WithNewBrowserContext()) // its troubles are the point
	p.person = "ava"
	visit := func() {
		t.Helper()
		p.open("/dashboard")
		p.wait("the worker to rule the page", `navigator.serviceWorker.controller !== null`)
		p.open("/dashboard")
		until(p, "keep the page", lastSeen, func(kept bool) bool { return kept })
	}
	gone := func(why string) {
		t.Helper()
		until(p, "forget the page: "+why, lastSeen, func(kept bool) bool { return !kept })
	}
	visit()
	must[bool](p, `(document.querySelector("form[action='/auth/logout']").requestSubmit(), true)`)
	p.arrive("/login")
	gone("signed out")
	visit()
	must[bool](p, `(document.querySelector("form[data-privacy]").requestSubmit(), true)`)
	gone("amounts are hidden")
	visit()
	p.open("/login")
	gone("somebody else may sign in")

	visit()
	p.open("/analytics")
	p.open("/dashboard?tab=copy")
	pages := must[[]string](p, `caches.open("last-seen").then(cache => cache.keys()).then(all => all.map(r => new URL(r.url)).map(u => u.pathname + u.search).filter(path => !path.startsWith("/assets/")))`)
	if len(pages) != 1 || pages[0] != "/dashboard" {
		t.Errorf("kept are %q", pages)
	}
	site.CloseClientConnections()
	site.Close()
	p.open("/analytics")
	p.reads("[data-testid=offline]", "No connection. This is how it was on")
	p.see("[data-testid=offline] time[datetime]")
	p.reads("main", "Open positions")
	p.shoot("offline")
	if live := must[int](p, `[...document.querySelectorAll("button, input, select, textarea")].filter(e => !e.matches(":disabled")).length`); live != 0 {
		t.Errorf("%d parts of the page can still be used", live)
	}
	if scripts := must[int](p, `document.querySelectorAll("script").length`); scripts != 1 {
		t.Errorf("%d scripts run under the time of what was kept", scripts)
	}
	for _, fault := range p.tooWide() {
		t.Errorf("without a connection: %s", fault)
	}
	again := gallerySiteAt(t, site.Listener.Addr().String())
	p.gone("[data-testid=offline]")
	p.arrive("/analytics")
	must[bool](p, `caches.open("last-seen").then(async cache => {
		const found = await cache.match("/dashboard"), headers = new Headers(found.headers);
		headers.set("X-Kept-At", new Date(Date.now() - 13 * 3600 * 1000).toISOString());
		await cache.put("/dashboard", new Response(await found.text(), {headers}));
		return true;
	})`)
	again.CloseClientConnections()
	again.Close()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(site.URL+"/dashboard")); err == nil {
		t.Error("a page of yesterday is shown")
	}
}
