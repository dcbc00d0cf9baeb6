package billing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/whop"
)

const whopSecret = "ws_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// shop is a database with memberships in it, and the simulated Whop that sells them:
// its events come over HTTP through the door that the program has.
type shop struct {
	*testing.T
	ctx     context.Context
	db      *postgres.DB
	world   *sandbox.World
	box     *inbox.Inbox
	gate    *billing.Gate
	members *billing.Members

	mu     sync.Mutex
	alarms map[string]int
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{T: t, ctx: t.Context(), db: pgtest.New(t), alarms: map[string]int{}}
	s.box = inbox.New(inbox.Options{DB: s.db})
	door := httptest.NewServer(httpio.Handler(hooks.New(hooks.Options{Inbox: s.box, Whop: whop.Keys(secret.New(whopSecret))}).Whop))
	world, err := sandbox.Open(sandbox.Options{ClientID: "test", ConsumerKey: "key", Seed: 5, WhopWebhookURL: door.URL + "/api/webhooks/whop", WhopWebhookSecret: whopSecret})
	s.must(err)
	s.world = world
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	t.Cleanup(func() {
		s.must(world.Close(context.Background()))
		<-served
		door.Close()
		s.box.Close()
	})
	products := billing.Products{sandbox.WhopProProduct: billing.PlanPro, sandbox.WhopTraderProduct: billing.PlanTrader}
	s.gate, err = billing.New(billing.Options{Products: products, DB: s.db})
	s.must(err)
	egress := httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{strings.TrimPrefix(world.URL(), "http://")}})
	client := whop.New(whop.Options{BaseURL: world.URL() + "/whop/api/v1", Key: secret.New(sandbox.WhopKey), Account: sandbox.WhopAccount, HTTP: egress})
	s.members = billing.NewMembers(billing.MembersOptions{
		DB: s.db, Gate: s.gate, Whop: client, SignIn: whop.NewSignIn(whop.SignInOptions{
			BaseURL: world.URL() + "/whop/api/v1", ClientID: sandbox.WhopClientID, Secret: secret.New(sandbox.WhopClientSecret), HTTP: egress,
			Redirect: "https://app.example.test" + billing.LinkPath,
		}), Alerts: alerts.New(alerts.Options{DB: s.db}), AppURL: "https://app.example.test", Alarm: s.alarm,
	})
	return s
}

func (s *shop) alarm(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarms[kind]++
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// person is somebody of ours whose name Whop's checkout would know.
func (s *shop) person(name string) (id uuid.UUID) {
	s.Helper()
	s.must(s.db.Pool().QueryRow(s.ctx, `insert into users (username, name) values ($1, $1) returning id`, name).Scan(&id))
	s.must(s.world.Name(id.String(), name))
	return id
}

// control calls the sandbox's door.
func (s *shop) control(path string, body, out any) {
	s.Helper()
	raw, err := json.Marshal(body)
	s.must(err)
	answer, err := http.Post(s.world.URL()+"/_sandbox"+path, "application/json", bytes.NewReader(raw))
	s.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	s.must(err)
	if answer.StatusCode != http.StatusOK {
		s.Fatalf("%s: %d %s", path, answer.StatusCode, text)
	}
	if out != nil {
		s.must(json.Unmarshal(text, out))
	}
}

// happened is what the sandbox answers about something it let happen.
type happened struct {
	Membership, License string
	Status              int
}

// happen lets something happen at Whop, whose event is then on its way.
func (s *shop) happen(kind, user, product string) happened {
	s.Helper()
	var out struct{ Data happened }
	s.control("/whop/event", map[string]string{"type": kind, "user": user, "product": product}, &out)
	return out.Data
}

// settings change how the simulated account behaves; what is not named is as at the start.
func (s *shop) settings(set map[string]any) {
	s.Helper()
	s.control("/whop/settings", set, nil)
}

// fault makes the simulated Whop fail.
func (s *shop) fault(match, mode string, count int) {
	s.Helper()
	s.control("/faults", map[string]any{"target": "whop", "match": match, "mode": mode, "count": count}, nil)
}

// arrive waits until so many events are in the inbox.
func (s *shop) arrive(n int) {
	s.Helper()
	for end := time.Now().Add(20 * time.Second); s.count(`select count(*) from inbound_webhooks`) < n; {
		if time.Now().After(end) {
			s.Fatalf("%d events of %d", s.count(`select count(*) from inbound_webhooks`), n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// work works all events that are due.
func (s *shop) work() {
	s.Helper()
	for s.count(`select count(*) from inbound_webhooks where state = 'new' and not_before <= now()`) > 0 {
		s.must(s.box.WorkDue(s.ctx, hooks.WhopProvider, s.members.Receive))
	}
}

func (s *shop) count(sql string, args ...any) (n int) {
	s.Helper()
	s.must(s.db.Pool().QueryRow(s.ctx, sql, args...).Scan(&n))
	return n
}

func (s *shop) plan(user uuid.UUID, want billing.Plan, when string) {
	s.Helper()
	if got, err := s.gate.Plan(s.ctx, user); err != nil || got != want {
		s.Errorf("%s: the plan is %q, %v, want %q", when, got, err, want)
	}
}

// asked is how many requests Whop's API got whose path begins like this.
func (s *shop) asked(path string) (n int) {
	s.Helper()
	answer, err := http.Get(s.world.URL() + "/_sandbox/log?target=whop")
	s.must(err)
	defer answer.Body.Close()
	var log struct {
		Data []struct{ Path string }
	}
	s.must(json.NewDecoder(answer.Body).Decode(&log))
	for _, e := range log.Data {
		if strings.HasPrefix(e.Path, "/whop/api/v1"+path) {
			n++
		}
	}
	return n
}
