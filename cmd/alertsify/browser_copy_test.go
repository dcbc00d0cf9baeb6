package main

import "testing"

// Two followers of ava: cara is asked on her phone and approves, ben's copy runs
// by itself. A question that nobody answers in time is no order.
func followersCopy(t *testing.T, b *browser, w window) {
	s := open(t)
	s.settings("cara", `{"settings":{"maxDelaySeconds":900}}`) // whatever time is taken to look at the question
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.quote("AAPL  "+expiryCode+"C00205000", "2.45", "2.50")
	cara := b.visitor(t, s.url, w)
	cara.signIn("cara")
	cara.open("/copy")
	cara.live()
	cara.inspect("copying, nothing yet")
	ben := b.visitor(t, s.url, w)
	ben.signIn("ben")
	ben.open("/copy")
	ben.live()

	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	cara.reads("[data-testid=approval]", "AAPL "+sampleDay.Display()+" 200 C")
	cara.reads("[data-testid=approval]", "4 → 4")
	cara.reads("[data-testid=approve]", "at ≤ $3.65") // 5 % above what ava paid, on the tick
	cara.reads("[data-testid=approval]", "Buying power after")
	cara.wait("count down", `/^\d+:\d\d$/.test(document.querySelector("[data-expires]")?.textContent)`)
	cara.inspect("asked")
	if w.touch {
		cara.click("[data-testid=approve]")
	} else {
		cara.approvesByKey()
	}
	cara.reads("[data-testid=notice]", "Approved.")
	cara.see("[data-testid=decision-result][data-state=executed]")
	cara.gone("[data-testid=approval]")
	cara.inspect("approved")
	if book := s.book("cara"); len(book) != 1 || book[0].Quantity != "4" {
		t.Errorf("cara's book: %+v", book)
	}

	ben.see("[data-testid=decision-result][data-state=executed]")
	ben.reads("[data-testid=decision-row]", "4 → 4")
	ben.open("/copy")
	ben.live()
	ben.reads("[data-testid=copy-strip]", "copies today 1/5")
	ben.click("[data-testid=decision-row] summary")
	ben.wait("read the numbers", `document.querySelector("[data-testid=decision-row] dd")?.checkVisibility()`)
	ben.inspect("copied")
	s.followedLongAgo("ava", 60) // more than a page
	ava := b.visitor(t, s.url, w)
	ava.signIn("ava")
	ava.open("/copy")
	ava.reads("[data-testid=followers]", "@ben")
	ava.reads("[data-testid=followers]", "@cara")
	ava.inspect("followers")
	ava.click("[data-testid=followers-next]")
	ava.reads("[data-testid=followers]", "@early_60")
	ava.click("[data-testid=followers-newest]")
	ava.reads("[data-testid=followers]", "@cara")

	late := cara.second() // without script the page does not hear that it is late
	late.withoutScript()
	s.settings("ben", `{"settings":{"maxDailyTrades":1}}`)
	s.place("ava", "BTO 2 AAPL 205C "+expiry+" @ 2.50")
	ben.see("[data-testid=decision-result][data-state=skipped]")
	ben.reads("[data-testid=decision-row]", "The day's number of copies was used up.")
	ben.wait("keep open what was opened", `document.querySelector("details[open]")`)
	cara.reads("[data-testid=approval]", "AAPL "+sampleDay.Display()+" 205 C")
	late.open("/copy")
	late.see("[data-testid=approve]")
	s.expireQuestions()
	cara.gone("[data-testid=approval]")
	cara.see("[data-testid=decision-result][data-state=expired]")
	late.watch.allow("409 /copy/decisions/")
	late.click("[data-testid=approve]")
	late.reads("main", "expired")
	late.inspect("too late")
	if book := s.book("cara"); len(book) != 1 {
		t.Errorf("a late tap made an order: %+v", book)
	}
}

// approvesByKey answers the question without a mouse: keys that send do nothing before
// they are armed in this tab, and are off again when they are turned off.
func (p *tab) approvesByKey() {
	p.t.Helper()
	p.press("j")
	p.focused("approval")
	p.press("r")
	p.see("dialog#arm[open]")
	p.inspect("arm keys")
	p.press(escapeKey)
	p.gone("dialog#arm[open]")
	p.focused("approval")
	p.press("a") // still off
	p.see("dialog#arm[open]")
	p.click("[data-testid=arm]")
	p.see("[data-testid=armed]")
	p.focused("approval")
	p.press("a")
	p.reads("[data-testid=notice]", "Approved.")
	p.click("[data-testid=armed]") // armed in this tab, on its next page too
	p.gone("[data-testid=armed]")
}

// followedLongAgo gives a trader followers who have paused, the oldest of them early_n.
func (s *show) followedLongAgo(trader string, n int) {
	s.t.Helper()
	_, err := s.stage.db.Pool().Exec(s.t.Context(), `
		with people as (insert into users (username, name) select 'early_' || i, 'Early' from generate_series(1, $2::int) i returning id, username)
		insert into subscriptions (follower_id, trader_id, status, created_at)
		select p.id, t.id, 'paused', now() - interval '1 year' - substr(p.username, 7)::int * interval '1 day' from people p join users t on t.username = $1`, trader, n)
	if err != nil {
		s.t.Fatalf("give %s followers: %v", trader, err)
	}
}

// expireQuestions lets the time of every open question pass.
func (s *show) expireQuestions() {
	s.t.Helper()
	_, err := s.stage.db.Pool().Exec(s.t.Context(), `update copy_decisions set expires_at = clock_timestamp() where result = 'awaiting_approval'`)
	if err != nil {
		s.t.Fatalf("let questions expire: %v", err)
	}
}
