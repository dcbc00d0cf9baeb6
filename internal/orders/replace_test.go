package orders

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

func limited(text string) *money.Price {
	p := money.MustPrice(text)
	return &p
}

func contractsOf(n int64) *decimal.Decimal {
	d := decimal.NewFromInt(n)
	return &d
}

// changing is an order of five at 3.50 that is to become seven at 3.60; two are filled.
func changing() Order {
	sent, deadline, units := sentAt, sentAt.Add(answerWithin), 5
	o := five(Partial, 2)
	o.Side, o.Type, o.Limit = BTO, Limit, limited("3.50")
	o.Change = &Change{
		State: ChangeUnknown, Quantity: 7, LimitPrice: nullable(decimal.RequireFromString("3.60")), Units: &units,
		SentAt: &sent, Deadline: &deadline,
	}
	return o
}

// known is an order with what filled under its one id.
func known(o Order) listedOrder { return listedOrder{Order: o, leg: whole(o)} }

// What a look at the replaced order and at what may have taken its place decides.
func TestWhatBecameOfAChange(t *testing.T) {
	t.Parallel()
	at := func(status snaptrade.Status, price string) snaptrade.Order {
		p := decimal.RequireFromString(price)
		return snaptrade.Order{Status: status, LimitPrice: &p, Total: contractsOf(5), Filled: contractsOf(2)}
	}
	for name, c := range map[string]struct {
		old    snaptrade.Order
		found  int
		giveUp bool
		want   verdict
	}{
		"replaced, and one listed":            {at(snaptrade.StatusReplaced, "3.50"), 1, false, succeeded},
		"cancelled by it, and one listed":     {at(snaptrade.StatusCancelled, "3.50"), 1, false, succeeded},
		"replaced, and several listed":        {at(snaptrade.StatusReplaced, "3.50"), 2, true, succeeded},
		"replaced, nothing listed yet":        {at(snaptrade.StatusReplaced, "3.50"), 0, false, undecided},
		"replaced, nothing listed ever":       {at(snaptrade.StatusReplaced, "3.50"), 0, true, lost},
		"expired, nothing listed ever":        {at(snaptrade.StatusExpired, "3.50"), 0, true, lost},
		"working as it was":                   {at(snaptrade.StatusPartial, "3.50"), 0, false, undecided},
		"working as it was, for long":         {at(snaptrade.StatusPartial, "3.50"), 0, true, notMade},
		"working, and a twin is listed":       {at(snaptrade.StatusPartial, "3.50"), 1, false, undecided},
		"working, and a twin listed for long": {at(snaptrade.StatusPartial, "3.50"), 1, true, notMade},
		"working at the new price":            {at(snaptrade.StatusPartial, "3.60"), 0, false, inPlace},
		"a word nobody knows":                 {at(snaptrade.StatusUnknown, "3.50"), 0, false, undecided},
		"said to be filled, not all known":    {at(snaptrade.StatusFilled, "3.50"), 0, false, undecided},
	} {
		if got := judgeChange(known(changing()), c.old, c.found, c.giveUp); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// A change of the quantity alone is seen by the quantity: of this id, filled or not.
func TestAQuantityChangedInPlaceIsSeen(t *testing.T) {
	t.Parallel()
	for total, want := range map[int64]bool{5: false, 7: true, 6: false} {
		o := changing()
		o.Change.LimitPrice = nullable(o.Limit.Decimal)
		old := snaptrade.Order{Status: snaptrade.StatusPartial, LimitPrice: &o.Limit.Decimal, Total: contractsOf(total), Filled: contractsOf(2)}
		if got := changedInPlace(known(o), old); got != want {
			t.Errorf("total %d: %v, want %v", total, got, want)
		}
	}
}

// An order becomes what the broker says of its successor, and what was asked for
// where it says nothing; what filled under the old id stays, at the price it filled at.
func TestWhatAnOrderBecomes(t *testing.T) {
	t.Parallel()
	o := changing()
	o.Contract.Multiplier = 100
	asked := succession{change: o.Change}
	price := decimal.RequireFromString("3.55")
	for name, c := range map[string]struct {
		s        succession
		known    leg
		l        snaptrade.Order
		quantity int
		limit    string
		cost     string
	}{
		"nothing said":             {asked, leg{}, snaptrade.Order{}, 7, "3.60", "2200"},
		"as asked":                 {asked, leg{}, snaptrade.Order{Total: contractsOf(5), LimitPrice: decimalOf(limited("3.60"))}, 7, "3.60", "2200"},
		"the broker says less":     {asked, leg{}, snaptrade.Order{Total: contractsOf(4), LimitPrice: &price}, 6, "3.55", "1820"},
		"under its own id":         {asked, leg{cum: 2}, snaptrade.Order{Total: contractsOf(7), LimitPrice: decimalOf(limited("3.60"))}, 7, "3.60", "2200"},
		"nobody asked":             {succession{}, leg{}, snaptrade.Order{Total: contractsOf(1), LimitPrice: &price}, 3, "3.55", "755"},
		"nobody asked, unknown":    {succession{}, leg{}, snaptrade.Order{}, 5, "3.50", "1450"},
		"under its own id, unsaid": {asked, leg{cum: 2}, snaptrade.Order{}, 7, "3.60", "2200"},
		"broken quantities, too":   {asked, leg{}, snaptrade.Order{Total: contractsOf(0)}, 7, "3.60", "2200"},
	} {
		n := o.becomes(c.s, c.known, c.l)
		if n.Quantity != c.quantity || n.Limit.String() != c.limit || !n.EstimatedCost.Equal(decimal.RequireFromString(c.cost)) {
			t.Errorf("%s: %d at %s for %s, want %d at %s for %s", name, n.Quantity, n.Limit, n.EstimatedCost, c.quantity, c.limit, c.cost)
		}
	}
}

// Fills under the new id start from nothing; those of the old one still count, and
// make the order larger by what the broker did before it was replaced.
func TestAnOrdersIdsFillEachForThemselves(t *testing.T) {
	t.Parallel()
	o := five(Partial, 2) // 2 at 2.00 under the old id, 3 asked of the new
	average := decimal.NewFromInt(3)
	r := filled(1, snaptrade.StatusPartial)
	r.Average = &average
	if s := advance(o, leg{}, r); s.State != Partial || s.Quantity != 1 || !s.Notional.Equal(average) || s.Grown != 0 {
		t.Errorf("the new id: %+v", s)
	}
	if s := advance(o, leg{}, filled(3, snaptrade.StatusFilled)); s.State != Filled || s.Quantity != 3 {
		t.Errorf("the new id, all of it: %+v", s)
	}
	if s := advance(o, leg{}, filled(4, snaptrade.StatusFilled)); s.Quantity != 3 || s.Review == "" {
		t.Errorf("the new id, more than all of it: %+v", s)
	}
	old := leg{cum: 2, notional: decimal.NewFromInt(4), old: true}
	if s := advance(o, old, filled(3, snaptrade.StatusReplaced)); s.State != Partial || s.Quantity != 1 || s.Grown != 1 || s.Review == "" {
		t.Errorf("the old id, later: %+v", s)
	}
	if s := advance(o, old, filled(2, snaptrade.StatusCancelled)); s.State != Partial || s.Quantity != 0 || s.Review != "" {
		t.Errorf("the old id, as known: %+v", s)
	}
}

// While the broker may be replacing an order, its end is not believed.
func TestAnEndIsHeldWhileAnOrderIsReplaced(t *testing.T) {
	t.Parallel()
	o := changing()
	for _, word := range statusWords {
		r := o.heldWhileReplaced(whole(o), filled(2, word))
		if got := advance(o, whole(o), r).State; got != Partial {
			t.Errorf("%s: %s", word, got)
		}
	}
	o.Change.State = ChangeQueued
	if r := o.heldWhileReplaced(whole(o), filled(2, snaptrade.StatusCancelled)); advance(o, whole(o), r).State != Cancelled {
		t.Error("a change that was not sent holds an end back")
	}
}

// That everything has filled is judged with the change, unless the broker itself
// says that nothing is left.
func TestWhatMayBeLargerIsNotFilledYet(t *testing.T) {
	t.Parallel()
	says := func(status snaptrade.Status, filled, total int64) snaptrade.Order {
		l := snaptrade.Order{Status: status, Filled: contractsOf(filled)}
		if total > 0 {
			l.Total = contractsOf(total)
		}
		return l
	}
	for name, c := range map[string]struct {
		l           snaptrade.Order
		larger, all bool
	}{
		"more to come":               {says(snaptrade.StatusPartial, 4, 7), false, false},
		"five of seven":              {says(snaptrade.StatusPartial, 5, 7), true, false},
		"five of nobody knows":       {says(snaptrade.StatusPartial, 5, 0), true, false},
		"five, and that was it":      {says(snaptrade.StatusFilled, 5, 0), true, true},
		"five of five":               {says(snaptrade.StatusFilled, 5, 5), true, true},
		"seven of seven":             {says(snaptrade.StatusFilled, 7, 7), true, true},
		"five, then an end of seven": {says(snaptrade.StatusFilled, 5, 7), true, false},
	} {
		o := known(changing())
		if larger, all := o.mayBeLarger(c.l), allFilled(c.l); larger != c.larger || larger && all != c.all {
			t.Errorf("%s: may be larger %v, all filled %v", name, larger, all)
		}
		o.leg.old = true
		if o.mayBeLarger(c.l) {
			t.Errorf("%s, under an old id: may be larger", name)
		}
		o.leg.old, o.Change.State = false, ChangeFailed
		if o.mayBeLarger(c.l) {
			t.Errorf("%s, and the change failed: may be larger", name)
		}
	}
}

func TestWhatMayBeReplaced(t *testing.T) {
	t.Parallel()
	asked := sentAt
	for name, c := range map[string]struct {
		order Order
		want  bool
	}{
		"working":                      {Order{State: Accepted}, true},
		"partly filled":                {Order{State: Partial}, true},
		"replaced before":              {Order{State: Accepted, Change: &Change{State: ChangeDone}}, true},
		"a change that failed before":  {Order{State: Accepted, Change: &Change{State: ChangeFailed}}, true},
		"queued":                       {Order{State: Queued}, false},
		"on the wire":                  {Order{State: Submitting}, false},
		"unknown":                      {Order{State: Unknown}, false},
		"filled":                       {Order{State: Filled}, false},
		"cancelled":                    {Order{State: Cancelled}, false},
		"being cancelled":              {Order{State: Accepted, CancelRequested: &asked}, false},
		"being replaced":               {Order{State: Accepted, Change: &Change{State: ChangeQueued}}, false},
		"being replaced, on the wire":  {Order{State: Accepted, Change: &Change{State: ChangeSubmitting}}, false},
		"perhaps replaced, not known":  {Order{State: Partial, Change: &Change{State: ChangeUnknown}}, false},
		"never sent, an aborted other": {Order{State: Accepted, Change: &Change{State: ChangeAborted}}, true},
	} {
		err := c.order.changeable()
		if (err == nil) != c.want || err != nil && fault.CodeOf(err) != "invalid_state" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoChange(t *testing.T) {
	t.Parallel()
	o := five(Partial, 2)
	o.Type, o.Limit = Limit, limited("3.50")
	quantity := func(n int) *int { return &n }
	market := five(Accepted, 0)
	market.Type = Market
	copied := o
	copied.Source = Copy
	for name, c := range map[string]struct {
		order Order
		r     ChangeRequest
		field string
	}{
		"another price":           {o, ChangeRequest{LimitPrice: limited("3.45")}, ""},
		"more":                    {o, ChangeRequest{Quantity: quantity(6)}, ""},
		"less":                    {o, ChangeRequest{Quantity: quantity(3)}, ""},
		"the same price":          {o, ChangeRequest{LimitPrice: limited("3.5")}, "limitPrice"},
		"the same of both":        {o, ChangeRequest{LimitPrice: limited("3.50"), Quantity: quantity(5)}, "limitPrice"},
		"what is filled":          {o, ChangeRequest{Quantity: quantity(2)}, "quantity"},
		"less than is filled":     {o, ChangeRequest{Quantity: quantity(1)}, "quantity"},
		"a price of a market":     {market, ChangeRequest{LimitPrice: limited("3.45")}, "limitPrice"},
		"a larger copy":           {copied, ChangeRequest{Quantity: quantity(6)}, "quantity"},
		"a copy at another price": {copied, ChangeRequest{LimitPrice: limited("3.45")}, ""},
	} {
		_, _, err := c.r.target(c.order)
		fields, _ := fault.Of(err).Details["fields"].(map[string]any)
		if (err == nil) != (c.field == "") || err != nil && fields[c.field] == nil {
			t.Errorf("%s: %v, want a problem with %q", name, err, c.field)
		}
	}
}

const insertChange = `insert into order_changes (order_id, user_id, account_id, symbol, side, state, quantity, trading_day, send_before)
	select id, user_id, account_id, symbol, side, $2, 5, trading_day, now() from orders where id = $1 returning id`

// The database keeps the order of a change's life, one change at a time for an
// order, one unresolved for each contract and side, and one on the wire.
func TestTheDatabaseGuardsChanges(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	states := []ChangeState{ChangeQueued, ChangeSubmitting, ChangeUnknown, ChangeDone, ChangeFailed, ChangeAborted}
	may := map[ChangeState][]ChangeState{
		ChangeQueued:     {ChangeSubmitting, ChangeAborted},
		ChangeSubmitting: {ChangeQueued, ChangeUnknown, ChangeDone, ChangeFailed},
		ChangeUnknown:    {ChangeDone, ChangeFailed},
	}
	order, other := s.order(BTO, Accepted, 0), s.order(BTO, Accepted, 0)
	for _, from := range states {
		for _, to := range states {
			id := s.id(insertChange, order, from)
			err := s.try(`update order_changes set state = $2 where id = $1`, id, to)
			want := from == to
			for _, allowed := range may[from] {
				want = want || allowed == to
			}
			if (err == nil) != want {
				t.Errorf("%s to %s: %v", from, to, err)
			}
			if err := s.try(`delete from order_changes`); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.id(insertChange, order, ChangeUnknown)
	if err := s.try(insertChange, order, ChangeQueued); err == nil {
		t.Error("two changes of one order")
	}
	if err := s.try(insertChange, other, ChangeSubmitting); err == nil {
		t.Error("two unresolved changes of one contract and side")
	}
}

// Giving up on a change needs the time and the looks, like giving up on an order.
func TestGivingUpOnAChange(t *testing.T) {
	t.Parallel()
	c := *changing().Change
	c.CompleteLooks = giveUpLooks
	for _, one := range []struct {
		side  Side
		after time.Duration
		looks int
		lists bool
		want  bool
	}{
		{BTO, giveUpEntry, 4, true, true}, {BTO, giveUpEntry - time.Second, 4, true, false}, {BTO, giveUpEntry, 3, true, false},
		{STC, giveUpExit, 4, true, true}, {STC, giveUpExit - time.Second, 4, true, false}, {STC, giveUpExit, 4, false, false},
	} {
		c.CompleteLooks = one.looks
		if got := mayGiveUpChange(one.side, c, sentAt.Add(one.after), one.lists); got != one.want {
			t.Errorf("%+v: %v", one, got)
		}
	}
}
