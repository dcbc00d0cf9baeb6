package main

import "testing"

// What the broker takes stands in the account's history alone: it is booked on the
// fills it belongs to, once however often it is read, also after the close.
func TestFeesOfTheHistoryAreBookedOnce(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.mode("immediate")
	s.sandbox("POST", "/_sandbox/broker/fee", map[string]string{"account": "ava", "perContract": "0.65"}, nil)
	bought := s.reaches("ava", s.place("ava", buyFour), "filled")
	s.reaches("ava", s.place("ava", sellFour), "filled")
	charged := func() string {
		s.exec(`update account_looks set fees_for = null`)
		if err := s.app.Desk().BookFees(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s.text(`select fees::numeric(10, 2) || ' of fees, realised ' || realized::numeric(10, 2) from positions where id = $1`, bought.PositionID)
	}
	before := s.text(`select realized::numeric(10, 2) from positions where id = $1`, bought.PositionID)
	want := s.text(`select '5.20 of fees, realised ' || ($1::numeric - 5.20)::numeric(10, 2)`, before)
	s.eventually("the fees are booked", func() bool { return charged() == want })
	if again := charged(); again != want {
		t.Errorf("read again: %s, not %s", again, want)
	}
	if a := s.do("ava", "GET", "/api/positions/"+bought.PositionID, ""); !contains(a.body, `"fees":"2.60"`) || !contains(a.body, `"fees":"5.20"`) {
		t.Errorf("the position: %s", a.body)
	}
}
