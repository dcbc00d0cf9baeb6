package orders

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
)

const evidence = "Called the broker: no such order on their side."

// lost lets a fresh order stand as sent some time ago, with nobody knowing what
// became of it.
func (b *booker) lost(side Side, state State, ago string) uuid.UUID {
	b.t.Helper()
	if side == STC {
		b.must(`update positions set bought = 5, cost_bought = 1000, remaining_cost = 1000, sell_reserved = 5 where id = $1`, b.position)
	}
	id := b.order(side, state, 0)
	b.must(`update orders set sent_at = now() - $2::interval, deadline = now() - $2::interval + interval '45 seconds' where id = $1`, id, ago)
	return id
}

// refusedWith is the code of a refusal, "" when there was none.
func refusedWith(err error) string {
	if err == nil {
		return ""
	}
	return fault.CodeOf(err)
}

// T9: an operator ends what nobody can look for: an unknown order of a broker that
// lists none, once the market has closed after it. Nothing else.
func TestAnOperatorRecordsNotPlacedOnlyWhereNoListCanTell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state    State
		listed   bool
		ago      string
		evidence string
		want     string // the refusal's code
	}{
		"unknown since before the close": {Unknown, false, "25 hours", evidence, ""},
		"the market has not closed yet":  {Unknown, false, "1 hour", evidence, "invalid_state"},
		"the broker lists its orders":    {Unknown, true, "25 hours", evidence, "invalid_state"},
		"it is still being sent":         {Submitting, false, "25 hours", evidence, "invalid_state"},
		"it works":                       {Accepted, false, "25 hours", evidence, "invalid_state"},
		"it was recorded already":        {NotPlaced, false, "25 hours", evidence, "invalid_state"},
		"without evidence":               {Unknown, false, "25 hours", " \n too short ", "validation_failed"},
		"with a novel":                   {Unknown, false, "25 hours", strings.Repeat("x", 2001), "validation_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			b.must(`update accounts set lists_orders = $1`, c.listed)
			id := b.lost(STC, c.state, c.ago)
			operator := b.id(`insert into users (username, name, role) values ('root', 'Root', 'admin') returning id`)
			o, err := b.desk.RecordNotPlaced(t.Context(), operator, id, c.evidence)
			if refusedWith(err) != c.want {
				t.Fatalf("refused with %q: %v", refusedWith(err), err)
			}
			kept := b.count(`select count(*) from order_events where order_id = $1 and actor = 'operator' and from_state = 'unknown'
				and to_state = 'not_placed' and evidence = jsonb_build_object('operator', $2::text, 'evidence', $3::text)`, id, operator.String(), evidence)
			reserved := b.count(`select sell_reserved from positions where id = $1`, b.position)
			told := b.count(`select count(*) from notifications where user_id = $1`, b.user)
			if c.want != "" {
				if now := b.read(id); now.State != c.state || kept != 0 || reserved != 5 || told != 0 {
					t.Errorf("refused, and the order is %s, %d reserved, %d notes", now.State, reserved, told)
				}
				return
			}
			if o.State != NotPlaced || kept != 1 || reserved != 0 || told != 1 {
				t.Errorf("recorded: %s, %d events, %d still reserved, %d notes", o.State, kept, reserved, told)
			}
		})
	}
}

func TestAMissingOrderIsNotRecorded(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	if _, err := b.desk.RecordNotPlaced(t.Context(), b.user, uuid.New(), evidence); refusedWith(err) != "not_found" {
		t.Errorf("recorded: %v", err)
	}
}

// What is up for review is told to each operator once for each reason, and listed
// until it is over; recording that an order was not placed ends its review.
func TestOperatorsSeeWhatIsUpForReview(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	root := b.id(`insert into users (username, name, role) values ('root', 'Root', 'admin') returning id`)
	b.must(`update accounts set lists_orders = false`)
	id := b.lost(BTO, Unknown, "25 hours")
	told := func(title string, want int) {
		t.Helper()
		for range 2 { // a second sweep says nothing again
			if err := b.desk.sweepAlarms(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.count(`select count(*) from notifications where user_id = $1 and title = $2 and url = '/admin/reviews'`, root, title); n != want {
			t.Errorf("%q was said %d times, want %d", title, n, want)
		}
	}
	told("An order needs a look", 1)
	told("A position needs a look", 0)
	for i, reason := range []string{"more is for sale at the broker than is held", "2 contracts were sold at the broker that are not held here"} {
		b.must(`update positions set review_reason = $2 where id = $1`, b.position, reason)
		told("A position needs a look", i+1)
	}
	list, next, err := b.desk.Reviews(t.Context(), 50, nil)
	if next != nil {
		t.Errorf("two are more than one page")
	}
	if err != nil || len(list) != 2 {
		t.Fatalf("%d are up for review: %v", len(list), err)
	}
	for _, r := range list {
		if r.Username != "ava" || r.Reason == "" || r.Recordable != (r.Kind == "order") || !strings.Contains(r.Subject, "AAPL") {
			t.Errorf("listed: %+v", r)
		}
	}
	if _, err := b.desk.RecordNotPlaced(t.Context(), root, id, evidence); err != nil {
		t.Fatal(err)
	}
	if list, _, err = b.desk.Reviews(t.Context(), 50, nil); err != nil || len(list) != 1 || list[0].Kind != "position" {
		t.Errorf("after it was recorded: %+v, %v", list, err)
	}
}

// A broker without lists is never enabled for copies; what was copied is still sold.
func TestNothingIsCopiedWhereNoListCanTell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		side  Side
		lists bool
		want  string
	}{{BTO, false, "no_order_lists"}, {BTO, true, ""}, {STC, false, ""}} {
		if code := refusedWith(copyable(c.side, brokers.Account{ListsOrders: c.lists})); code != c.want {
			t.Errorf("%s with lists %v: refused with %q, want %q", c.side, c.lists, code, c.want)
		}
	}
	b := newBooker(t)
	dr := Draft{user: b.user, copy: &CopyOrder{}, account: brokers.Account{ID: b.account}, intent: Intent{Side: BTO}}
	check := func() string {
		tx, err := b.db.Pool().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		return refusedWith(b.desk.checkAccount(t.Context(), tx, dr))
	}
	b.must(`update accounts set synced_at = $1`, time.Now())
	if code := check(); code != "" {
		t.Errorf("with lists: %q", code)
	}
	b.must(`update accounts set lists_orders = false`)
	if code := check(); code != "no_order_lists" {
		t.Errorf("without lists: %q", code)
	}
}

// However many are up for review, each is on one page: orders and positions in one
// line, newest first, those of one moment too.
func TestReviewsComeInPages(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.must(`insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, status, bought, sold, review_reason, created_at)
		select user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, 'closed', 1, 1, 'a test', now() - n % 3 * interval '1 hour'
		from positions, generate_series(1, 7) n`)
	for range 6 {
		id := b.order(STC, Cancelled, 0)
		b.must(`update orders set review_reason = 'a test', created_at = now() - interval '1 hour' where id = $1`, id)
	}
	seen := map[uuid.UUID]bool{}
	var from *Cursor
	for pages := 1; ; pages++ {
		list, next, err := b.desk.Reviews(t.Context(), 4, from)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range list {
			if seen[r.ID] || i > 0 && r.CreatedAt.After(list[i-1].CreatedAt) || from != nil && r.CreatedAt.After(from.At) {
				t.Errorf("page %d: %s %s of %s comes twice or out of turn", pages, r.Kind, r.ID, r.CreatedAt)
			}
			seen[r.ID] = true
		}
		if next == nil {
			if pages != 4 || len(seen) != 13 {
				t.Errorf("%d on %d pages, want 13 on 4", len(seen), pages)
			}
			return
		}
		from = next
	}
}

// What nobody knows of an order on an account that is not linked any more, no list
// will tell: an operator may.
func TestAnOperatorRecordsWhatNoRemovedAccountCanTell(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	id := b.lost(BTO, Unknown, "25 hours")
	if _, err := b.desk.RecordNotPlaced(t.Context(), b.user, id, evidence); refusedWith(err) != "invalid_state" {
		t.Fatalf("while it is linked: %v", err)
	}
	b.must(`update orders set review_reason = 'a test' where id = $1`, id)
	b.must(`update accounts set removed_at = now(), selected = false`)
	if list, _, err := b.desk.Reviews(t.Context(), 50, nil); err != nil || len(list) != 1 || !list[0].Recordable {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if o, err := b.desk.RecordNotPlaced(t.Context(), b.user, id, evidence); err != nil || o.State != NotPlaced {
		t.Errorf("recorded: %s, %v", o.State, err)
	}
}
