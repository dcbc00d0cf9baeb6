package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

const lastSellers = 24

// 24 sells of the last contract at once, at different prices, on two servers, 200
// times in `make proofs` and 50 in the suite: exactly one is taken, and the others hear
// what is available.
func TestOfManySellsOfTheLastContractOneIsTaken(t *testing.T) {
	t.Parallel()
	p := newPair(t, "RATE_API=1000000", "RATE_ORDERS=100000")
	p.alone()
	p.tell("/_sandbox/broker/mode", map[string]string{"account": "*", "mode": "manual"})
	held := p.stocked(min(roundsOf(t, 50), 200)) // so many contracts the market has
	for round, one := range held {
		answers := p.together(lastSellers, one.owner, "/api/trading/orders", func(i int) (string, string) {
			return fmt.Sprintf(`{"side":"STC","positionId":%q,"quantity":1,"orderType":"Limit","limitPrice":"%d.%02d","confirmPrice":true}`,
				one.position, (50+5*i)/100, (50+5*i)%100), fmt.Sprintf("last-contract-%03d-%02d", round, i)
		})
		var taken []string
		for i, a := range answers {
			switch {
			case a.status == http.StatusAccepted:
				var o struct{ ID string }
				a.into(t, &o)
				taken = append(taken, o.ID)
			case a.status != http.StatusConflict || a.code() != "insufficient_quantity" || a.available() != 0:
				t.Errorf("round %d, seller %d: %d %s", round, i, a.status, a.body)
			}
		}
		if len(taken) != 1 {
			t.Fatalf("round %d: %d of %d sells of one contract were taken", round, len(taken), lastSellers)
		}
		// Taken back, so that what is under way stays little.
		if a, err := p.request(round, one.owner, http.MethodDelete, "/api/trading/orders/"+taken[0], "", "taken-back-"+taken[0]); err != nil || a.status != http.StatusAccepted {
			t.Fatalf("round %d is taken back: %v %d %s", round, err, a.status, a.body)
		}
	}
	p.sound()
}

// stockedPosition is one contract of something.
type stockedPosition struct{ owner, position string }

// stocked buys one contract each of n things in the broker's own app and waits
// until the positions are known.
func (p *pair) stocked(n int) (held []stockedPosition) {
	p.t.Helper()
	owners := []string{"ava", "ben", "cara"}
	for i := range n {
		symbol := fmt.Sprintf("AAPL  "+expiryCode+"%s%05d000", []string{"C", "P"}[i/3%2], 100+5*(i/6))
		p.tell("/_sandbox/market", map[string]any{"symbol": symbol, "bid": "0.45", "ask": "0.50", "last": "0.45", "frozen": true})
		p.tell("/_sandbox/broker/trade", map[string]any{"account": owners[i%len(owners)], "symbol": symbol, "side": "BTO", "quantity": 1, "price": "0.50"})
	}
	for i, owner := range owners {
		var list []struct{ ID string }
		p.until("the positions of "+owner+" are known", func() bool {
			p.get(owner, "/api/positions?status=open&limit=200", &list)
			return len(list) == (n+len(owners)-1-i)/len(owners)
		})
		for _, one := range list {
			held = append(held, stockedPosition{owner, one.ID})
		}
	}
	return held
}

// 100 equal requests with one key on two servers are one order and one answer; the
// key with another body is refused on both.
func TestEqualRequestsOnTwoServersAreOneOrder(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.alone()
	p.tell("/_sandbox/broker/mode", map[string]string{"account": "*", "mode": "immediate"})
	p.tell("/_sandbox/market", map[string]any{"symbol": apple, "bid": "3.45", "ask": "3.50", "last": "3.45", "frozen": true})
	same := func(int) (string, string) { return `{"line":"` + buyFour + `"}`, "the-client-repeats-0001" }
	answers := p.together(100, "ava", "/api/trading/orders", same)
	fresh := 0
	for i, a := range answers {
		if a.status != http.StatusAccepted || string(a.body) != string(answers[0].body) {
			t.Errorf("answer %d: %d %s, and the first was %s", i, a.status, a.body, answers[0].body)
		}
		if a.header.Get("Idempotent-Replayed") == "" {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d answers are not marked as repeated", fresh)
	}
	for server := range 2 {
		a, err := p.post(server, "ava", "/api/trading/orders", `{"line":"BTO 5 AAPL 200C `+expiry+` @ 3.50"}`, "the-client-repeats-0001")
		if err != nil || a.status != http.StatusUnprocessableEntity || a.code() != "idempotency_key_reused" {
			t.Errorf("the key with another body: %v %d %s", err, a.status, a.body)
		}
	}
	p.until("it is filled", func() bool { list := p.orders("ava"); return len(list) == 1 && list[0].State == "filled" })
	if book := p.book("ava"); len(book) != 1 {
		t.Errorf("the broker has %d orders", len(book))
	}
	p.sound()
}

// A halt that one server answered is one that no server claims against: what was
// sent before stays, nothing is sent after.
func TestNoServerSendsAfterAnotherHalted(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.alone()
	p.tell("/_sandbox/broker/mode", map[string]string{"account": "*", "mode": "manual"})
	people := []string{"ava", "ben", "cara"}
	for round := range 12 {
		for i, person := range people {
			body := fmt.Sprintf(`{"line":"BTO 1 AAPL %dC `+expiry+` @ 0.50"}`, 200+5*round)
			if a, err := p.post(round+i, person, "/api/trading/orders", body, fmt.Sprintf("before-the-halt-%02d", round)); err != nil || a.status != http.StatusAccepted {
				t.Fatalf("round %d: %v %d %s", round, err, a.status, a.body)
			}
		}
		sent := make([]string, len(people))
		for i, person := range people {
			if a, err := p.post(round+i+1, person, "/api/trading/halt", `{"level":"entries"}`, ""); err != nil || a.status != http.StatusOK {
				t.Fatalf("%s halts: %v %d %s", person, err, a.status, a.body)
			}
			sent[i] = p.sentBy(person)
		}
		p.until("nothing waits to be sent", func() bool { return p.text(`select count(*)::text from orders where state = 'queued'`) == "0" })
		for i, person := range people {
			if now := p.sentBy(person); now != sent[i] {
				t.Errorf("round %d: when %s had halted, %s was sent; later %s", round, person, sent[i], now)
			}
			if a, err := p.request(round+i, person, http.MethodDelete, "/api/trading/halt", "", ""); err != nil || a.status != http.StatusOK {
				t.Fatalf("%s resumes: %v %d %s", person, err, a.status, a.body)
			}
		}
	}
	if n := p.text(`select count(*)::text from orders where state = 'aborted' and reason_code = 'trading_halted'`); n == "0" {
		t.Error("no halt came in time to stop anything: this proved nothing")
	}
	p.sound()
}

// sentBy counts the claims of a person's orders.
func (p *pair) sentBy(person string) (n string) {
	p.t.Helper()
	err := p.db.Pool().QueryRow(p.t.Context(), `
		select count(*)::text from order_events e join orders o on o.id = e.order_id join users u on u.id = o.user_id
		where e.to_state = 'submitting' and u.username = $1`, person).Scan(&n)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// An order that was answered is there when its database was killed the next moment
// (INV-34); and the client that repeats its request hears the same.
func TestAnAnswerSurvivesItsDatabase(t *testing.T) {
	t.Parallel()
	m := newMortal(t, built(t))
	for round := range 2 {
		m.start()
		m.token("ava")
		m.tell("/_sandbox/broker/mode", map[string]string{"account": "*", "mode": "manual"})
		body := fmt.Sprintf(`{"line":"BTO 1 AAPL %dC `+expiry+` @ 0.50"}`, 200+5*round)
		once := fmt.Sprintf("Idempotency-Key: answered-before-%02d", round)
		first, err := m.ask("ava", "POST", "/api/trading/orders", body, once)
		if err != nil || first.status != http.StatusAccepted {
			t.Fatalf("place: %v %d %s", err, first.status, first.body)
		}
		m.killDatabase()
		m.kill()
		m.start()
		again, err := m.ask("ava", "POST", "/api/trading/orders", body, once)
		if err != nil || again.status != http.StatusAccepted || again.header.Get("Idempotent-Replayed") != "true" {
			t.Fatalf("repeated: %v %d %s", err, again.status, again.body)
		}
		var was, is json.RawMessage
		first.into(t, &was)
		again.into(t, &is)
		if string(was) != string(is) {
			t.Errorf("answered %s, and after the crash %s", was, is)
		}
		if n := len(m.orders("ava")); n != round+1 {
			t.Errorf("%d orders after %d answers", n, round+1)
		}
		m.sound()
		m.kill()
	}
}
