package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/users"
)

// meet makes sure that the sample people exist, and that the sandbox knows their names.
func (s *stage) meet(ctx context.Context, a *app.App) (map[string]uuid.UUID, error) {
	ids := map[string]uuid.UUID{}
	for _, p := range samplePeople() {
		user, err := a.Guard().EnsurePerson(ctx, "sandbox", p.Subject, users.NewUser{
			Username: p.Username, Name: p.Name, Email: p.Email, EmailVerified: p.EmailVerified, Role: users.Role(p.Role),
		})
		if err != nil {
			return nil, err
		}
		ids[p.Username] = user.ID
		if err := s.world.Name(user.ID.String(), p.Username); err != nil {
			return nil, err
		}
	}
	_, err := a.Post().SyncMailboxes(ctx, time.Time{}) // as the program does by itself, a moment later
	return ids, err
}

// cast is meet, and each with a connected account, and ben and cara following
// ava. What exists is left as it is.
func (s *stage) cast(ctx context.Context, a *app.App) (map[string]uuid.UUID, error) {
	ids, err := s.meet(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, p := range samplePeople() {
		if err := s.connect(ctx, a, ids[p.Username], p); err != nil {
			return nil, fmt.Errorf("connect %s to the sandbox's broker: %w", p.Username, err)
		}
	}
	for follower, automatic := range map[string]bool{"ben": true, "cara": false} {
		if err := s.follow(ctx, a, ids[follower], automatic); err != nil {
			return nil, fmt.Errorf("let %s follow ava: %w", follower, err)
		}
	}
	return ids, nil
}

// connect goes the way a person goes, but for the browser: portal, the broker's
// consent, then what SnapTrade lists.
func (s *stage) connect(ctx context.Context, a *app.App, user uuid.UUID, p sandbox.Person) error {
	if p.Role == "admin" {
		return nil
	}
	accounts, err := a.Accounts().List(ctx, user)
	if err != nil || len(accounts) > 0 {
		return err
	}
	if _, err := a.Accounts().Connect(ctx, user, devBroker, ""); err != nil {
		return err
	}
	if err := s.control(ctx, http.MethodPost, "/_sandbox/connect", map[string]string{"user": p.Username, "broker": devBroker}, nil); err != nil {
		return err
	}
	_, err = a.Accounts().Refresh(ctx, user)
	return err
}

func (s *stage) follow(ctx context.Context, a *app.App, follower uuid.UUID, automatic bool) error {
	list, err := a.Copier().Subscriptions(ctx, follower)
	if err != nil || len(list) > 0 {
		return err
	}
	if automatic {
		if err := a.Copier().Consent(ctx, follower, copytrade.ConsentVersion); err != nil {
			return err
		}
	}
	settings := copytrade.Settings{AutoExecute: &automatic}
	_, _, err = a.Copier().Subscribe(ctx, follower, copytrade.Key{Text: "sample-people-" + rand.Text()}, "ava", settings)
	return err
}
