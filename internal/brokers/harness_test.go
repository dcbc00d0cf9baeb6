package brokers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// stage is Accounts on a database of its own, with the sandbox as SnapTrade over
// real HTTP. No webhook arrives anywhere.
type stage struct {
	t        *testing.T
	ctx      context.Context
	db       *postgres.DB
	accounts *Accounts
	world    *sandbox.World
	client   *snaptrade.Client
	options  Options
	logged   *safeBuffer
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, ctx: context.Background(), db: pgtest.New(t), logged: &safeBuffer{}}
	world, err := sandbox.Open(sandbox.Options{ClientID: "test", ConsumerKey: "ck_test", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.Serve(s.ctx) }()
	t.Cleanup(func() {
		if err := world.Close(s.ctx); err != nil {
			t.Errorf("close sandbox: %v", err)
		}
		<-served
	})
	s.world = world
	logger := slog.New(slog.NewTextHandler(s.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.client, err = snaptrade.New(snaptrade.Config{
		BaseURL: world.URL() + "/snaptrade", ClientID: "test", ConsumerKeys: []secret.Text{secret.New("ck_test")}, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	ring, err := secret.ParseRing(secret.NewKey("k1"))
	if err != nil {
		t.Fatal(err)
	}
	s.options = Options{
		DB: s.db, Client: s.client, Ring: ring, Alerts: alerts.New(alerts.Options{DB: s.db}),
		AppURL: "https://app.example.test", Logger: logger,
	}
	s.accounts = s.again()
	return s
}

// again makes another Accounts on the same database, as a second server has it.
func (s *stage) again() *Accounts {
	s.t.Helper()
	a, err := New(s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// person makes a user.
func (s *stage) person(name string) uuid.UUID {
	s.t.Helper()
	var u users.User
	err := s.db.InTx(s.ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		u, err = users.New(s.db).Create(ctx, tx, users.NewUser{Username: name, Name: name})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return u.ID
}

// linked is a person with one account, whose rows are already there.
func (s *stage) linked(name string) (user uuid.UUID, account Account) {
	s.t.Helper()
	user = s.person(name)
	s.portal(user, "ALPACA-PAPER")
	s.refresh(user)
	list := s.list(user)
	if len(list) != 1 {
		s.t.Fatalf("%d accounts, want 1", len(list))
	}
	return user, list[0]
}

// portal goes to the portal and connects a broker there.
func (s *stage) portal(user uuid.UUID, broker string) Portal {
	s.t.Helper()
	p, err := s.accounts.Connect(s.ctx, user, broker, "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.connect(user, broker)
	return p
}

func (s *stage) connect(user uuid.UUID, broker string) {
	s.t.Helper()
	s.control("/_sandbox/connect", map[string]any{"user": s.credentials(user).ID, "broker": broker})
}

func (s *stage) credentials(user uuid.UUID) snaptrade.User {
	s.t.Helper()
	who, err := s.accounts.Credentials(s.ctx, user)
	if err != nil {
		s.t.Fatal(err)
	}
	return who
}

func (s *stage) refresh(user uuid.UUID) Changes {
	s.t.Helper()
	changes, err := s.accounts.Refresh(s.ctx, user)
	if err != nil {
		s.t.Fatal(err)
	}
	return changes
}

func (s *stage) list(user uuid.UUID) []Account {
	s.t.Helper()
	list, err := s.accounts.List(s.ctx, user)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// count runs a query that gives one number.
func (s *stage) count(sql string, args ...any) int {
	s.t.Helper()
	var n int
	if err := s.db.Pool().QueryRow(s.ctx, sql, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Pool().Exec(s.ctx, sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

// forget is the end of a user's account, as far as it is the brokers'.
func (s *stage) forget(user uuid.UUID) {
	s.t.Helper()
	err := s.db.InTx(s.ctx, func(ctx context.Context, tx pgx.Tx) error { return s.accounts.Forget(ctx, tx, user) })
	if err != nil {
		s.t.Fatal(err)
	}
}

// control sends a control call to the sandbox.
func (s *stage) control(path string, body any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.Post(s.world.URL()+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		s.t.Fatalf("%s: %d %s", path, answer.StatusCode, text)
	}
}

func (s *stage) fault(match, mode string, count int) {
	s.t.Helper()
	s.control("/_sandbox/faults", map[string]any{"target": "snaptrade", "match": match, "mode": mode, "count": count})
}

// calls counts what SnapTrade received with that in "METHOD path".
func (s *stage) calls(match string) int {
	s.t.Helper()
	answer, err := http.Get(s.world.URL() + "/_sandbox/log?target=snaptrade")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var log struct {
		Data []struct{ Method, Path string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&log); err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, entry := range log.Data {
		if strings.Contains(entry.Method+" "+entry.Path, match) {
			n++
		}
	}
	return n
}

// safeBuffer is a log that several goroutines write.
type safeBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

func (s *stage) clearFaults() {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.ctx, http.MethodDelete, s.world.URL()+"/_sandbox/faults", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = answer.Body.Close()
}
