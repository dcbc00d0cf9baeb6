package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// dyingAtOnce is how many programs die at the same time; most of it is waiting.
const dyingAtOnce = 4

// death is one way to die and what must hold after rising again.
type death struct {
	point string
	// before prepares the broker; default: it fills at once.
	before func(m *mortal)
	// begin sets off what dies; default: ava places an order.
	begin func(m *mortal)
	// after is what must have become of it.
	after func(m *mortal)
}

// The same key for what a client repeats when it got no answer.
const clientsKey = "Idempotency-Key: the-client-repeats-0001"

// place asks for ava's order, once or again, and says whether an answer came.
func (m *mortal) place() (answer, error) {
	return m.ask("ava", "POST", "/api/trading/orders", `{"line":"`+buyFour+`"}`, clientsKey)
}

// Kill -9 at every named point (§4), start again on the same folder, repeat what
// got no answer: the broker's book holds each intent at most once, exactly once
// where it could be sent, and everybody hears of it once.
func TestDyingAnywhereLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	binary := built(t)
	run, wait := fewAtOnce(t, dyingAtOnce)
	for _, d := range deaths() {
		run(d.point, func(t *testing.T) { d.play(newMortal(t, binary)) })
	}
	run("during the request", func(t *testing.T) { dieDuringTheRequest(newMortal(t, binary)) })
	run("at any moment", func(t *testing.T) { dieAtAnyMoment(newMortal(t, binary)) })
	wait()
}

func (d death) play(m *mortal) {
	m.crashedAt = d.point
	m.start("CRASH_AT=" + d.point + ":once=" + filepath.Join(m.dir, "crashed"))
	m.fillsAtOnce()
	if d.before != nil {
		d.before(m)
	}
	m.lives()
	if d.begin != nil {
		d.begin(m)
		m.died(60 * time.Second)
		m.start()
		d.after(m)
		m.sound()
		return
	}
	first, lost := m.place()
	m.died(60 * time.Second)
	m.start()
	again, err := m.place()
	if err != nil || again.status != http.StatusAccepted {
		m.t.Fatalf("the repeated request: %v %d %s", err, again.status, again.body)
	}
	if lost == nil && string(first.body) != string(again.body) {
		m.t.Errorf("answered %s, then %s", first.body, again.body)
	}
	d.after(m)
	if n := len(m.orders("ava")); n != 1 {
		m.t.Errorf("ava has %d orders", n)
	}
	m.sound()
}

func deaths() []death {
	return []death{
		{point: "C5", after: notSent}, // and C6: claimed, nothing sent
		{point: "C7", after: notSent}, // a moment before the first byte
		{point: "C10", before: loseTheAnswer, after: foundLate},
		{point: "C12", after: allWent}, // an alert accepted, not marked
		{point: "C1", after: allWent},  // nothing was stored: the repeat places it
		{point: "C2", after: allWent},  // and C3: stored, nobody told
		{point: "C4", after: allWent},  // the job was taken, nothing claimed
		{point: "C8", after: allWent},  // answered, not written down
		{point: "C9", after: allWent},  // written down, before what follows
		{point: "C11", after: allWent}, // between decisions
		{point: "C13", begin: tradeElsewhere, after: detectedOnce},
		{point: "C15", after: allWent}, // decided, nothing placed
	}
}

// allWent: filled once, copied once, asked once, told once.
func allWent(m *mortal) {
	m.t.Helper()
	m.until("ava's order is filled", func() bool {
		list := m.orders("ava")
		return len(list) == 1 && list[0].State == "filled"
	})
	once(m)
	m.until("ben's copy is executed", func() bool { return m.decisions("ben")[0].Result == "executed" })
	if book := m.book("ben"); len(book) != 1 || book[0].Filled != "4" {
		m.t.Errorf("ben's book: %+v", book)
	}
	alerted(m)
}

// once: ava's order is in the book once, was asked for once, and is a position
// of four; each follower has one decision.
func once(m *mortal) {
	m.t.Helper()
	if book := m.book("ava"); len(book) != 1 || book[0].Filled != "4" {
		m.t.Errorf("ava's book: %+v", book)
	}
	if p := m.positions("ava"); len(p) != 1 || p[0].Bought != 4 {
		m.t.Errorf("ava holds %+v", p)
	}
	m.until("both followers have their decision", func() bool { return len(m.decisions("ben")) > 0 && len(m.decisions("cara")) > 0 })
	for _, person := range []string{"ben", "cara"} {
		if n := len(m.decisions(person)); n != 1 {
			m.t.Errorf("%s has %d decisions", person, n)
		}
	}
}

// alerted: Discord has one alert; two at most where the answer to the first was lost.
func alerted(m *mortal) {
	m.t.Helper()
	m.until("Discord has the alert", func() bool { return m.calls("discord", "POST", "") > 0 })
	most := 1
	if m.crashedAt == "C12" {
		most = 2
	}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if n := m.calls("discord", "POST", ""); n > most {
			m.t.Fatalf("%d alerts in Discord", n)
		}
	}
}

// notSent: it says so as long as nobody knows, and is not sent again.
func notSent(m *mortal) {
	m.t.Helper()
	m.until("ava's order is unknown", func() bool { return m.orders("ava")[0].State == "unknown" })
	m.until("it was looked for", func() bool { return m.calls("snaptrade", "GET", "/recentOrders") > 0 })
	if n := len(m.book("ava")); n != 0 || m.calls("snaptrade", "POST", placing) != 0 {
		m.t.Errorf("%d in the book, asked for %d times", n, m.calls("snaptrade", "POST", placing))
	}
	if n := m.calls("discord", "POST", ""); n != 0 || len(m.decisions("ben")) != 0 {
		m.t.Errorf("%d alerts and %d decisions about what did not happen", n, len(m.decisions("ben")))
	}
	if list := m.positions("ava"); len(list) != 0 {
		m.t.Errorf("ava holds %+v", list)
	}
}

func loseTheAnswer(m *mortal) {
	m.tell("/_sandbox/faults", map[string]any{"target": "snaptrade", "match": placing, "account": "ava", "mode": "accept_then_drop", "count": 1})
}

// foundLate: adopted by a later look. By then it may be too late to copy it.
func foundLate(m *mortal) {
	m.t.Helper()
	m.until("ava's order is filled", func() bool { return m.orders("ava")[0].State == "filled" })
	// A look that was asked for in between may die before it is written down that the answer was lost.
	trail := m.text(`select string_agg(to_state, ' ' order by seq) from order_events where order_id = $1`, m.orders("ava")[0].ID)
	if trail != "queued submitting unknown filled" && trail != "queued submitting filled" {
		m.t.Errorf("ava's order was %s", trail)
	}
	once(m)
	if n := m.calls("snaptrade", "POST", placing); n > 2 { // hers, and ben's copy
		m.t.Errorf("placing was asked for %d times", n)
	}
	alerted(m)
}

// tradeElsewhere makes SnapTrade send a webhook.
func tradeElsewhere(m *mortal) {
	text := fmt.Sprintf(`{"account":"cara","symbol":%q,"side":"BTO","quantity":3,"price":"3.50"}`, apple)
	_, _ = m.ask("", "POST", "/_sandbox/broker/trade", text) // whose answer may die with it
}

func detectedOnce(m *mortal) {
	m.t.Helper()
	m.until("cara's trade is a position", func() bool { return len(m.positions("cara")) > 0 })
	if p := m.positions("cara"); len(p) != 1 || p[0].Bought != 3 || len(m.book("cara")) != 1 {
		m.t.Errorf("cara holds %+v", p)
	}
}

type mortalDecision struct{ ID, Result, Reason string }

func (m *mortal) decisions(person string) (list []mortalDecision) {
	m.t.Helper()
	m.get(person, "/api/copy-trading/decisions", &list)
	return list
}

func (m *mortal) positions(person string) (list []shownPosition) {
	m.t.Helper()
	m.get(person, "/api/positions?status=all", &list)
	return list
}

// dieDuringTheRequest kills it while the broker has executed the order and holds
// the answer back.
func dieDuringTheRequest(m *mortal) {
	m.start()
	m.fillsAtOnce()
	m.tell("/_sandbox/faults", map[string]any{"target": "snaptrade", "match": placing, "mode": "delay", "delayMs": 20_000, "count": 1})
	if a, err := m.place(); err != nil || a.status != http.StatusAccepted {
		m.t.Fatalf("place: %v %d %s", err, a.status, a.body)
	}
	m.until("the broker has it", func() bool { return len(m.book("ava")) == 1 })
	if state := m.orders("ava")[0].State; state != "submitting" && state != "filled" { // a webhook's look was sooner than the answer
		m.t.Errorf("on the wire it is %s", state)
	}
	m.kill()
	m.start()
	allWent(m)
	if n := m.calls("snaptrade", "POST", placing); n > 2 {
		m.t.Errorf("placing was asked for %d times", n)
	}
	m.sound()
}

// dieAtAnyMoment places orders and pulls the plug somewhere on their way, again
// and again on one folder.
func dieAtAnyMoment(m *mortal) {
	const rounds = 4
	m.start()
	m.token("ava")
	m.fillsAtOnce()
	for round := range rounds {
		body := fmt.Sprintf(`{"line":"BTO %d AAPL %dC `+expiry+` @ 0.50"}`, round+1, 200+5*round)
		once := fmt.Sprintf("Idempotency-Key: round-0123456789-%d", round)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = m.ask("ava", "POST", "/api/trading/orders", body, once)
		}()
		select {
		case <-answered:
		case <-time.After(time.Duration(rand.IntN(60)) * time.Millisecond):
		}
		<-time.After(time.Duration(rand.IntN(120)) * time.Millisecond)
		m.kill()
		<-answered
		m.start()
		if a, err := m.ask("ava", "POST", "/api/trading/orders", body, once); err != nil || a.status != http.StatusAccepted {
			m.t.Errorf("round %d repeated: %v %d %s", round, err, a.status, a.body)
		}
	}
	m.until("every order has ended, or is known to be unknown", func() bool {
		for _, o := range m.orders("ava") {
			if o.State != "filled" && o.State != "unknown" && o.State != "aborted" || o.State == "unknown" && inBook(m, o) {
				return false
			}
		}
		return true
	})
	if n := len(m.orders("ava")); n != rounds {
		m.t.Errorf("%d orders of %d requests", n, rounds)
	}
	for _, o := range m.orders("ava") {
		want := 0
		if o.State == "filled" {
			want = 1
		}
		if n := count(m, o); n != want {
			m.t.Errorf("a %s order is in the broker's book %d times: %+v", o.State, n, o)
		}
	}
	m.sound()
}

func inBook(m *mortal, o mortalOrder) bool { return count(m, o) > 0 }

// count is how often an order is in the broker's book: each has its own contract.
func count(m *mortal, o mortalOrder) (n int) {
	m.t.Helper()
	for _, b := range m.book("ava") {
		if b.Symbol == o.Contract.Symbol {
			n++
		}
	}
	return n
}
