package simulation

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/sandbox"
)

// onTheWire stands between the program and SnapTrade: requests take virtual time,
// in which other things happen, and some of them fail.
func (s *simulation) onTheWire(broker http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			s.fail(s.time.show(s.ctx)) // the program runs on
			s.time.Now()               // and sees what happened here
			if p != nil {
				if p != http.ErrAbortHandler {
					s.fail(fmt.Errorf("panic on the wire: %v", p))
				}
				panic(http.ErrAbortHandler)
			}
		}()
		s.time.Now() // what happened before is seen here: the client read the clock to sign
		if s.inTransaction() {
			s.fail(fmt.Errorf("INV-38: a transaction is open while %s %s is asked", r.Method, r.URL.Path))
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/trading/options"):
			s.placing(w, r, broker)
		case strings.HasSuffix(r.URL.Path, "/trading/replace"):
			s.replacing(w, r, broker)
		case strings.HasSuffix(r.URL.Path, "/trading/cancel"):
			s.cancelling(w, r, broker)
		case strings.HasSuffix(r.URL.Path, "/recentOrders"):
			s.listing(w, r, broker)
		default:
			s.time.to(s.time.Now().Add(s.dice.between(20*time.Millisecond, 200*time.Millisecond)))
			broker.ServeHTTP(w, r)
		}
	})
}

// inTransaction says that the program holds a connection to the database while it
// waits for us. The pool looks after idle ones now and then, which takes a moment.
func (s *simulation) inTransaction() bool {
	for range 1000 {
		if s.db.Pool().Stat().AcquiredConns() == 0 {
			return false
		}
		<-time.After(time.Millisecond)
	}
	return true
}

// accountIn is the account a path of SnapTrade's names: …/accounts/ID/….
func accountIn(path string) string {
	_, rest, _ := strings.Cut(path, "/accounts/")
	account, _, _ := strings.Cut(rest, "/")
	return account
}

// fate is how a request fails; the zero fate not at all.
type fate struct {
	name   string
	mode   string
	status int
}

// The fates of a request to place. Of the first four nobody learns what became of
// it: they are three in ten.
var placeFates = []chance[fate]{
	{100, fate{"executed, answer lost", "accept_then_drop", 0}},
	{60, fate{"executed, answered 5xx", "accept_then_error", 503}},
	{60, fate{"executed, answered garbage", "accept_then_garbage", 0}},
	{80, fate{"lost before it was executed", "drop_before", 0}},
	{20, fate{"not executed, answered 5xx", "error", 502}},
	{25, fate{"throttled", "throttle", 0}},
	{25, fate{"refused", "error", 400}},
	{10, fate{"executed, answered a refusal", "accept_then_error", 400}},
	{620, fate{}},
}

// How the broker works what it takes.
var placeModes = []chance[string]{{35, "immediate"}, {20, "partial"}, {35, "manual"}, {4, "market"}, {3, "reject"}, {3, "expire"}}

// lost says that an answer told nothing.
func (f fate) lost() bool {
	return f.mode != "" && f.mode != "throttle" && f.status != http.StatusBadRequest
}

func (s *simulation) fate(list []chance[fate], match, account string) fate {
	if s.calm {
		return fate{}
	}
	f := weigh(s.dice, list)
	if f.mode != "" {
		s.world.Faults().Add(sandbox.Fault{Target: "snaptrade", Match: match, Account: account, Mode: f.mode, Status: f.status, Count: 1})
		s.tally.faults[f.name]++
	}
	return f
}

// placing is a request to place an order: whose it is, what becomes of it, and
// what happens meanwhile.
func (s *simulation) placing(w http.ResponseWriter, r *http.Request, broker http.Handler) {
	account := accountIn(r.URL.Path)
	o, err := s.onTheWireNow(account, claimedOrders)
	if err != nil {
		s.fail(err)
		return
	}
	s.tally.placings++
	s.pass(s.latency() / 2)
	f := s.fate(placeFates, "/trading/options", account)
	if f.lost() {
		s.tally.lost++
	}
	s.referee.asked(o.id, f.mode == "throttle")
	if !s.calm && s.dice.permille(150) {
		s.tally.faults["listed late"]++
		s.world.Faults().Add(sandbox.Fault{
			Target: "snaptrade", Match: "/trading/options", Account: account, Mode: "late_listing", Count: 1, DelayMs: 1000 * (5 + s.dice.IntN(146)),
		})
	}
	mode := "immediate"
	if s.script != nil {
		mode = "manual"
	} else if !s.calm {
		mode = weigh(s.dice, placeModes)
	}
	s.fail(s.world.SetMode(account, mode))
	before, _ := s.world.Newest(account)
	if s.sabotage.repeats {
		w, r = twice(broker, w, r)
		if first, any := s.world.Newest(account); any && first.BrokerOrderID != before.BrokerOrderID {
			s.referee.executed(o.id, first.BrokerOrderID) // what reached the broker, whoever sent it
			before = first
		}
	}
	aborted := serve(broker, w, r)
	s.fail(s.world.SetMode(account, "manual")) // what works on is filled by hand
	if after, any := s.world.Newest(account); any && after.BrokerOrderID != before.BrokerOrderID {
		s.referee.executed(o.id, after.BrokerOrderID)
		s.workOn(after)
	}
	rest := s.latency()
	if left := o.deadline.Sub(s.time.Now()); rest > left && s.dice.permille(500) {
		s.pass(left) // the caller hangs up at its deadline
		aborted = true
	} else {
		s.pass(rest) // or was frozen, and hears the answer after all
	}
	if aborted {
		panic(http.ErrAbortHandler)
	}
}

// serve lets the broker answer; true when it dropped the connection instead.
func serve(broker http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			aborted = true
		}
	}()
	broker.ServeHTTP(w, r)
	return false
}

// latency is how long a request takes there and back; a few take longer than
// anybody waits.
func (s *simulation) latency() time.Duration {
	if s.calm {
		return 100 * time.Millisecond
	}
	least := weigh(s.dice, []chance[time.Duration]{{750, 30 * time.Millisecond}, {200, 400 * time.Millisecond}, {35, 5 * time.Second}, {15, 46 * time.Second}})
	return s.dice.between(least, 2*least)
}

var listFates = []chance[fate]{
	{40, fate{"list answered 500", "error", 500}},
	{20, fate{"list unreadable", "accept_then_garbage", 0}},
	{100, fate{"list incomplete", "incomplete_listing", 0}},
	{60, fate{"list behind the fills", "lower_cum", 0}},
	{780, fate{}},
}

func (s *simulation) listing(w http.ResponseWriter, r *http.Request, broker http.Handler) {
	s.tally.lists++
	s.pass(s.dice.between(20*time.Millisecond, time.Second))
	account := accountIn(r.URL.Path)
	if s.fate(listFates, "/recentOrders", account).isList() {
		s.sight.kept(account, s.time.Now())
	}
	said := &tee{ResponseWriter: w}
	serve(broker, said, r)
	s.sight.shows(said.body)
	took := weigh(s.dice, []chance[time.Duration]{{900, 100 * time.Millisecond}, {80, 2 * time.Second}, {20, 15 * time.Second}})
	s.pass(took)
	if took >= onTime {
		s.sight.kept("", s.time.Now())
	}
}
