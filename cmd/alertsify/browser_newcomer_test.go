package main

import "testing"

// Somebody who never was here signs in with typed claims, connects a broker
// through the portal, and has an account to trade with.
func newcomerConnects(t *testing.T, b *browser, w window) {
	s := open(t)
	p := b.visitor(t, s.url, w)
	p.person = "dora"
	p.open("/")
	p.see("[data-testid=sign-in]")
	p.inspect("landing")
	p.click("[data-testid=sign-in]")
	p.arrive("/login")
	p.inspect("login")

	p.click("[data-testid=sign-in-sandbox]")
	p.see("button[value=custom]")
	for name, text := range map[string]string{"sub": "dora-1", "username": "dora", "name": "Dora Quist", "email": "dora@example.com"} {
		p.fill("input[name="+name+"]", text)
	}
	p.click("input[name=email_verified]")
	p.click("button[value=custom]")
	p.arrive("/legal/accept")
	p.inspect("documents to accept")
	p.click("[data-testid=accept-later]")
	p.arrive("/dashboard")
	p.click("[data-testid=accept-first] a")
	p.arrive("/legal/accept")
	p.click("input[name=accept]")
	p.click("[data-testid=accept]")
	p.arrive("/dashboard")
	p.live()
	p.inspect("dashboard without a broker")

	p.click("header a[href='/settings/brokers']")
	p.arrive("/settings/brokers")
	p.reads("main", "No broker is connected.")
	p.inspect("brokers, none")
	p.choose("[data-testid=broker]", devBroker)
	p.click("[data-testid=connect]")
	p.click("#connect")
	p.see("#done, [data-testid=connecting]")
	if must[bool](p, `document.querySelector("#done") !== null`) {
		p.click("#done")
	}
	p.arrive("/settings/brokers/return")
	p.see("[data-testid=connecting][data-state=connected]")
	p.inspect("connected")
	p.click("main a[href='/dashboard']")
	p.arrive("/dashboard")
	p.see("[data-testid=account-select]")
	p.inspect("dashboard with a broker")
	p.open("/settings/brokers")
	p.see("[data-testid=account]")
	p.reads("[data-testid=connection]", "connected")
	p.reads("[data-testid=account]", "in use")
	p.inspect("brokers, one")
}
