package main

import (
	"net/http"
	"testing"
)

// A broker without order lists (501) is remembered as one: its orders are read
// one by one, and none of them is ever given up on.
func TestABrokerWithoutListsIsRemembered(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("manual")
	s.quote(apple, "3.45", "3.50")
	s.linkWithoutLists("root")
	id := s.place("root", "BTO 1 AAPL 200C "+expiry+" @ 3.40")
	s.eventually("the order works", func() bool { return s.order("root", id).State == "accepted" })
	s.eventually("the broker is known to have no lists", func() bool {
		list, err := s.app.Accounts().List(t.Context(), s.people["root"])
		return err == nil && len(list) == 1 && !list[0].ListsOrders
	})
}

// linkWithoutLists gives somebody who has none an account at a broker that lists no orders.
func (s *show) linkWithoutLists(person string) {
	s.t.Helper()
	if _, err := s.app.Accounts().Connect(s.t.Context(), s.people[person], "PUBLIC", ""); err != nil {
		s.t.Fatal(err)
	}
	s.sandbox(http.MethodPost, "/_sandbox/connect", map[string]string{"user": person, "broker": "PUBLIC"}, nil)
	s.eventually("the account is linked", func() bool {
		list, err := s.app.Accounts().List(s.t.Context(), s.people[person])
		return err == nil && len(list) == 1
	})
}
