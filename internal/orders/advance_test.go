package orders

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// statusWords are the columns of the tables below.
var statusWords = []snaptrade.Status{
	snaptrade.StatusPending, snaptrade.StatusPartial, snaptrade.StatusFilled, snaptrade.StatusCancelled,
	snaptrade.StatusRejected, snaptrade.StatusExpired, snaptrade.StatusReplaced, snaptrade.StatusUnknown,
}

var short = map[State]string{
	Queued: "q", Submitting: "s", Unknown: "u", Accepted: "A", Partial: "P", Filled: "F",
	Cancelled: "C", Expired: "E", Rejected: "R", Aborted: "x", NotPlaced: "n",
}

// report of an order of five whose average is 2.00.
func filled(n int, word snaptrade.Status) report {
	average := decimal.NewFromInt(2)
	return report{BrokerOrderID: "b", Status: word, Word: string(word), Filled: &n, Average: &average}
}

func five(state State, cum int) Order {
	return Order{State: state, Quantity: 5, Cum: cum, CumNotional: decimal.NewFromInt(int64(2 * cum))}
}

// advanced is a report's step of an order that has always had one id.
func advanced(o Order, r report) step { return advance(o, whole(o), r) }

// Each line: a state, what is known to be filled, what the report says is
// filled, and what each word then means. "!" is a review.
//
//	pending partial filled cancelled rejected expired replaced unknown
const transitions = `
submitting 0 0  A  A  A  C  R  E  A  A
submitting 0 3  P  P  P  C  C! E  P  P
submitting 0 5  F  F  F  F  F  F  F  F
unknown    0 0  A  A  A  C  R  E  A  A
unknown    0 3  P  P  P  C  C! E  P  P
unknown    0 5  F  F  F  F  F  F  F  F
accepted   0 0  A  A  A  C  R  E  A  A
accepted   0 3  P  P  P  C  C! E  P  P
accepted   0 5  F  F  F  F  F  F  F  F
partial    2 0  P  P  P  C  C! E  P  P
partial    2 1  P  P  P  C  C! E  P  P
partial    2 2  P  P  P  C  C! E  P  P
partial    2 3  P  P  P  C  C! E  P  P
partial    2 5  F  F  F  F  F  F  F  F
filled     5 0  F  F  F  F  F  F  F  F
filled     5 5  F  F  F  F  F  F  F  F
cancelled  0 0  C  C  C  C  C  C  C  C
cancelled  0 3  C! C! C! C! C! C! C! C!
cancelled  2 5  C! C! C! C! C! C! C! C!
cancelled  2 1  C  C  C  C  C  C  C  C
expired    0 0  E  E  E  E  E  E  E  E
expired    2 3  E! E! E! E! E! E! E! E!
rejected   0 0  A! A! A! C! R! E! A! A!
rejected   0 3  P! P! P! C! C! E! P! P!
rejected   0 5  F! F! F! F! F! F! F! F!
not_placed 0 0  A! A! A! C! C! E! A! A!
not_placed 0 3  P! P! P! C! C! E! P! P!
not_placed 0 5  F! F! F! F! F! F! F! F!
queued     0 0  q! q! q! q! q! q! q! q!
aborted    0 0  x! x! x! x! x! x! x! x!
`

// The table of transitions T8 and T10 to T14, whatever word comes with them.
func TestWhatAReportMeans(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(strings.TrimSpace(transitions)) {
		cells := strings.Fields(line)
		if len(cells) != 3+len(statusWords) {
			t.Fatalf("the table's line %q has %d cells", line, len(cells))
		}
		known, says := int(cells[1][0]-'0'), int(cells[2][0]-'0')
		for i, word := range statusWords {
			o := five(State(cells[0]), known)
			s := advanced(o, filled(says, word))
			got := short[s.State]
			if s.Review != "" {
				got += "!"
			}
			if got != cells[3+i] {
				t.Errorf("%s with %d filled, report %s %d: %s, want %s (%s)", o.State, known, word, says, got, cells[3+i], s.Review)
			}
			if want := max(says-known, 0); s.Quantity != want {
				t.Errorf("%s with %d filled, report %s %d: %d newly filled, want %d", o.State, known, word, says, s.Quantity, want)
			}
		}
	}
}

// A refusal that the broker repeats is no news; one that nobody had seen there is.
func TestARefusalIsReviewedOnce(t *testing.T) {
	t.Parallel()
	o := five(Rejected, 0)
	if s := advanced(o, filled(0, snaptrade.StatusRejected)); s.Review == "" || !o.learns(s) {
		t.Errorf("refused, then listed as rejected: %+v", s)
	}
	o.BrokerOrderID = new(string)
	for _, word := range []snaptrade.Status{snaptrade.StatusRejected, snaptrade.StatusUnknown} {
		if s := advanced(o, filled(0, word)); s.Review != "" || s.State != Rejected || o.learns(s) {
			t.Errorf("listed as %s once more: %+v", word, s)
		}
	}
}

// The states that mean "nothing filled" never hold a fill, and the others never
// lack one, whatever is reported (§3).
func TestAStateSaysWhetherAnythingFilled(t *testing.T) {
	t.Parallel()
	for _, state := range []State{Submitting, Unknown, Accepted, Partial, Cancelled, Expired, Rejected, NotPlaced} {
		for _, word := range statusWords {
			for says := range 7 {
				o := five(state, 0)
				if state == Partial {
					o = five(state, 2)
				}
				s := advanced(o, filled(says, word))
				cum := o.Cum + s.Quantity
				switch s.State {
				case Accepted, Rejected, NotPlaced, Unknown, Submitting:
					if cum != 0 {
						t.Errorf("%s, %s %d: %s with %d filled", state, word, says, s.State, cum)
					}
				case Partial:
					if cum == 0 || cum == o.Quantity {
						t.Errorf("%s, %s %d: partial with %d filled", state, word, says, cum)
					}
				case Filled:
					if cum != o.Quantity {
						t.Errorf("%s, %s %d: filled with %d", state, word, says, cum)
					}
				}
				if cum > o.Quantity {
					t.Errorf("%s, %s %d: %d of %d filled (INV-6)", state, word, says, cum, o.Quantity)
				}
			}
		}
	}
}

func TestNotionalIsTheRiseOfAverageTimesFilled(t *testing.T) {
	t.Parallel()
	o := five(Partial, 2) // 2 at 2.00
	r := filled(5, snaptrade.StatusFilled)
	average := decimal.RequireFromString("2.60") // so three at 3.00
	r.Average = &average
	if s := advanced(o, r); s.Quantity != 3 || s.Notional.String() != "9" {
		t.Errorf("%d contracts for %s, want 3 for 9", s.Quantity, s.Notional)
	}
	// An average that would make the new fills cost less than nothing is not believed.
	low := decimal.RequireFromString("0.10")
	r.Average = &low
	if s := advanced(o, r); s.Notional.IsNegative() || s.Review == "" {
		t.Errorf("notional %s, review %q", s.Notional, s.Review)
	}
}

func TestAFillWithoutAPriceWaitsForOne(t *testing.T) {
	t.Parallel()
	r := filled(5, snaptrade.StatusFilled)
	r.Average = nil
	if s := advanced(five(Accepted, 0), r); s.State != Accepted || s.Quantity != 0 {
		t.Errorf("booked %d, %s, without a price", s.Quantity, s.State)
	}
}

// EXECUTED without a quantity is not a fill (§5).
func TestExecutedWithoutAQuantityIsNotAFill(t *testing.T) {
	t.Parallel()
	average := decimal.NewFromInt(2)
	r := report{BrokerOrderID: "b", Status: snaptrade.StatusFilled, Average: &average}
	for _, state := range []State{Unknown, Accepted} {
		if s := advanced(five(state, 0), r); s.State != Accepted || s.Quantity != 0 {
			t.Errorf("%s: %s with %d filled", state, s.State, s.Quantity)
		}
	}
}

func TestMoreThanOrderedIsBookedAsOrderedAndReviewed(t *testing.T) {
	t.Parallel()
	s := advanced(five(Accepted, 0), filled(7, snaptrade.StatusFilled))
	if s.State != Filled || s.Quantity != 5 || s.Notional.String() != "10" || s.Review == "" {
		t.Errorf("%+v", s)
	}
}

func TestOnlyWholeContractsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"5.000000000": 5, "0": 0, "2.5": -1, "-1": -1} {
		d := decimal.RequireFromString(text)
		got := -1
		if r := reportOf(snaptrade.Order{Filled: &d}); r.Filled != nil {
			got = *r.Filled
		}
		if got != want {
			t.Errorf("filled %q reads %d, want %d", text, got, want)
		}
	}
}
