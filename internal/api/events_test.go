package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/users"
)

// An open stream ends soon after the right to listen: within the 30 s of its
// check, which is shortened here.
func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	directory := users.New(db)
	guard, err := auth.New(auth.Options{DB: db, Users: directory, AppURL: "http://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	hub, err := live.NewHub(t.Context(), live.Options{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	ava, err := guard.EnsurePerson(t.Context(), "sandbox", "ava", users.NewUser{Username: "ava", Name: "Ava", Role: users.Subscriber})
	if err != nil {
		t.Fatal(err)
	}
	text, token, err := guard.MakeToken(t.Context(), ava.ID, "test", auth.ScopeRead)
	if err != nil {
		t.Fatal(err)
	}
	streams := httpio.NewStreams(httpio.StreamOptions{Check: 20 * time.Millisecond})
	t.Cleanup(streams.Close)
	a := New(Options{Guard: guard, Users: directory, Hub: hub, Seats: httpio.NewSeats(10, 5, 5), Streams: streams})
	server := httptest.NewServer(guard.Require(auth.SignedIn)(httpio.Handler(a.events)))
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+text.Reveal())
	resp, err := server.Client().Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("open the stream: %v %v", resp, err)
	}
	defer resp.Body.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, resp.Body)
		ended <- err
	}()
	if err := revokeWhileOpen(guard, ava.ID, token.ID, ended); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the stream goes on after its token was revoked")
	}
}

// revokeWhileOpen fails when the stream ended by itself.
func revokeWhileOpen(guard *auth.Guard, user, token uuid.UUID, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	default:
	}
	return guard.RevokeToken(context.Background(), user, token)
}
