package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A trader buys with the ticket, sees it fill in a second tab that nobody
// reloads, sells half and then the rest, and reads the profit.
func traderBuysAndSells(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	// The broker takes its time, so that people see what is said meanwhile. Previews have a fault
	// of their own, the first one: they would use up the one of orders.
	s.fails("ava", "/impact", "delay", "delayMs", 1500, "count", 0)
	s.fails("ava", placing, "delay", "delayMs", 10_000)
	s.looksLater("ava") // a list that shows the order says as much as the broker's answer
	s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "alpaca", "match": "*", "mode": "delay", "delayMs": 1200, "count": 1}, nil)
	one := b.visitor(t, s.url, w)
	one.signIn("ava")
	one.live()
	two := one.second()
	two.open("/orders?view=today")
	two.live()
	two.followStates()

	one.fillTicket("5")
	one.inspect("ticket")
	one.reads("[data-testid=use-Ask]", "3.50")
	one.click("[data-testid=use-Ask]")
	one.wait("hold the ask", seen("[data-testid=limit]")+`?.value === "3.50"`)
	one.click("[data-testid=preview]")
	one.reads("dialog#confirmation", "Buy to open 5 contracts")
	for _, fact := range []string{"AAPL " + sampleDay.Display() + " 200 C", "Limit $3.50", "$1,750.00", "Buying power after", "Break-even", "$203.50", "Maximum loss", "Options can lose all you paid"} {
		one.reads("dialog#confirmation", fact)
	}
	one.inspect("confirmation")
	one.click("[data-testid=confirm]")
	one.reads("[data-testid=notice]", "The order was taken.")

	two.wait("see it on its way", `window.shown.includes("submitting")`)
	s.looksOften()
	two.see("[data-testid=order-state][data-state=accepted]")
	order := s.onlyWorking("ava")
	s.fill(order.BrokerOrderID, 3, "3.50")
	two.reads("[data-testid=order-row]", "3/5")
	two.inspect("order 3 of 5")
	s.fill(order.BrokerOrderID, 2, "3.50")
	two.see("[data-testid=order-state][data-state=filled]")
	two.reads("[data-testid=order-row]", "5/5")
	two.shoot("order filled")
	if got := two.states(); !ordered(got, "submitting", "accepted", "partial", "filled") {
		t.Errorf("the second tab showed %q", got)
	}

	one.reads("[data-testid=positions-open]", "AAPL "+sampleDay.Display()+" 200 C")
	one.reads("[data-testid=orders-today]", "5/5")
	one.inspect("dashboard with a position")
	s.mode("immediate")
	one.sell("close-half", "2", "3.45")
	one.reads("[data-testid=position-row]", "3 of 5")

	s.quote(apple, "4.50", "4.55")
	two.open("/positions")
	two.live()
	two.inspect("positions")
	s.mode("manual")
	two.sell("close", "3", "4.50")
	two.live() // a page that is just being left would take the celebration with it
	s.fill(s.onlyWorking("ava").BrokerOrderID, 3, "4.50")
	celebratedOnce(t, one, two)
	one.gone("[data-testid=position-row]")
	one.open("/positions?status=closed")
	one.reads("[data-testid=closed-row]", "+$290.00")
	one.inspect("closed positions")
	one.click("[data-testid=closed-row] a")
	one.reads("[data-testid=position]", "+$290.00")
	one.reads("[data-testid=fills]", "−$10.00")
	one.reads("[data-testid=receipts]", "Discord")
	one.see("[data-testid=chart-figure] canvas")
	one.inspect("position")
}

// celebratedOnce waits for the confetti of a winning close, on one of the pages.
func celebratedOnce(t *testing.T, one, two *tab) {
	t.Helper()
	const celebrated = `document.body.dataset.celebrated === "yes"`
	until(two, "celebrate", celebrated, func(here bool) bool { return here || must[bool](one, celebrated) })
	if must[bool](one, celebrated) && must[bool](two, celebrated) {
		t.Error("both pages celebrated the same close")
	}
}

// fillTicket names the contract and the quantity field by field; the quote comes by itself.
func (p *tab) fillTicket(quantity string) {
	p.t.Helper()
	p.fill("[data-testid=underlying]", "AAPL")
	p.fill("[data-testid=quantity]", quantity) // while the listing is still on its way: it asks again by itself
	p.choose("select[data-testid=expiration]", expiryDate)
	p.choose("select[data-testid=strike]", "200")
	p.see("[data-testid=use-Ask]:enabled")
	p.wait("keep the quantity", seen("[data-testid=quantity]")+`?.value === "`+quantity+`"`)
}

// sell follows a close button to the prefilled ticket, and sends it at the bid.
func (p *tab) sell(button, quantity, bid string) {
	p.t.Helper()
	p.click("[data-testid=" + button + "]")
	p.wait("sell "+quantity, `location.pathname === "/dashboard" && document.querySelector("[data-testid=side-stc]")?.checked && `+seen("[data-testid=quantity]")+`?.value === "`+quantity+`"`)
	p.reads("[data-testid=use-Bid]", bid) // the page may be drawn with the quote of a second ago
	p.click("[data-testid=use-Bid]")
	p.wait("hold the bid", seen("[data-testid=limit]")+`?.value === "`+bid+`"`)
	p.click("[data-testid=preview]")
	p.reads("dialog#confirmation", "Sell to close "+quantity)
	p.reads("dialog#confirmation", "Estimated proceeds")
	p.shoot("sell")
	p.click("[data-testid=confirm]")
	p.reads("[data-testid=notice]", "The order was taken.")
}

// followStates keeps, in the page, every state the first order's row showed. A
// reload would lose it.
func (p *tab) followStates() {
	p.t.Helper()
	must[bool](p, `(() => {
		window.shown = [];
		const note = () => {
			const state = document.querySelector("[data-testid=order-state]")?.dataset.state;
			if (state && window.shown.at(-1) !== state) window.shown.push(state);
		};
		new MutationObserver(note).observe(document.body, {subtree: true, childList: true, attributes: true});
		return true;
	})()`)
}

func (p *tab) states() []string {
	p.t.Helper()
	return must[[]string](p, "window.shown ?? []")
}

// ordered tells whether the wanted come in this order, others between them allowed.
func ordered(got []string, wanted ...string) bool {
	for _, w := range wanted {
		i := slices.Index(got, w)
		if i < 0 {
			return false
		}
		got = got[i+1:]
	}
	return true
}

// onlyWorking is the one order that works in somebody's book at the broker.
func (s *show) onlyWorking(user string) bookOrder {
	s.t.Helper()
	var working []bookOrder
	s.eventually(user+" has one working order at the broker", func() bool {
		working = slices.DeleteFunc(s.book(user), func(o bookOrder) bool { return o.Filled == o.Quantity || strings.HasPrefix(o.Status, "CANCEL") })
		return len(working) == 1
	})
	return working[0]
}

// A line fills the ticket; what cannot be read is underlined with the reason.
func lineFillsTicket(t *testing.T, b *browser, w window) {
	s := open(t)
	s.quote(apple, "3.45", "3.50")
	p := b.visitor(t, s.url, w)
	p.signIn("ava")
	p.live()
	p.fill("[data-testid=quick-line]", "BTO 5 AAPL 200X "+expiry+" @ 3.50")
	p.reads("[data-testid=chip-wrong] u", "200X")
	p.wait("underline it", `getComputedStyle(document.querySelector("[data-testid=chip-wrong] u")).textDecorationLine.includes("underline")`)
	p.inspect("a wrong word")
	p.fill("[data-testid=quick-line]", "BTO 5 AAPL 200C "+expiry+" @ 3.50")
	p.gone("[data-testid=chip-wrong]")
	p.reads("#line-chips", "200C")
	p.press("\r")
	p.wait("fill the ticket", `location.search.includes("line=") && document.readyState === "complete"`)
	for field, want := range map[string]string{"underlying": "AAPL", "expiration": expiryDate, "strike": "200", "quantity": "5", "limit": "3.50"} {
		p.wait("hold "+want, seen("[data-testid="+field+"]")+`?.value === "`+want+`"`)
	}
	p.inspect("ticket from a line")
	p.click("[data-testid=preview]")
	p.reads("dialog#confirmation", "Buy to open 5 contracts")

	// What cannot be an order is said at its field, and nothing opens.
	p.press("\u001b")
	p.gone("dialog#confirmation")
	p.fill("[data-testid=quantity]", "0")
	p.click("[data-testid=preview]")
	p.see("[data-testid=problem-quantity]")
	p.inspect("ticket with a problem")
	p.heard("textbox", "Contracts", "invalid=true", "A whole number from 1 to 10,000.")

	// A connection that breaks while it is sent offers nothing to try again, and shows what
	// became of it by itself.
	s.mode("manual")
	p.fill("[data-testid=quantity]", "5")
	p.click("[data-testid=preview]")
	p.reads("dialog#confirmation", "Buy to open 5 contracts")
	p.losesAnswer("/orders")
	p.click("[data-testid=confirm]")
	p.wait("say that no answer came, without a way to send it again", `(`+seen("[data-testid=unsure]")+`)?.innerText.includes("No answer came to this.") &&
		document.querySelectorAll("[data-testid=confirm-form] :is(button:not(:disabled), a)").length === 0`) // at once: the page leads on by itself
	p.arrive("/orders")
	p.reads("[data-testid=notice]", "If it is not here within half a minute, it was not taken.")
	p.wait("list it once", "document.querySelectorAll('[data-testid=order-row]').length === 1")
	p.inspect("after the connection broke")
	if order := s.onlyWorking("ava"); order.Quantity != "5" {
		t.Errorf("the broker has %+v", order)
	}
}

// losesAnswer lets the answer to the next POST to a path get lost on its way.
func (p *tab) losesAnswer(path string) {
	p.t.Helper()
	p.watch.allow("lost POST " + path)
	p.do("lose an answer", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		err := chromedp.Listen(p.ctx, func(ev any) {
			paused, ok := ev.(*fetch.EventRequestPaused)
			if !ok {
				return
			}
			go func() { // the loop that reads events must not wait for an answer
				lost := fetch.FailRequestParams{RequestID: paused.RequestID, ErrorReason: network.ErrorReasonConnectionReset}
				_ = chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
					if _, err := chromedp.Call(ctx, fetch.FailRequest, lost); err != nil {
						return err
					}
					_, err := chromedp.Call(ctx, fetch.Disable, cdp.Empty{})
					return err
				}))
			}()
		})
		if err != nil {
			return err
		}
		_, err = chromedp.Call(ctx, fetch.Enable, fetch.EnableParams{
			Patterns: []*fetch.RequestPattern{{URLPattern: p.site + path, RequestStage: fetch.RequestStageResponse}},
		})
		return err
	}))
}
