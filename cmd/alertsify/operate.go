package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/internal/webpush"
)

// migrate changes the database's schema: up, down one, or status.
func migrate(ctx context.Context, c console, args []string) error {
	f := flags(c, "migrate")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	address, err := databaseURL(c, *data)
	if err != nil {
		return err
	}
	switch strings.Join(words, " ") {
	case "", "up":
		lookup, err := settingsOf(c, *data)
		if err != nil {
			return err
		}
		used, _ := lookup("DATABASE_URL")
		return migrateUp(ctx, address, used)
	case "down":
		return postgres.MigrateDown(ctx, address)
	case "status":
		return printStatus(ctx, c.out, address)
	}
	fmt.Fprintln(c.err, "usage: alertsify migrate up|down|status")
	return errUsage
}

// databaseURL prefers DIRECT_URL: a pooler in between cannot hold the session
// locks that migrating needs.
func databaseURL(c console, data string) (string, error) {
	lookup, err := settingsOf(c, data)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"DIRECT_URL", "DATABASE_URL"} {
		if v, _ := lookup(name); v != "" {
			return v, nil
		}
	}
	return "", errors.New("DATABASE_URL is empty; give the postgres:// address")
}

// migrateUp brings the database up to date at the address that goes straight to it. Where the
// program uses another one, a pooler's, the database sets what its sessions carry as well.
func migrateUp(ctx context.Context, direct, used string) error {
	if err := postgres.Migrate(ctx, direct); err != nil {
		return err
	}
	if used == "" || used == direct {
		return nil
	}
	return postgres.SetSessions(ctx, direct)
}

// settingsOf looks settings up in the environment, then in a dev's folder.
func settingsOf(c console, data string) (func(string) (string, bool), error) {
	if data == "" {
		return c.env, nil
	}
	file, err := devEnv(data)
	if err != nil {
		return nil, err
	}
	return app.Layered(c.env, app.Map(file)), nil
}

func printStatus(ctx context.Context, w io.Writer, address string) error {
	list, err := postgres.Status(ctx, address)
	if err != nil {
		return err
	}
	for _, m := range list {
		applied := "to come"
		if !m.Applied.IsZero() {
			applied = m.Applied.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%05d  %-24s %s\n", m.Version, m.Name, applied)
	}
	return nil
}

// people opens the database for the commands that change people.
func people(ctx context.Context, c console, data string) (*users.Directory, *postgres.DB, error) {
	address, err := databaseURL(c, data)
	if err != nil {
		return nil, nil, err
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: address, MaxConns: 2, Logger: slog.New(slog.DiscardHandler), AppName: "alertsify-cli"})
	if err != nil {
		return nil, nil, err
	}
	return users.New(db), db, nil
}

// token makes a personal access token and prints it, once.
func token(ctx context.Context, c console, args []string) error {
	f := flags(c, "token")
	name := f.String("user", "", "username")
	scope := f.String("scope", "read", "read, trade or admin")
	label := f.String("name", "command line", "what to call the token")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	if err := parse(f, args); err != nil {
		return err
	}
	directory, db, err := people(ctx, c, *data)
	if err != nil {
		return err
	}
	defer db.Close()
	user, err := directory.ByUsername(ctx, *name)
	if err != nil {
		return fmt.Errorf("find user %q: %w", *name, err)
	}
	guard, err := auth.New(auth.Options{DB: db, Users: directory, AppURL: "http://localhost"})
	if err != nil {
		return err
	}
	text, _, err := guard.MakeToken(ctx, user.ID, *label, *scope)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, text.Reveal())
	return err
}

// role gives somebody a role; also how the first admin comes to be.
func role(ctx context.Context, c console, args []string) error {
	f := flags(c, "role")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 2 || !users.Role(words[1]).Valid() {
		fmt.Fprintln(c.err, "usage: alertsify role NAME subscriber|trader|admin")
		return errUsage
	}
	directory, db, err := people(ctx, c, *data)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := directory.SetRole(ctx, words[0], users.Role(words[1])); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s is %s now\n", words[0], words[1])
	return err
}

// passkeys lets somebody in who has lost theirs: the passkeys go, a provider alone signs
// in again, and they are told.
func passkeys(ctx context.Context, c console, args []string) error {
	f := flags(c, "passkeys")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 2 || words[0] != "forget" {
		fmt.Fprintln(c.err, "usage: alertsify passkeys forget NAME")
		return errUsage
	}
	directory, db, err := people(ctx, c, *data)
	if err != nil {
		return err
	}
	defer db.Close()
	guard, err := auth.New(auth.Options{
		DB: db, Users: directory, AppURL: "http://localhost",
		Alerts: alerts.New(alerts.Options{DB: db, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}),
	})
	if err != nil {
		return err
	}
	if err := guard.ForgetPasskeys(ctx, words[1]); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s has no passkeys any more and is signed out everywhere\n", words[1])
	return err
}

// doctor examines every integration and says what to do, or what is stored;
// exit 1 on an error.
func doctor(ctx context.Context, c console, args []string) error {
	f := flags(c, "doctor")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	invariants := f.Bool("invariants", false, "examine what is stored instead, without changing anything")
	if err := parse(f, args); err != nil {
		return err
	}
	if *invariants {
		return examineData(ctx, c, *data)
	}
	cfg, err := load(c, app.Production, *data)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil && !ofDatabase(err) {
		return err
	}
	if err != nil {
		fmt.Fprintf(c.out, "%-10s error: %v; %s\n", "database", err, app.DatabaseRemedy)
		return errors.New("1 integration has an error")
	}
	defer a.Close()
	failed := 0
	for _, check := range a.Checks() {
		r := check.Examine(ctx)
		if r.State == status.Error {
			failed++
		}
		fmt.Fprintln(c.out, r.Line())
	}
	running, err := a.Instances(ctx)
	if err != nil && failed == 0 {
		return err
	}
	for _, line := range running {
		fmt.Fprintln(c.out, line)
	}
	if failed > 0 {
		return fmt.Errorf("%d integration%s an error", failed, map[bool]string{true: " has", false: "s have"}[failed == 1])
	}
	return nil
}

// ofDatabase tells whether the database is away, does not let us in, or has no such tables.
func ofDatabase(err error) bool {
	return postgres.IsUnavailable(err) || errors.As(err, new(*pgconn.ConnectError)) || errors.As(err, new(*pgconn.PgError))
}

// vapid makes a key pair for web push, as lines for the environment.
func vapid(_ context.Context, c console, _ []string) error {
	public, private, err := webpush.GenerateKeys()
	if err != nil {
		return err
	}
	lines := []string{
		"VAPID_PUBLIC_KEY=" + public, "VAPID_PRIVATE_KEY=" + private.Reveal(), "VAPID_SUBJECT=mailto:you@example.com",
	}
	_, err = fmt.Fprintln(c.out, strings.Join(lines, "\n"))
	return err
}
