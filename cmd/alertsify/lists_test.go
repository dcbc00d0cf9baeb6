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
	root := s.people["root"]
	if _, err := s.app.Accounts().Connect(t.Context(), root, "PUBLIC", ""); err != nil {
		t.Fatal(err)
	}
	s.sandbox(http.MethodPost, "/_sandbox/connect", map[string]string{"user": "root", "broker": "PUBLIC"}, nil)
	s.eventually("the account is linked", func() bool {
		list, err := s.app.Accounts().List(t.Context(), root)
		return err == nil && len(list) == 1
	})
	id := s.place("root", "BTO 1 AAPL 200C 1/15/27 @ 3.40")
	s.eventually("the order works", func() bool { return s.order("root", id).State == "accepted" })
	s.eventually("the broker is known to have no lists", func() bool {
		list, err := s.app.Accounts().List(t.Context(), root)
		return err == nil && len(list) == 1 && !list[0].ListsOrders
	})
}
