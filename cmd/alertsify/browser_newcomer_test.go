package main

import "testing"

// Somebody who never was here signs in with typed claims, connects a broker
// through the portal, buys from the chain, sees it fill, sells half and reads what it made.
func newcomerTrades(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.looksOften()
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

	p.open("/chain/AAPL?expiration=" + expiryDate)
	p.live()
	p.inspect("chain")
	p.click("[data-testid=rung][data-strike='200'] [data-testid=ask]")
	p.arrive("/dashboard")
	p.wait("hold the ask", seen("[data-testid=limit]")+`?.value === "3.50" && `+seen("[data-testid=strike]")+`?.value === "200"`)
	p.fill("[data-testid=quantity]", "2")
	p.click("[data-testid=preview]")
	p.reads("dialog#confirmation", "Buy to open 2 contracts")
	p.click("[data-testid=confirm]")
	p.reads("[data-testid=notice]", "The order was taken.")
	p.reads("[data-testid=orders-today]", "2/2")
	p.reads("[data-testid=positions-open]", "AAPL "+sampleDay.Display()+" 200 C")
	p.inspect("dashboard with what was bought")
	s.quote(apple, "4.50", "4.55")
	p.sell("close-half", "1", "4.50")
	p.reads("[data-testid=position-row]", "1 of 2")
	p.click("[data-testid=position-row] a")
	p.reads("[data-testid=position]", "+$100.00")
	p.inspect("position, half of it sold")
}
