package main

import "testing"

// A follower says whom to copy and how, reads it back in one sentence, and changes
// their mind later.
func followerSetsUp(t *testing.T, b *browser, w window) {
	s := open(t)
	root := b.visitor(t, s.url, w)
	root.signIn("root")
	root.open("/copy")
	root.click("[data-testid=copy-new]")
	root.arrive("/copy/new")
	root.fill("[data-testid=trader]", "ava")
	root.press("\r")
	root.see("[data-testid=setup]")
	root.reads("[data-testid=setup-sentence]", "When @ava buys 10, you buy 10, at most 10 contracts")
	root.inspect("set up a copy")
	root.fill("[data-testid='setup-scaling.value']", "0.5")
	root.reads("[data-testid=setup-sentence]", "you buy 5,")
	root.fill("[data-testid='setup-scaling.value']", "half")
	root.reads("[data-testid=setup-sentence]", "cannot be used yet")
	root.fill("[data-testid='setup-scaling.value']", "0.5")
	root.click("[data-testid=setup-more] summary")
	root.fill("[data-testid=setup-maxPremiumPerTrade]", "500")
	root.fill("[data-testid=setup-allowedUnderlyings]", "aapl, spy")
	root.reads("[data-testid=setup-sentence]", "for at most $500")
	root.reads("[data-testid=setup-sentence]", "only AAPL, SPY")
	root.click("[data-testid=mode-auto]")
	root.click("[data-testid=consent]")
	root.inspect("set up, more limits")
	root.click("[data-testid=setup-save]")
	root.arrive("/copy")
	root.reads("[data-testid=notice]", "You copy this trader from now on.")
	root.reads("[data-testid=subscription]", "only AAPL, SPY")
	root.inspect("copying ava")

	root.click("[data-testid=subscription-settings]")
	root.reads("[data-testid=setup-sentence]", "at most 5 a day")
	root.click("[data-testid=setup-more] summary")
	root.fill("[data-testid=setup-maxDailyTrades]", "2")
	root.click("[data-testid=setup-save]")
	root.reads("[data-testid=subscription]", "at most 2 a day")
}
