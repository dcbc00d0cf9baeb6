package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/postgres"
)

// examineData holds the stored data against the invariants, reading only, and
// prints one line for each. The error names those that are broken.
func examineData(ctx context.Context, c console, data string) error {
	address, err := databaseURL(c, data)
	if err != nil {
		return err
	}
	bounds, err := boundsOf(c, data)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: address, MaxConns: 1, Logger: slog.New(slog.DiscardHandler), AppName: "alertsify-cli"})
	if err != nil {
		return err
	}
	defer db.Close()
	findings, err := app.ExamineInvariants(ctx, db, bounds)
	var broken []string
	for _, f := range findings {
		fmt.Fprintln(c.out, f.Line())
		if f.Rows > 0 {
			broken = append(broken, f.Name)
		}
	}
	if len(broken) > 0 {
		err = errors.Join(errors.New("broken: "+strings.Join(broken, ", ")), err)
	}
	return err
}

// boundsOf reads the limits that are set. That other settings may be missing or
// wrong does not matter: beside these only the database's address is needed.
func boundsOf(c console, data string) (app.Bounds, error) {
	lookup, err := settingsOf(c, data)
	if err != nil {
		return app.Bounds{}, err
	}
	cfg, _ := app.Load(app.Production, lookup)
	return app.BoundsOf(cfg, time.Now()), nil
}
