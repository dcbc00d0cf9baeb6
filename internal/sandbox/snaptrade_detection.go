package sandbox

import (
	"net/http"
	"strconv"
)

// tradeDetectionPrice is dollars per account and month by interval in seconds.
func tradeDetectionPrice(seconds int) (string, bool) {
	prices := map[int]string{5: "100.00", 25: "25.00", 100: "7.50", 300: "2.50", 900: "0.83", 1500: "0.50"}
	price, offered := prices[seconds]
	return price, offered
}

func subscriptionShape(sub subscription) map[string]any {
	price, _ := tradeDetectionPrice(sub.Seconds)
	return map[string]any{"account_id": sub.Account, "cost": price, "check_interval_seconds": sub.Seconds}
}

func (s *snaptrade) listSubscriptions(w http.ResponseWriter, _ *http.Request) {
	list := []map[string]any{}
	for _, sub := range s.registry.subscribed() {
		list = append(list, subscriptionShape(sub))
	}
	reply(w, http.StatusOK, list)
}

func (s *snaptrade) subscribe(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Account string `json:"account_id"`
		Seconds int    `json:"check_interval_seconds"`
	}
	if !readBody(w, r, &body) {
		return
	}
	a, _, open := s.paper.account(body.Account)
	if !open || a.User != userOf(r) {
		fail(w, http.StatusNotFound, "1011", "Account not found")
		return
	}
	if _, offered := tradeDetectionPrice(body.Seconds); !offered {
		fail(w, http.StatusBadRequest, "1076", "check_interval_seconds "+strconv.Itoa(body.Seconds)+" is not offered")
		return
	}
	status := http.StatusCreated
	if s.registry.wasSubscribed(body.Account) {
		status = http.StatusOK
	}
	sub := subscription{Account: body.Account, Seconds: body.Seconds}
	if err := s.registry.saveSubscription(sub); err != nil {
		s.broken(w, err)
		return
	}
	reply(w, status, subscriptionShape(sub))
}

func (s *snaptrade) cancelSubscription(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Account string `json:"account_id"`
	}
	if !readBody(w, r, &body) {
		return
	}
	if s.registry.wasSubscribed(body.Account) {
		if err := s.registry.saveSubscription(subscription{Account: body.Account, Canceled: true}); err != nil {
			s.broken(w, err)
			return
		}
	}
	reply(w, http.StatusOK, map[string]bool{"success": true})
}
