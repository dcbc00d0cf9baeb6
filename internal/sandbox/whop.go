package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// What the simulated Whop account has.
const (
	WhopKey           = "whop_sandbox_key"
	WhopAccount       = "biz_sandbox"
	WhopProProduct    = "prod_sandbox_pro"
	WhopTraderProduct = "prod_sandbox_trader"

	whopPeriod = 30 * 24 * time.Hour
)

// whopOffer is a product and its one price a month, in cents.
type whopOffer struct {
	product, plan string
	cents         int64
}

func whopOffers() []whopOffer {
	return []whopOffer{{WhopProProduct, "plan_sandbox_pro", 4900}, {WhopTraderProduct, "plan_sandbox_trader", 9900}}
}

// whop plays Whop: the API over memberships and payments in memory, a checkout page
// where somebody buys, and signed events of what happens.
type whop struct {
	deps
	key, secret, url string
	named            func(username string) string // our own user of a name, empty: unknown
	client           *http.Client
	wake             chan struct{}

	mu          sync.Mutex
	memberships []whopMembership
	payments    []whopPayment
	checkouts   []whopCheckout
	keys        map[string]whopKept
	given       map[string]whopGrant // codes and tokens of people who sign in
	settings    whopSettings

	endpoint whopEndpoint
	queue    []whopMessage
	history  []whopMessage
}

// whopSettings are how the account is set up, and how its events misbehave.
type whopSettings struct {
	PastDueAccess bool    `json:"pastDueAccess"` // the dashboard's "access while past due"
	Silent        bool    `json:"silent"`        // things happen, and no event says so
	Duplicates    int     `json:"duplicates"`    // how many more times each event is sent
	Shuffle       bool    `json:"shuffle"`       // events wait for each other and go in any order
	Legacy        bool    `json:"legacy"`        // "action" in place of "type": an endpoint of before
	Foreign       bool    `json:"foreign"`       // events of somebody else's account
	Blank         bool    `json:"blank"`         // fields are null, as without the permission to see them
	RetryFactor   float64 `json:"retryFactor"`   // the schedule of repeats, divided by it
}

// whopMembership is somebody's hold on a product.
type whopMembership struct {
	ID          string            `json:"id"`
	Status      string            `json:"status"`
	User        string            `json:"user"`
	Product     string            `json:"product"`
	Plan        string            `json:"plan"`
	License     string            `json:"license"`
	Created     time.Time         `json:"created"`
	Start       time.Time         `json:"start"`
	End         time.Time         `json:"end"`
	Canceled    time.Time         `json:"canceled"`
	CancelAtEnd bool              `json:"cancelAtEnd"`
	Metadata    map[string]string `json:"metadata"`
}

// whopPayment is one try to be paid.
type whopPayment struct {
	ID         string    `json:"id"`
	Membership string    `json:"membership"`
	User       string    `json:"user"`
	Product    string    `json:"product"`
	Plan       string    `json:"plan"`
	Status     string    `json:"status"`
	Substatus  string    `json:"substatus"`
	Reason     string    `json:"reason"`
	Cents      int64     `json:"cents"`
	Refunded   int64     `json:"refunded"`
	Created    time.Time `json:"created"`
	Paid       time.Time `json:"paid"`
	Decline    string    `json:"decline"`
}

// whopCheckout is a page where a plan is bought.
type whopCheckout struct {
	ID       string            `json:"id"`
	Plan     string            `json:"plan"`
	Back     string            `json:"back"`
	Metadata map[string]string `json:"metadata"`
}

func newWhop(d deps, o Options, named func(string) string) *whop {
	w := &whop{
		deps: d, key: o.WhopKey, secret: o.WhopWebhookSecret, url: o.WhopWebhookURL, named: named,
		client: hookClient(whopPatience), wake: make(chan struct{}, 1), keys: map[string]whopKept{}, given: map[string]whopGrant{},
		settings: whopSettings{PastDueAccess: true, RetryFactor: 1}, endpoint: whopEndpoint{Enabled: true},
	}
	if w.key == "" {
		w.key = WhopKey
	}
	d.journal.On("whop.membership", replayInto(w.storeMembership))
	d.journal.On("whop.payment", replayInto(w.storePayment))
	d.journal.On("whop.checkout", replayInto(func(c whopCheckout) { w.checkouts = append(w.checkouts, c) }))
	d.faults.style("whop", faultStyle{path: whopPath, write: func(rw http.ResponseWriter, _ *http.Request, status int) {
		kind := "api_error"
		if status == http.StatusTooManyRequests {
			kind = "rate_limit_exceeded"
		}
		reply(rw, status, whopProblem(kind, "simulated"))
	}})
	return w
}

// routes mounts the API and the pages of the checkout.
func (s *whop) routes(r chi.Router) {
	r.Route("/api/v1", s.api)
	r.Route("/oauth", s.oauth)
	r.Get("/checkout/{id}/", s.showCheckout)
	r.Post("/checkout/{id}/", s.buy)
}

// whopPath hides license keys: they open a membership to whoever knows one.
func whopPath(r *http.Request) string {
	parts := strings.Split(r.URL.Path, "/")
	for i, p := range parts {
		if i > 0 && parts[i-1] == "memberships" && p != "" && !strings.HasPrefix(p, "mem_") {
			parts[i] = "[license key]"
		}
	}
	return strings.Join(parts, "/")
}

// storeMembership, storePayment: the newest word about each; the caller holds the lock,
// or nothing runs yet.
func (s *whop) storeMembership(m whopMembership) {
	if i := slices.IndexFunc(s.memberships, func(k whopMembership) bool { return k.ID == m.ID }); i >= 0 {
		s.memberships[i] = m
		return
	}
	s.memberships = append(s.memberships, m)
}

func (s *whop) storePayment(p whopPayment) {
	if i := slices.IndexFunc(s.payments, func(k whopPayment) bool { return k.ID == p.ID }); i >= 0 {
		s.payments[i] = p
		return
	}
	s.payments = append(s.payments, p)
}

// saveMembership and savePayment journal before anybody is told.
func (s *whop) saveMembership(m whopMembership) {
	s.write("whop.membership", m)
	s.storeMembership(m)
}

func (s *whop) savePayment(p whopPayment) {
	s.write("whop.payment", p)
	s.storePayment(p)
}

func (s *whop) write(kind string, v any) {
	if err := s.journal.Append(kind, v); err != nil {
		s.logger.Error("sandbox: journal whop", "error", err)
	}
}

// id makes one of Whop's kind.
func (s *whop) id(prefix string) string {
	return prefix + strings.ReplaceAll(s.rand.UUID(), "-", "")[:14]
}

// grants is what a status means, as Whop's own dashboard has it.
func (s *whop) grants(m whopMembership) bool {
	switch m.Status {
	case "trialing", "active", "completed":
		return true
	case "canceling":
		return s.now().Before(m.End)
	case "past_due":
		return s.settings.PastDueAccess
	}
	return false
}

func whopPlan(product string) (plan string, cents int64) {
	for _, o := range whopOffers() {
		if o.product == product {
			return o.plan, o.cents
		}
	}
	return "plan_" + strings.TrimPrefix(product, "prod_"), 1900
}

// begin makes a membership that was just bought.
func (s *whop) begin(user, product string, metadata map[string]string) whopMembership {
	plan, _ := whopPlan(product)
	now := s.now().UTC().Truncate(time.Millisecond)
	return whopMembership{
		ID: s.id("mem_"), Status: "active", User: user, Product: product, Plan: plan, License: "LIC-" + strings.ToUpper(s.id("")),
		Created: now, Start: now, End: now.Add(whopPeriod), Metadata: metadata,
	}
}
