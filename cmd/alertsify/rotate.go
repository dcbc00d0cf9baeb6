package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/alertsify/alertsify/internal/app"
)

// rotate replaces secrets: "keys" wraps everything sealed with the first of
// ENCRYPTION_KEYS, "snaptrade" gives every user a new secret at SnapTrade.
func rotate(ctx context.Context, c console, args []string) error {
	f := flags(c, "rotate")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 1 || words[0] != "keys" && words[0] != "snaptrade" {
		fmt.Fprintln(c.err, "usage: alertsify rotate keys|snaptrade")
		return errUsage
	}
	cfg, err := load(c, app.Production, *data)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer a.Close()
	if words[0] == "keys" {
		return rotateKeys(ctx, c, a)
	}
	return rotateSnapTrade(ctx, c, a)
}

// rotateKeys says what it rewrapped, what each key wraps now, and which may go.
func rotateKeys(ctx context.Context, c console, a *app.App) error {
	done, err := a.RewrapKeys(ctx)
	for _, column := range done {
		fmt.Fprintf(c.out, "%-28s %d rewrapped\n", column.Column, column.Rows)
	}
	if err != nil {
		return err
	}
	uses, err := a.KeyUses(ctx)
	if err != nil {
		return err
	}
	for _, k := range uses {
		note := ""
		switch {
		case !k.Known:
			note = "  not in ENCRYPTION_KEYS: what it wraps cannot be opened"
		case k.Rows == 0:
			note = "  may be taken out of ENCRYPTION_KEYS"
		}
		fmt.Fprintf(c.out, "key %-24s %d rows%s\n", k.Key, k.Rows, note)
	}
	return nil
}

// rotateSnapTrade says of every user how it went, and fails if it did for any.
func rotateSnapTrade(ctx context.Context, c console, a *app.App) error {
	replaced, failed := 0, 0
	err := a.RotateSnapTrade(ctx, func(name string, err error) {
		if err != nil {
			failed++
			fmt.Fprintf(c.out, "%s: %v\n", name, err)
			return
		}
		replaced++
		fmt.Fprintf(c.out, "%s: replaced\n", name)
	})
	fmt.Fprintf(c.out, "%d replaced, %d failed\n", replaced, failed)
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d users kept the secret they had or have to connect again; see above", failed)
	}
	return err
}
