package main

import (
	"encoding/json"
	"testing"
)

// An operator finds what never arrived, sends it again, and halts trading for everybody:
// whoever trades reads so at once, and that it goes on.
func operatorReplaysAndHalts(t *testing.T, b *browser, w window) {
	s := open(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	s.deadLetter("ben")
	root := b.visitor(t, s.url, w)
	root.signIn("root")
	root.open("/admin/deliveries")
	root.live()
	root.reads("[data-testid=dead-letters]", "made so")
	root.inspect("dead letters")
	root.click("[data-testid=dead-letters] a[href^='/admin/dead-letters/']")
	root.reads("[data-testid=dead-letter]", "made so")
	root.inspect("dead letter")
	root.click("[data-testid=replay]")
	root.reads("[data-testid=notice]", "on its way once more")
	s.eventually("it arrives", func() bool {
		return s.text(`select count(*)::text from deliveries where last_error = 'made so' and state = 'dead'`) == "0"
	})

	ava := b.visitor(t, s.url, w)
	ava.signIn("ava")
	ava.live()
	root.open("/admin/halts")
	root.live()
	root.fill("[data-testid=halt-form] input[name=reason]", "The exchange has a problem.")
	root.inspect("halts")
	root.click("[data-testid=halt]")
	root.reads("[data-testid=halts]", "The exchange has a problem.")
	ava.reads("[data-testid=halted]", "The exchange has a problem.")
	ava.inspect("halted")
	a := s.do("ava", "POST", "/api/trading/orders", `{"line":"BTO 1 AAPL 200C `+expiry+` @ 3.50"}`, key())
	if a.code() != "trading_halted" {
		t.Errorf("while everything is halted: %d %s", a.status, a.body)
	}
	root.click("[data-testid=unhalt]")
	root.reads("[data-testid=halts]", "Nothing is halted.")
	ava.gone("[data-testid=halted]")
}

// deadLetter leaves a push to somebody that was given up.
func (s *show) deadLetter(person string) {
	s.t.Helper()
	var device json.RawMessage
	s.sandbox("POST", "/_sandbox/push/subscriptions", map[string]string{}, &device)
	browser := s.do(person, "POST", "/api/push/subscriptions", string(device)).want(s.t, 201).ids(s.t)[0]
	s.exec(`
		with said as (insert into notifications (user_id, type, title) values ($1, 'order_filled', 'Filled') returning id)
		insert into deliveries (destination_id, channel, user_id, notification_id, state, last_error, not_before, cutoff, created_at, updated_at)
		select $2::uuid, 'push', $1, id, 'dead', 'made so', now(), now() + interval '1 hour', now(), now() from said`, s.people[person], browser)
}
