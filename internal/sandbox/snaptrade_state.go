package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// broker is one simulated brokerage.
type broker struct {
	ID          string
	Slug        string
	Name        string
	Enabled     bool
	Maintenance bool
	Trading     bool
	Paper       bool // its accounts are paper accounts
	NoLists     bool // answers 501 to order lists
	NoPreview   bool // answers 400 to previews
	NoReplace   bool // answers 400 to replacing an order
	Dedupes     bool // refuses a client_order_id it has seen
}

func simulatedBrokers() []broker {
	return []broker{
		{ID: "1f1a6a3e-0000-4a00-8000-000000000001", Slug: "ALPACA-PAPER", Name: "Alpaca Paper", Enabled: true, Trading: true, Paper: true},
		{ID: "1f1a6a3e-0000-4a00-8000-000000000002", Slug: "TASTYTRADE", Name: "tastytrade", Enabled: true, Trading: true, Dedupes: true},
		{ID: "1f1a6a3e-0000-4a00-8000-000000000003", Slug: "WEBULL", Name: "Webull US", Enabled: true, Trading: true, NoPreview: true},
		{ID: "1f1a6a3e-0000-4a00-8000-000000000004", Slug: "ETRADE", Name: "E*TRADE", Enabled: true, Trading: true, NoReplace: true},
		{ID: "1f1a6a3e-0000-4a00-8000-000000000005", Slug: "PUBLIC", Name: "Public", Enabled: true, Trading: true, NoLists: true},
		{ID: "1f1a6a3e-0000-4a00-8000-000000000006", Slug: "ROBINHOOD", Name: "Robinhood", Enabled: true},
		{ID: "1f1a6a3e-0000-4a00-8000-000000000007", Slug: "SCHWAB", Name: "Charles Schwab", Enabled: true, Maintenance: true, Trading: true},
		{ID: "1f1a6a3e-0000-4a00-8000-000000000008", Slug: "MOOMOO", Name: "Moomoo", Trading: true},
	}
}

// snapUser is one SnapTrade user; its id is the application's own user id.
type snapUser struct {
	ID      string `json:"id"`
	Secret  string `json:"secret"`
	Deleted bool   `json:"deleted,omitempty"`
}

// connection is a user's link to one login at a broker.
type connection struct {
	ID       string     `json:"id"`
	User     string     `json:"user"`
	Broker   string     `json:"broker"`
	Login    string     `json:"login"`
	Type     string     `json:"type"` // read, trade
	Disabled *time.Time `json:"disabled"`
	Created  time.Time  `json:"created"`
	Synced   time.Time  `json:"synced"`
	Deleted  bool       `json:"deleted,omitempty"`
}

// subscription is a paid trade detection subscription of an account.
type subscription struct {
	Account  string `json:"account"`
	Seconds  int    `json:"seconds"`
	Canceled bool   `json:"canceled,omitempty"`
}

// registry is what SnapTrade knows: users, their connections, names and trade
// detection subscriptions.
type registry struct {
	mu            sync.Mutex
	users         map[string]snapUser
	connections   map[string]connection
	names         map[string]string // username to user id
	subscriptions map[string]subscription
	brokers       []broker
	journal       *Journal
}

func newRegistry(journal *Journal) *registry {
	r := &registry{
		users: map[string]snapUser{}, connections: map[string]connection{}, names: map[string]string{},
		subscriptions: map[string]subscription{}, brokers: simulatedBrokers(), journal: journal,
	}
	journal.On("user", replayInto(func(u snapUser) { r.users[u.ID] = u }))
	journal.On("connection", replayInto(func(c connection) { r.connections[c.ID] = c }))
	journal.On("name", replayInto(func(n announcedName) { r.names[n.Username] = n.UserID }))
	journal.On("subscription", replayInto(func(s subscription) { r.subscriptions[s.Account] = s }))
	return r
}

// replayInto decodes one journal value and gives it on.
func replayInto[T any](keep func(T)) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var value T
		if err := json.Unmarshal(raw, &value); err != nil {
			return fmt.Errorf("decode %T: %w", value, err)
		}
		keep(value)
		return nil
	}
}

type announcedName struct {
	Username string `json:"username"`
	UserID   string `json:"userId"`
}

func (r *registry) saveUser(u snapUser) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.Append("user", u); err != nil {
		return err
	}
	r.users[u.ID] = u
	return nil
}

func (r *registry) saveConnection(c connection) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.Append("connection", c); err != nil {
		return err
	}
	r.connections[c.ID] = c
	return nil
}

func (r *registry) saveName(n announcedName) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.Append("name", n); err != nil {
		return err
	}
	r.names[n.Username] = n.UserID
	return nil
}

func (r *registry) saveSubscription(s subscription) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.Append("subscription", s); err != nil {
		return err
	}
	r.subscriptions[s.Account] = s
	return nil
}

// user returns a registered user who is not deleted.
func (r *registry) user(id string) (snapUser, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u, known := r.users[id]
	return u, known && !u.Deleted
}

func (r *registry) userIDs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := []string{}
	for id, u := range r.users {
		if !u.Deleted {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// userNamed finds a user id by user id or announced username; empty if neither.
func (r *registry) userNamed(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.users[name]; known {
		return name
	}
	return r.names[name]
}

// username is the announced name of a user, else the id itself.
func (r *registry) username(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, owner := range r.names {
		if owner == id {
			return name
		}
	}
	return id
}

// connection returns a connection that is not deleted.
func (r *registry) connection(id string) (connection, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, known := r.connections[id]
	return c, known && !c.Deleted
}

// connectionsOf lists a user's connections, oldest first.
func (r *registry) connectionsOf(user string) []connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []connection{}
	for _, c := range r.connections {
		if c.User == user && !c.Deleted {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b connection) int {
		if byAge := a.Created.Compare(b.Created); byAge != 0 {
			return byAge
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

func (r *registry) subscribed() []subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []subscription{}
	for _, s := range r.subscriptions {
		if !s.Canceled {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b subscription) int { return strings.Compare(a.Account, b.Account) })
	return list
}

// brokerNamed finds a broker by slug.
func (r *registry) brokerNamed(slug string) (broker, bool) {
	at := slices.IndexFunc(r.brokers, func(b broker) bool { return strings.EqualFold(b.Slug, slug) })
	if at < 0 {
		return broker{}, false
	}
	return r.brokers[at], true
}

// wasSubscribed reports whether an account has or had trade detection.
func (r *registry) wasSubscribed(account string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.subscriptions[account]
	return known
}
