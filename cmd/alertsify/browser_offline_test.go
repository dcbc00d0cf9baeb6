package main

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/go-chi/chi/v5"
)

const lastSeen = `caches.open("last-seen").then(cache => cache.match("/dashboard")).then(found => Boolean(found))`

// Without a connection the dashboard is shown as it was, under its time, and nothing on it
// moves or can be sent; the page that was wanted comes as soon as there is one again. Nothing
// of it stays on the device once one has signed out, hidden amounts or is asked to sign in,
// and it is the only page that is kept.
func withoutConnection(t *testing.T, b *browser, w window) {
	site := openGallery(t)
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
	// Where something is typed the page is not read again, which would keep it anew at once.
	must[bool](p, `(() => {
		document.querySelector("main input[name=line]").value = "BTO";
		document.querySelector("form[data-privacy]").requestSubmit();
		return true;
	})()`)
	gone("amounts are hidden")
	visit()
	p.open("/login")
	gone("somebody else may sign in")
	visit()
	p.open("/dashboard?signed-out")
	gone("the dashboard leads elsewhere")
	visit()
	must[bool](p, `(document.dispatchEvent(new CustomEvent("htmx:after:request", {detail: {ctx: {response: {status: 401}}}})), true)`)
	gone("a piece of the page was answered 401")

	visit()
	p.open("/analytics")
	p.open("/dashboard?tab=copy")
	pages := must[[]string](p, `caches.open("last-seen").then(cache => cache.keys()).then(all => all.map(r => new URL(r.url)).map(u => u.pathname + u.search).filter(path => !path.startsWith("/assets/")))`)
	if len(pages) != 1 || pages[0] != "/dashboard" {
		t.Errorf("kept are %q", pages)
	}
	site.away.Store(true)
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
	site.away.Store(false)
	p.gone("[data-testid=offline]")
	p.arrive("/analytics")
	must[bool](p, `caches.open("last-seen").then(async cache => {
		const found = await cache.match("/dashboard"), headers = new Headers(found.headers);
		headers.set("X-Kept-At", new Date(Date.now() - 13 * 3600 * 1000).toISOString());
		await cache.put("/dashboard", new Response(await found.text(), {headers}));
		return true;
	})`)
	site.away.Store(true)
	if err := chromedp.Do(p.ctx, chromedp.Navigate(site.URL+"/dashboard")); err == nil {
		t.Error("a page of yesterday is shown")
	}
}

// Whatever is answered to an order, it was sent once: a refusal is shown where it was sent
// from and may be sent again by hand, and what does not say whether the order was taken leads
// to the list of orders.
func orderIsSentOnce(t *testing.T, b *browser, w window) {
	var seen atomic.Int32
	site := openGallery(t, func(r chi.Router) {
		r.Post("/orders", func(w http.ResponseWriter, q *http.Request) {
			seen.Add(1)
			status, _ := strconv.Atoi(q.URL.Query().Get("status"))
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if q.URL.Query().Has("cut") {
				w.Header().Set("Content-Length", "1000")
			}
			w.WriteHeader(status)
			if q.URL.Query().Has("ours") {
				_, _ = fmt.Fprint(w, `<main><h1>Not now</h1><p data-refusal>Too many at once.</p></main>`)
			}
		})
	})
	p := b.openTab(t, b.ctx, site.URL, w, chromedp.WithNewBrowserContext()) // its troubles are the point
	p.person = "ava"
	for _, answer := range []struct {
		query   string
		refused string // what the form says; nothing: it leads to the orders
	}{
		{"status=429&ours", "Too many at once."}, {"status=503&ours", "Too many at once."}, {"status=422", "Refused (422)."},
		{"status=500&ours", ""}, {"status=502", ""}, {"status=503", ""}, {"status=200&cut", ""},
	} {
		seen.Store(0)
		p.open("/gallery/confirm")
		must[bool](p, `(() => {
			const form = document.querySelector("[data-testid=confirm-form]");
			for (const box of form.querySelectorAll("input[required]")) box.checked = true;
			form.action = "/orders?`+answer.query+`";
			form.requestSubmit();
			return true;
		})()`)
		if answer.refused == "" {
			p.arrive("/orders")
		} else {
			p.reads("[data-testid=refused]", answer.refused)
			p.wait("the button to send again", `!document.querySelector("[data-testid=confirm]").disabled`)
		}
		if n := seen.Load(); n != 1 {
			t.Errorf("%s: sent %d times", answer.query, n)
		}
	}
}
