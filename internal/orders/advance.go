package orders

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// report is what the broker says of one order at one moment.
type report struct {
	BrokerOrderID string
	Status        snaptrade.Status
	Word          string           // the broker's own
	Filled        *int             // contracts; nil when it does not say
	Average       *decimal.Decimal // of all that is filled, per share
	ExecutedAt    time.Time        // zero when it does not say
	NoSuccessor   bool             // replaced, and what took its place was not found
}

// leg is what filled under one of the ids that the broker has used for an order.
// One that was replaced has several, and its cum is their sum.
type leg struct {
	cum      int
	notional decimal.Decimal
	old      bool // another id has taken its place
}

// whole is the leg of an order that has always had one id.
func whole(o Order) leg { return leg{cum: o.Cum, notional: o.CumNotional} }

func reportOf(o snaptrade.Order) report {
	r := report{BrokerOrderID: o.ID, Status: o.Status, Word: o.StatusWord, Average: o.AveragePrice, ExecutedAt: o.ExecutedAt}
	if o.Filled != nil && o.Filled.IsInteger() && !o.Filled.IsNegative() {
		n := int(o.Filled.IntPart())
		r.Filled = &n
	}
	return r
}

// step is what a report means for an order: the state it is in now, what newly
// filled, and why an operator should look.
type step struct {
	State    State
	Quantity int             // newly filled contracts
	Notional decimal.Decimal // newly filled, price per share × contracts
	Grown    int             // contracts the order turns out to be larger by
	Review   string
}

// advance works out what a report of a known broker order means. What is filled
// never falls; no word of a broker's that we do not know changes a state.
func advance(o Order, l leg, r report) step {
	s := fills(o, l, r)
	if l.old {
		return late(o, s)
	}
	cum := o.Cum + s.Quantity
	next, review := nextState(o, r, cum)
	s.State = next
	if review != "" {
		s.Review = review
	}
	if (o.State == Cancelled || o.State == Expired) && s.Quantity > 0 {
		s.Review = "filled after it had ended"
	}
	return s
}

// late is a report of an id that was replaced. Its words say nothing about the
// order any more; what filled under it before that counts, on top of what the
// successor was asked for.
func late(o Order, s step) step {
	s.State, s.Grown = o.State, s.Quantity
	if s.Quantity > 0 {
		s.Review = "filled further before it was replaced"
		if o.State == Accepted {
			s.State = Partial
		}
	}
	return s
}

// fills is the increment a report adds to what is known of its id. A report with
// less than we know is old. An increment without a price waits for a report that
// has one.
func fills(o Order, l leg, r report) step {
	if r.Filled == nil || r.Average == nil || *r.Filled <= l.cum {
		return step{}
	}
	s := step{}
	cum, most := *r.Filled, o.Quantity-(o.Cum-l.cum)
	if cum > most && !l.old {
		cum, s.Review = most, "the broker reports more filled than was ordered"
	}
	s.Quantity = cum - l.cum
	if s.Quantity == 0 {
		return s
	}
	s.Notional = r.Average.Mul(decimal.NewFromInt(int64(cum))).Sub(l.notional)
	if s.Notional.IsNegative() {
		s.Notional, s.Review = decimal.Zero, "the broker's average price does not fit the earlier fills"
	}
	return s
}

func nextState(o Order, r report, cum int) (next State, review string) {
	switch o.State {
	case Filled, Cancelled, Expired:
		return o.State, ""
	case Queued, Aborted:
		return o.State, "the broker lists an order that was not sent"
	}
	if cum == o.Quantity {
		return Filled, lateReview(o)
	}
	working := Accepted
	if cum > 0 {
		working = Partial
	}
	switch r.Status {
	case snaptrade.StatusPending, snaptrade.StatusPartial:
		return working, lateReview(o)
	case snaptrade.StatusFilled: // said to be filled, but not all of it is known: keep looking
		return working, lateReview(o)
	case snaptrade.StatusCancelled:
		return Cancelled, lateReview(o)
	case snaptrade.StatusReplaced: // another took its place: it is followed once it is found
		if !r.NoSuccessor {
			return working, lateReview(o)
		}
		return Cancelled, "replaced at the broker, by an order that was not found"
	case snaptrade.StatusExpired:
		return Expired, lateReview(o)
	case snaptrade.StatusRejected:
		return rejected(o, cum)
	}
	// A word we do not know changes nothing, but an order with a broker id is
	// at the broker: for an unresolved one that is the answer. So are its fills.
	if o.State.Unresolved() || o.State == NotPlaced || o.refusedUnseen() || cum > 0 {
		return working, lateReview(o)
	}
	return o.State, ""
}

func rejected(o Order, cum int) (State, string) {
	if cum > 0 || o.State == Partial {
		return Cancelled, "rejected by the broker after it had filled in part"
	}
	if o.State == NotPlaced { // it was there after all, and came to nothing
		return Cancelled, "found at the broker, rejected"
	}
	if o.refusedUnseen() {
		return Rejected, lateReview(o)
	}
	return Rejected, ""
}

// refusedUnseen says that the order was refused and never seen at the broker: that
// it is there after all is for an operator to see, whatever became of it (INV-9).
func (o Order) refusedUnseen() bool { return o.State == Rejected && o.BrokerOrderID == nil }

// lateReview marks orders that turn up although they counted as ended (T10, T14).
func lateReview(o Order) string {
	switch o.State {
	case NotPlaced:
		return "found at the broker after the search had ended"
	case Rejected:
		return "found at the broker although it was refused"
	}
	return ""
}
