package sandbox

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

const (
	recentAge  = 24 * time.Hour
	recentRows = 100
)

func (s *snaptrade) ordersV1(w http.ResponseWriter, r *http.Request) {
	if list, ok := s.orderList(w, r, ordersWanted(r, s.now())); ok {
		reply(w, http.StatusOK, shapes(list, view.v1))
	}
}

func (s *snaptrade) ordersV2(w http.ResponseWriter, r *http.Request) {
	if list, ok := s.orderList(w, r, ordersWanted(r, s.now())); ok {
		reply(w, http.StatusOK, map[string]any{"orders": shapes(list, view.v2)})
	}
}

func (s *snaptrade) recentV1(w http.ResponseWriter, r *http.Request) {
	if list, ok := s.orderList(w, r, recentWanted(r, s.now())); ok {
		reply(w, http.StatusOK, map[string]any{"orders": shapes(firstRows(list), view.v1)})
	}
}

func (s *snaptrade) recentV2(w http.ResponseWriter, r *http.Request) {
	if list, ok := s.orderList(w, r, recentWanted(r, s.now())); ok {
		reply(w, http.StatusOK, map[string]any{"orders": shapes(firstRows(list), view.v2)})
	}
}

func firstRows(list []view) []view { return list[:min(len(list), recentRows)] }

func shapes[T any](list []view, shape func(view) T) []T {
	out := []T{}
	for _, v := range list {
		out = append(out, shape(v))
	}
	return out
}

// ordersWanted reads state (all, open, executed) and days (1…90, default 30).
func ordersWanted(r *http.Request, now time.Time) func(paperOrder) bool {
	days := min(max(queryInt(r, "days", 30), 1), 90)
	state := r.URL.Query().Get("state")
	return func(o paperOrder) bool {
		if now.Sub(o.Placed) > time.Duration(days)*24*time.Hour {
			return false
		}
		switch state {
		case "open":
			return o.working()
		case "executed":
			return o.Filled > 0
		default:
			return true
		}
	}
}

// recentWanted: the last 24 hours, executed orders only unless told otherwise.
func recentWanted(r *http.Request, now time.Time) func(paperOrder) bool {
	executedOnly := r.URL.Query().Get("only_executed") != "false"
	return func(o paperOrder) bool {
		return now.Sub(o.Placed) <= recentAge && (!executedOnly || o.Filled > 0)
	}
}

// orderList reads the book with the faults of reading; false after answering.
func (s *snaptrade) orderList(w http.ResponseWriter, r *http.Request, wanted func(paperOrder) bool) ([]view, bool) {
	account, _, _ := s.paper.account(accountOf(r))
	if b, _ := s.registry.brokerNamed(account.Broker); b.NoLists {
		fail(w, http.StatusNotImplemented, "", "The orders endpoint is not yet implemented for brokerage "+b.Slug)
		return nil, false
	}
	orders, err := s.paper.list(account.ID, wanted)
	if err != nil {
		s.broken(w, err)
		return nil, false
	}
	call := r.Method + " " + r.URL.Path
	// A list of nothing is a list, too: a fault that waited for more would hit one that its maker does not expect.
	if _, hit := s.faults.takeMode(faultIncompleteListing, "snaptrade", call, account.ID); hit && len(orders) > 0 {
		orders = orders[1:]
	}
	views := []view{}
	for _, o := range orders {
		views = append(views, s.seen(o, call))
	}
	return views, true
}

// seen is an order as this read reports it.
func (s *snaptrade) seen(o paperOrder, call string) view {
	v := view{paperOrder: o}
	if o.Filled == 0 {
		return v
	}
	if _, hit := s.faults.takeMode(faultNullFill, "snaptrade", call, o.Account); hit && o.Status == statusExecuted {
		v.vague = true
		return v
	}
	if _, hit := s.faults.takeMode(faultLowerCum, "snaptrade", call, o.Account); hit {
		return v.staleBy(1)
	}
	return v
}

func (s *snaptrade) detailsV1(w http.ResponseWriter, r *http.Request) {
	var body orderID
	if !readBody(w, r, &body) {
		return
	}
	if v, ok := s.detail(w, r, body.ID); ok {
		reply(w, http.StatusOK, v.v1())
	}
}

func (s *snaptrade) detailsV2(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.detail(w, r, chi.URLParam(r, "order")); ok {
		reply(w, http.StatusOK, v.v2())
	}
}

// detail finds one order placed through SnapTrade; false after answering 404.
func (s *snaptrade) detail(w http.ResponseWriter, r *http.Request, id string) (view, bool) {
	o, err := s.paper.look(accountOf(r), id)
	if err != nil || o.Via != viaSnapTrade {
		fail(w, http.StatusNotFound, "1011", "Order not found")
		return view{}, false
	}
	return s.seen(o, r.Method+" "+r.URL.Path), true
}
