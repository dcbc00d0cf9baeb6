package hooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Portal, webhook, inbox, rows: what is stored is stored because SnapTrade said so,
// signed, over HTTP, and nobody came back from the portal.
func TestAConnectionMadeInThePortalArrivesByWebhook(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	world := play(t)
	snap, err := snaptrade.New(snaptrade.Config{
		BaseURL: world.URL() + "/snaptrade", ClientID: "test", ConsumerKeys: []secret.Text{secret.New(key)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(snap.Close)
	ring, err := secret.ParseRing(secret.NewKey("k1"))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := brokers.New(brokers.Options{
		DB: db, Client: snap, Ring: ring, Alerts: alerts.New(alerts.Options{DB: db}), AppURL: "https://app.example.test",
	})
	if err != nil {
		t.Fatal(err)
	}
	box := inbox.New(inbox.Options{DB: db})
	t.Cleanup(box.Close)
	server := httptest.NewServer(httpio.Handler(hooks.New(hooks.Options{Inbox: box, Snaptrade: snap}).Snaptrade))
	t.Cleanup(server.Close)
	world.SetWebhookURL(server.URL)
	hints := work(t, box, accounts)

	user := person(t, db)
	if _, err := accounts.Connect(ctx, user, "ALPACA-PAPER", ""); err != nil {
		t.Fatal(err)
	}
	control(t, world.URL()+"/_sandbox/connect", map[string]string{"user": user.String(), "broker": "ALPACA-PAPER"})

	deadline := time.After(20 * time.Second)
	for {
		select {
		case hint := <-hints:
			if !hint.LookOrders { // the last of the events a connection sends
				continue
			}
			list, err := accounts.List(ctx, user)
			if err != nil || len(list) != 1 || !list[0].Selected || hint.AccountID != list[0].ID || hint.UserID != user {
				t.Errorf("hint %+v, accounts %+v, %v", hint, list, err)
			}
			return
		case <-deadline:
			t.Fatal("nothing arrived")
		}
	}
}

func play(t *testing.T) *sandbox.World {
	t.Helper()
	world, err := sandbox.Open(sandbox.Options{ClientID: "test", ConsumerKey: key, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := world.Close(context.Background()); err != nil {
			t.Errorf("close sandbox: %v", err)
		}
		<-served
	})
	return world
}

// work hands events to the room as the program does, and shows what they ask for.
func work(t *testing.T, box *inbox.Inbox, accounts *brokers.Accounts) <-chan brokers.Hint {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	hints, ended := make(chan brokers.Hint, 100), make(chan struct{})
	go func() {
		defer close(ended)
		box.Work(ctx, hooks.Provider, func(ctx context.Context, e inbox.Event) error {
			hint, err := accounts.Receive(ctx, e)
			if err == nil {
				hints <- hint
			}
			return err
		})
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return hints
}

func person(t *testing.T, db *postgres.DB) uuid.UUID {
	t.Helper()
	var u users.User
	err := db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) (err error) {
		u, err = users.New(db).Create(ctx, tx, users.NewUser{Username: "ava", Name: "Ava"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}

func control(t *testing.T, url string, body any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(url, "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", url, answer.StatusCode)
	}
}
