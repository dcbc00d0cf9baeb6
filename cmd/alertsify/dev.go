package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/web"
)

// dev runs everything on this machine: database, Redis, simulated providers,
// sample people, and the product.
func dev(ctx context.Context, c console, args []string) error {
	f := flags(c, "dev")
	data := f.String("data", ".data", "folder for everything dev keeps")
	addr := f.String("addr", "127.0.0.1:8080", "address to listen on; port 0 means any free one")
	sandboxAddr := f.String("sandbox-addr", "127.0.0.1:0", "address of the simulated providers")
	if err := parse(f, args); err != nil {
		return err
	}
	dir, err := filepath.Abs(*data)
	if err != nil {
		return err
	}
	log := logger(c, orElse(c, "LOG_LEVEL", "warn"), "text")
	if !web.AssetsBuilt() {
		log.Warn("the built assets are missing: pages work without script and style; run `make assets`")
	}
	o := stageOptions{Dir: dir, Addr: *addr, SandboxAddr: *sandboxAddr, Env: c.env, Log: log}
	s, err := raise(ctx, o)
	if err != nil {
		return err
	}
	defer s.strike()
	a, err := s.program(ctx, o)
	if err != nil {
		return err
	}
	defer a.Close()
	return s.play(ctx, a, func() {
		fmt.Fprintf(c.out, "alertsify: ready at %s (sandbox at %s)\n", s.env["APP_URL"], s.env["SANDBOX_URL"])
	})
}

func orElse(c console, name, preset string) string {
	if v, _ := c.env(name); v != "" {
		return v
	}
	return preset
}

// play runs the program and its sample people, and says when it is ready.
func (s *stage) play(ctx context.Context, a *app.App, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	if _, err := s.cast(ctx, a); err != nil {
		cancel()
		return errors.Join(fmt.Errorf("make the sample people: %w", err), <-ended)
	}
	ready()
	return <-ended
}

// sandboxOnly runs the simulated providers by themselves, for a product that
// runs elsewhere on this machine.
func sandboxOnly(ctx context.Context, c console, args []string) error {
	f := flags(c, "sandbox")
	addr := f.String("addr", "127.0.0.1:4010", "address to listen on")
	data := f.String("data", "", "folder for the book and the log; empty keeps them in memory")
	webhook := f.String("webhook", "http://localhost:8080/api/webhooks/snaptrade", "where its SnapTrade sends webhooks")
	if err := parse(f, args); err != nil {
		return err
	}
	clientID, key := orElse(c, "SNAPTRADE_CLIENT_ID", "ALERTSIFY-DEV"), orElse(c, "SNAPTRADE_CONSUMER_KEY", "ck_development_only")
	world, err := sandbox.Open(sandbox.Options{
		Dir: *data, Addr: *addr, ClientID: clientID, ConsumerKey: key, WebhookURL: *webhook,
		OpenIDClientID: orElse(c, "OPENID_CLIENT_ID", "alertsify-dev"), OpenIDClientSecret: orElse(c, "OPENID_CLIENT_SECRET", "development-only"),
		RedirectURIs:     []string{orElse(c, "APP_URL", "http://localhost:8080") + "/api/auth/callback/sandbox"},
		ResendWebhookURL: orElse(c, "APP_URL", "http://localhost:8080") + "/api/webhooks/resend", ResendWebhookSecret: orElse(c, "RESEND_WEBHOOK_SECRET", ""),
		WhopWebhookURL: orElse(c, "APP_URL", "http://localhost:8080") + "/api/webhooks/whop", WhopWebhookSecret: orElse(c, "WHOP_WEBHOOK_SECRETS", ""),
		People: samplePeople(), Seed: 1, Logger: logger(c, orElse(c, "LOG_LEVEL", "warn"), "text"),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "alertsify: sandbox at %s (SnapTrade client %s)\n", world.URL(), clientID)
	served := make(chan error, 1)
	go func() { served <- world.Serve(ctx) }()
	<-ctx.Done()
	closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(world.Close(closing), <-served)
}
