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
}

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
	Review   string
}

// advance works out what a report of a known broker order means. What is filled
// never falls; no word of a broker's that we do not know changes a state.
func advance(o Order, r report) step {
	s := fills(o, r)
	cum := o.Cum + s.Quantity
	next, review := nextState(o, r.Status, cum)
	s.State = next
	if review != "" {
		s.Review = review
	}
	if (o.State == Cancelled || o.State == Expired) && s.Quantity > 0 {
		s.Review = "filled after it had ended"
	}
	return s
}

// fills is the increment a report adds. A report with less than we know is old.
// An increment without a price waits for a report that has one.
func fills(o Order, r report) step {
	if r.Filled == nil || r.Average == nil || *r.Filled <= o.Cum {
		return step{}
	}
	s := step{}
	cum := *r.Filled
	if cum > o.Quantity {
		cum, s.Review = o.Quantity, "the broker reports more filled than was ordered"
	}
	s.Quantity = cum - o.Cum
	if s.Quantity == 0 {
		return s
	}
	s.Notional = r.Average.Mul(decimal.NewFromInt(int64(cum))).Sub(o.CumNotional)
	if s.Notional.IsNegative() {
		s.Notional, s.Review = decimal.Zero, "the broker's average price does not fit the earlier fills"
	}
	return s
}

func nextState(o Order, status snaptrade.Status, cum int) (next State, review string) {
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
	switch status {
	case snaptrade.StatusPending, snaptrade.StatusPartial:
		return working, lateReview(o)
	case snaptrade.StatusFilled: // said to be filled, but not all of it is known: keep looking
		return working, lateReview(o)
	case snaptrade.StatusCancelled:
		return Cancelled, lateReview(o)
	case snaptrade.StatusReplaced:
		return Cancelled, "replaced at the broker"
	case snaptrade.StatusExpired:
		return Expired, lateReview(o)
	case snaptrade.StatusRejected:
		return rejected(o, cum)
	}
	// A word we do not know changes nothing, but an order with a broker id is
	// at the broker: for an unresolved one that is the answer. So are its fills.
	if o.State.Unresolved() || o.State == NotPlaced || cum > 0 {
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
	return Rejected, ""
}

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
