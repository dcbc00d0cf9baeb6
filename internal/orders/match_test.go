package orders

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

var sentAt = time.Date(2026, 9, 21, 13, 33, 0, 0, time.UTC)

// sought is an order of ours nobody knows the fate of: BTO 4 AAPL 200C @ 3.50.
func sought() Order {
	c, err := exchange.ParseSymbol("AAPL  270115C00200000")
	if err != nil {
		panic(err)
	}
	price, sent, deadline := money.MustPrice("3.50"), sentAt, sentAt.Add(answerWithin)
	return Order{State: Unknown, Side: BTO, Contract: c, Quantity: 4, Type: Limit, Limit: &price, SentAt: &sent, Deadline: &deadline}
}

// listed is how the broker lists it.
func listed() snaptrade.Order {
	total, limit := decimal.NewFromInt(4), decimal.RequireFromString("3.5000000000")
	return snaptrade.Order{
		ID: "b-1", Status: snaptrade.StatusPending, Symbol: "AAPL 270115C00200000", Option: true, Action: snaptrade.BuyToOpen,
		Type: snaptrade.TypeLimit, Total: &total, LimitPrice: &limit, PlacedAt: sentAt.Add(time.Second),
	}
}

func TestEveryCriterionOfAMatch(t *testing.T) {
	t.Parallel()
	number := func(s string) *decimal.Decimal { d := decimal.RequireFromString(s); return &d }
	for name, c := range map[string]struct {
		change func(o *Order, l *snaptrade.Order)
		want   bool
	}{
		"as it was sent":              {func(*Order, *snaptrade.Order) {}, true},
		"padded symbol":               {func(_ *Order, l *snaptrade.Order) { l.Symbol = "AAPL  270115C00200000" }, true},
		"symbol without a space":      {func(_ *Order, l *snaptrade.Order) { l.Symbol = "AAPL270115C00200000" }, true},
		"another strike":              {func(_ *Order, l *snaptrade.Order) { l.Symbol = "AAPL  270115C00210000" }, false},
		"a put":                       {func(_ *Order, l *snaptrade.Order) { l.Symbol = "AAPL  270115P00200000" }, false},
		"an unreadable symbol":        {func(_ *Order, l *snaptrade.Order) { l.Symbol = "AAPL" }, false},
		"not an option":               {func(_ *Order, l *snaptrade.Order) { l.Option = false }, false},
		"side BUY":                    {func(_ *Order, l *snaptrade.Order) { l.Action = snaptrade.Buy }, true},
		"a sell":                      {func(_ *Order, l *snaptrade.Order) { l.Action = snaptrade.SellToClose }, false},
		"a buy to close":              {func(_ *Order, l *snaptrade.Order) { l.Action = snaptrade.BuyToClose }, false},
		"an unknown action":           {func(_ *Order, l *snaptrade.Order) { l.Action = snaptrade.ActionUnknown }, false},
		"another quantity":            {func(_ *Order, l *snaptrade.Order) { l.Total = number("5") }, false},
		"no quantity":                 {func(_ *Order, l *snaptrade.Order) { l.Total = nil }, false},
		"another price":               {func(_ *Order, l *snaptrade.Order) { l.LimitPrice = number("3.51") }, false},
		"no price":                    {func(_ *Order, l *snaptrade.Order) { l.LimitPrice = nil }, false},
		"another type":                {func(_ *Order, l *snaptrade.Order) { l.Type = snaptrade.TypeMarket }, false},
		"a type of the broker's own":  {func(_ *Order, l *snaptrade.Order) { l.Type = snaptrade.TypeUnknown }, true},
		"two minutes before":          {func(_ *Order, l *snaptrade.Order) { l.PlacedAt = sentAt.Add(-2 * time.Minute) }, true},
		"earlier than that":           {func(_ *Order, l *snaptrade.Order) { l.PlacedAt = sentAt.Add(-2*time.Minute - 1) }, false},
		"ten minutes after deadline":  {func(o *Order, l *snaptrade.Order) { l.PlacedAt = o.Deadline.Add(10 * time.Minute) }, true},
		"later than that":             {func(o *Order, l *snaptrade.Order) { l.PlacedAt = o.Deadline.Add(10*time.Minute + 1) }, false},
		"no time":                     {func(_ *Order, l *snaptrade.Order) { l.PlacedAt = time.Time{} }, false},
		"never sent":                  {func(o *Order, _ *snaptrade.Order) { o.SentAt = nil }, false},
		"a stop with its price":       {func(o *Order, l *snaptrade.Order) { asStop(o, l); l.StopPrice = number("3.000") }, true},
		"a stop with another price":   {func(o *Order, l *snaptrade.Order) { asStop(o, l); l.StopPrice = number("3.01") }, false},
		"a stop listed without one":   {func(o *Order, l *snaptrade.Order) { asStop(o, l) }, false},
		"an exit listed as SELL":      {func(o *Order, l *snaptrade.Order) { o.Side, l.Action = STC, snaptrade.Sell }, true},
		"an exit listed as an open":   {func(o *Order, l *snaptrade.Order) { o.Side, l.Action = STC, snaptrade.SellToOpen }, false},
		"market, price of the fill":   {func(o *Order, l *snaptrade.Order) { o.Type, o.Limit, l.Type = Market, nil, snaptrade.TypeMarket }, true},
		"a market order for a limit":  {func(o *Order, l *snaptrade.Order) { o.Type, o.Limit = Market, nil }, false},
		"whatever became of it there": {func(_ *Order, l *snaptrade.Order) { l.Status = snaptrade.StatusCancelled }, true},
	} {
		o, l := sought(), listed()
		c.change(&o, &l)
		if got := len(match(o, []snaptrade.Order{l})) == 1; got != c.want {
			t.Errorf("%s: match %v, want %v", name, got, c.want)
		}
	}
}

func asStop(o *Order, l *snaptrade.Order) {
	stop := money.MustPrice("3.00")
	o.Type, o.Limit, o.Stop = Stop, nil, &stop
	l.Type, l.LimitPrice = snaptrade.TypeStop, nil
}

func TestOfSeveralMatchesTheEarliestIsFirst(t *testing.T) {
	t.Parallel()
	var list []snaptrade.Order
	for _, minute := range []int{3, 1, 2} { // lists are newest first, more or less
		l := listed()
		l.ID, l.PlacedAt = string(rune('0'+minute)), sentAt.Add(time.Duration(minute)*time.Minute)
		list = append(list, l)
	}
	other := listed()
	other.Action = snaptrade.SellToClose
	list = append(list, other)
	found := match(sought(), list)
	if len(found) != 3 || found[0].ID != "1" || found[1].ID != "2" || found[2].ID != "3" {
		t.Errorf("found %v", found)
	}
}

// While a request is on the wire, an order of its contract and side that does
// not look like it stays without a row: the answer may name it.
func TestWhatTheWireMayExplainIsNotDetected(t *testing.T) {
	t.Parallel()
	twin, other := listed(), listed()
	price := decimal.RequireFromString("3.49")
	twin.LimitPrice = &price
	other.Symbol = "AAPL  270115C00210000"
	for state, want := range map[State]int{Submitting: 1, Unknown: 2} {
		o := sought()
		o.State = state
		if rest := withhold([]snaptrade.Order{twin, other}, o); len(rest) != want {
			t.Errorf("%s: %d of 2 may be detected, want %d", state, len(rest), want)
		}
	}
}

// A listed order goes to what may be at the broker, before what we gave up
// looking for, before what was refused; to nobody else.
func TestWhoMayTakeAListedOrder(t *testing.T) {
	t.Parallel()
	for state, want := range map[State]int{
		Submitting: 1, Unknown: 1, NotPlaced: 2, Rejected: 3,
		Queued: 0, Accepted: 0, Partial: 0, Filled: 0, Cancelled: 0, Expired: 0, Aborted: 0,
	} {
		if got := state.claim(); got != want {
			t.Errorf("%s has rank %d, want %d", state, got, want)
		}
	}
}

// Of two orders that look the same, one that had counted as ended and one that is
// unresolved, the older takes what was placed before the younger was sent, and nothing else.
func TestWhatWasPlacedBeforeItsRivalsBelongsToTheOlder(t *testing.T) {
	t.Parallel()
	later := sentAt.Add(time.Minute)
	for name, c := range map[string]struct {
		state  State // of the older
		placed time.Time
		rivals []time.Time // when the unresolved ones were sent
		want   bool
	}{
		"refused, placed in its claim":       {Rejected, sentAt.Add(time.Second), []time.Time{later}, true},
		"given up, placed in its claim":      {NotPlaced, sentAt.Add(time.Second), []time.Time{later}, true},
		"in the second it was sent":          {Rejected, sentAt.Truncate(time.Second), []time.Time{later}, true},
		"before it was sent":                 {Rejected, sentAt.Add(-time.Second), []time.Time{later}, false},
		"after its claim":                    {Rejected, sentAt.Add(answerWithin + 1), []time.Time{later}, false},
		"after the rival was sent":           {Rejected, sentAt.Add(2 * time.Second), []time.Time{sentAt.Add(time.Second)}, false},
		"in the second the rival was sent":   {Rejected, sentAt.Add(time.Second), []time.Time{sentAt.Add(1500 * time.Millisecond)}, false},
		"one of two rivals was sent before":  {Rejected, sentAt.Add(2 * time.Second), []time.Time{later, sentAt.Add(time.Second)}, false},
		"no rival: its rank decides":         {Rejected, sentAt.Add(time.Second), nil, false},
		"unresolved itself: as it was":       {Unknown, sentAt.Add(time.Second), []time.Time{later}, false},
		"a rival sent long after cannot ask": {Rejected, sentAt.Add(time.Second), []time.Time{sentAt.Add(time.Hour)}, false},
	} {
		older := sought()
		older.State = c.state
		all := []Order{older}
		for _, sent := range c.rivals {
			rival, deadline := sought(), sent.Add(answerWithin)
			rival.SentAt, rival.Deadline = &sent, &deadline
			all = append(all, rival)
		}
		l := listed()
		l.PlacedAt = c.placed
		if got := len(beforeRivals(older, match(older, []snaptrade.Order{l}), all)) == 1; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Of two orders that look the same and were refused, or given up, the one whose request
// was on the wire takes what was placed then, however much older the other is.
func TestWhatWasPlacedWhileOneWasOnTheWireIsNotAnothers(t *testing.T) {
	t.Parallel()
	answered := sentAt.Add(300 * time.Millisecond)
	for name, c := range map[string]struct {
		state  State         // of the older
		sent   time.Duration // the younger, after the older
		placed time.Duration
		older  bool
	}{
		"refused, placed with the younger":                      {Rejected, time.Minute, time.Minute, false},
		"refused, placed with the younger, within its deadline": {Rejected, 20 * time.Second, 20 * time.Second, false},
		"given up, placed with the younger":                     {NotPlaced, 10 * time.Minute, 10 * time.Minute, false},
		"refused, placed with the older":                        {Rejected, time.Minute, 0, true},
		"given up, placed with the older":                       {NotPlaced, time.Minute, time.Second, true},
		"placed with neither":                                   {Rejected, time.Minute, 30 * time.Second, true},
		"unresolved":                                            {Unknown, time.Minute, time.Minute, true},
	} {
		older, younger := sought(), sought()
		older.State, younger.State = c.state, Rejected
		if c.state == Rejected {
			older.FinishedAt = &answered
		}
		sent, refused, deadline := sentAt.Add(c.sent), answered.Add(c.sent), sentAt.Add(c.sent+answerWithin)
		younger.SentAt, younger.FinishedAt, younger.Deadline = &sent, &refused, &deadline
		l := listed()
		l.PlacedAt = sentAt.Add(c.placed)
		if got := len(beforeRefused(older, match(older, []snaptrade.Order{l}), []Order{older, younger})) == 1; got != c.older {
			t.Errorf("%s: the older may take it: %v, want %v", name, got, c.older)
		}
	}
}
