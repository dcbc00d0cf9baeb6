package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/brokers"
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
	a, err := idle(ctx, c, app.Production, *data)
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
		case k.First:
			note = "  the first: it wraps what is sealed from now on"
		case k.Rows == 0:
			note = "  may be taken out of ENCRYPTION_KEYS"
		}
		fmt.Fprintf(c.out, "key %-24s %d rows%s\n", k.Key, k.Rows, note)
	}
	return nil
}

// endings say what became of a user's secret.
var endings = map[brokers.Rotation]string{
	brokers.Replaced: "replaced",
	brokers.Kept:     "refused, the old one holds",
	brokers.Unclear:  "not known which secret holds; their orders wait until the server, or another run, has found out",
	brokers.Lost:     "lost: they were told to connect again",
}

// rotateSnapTrade says of every user how it went, and fails if anybody got no new secret.
func rotateSnapTrade(ctx context.Context, c console, a *app.App) error {
	count := map[brokers.Rotation]int{}
	err := a.RotateSnapTrade(ctx, func(name string, ended brokers.Rotation, err error) {
		count[ended]++
		why := ""
		if err != nil {
			why = fmt.Sprintf(" (%v)", err)
		}
		fmt.Fprintf(c.out, "%s: %s%s\n", name, endings[ended], why)
	})
	kept, unclear, lost := count[brokers.Kept], count[brokers.Unclear], count[brokers.Lost]
	fmt.Fprintf(c.out, "%d replaced, %d kept the old one, %d not known, %d lost\n", count[brokers.Replaced], kept, unclear, lost)
	if failed := kept + unclear + lost; failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d users got no new secret; see above", failed))
	}
	return err
}
