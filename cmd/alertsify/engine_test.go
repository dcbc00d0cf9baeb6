package main

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// INV-33: one key, one effect, one answer, however often and however close
// together the request comes.
func TestAHundredEqualRequestsAreOneOrder(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.token("ava", "trade")
	same := key()
	answers := make([]answer, 100)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			for {
				answers[i] = s.do("ava", "POST", "/api/trading/orders", `{"line":"`+buyFour+`"}`, same)
				if answers[i].code() != "idempotency_in_progress" { // the first took longer than the others wait
					return
				}
			}
		})
	}
	all.Wait()
	bodies, replayed := map[string]int{}, 0
	for _, a := range answers {
		if a.status != http.StatusAccepted {
			t.Errorf("%d %s", a.status, a.body)
		}
		bodies[string(a.body)]++
		if a.header.Get("Idempotent-Replayed") == "true" {
			replayed++
		}
	}
	if len(bodies) != 1 || replayed != 99 {
		t.Errorf("%d different answers, %d marked as repeated: %v", len(bodies), replayed, slices.Collect(maps.Keys(bodies)))
	}
	var o shownOrder
	answers[0].into(t, &o)
	s.reaches("ava", o.ID, "filled")
	if n := s.text(`select count(*)::text from orders`); n != "1" || len(s.book("ava")) != 1 || s.asked("ava") != 1 {
		t.Errorf("%s orders here, %d at the broker, %d asked for", n, len(s.book("ava")), s.asked("ava"))
	}
}

// While the first request with a key is being worked on, a repeat waits, then
// hears so; it does not get a second order.
func TestARepeatOfWhatIsInFlightWaits(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	first, err := s.stage.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Rollback(t.Context()) }()
	const name = "in-flight-0123456789"
	_, err = first.Exec(t.Context(), `insert into idempotency_keys (user_id, route, key, body_hash, status)
		values ($1, 'POST /api/trading/orders', $2, '\x00', 200)`, s.people["ava"], name)
	if err != nil {
		t.Fatal(err)
	}
	a := s.do("ava", "POST", "/api/trading/orders", `{"line":"`+buyFour+`"}`, "Idempotency-Key: "+name)
	if a.status != http.StatusConflict || a.code() != "idempotency_in_progress" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := s.text(`select count(*)::text from orders`); n != "0" {
		t.Errorf("%s orders", n)
	}
}

// Executed, and the answer lost in three ways: the order is "checking with
// broker", found in the broker's list, never sent again.
func TestALostAnswerIsLookedForNotSentAgain(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	placed := map[string]string{}
	for person, mode := range map[string]string{"ava": "accept_then_drop", "ben": "accept_then_error", "cara": "accept_then_garbage"} {
		s.fails(person, placing, mode)
		placed[person] = s.place(person, buyFour)
	}
	for person, order := range placed {
		s.reaches(person, order, "filled")
		if got := s.trail(order); got != "queued submitting unknown filled" {
			t.Errorf("%s's order was %s", person, got)
		}
		if len(s.book(person)) != 1 || s.asked(person) != 1 {
			t.Errorf("%s has %d orders at the broker, asked for %d times", person, len(s.book(person)), s.asked(person))
		}
		s.holds(person, 4, 0)
	}
}

// Three failures that are not alike: lost before it was executed stays unknown
// and is never sent again; refused says so in the broker's words and gives
// everything back; throttled is sent later, once.
func TestFailuresAreTakenForWhatTheyAre(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.fails("ava", placing, "drop_before")
	s.fails("ben", placing, "error", "status", 400)
	s.fails("cara", placing, "throttle")
	lost, refused, throttled := s.place("ava", buyFour), s.place("ben", buyFour), s.place("cara", buyFour)

	if o := s.reaches("ben", refused, "rejected"); o.Reason != "Unable to verify data sent" {
		t.Errorf("ben reads %q", o.Reason)
	}
	if used := s.text(`select coalesce(sum(used), 0)::text from day_counters where user_id = $1`, s.people["ben"]); used != "0.0000" {
		t.Errorf("ben's day has %s used", used)
	}
	if list := s.positions("ben"); len(list) != 0 || len(s.book("ben")) != 0 {
		t.Errorf("ben holds %+v", list)
	}
	s.reaches("cara", throttled, "filled")
	if got := s.trail(throttled); got != "queued submitting queued submitting filled" || len(s.book("cara")) != 1 {
		t.Errorf("cara's order was %s, %d at the broker", got, len(s.book("cara")))
	}

	s.reaches("ava", lost, "unknown")
	if a := s.do("ava", "POST", "/api/trading/orders", `{"line":"`+buyFour+`"}`, key()); a.status != 409 || a.code() != "unresolved_order" {
		t.Errorf("another while the first is unknown: %d %s", a.status, a.body)
	}
	a := s.do("ava", "DELETE", "/api/trading/orders/"+lost, "", key())
	if a.status != http.StatusAccepted || !contains(a.body, `"state":"unknown"`) {
		t.Errorf("cancelling what is unknown: %d %s", a.status, a.body)
	}
	page := s.send(s.signIn("ava"), "GET", "/orders", "")
	if !contains(bytes.ToLower(page.body), "checking with broker") {
		t.Error("the page of orders does not say that it is being checked with the broker")
	}
	s.hurry()
	looked := func() string {
		return s.text(`select count(*)::text from account_looks where listed_at > now() - interval '5 seconds'`)
	}
	s.eventually("ava's account is looked at", func() bool { return looked() != "0" })
	s.still(2*time.Second, "the order is unknown, and asked for once", func() bool { return s.order("ava", lost).State == "unknown" && s.asked("ava") <= 1 })
	if len(s.book("ava")) != 0 {
		t.Errorf("ava's book holds %+v", s.book("ava"))
	}
	s.unannounced(lost, refused)
}

// A sell that is refused gives its contracts back; while it lives they are its own.
func TestARefusedSellGivesItsContractsBack(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.reaches("ava", s.place("ava", buyFour), "filled")
	s.fails("ava", placing, "error", "status", 403, "delayMs", 6000)
	sell := s.place("ava", sellFour)
	if a := s.do("ava", "POST", "/api/trading/orders", `{"line":"STC 1 AAPL 200C `+expiry+` @ 3.40"}`, key()); a.status != 409 ||
		a.code() != "insufficient_quantity" || !contains(a.body, `"available":0`) {
		t.Errorf("selling what is for sale: %d %s", a.status, a.body)
	}
	s.reaches("ava", sell, "rejected")
	if list := s.positions("ava"); len(list) != 1 || list[0].Available != 4 {
		t.Errorf("%+v", list)
	}
	s.reaches("ava", s.place("ava", "STC 4 AAPL 200C "+expiry+" @ 3.45"), "filled")
	s.holds("ava", 4, 4)
}

// Filling in steps, a list that says less than was known, a list that says it
// late, and an end without a fill.
func TestFillsComeAsTheBrokerLikes(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.fills("ava", "partial")
	s.fails("ava", "GET", "lower_cum")
	steps := s.place("ava", buyFour)
	s.fills("ben", "immediate")
	s.fails("ben", placing, "accept_then_drop")
	s.fails("ben", placing, "late_listing", "delayMs", 12_000)
	late := s.place("ben", buyFour)
	s.fills("cara", "expire")
	nothing := s.place("cara", buyFour)

	o := s.reaches("ava", steps, "partial")
	s.hurry()
	s.eventually("a list says less", func() bool {
		return s.text(`select count(*)::text from account_looks where user_id = $1 and listed_at is not null and claimed_until is null`, s.people["ava"]) == "1"
	})
	if got := s.order("ava", steps); got.FilledQuantity != 2 || o.FilledQuantity != 2 {
		t.Errorf("%d filled, then %d", o.FilledQuantity, got.FilledQuantity)
	}
	s.holds("ava", 2, 0)
	s.sandbox("POST", "/_sandbox/broker/fill", map[string]any{"brokerOrderId": o.BrokerOrderID, "quantity": 2, "price": "3.30"}, nil)

	s.soon("cara", nothing, "expired")
	if list := s.positions("cara"); len(list) != 0 {
		t.Errorf("cara holds %+v", list)
	}
	if o := s.soon("ava", steps, "filled"); o.AveragePrice == nil || *o.AveragePrice != "3.40" {
		t.Errorf("the average is %v", o.AveragePrice)
	}
	s.holds("ava", 4, 0)
	s.hurried("ben's order is listed", func() bool { return s.order("ben", late).State == "filled" })
	if got := s.trail(late); got != "queued submitting unknown filled" || len(s.book("ben")) != 1 {
		t.Errorf("ben's order was %s, %d at the broker", got, len(s.book("ben")))
	}
}

// Rejected by the broker after it had taken it, as its list says.
func TestTakenThenRejectedIsRejected(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("reject")
	o := s.place("ava", buyFour)
	s.eventually("the broker took it", func() bool { return strings.Contains(s.trail(o), "accepted") })
	s.soon("ava", o, "rejected")
	if got := s.trail(o); got != "queued submitting accepted rejected" {
		t.Errorf("it was %s", got)
	}
	if used := s.text(`select coalesce(sum(used), 0)::text from day_counters`); used != "0.0000" {
		t.Errorf("%s of the day is used", used)
	}
	s.unannounced(o)
	if n := len(posts(s.received("discord"))); n != 0 {
		t.Errorf("Discord was told %d times of an order that came to nothing", n)
	}
}

// Cancelling in each state: before it was sent it never is; at the broker it is
// asked for; unknown, as soon as it is found; and a fill may win the race.
func TestCancellingInEveryState(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("manual")
	s.fails("ava", placing, "delay", "delayMs", 6000)
	working := s.place("ava", buyFour)
	s.eventually("it is on the wire", func() bool { return s.order("ava", working).State == "submitting" })
	queued := s.place("ava", "BTO 1 AAPL 210C "+expiry+" @ 0.50")
	cancel := func(person, order string) {
		if a := s.do(person, "DELETE", "/api/trading/orders/"+order, "", key()); a.status != http.StatusAccepted {
			t.Errorf("%s cancels: %d %s", person, a.status, a.body)
		}
	}
	cancel("ava", queued)
	if got := s.order("ava", queued); got.State != "aborted" {
		t.Errorf("what had not been sent is %s", got.State)
	}
	cancel("ava", working) // still on the wire: asked for once it is known

	s.listed("ben", 0) // no list finds it before it is cancelled
	s.fails("ben", placing, "accept_then_drop")
	unknown := s.place("ben", buyFour)
	race := s.place("cara", buyFour)
	s.reaches("ben", unknown, "unknown")
	cancel("ben", unknown)
	s.reaches("cara", race, "accepted")
	s.fails("cara", "/trading/cancel", "fill_after_cancel")
	cancel("cara", race)

	s.hurried("all has ended", func() bool {
		return s.order("ava", working).State == "cancelled" && s.order("ben", unknown).State == "cancelled" && s.order("cara", race).State == "filled"
	})
	s.holds("cara", 4, 0)
	if got := s.trail(unknown); got != "queued submitting unknown accepted cancelled" {
		t.Errorf("ben's order was %s", got)
	}
	for _, person := range []string{"ava", "ben"} {
		if book := s.book(person); len(book) != 1 || book[0].Status != "CANCELED" {
			t.Errorf("%s's book: %+v", person, book)
		}
		if list := s.positions(person); len(list) != 0 {
			t.Errorf("%s holds %+v", person, list)
		}
	}
	s.unannounced(queued, working, unknown)
}

// T13: what the broker reports as filled after it had said cancelled is booked
// all the same, the order stays cancelled, and an operator hears.
func TestAFillReportedAfterTheEndIsBooked(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("manual")
	order := s.place("ava", buyFour)
	o := s.reaches("ava", order, "accepted")
	if a := s.do("ava", "DELETE", "/api/trading/orders/"+order, "", key()); a.status != http.StatusAccepted {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	s.hurried("it is cancelled", func() bool { return s.order("ava", order).State == "cancelled" })
	if list := s.positions("ava"); len(list) != 0 {
		t.Errorf("before the fill ava holds %+v", list)
	}
	s.sandbox("POST", "/_sandbox/broker/fill", map[string]any{"brokerOrderId": o.BrokerOrderID, "quantity": 2, "price": "3.50"}, nil)
	s.hurried("the fill is booked", func() bool { return s.order("ava", order).FilledQuantity == 2 })
	if got := s.order("ava", order).State; got != "cancelled" {
		t.Errorf("the order is %s", got)
	}
	s.holds("ava", 2, 0)
	if review := s.text(`select coalesce(review_reason, '') from orders where id = $1`, order); review == "" {
		t.Error("nobody is asked to look")
	}
}

// T14: refused, as the answer said, yet executed: the order is found in the
// broker's list, where SnapTrade knows it for one of ours, and an operator hears.
func TestARefusalThatWasNoneIsFound(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.fails("ava", placing, "accept_then_error", "status", 400)
	order := s.place("ava", buyFour)
	s.eventually("it is refused", func() bool { return strings.Contains(s.trail(order), "rejected") })
	s.hurried("it is found", func() bool { return s.order("ava", order).State == "filled" })
	s.holds("ava", 4, 0)
	if review := s.text(`select coalesce(review_reason, '') from orders where id = $1`, order); review == "" {
		t.Error("nobody is asked to look")
	}
	if n := s.text(`select count(*)::text from orders`); n != "1" || s.asked("ava") != 1 {
		t.Errorf("%s orders, asked for %d times", n, s.asked("ava"))
	}
}

// T14 with a rival: the same order, placed again after the refusal, is lost on the wire
// before the first is found. What the broker has belongs to the first, not to the one
// that looks for its own.
func TestARefusalThatWasNoneIsFoundBesideItsRepeat(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("manual")
	s.fails("ava", placing, "late_listing", "delayMs", 12_000)
	s.fails("ava", placing, "accept_then_error", "status", 400)
	first := s.place("ava", buyFour)
	s.reaches("ava", first, "rejected")
	s.still(2*time.Second, "the first is refused", func() bool { return s.order("ava", first).State == "rejected" })
	s.fails("ava", placing, "drop_before")
	var second shownOrder
	s.do("ava", "POST", "/api/trading/orders", `{"confirmDuplicate":true,"line":"`+buyFour+`"}`, key()).into(s.t, &second)
	s.reaches("ava", second.ID, "unknown")
	s.hurried("the first is found", func() bool { return s.order("ava", first).State == "accepted" })
	if got := s.order("ava", second.ID).State; got != "unknown" {
		t.Errorf("the second is %s", got)
	}
	if review := s.text(`select coalesce(review_reason, '') from orders where id = $1`, first); review == "" {
		t.Error("nobody is asked to look")
	}
}
