package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/users"
)

// controls are what an operator without a browser needs to keep people from trading.
type controls struct {
	users *users.Directory
	rules *risk.Rules
	desk  *orders.Desk
}

func openControls(ctx context.Context, c console, data string) (controls, *postgres.DB, error) {
	directory, db, err := people(ctx, c, data)
	if err != nil {
		return controls{}, nil, err
	}
	clock := exchange.NewClock(time.Now)
	rules := risk.New(db, clock, risk.Defaults(), time.Now)
	desk := orders.New(orders.Options{DB: db, Rules: rules, Clock: clock, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	return controls{directory, rules, desk}, db, nil
}

// halt lists what is halted, halts, and takes halts back. When it returns, nothing
// that it halted can be sent any more, by whichever server.
func halt(ctx context.Context, c console, args []string) error {
	f := flags(c, "halt")
	reason := f.String("reason", "", "why; shown to those concerned")
	stops := f.String("stops", "", "all, entries or copies (default: all; of a leader, copies)")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	off := len(words) > 0 && words[0] == "off"
	if off {
		words = words[1:]
	}
	if len(words) > 2 || off && len(words) == 0 {
		fmt.Fprintln(c.err, "usage: alertsify halt [off] platform|broker|underlying|leader|user|account [KEY] --reason TEXT")
		return errUsage
	}
	k, db, err := openControls(ctx, c, *data)
	if err != nil {
		return err
	}
	defer db.Close()
	words = append(words, "", "")
	scope, key := words[0], words[1]
	switch {
	case off:
		err = k.desk.Unhalt(ctx, nil, scope, key, *reason)
	case scope != "":
		err = k.desk.Halt(ctx, nil, risk.Halt{Scope: scope, Key: key, Stops: *stops, Reason: *reason})
	}
	if err != nil {
		return inWords(err)
	}
	return k.printHalts(ctx, c)
}

func (k controls) printHalts(ctx context.Context, c console) error {
	list, _, own, err := k.rules.Console(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, h := range list {
		by := h.Cause
		if h.By != "" {
			by = "@" + h.By
		}
		fmt.Fprintf(w, "%s\t%s\tstops %s\t%s\t%s\t%s\n", h.Scope, h.Name, h.Stops, h.At.UTC().Format(time.RFC3339), by, h.Reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%d in force, %d stopped themselves\n", len(list), own)
	return err
}

// limits shows what a user may trade, or sets one of their limits; "default" takes
// what was set back.
func limits(ctx context.Context, c console, args []string) error {
	f := flags(c, "limits")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 1 && len(words) != 3 {
		fmt.Fprintln(c.err, "usage: alertsify limits NAME [LIMIT VALUE|default]")
		return errUsage
	}
	var value *money.Amount
	if len(words) == 3 && words[2] != "default" {
		given, err := money.ParseAmount(strings.NewReplacer(",", "", "$", "").Replace(words[2]))
		if err != nil {
			return fmt.Errorf("%q is no amount; write a number such as 500, or default", words[2])
		}
		value = &given
	}
	k, db, err := openControls(ctx, c, *data)
	if err != nil {
		return err
	}
	defer db.Close()
	u, err := k.users.ByUsername(ctx, words[0])
	if err != nil {
		return fmt.Errorf("find user %q: %w", words[0], err)
	}
	if len(words) == 3 {
		if err := k.rules.Grant(ctx, nil, u.ID, words[1], value); err != nil {
			return inWords(err)
		}
	}
	return k.printLimits(ctx, c, u)
}

func (k controls) printLimits(ctx context.Context, c console, u users.User) error {
	list, err := k.rules.UserLimits(ctx, u.ID)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LIMIT\tIN FORCE\tDEFAULT\tOPERATOR\tOWN\t")
	for _, l := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", l.Name, l.Words(l.InForce), l.Words(l.Usual), wordsOf(l, l.Granted), wordsOf(l, l.Own))
	}
	return w.Flush()
}

func wordsOf(l risk.UserLimit, value *money.Amount) string {
	if value == nil {
		return "-"
	}
	return l.Words(*value)
}

// inWords is a refusal in words for a terminal: every field that is wrong.
func inWords(err error) error {
	var refused *fault.Error
	if !errors.As(err, &refused) {
		return err
	}
	fields, _ := refused.Details["fields"].(map[string]any)
	if len(fields) == 0 {
		return errors.New(refused.Public)
	}
	lines := make([]string, 0, len(fields))
	for name, sentence := range fields {
		lines = append(lines, fmt.Sprintf("%s: %v", name, sentence))
	}
	slices.Sort(lines)
	return errors.New(strings.Join(lines, "; "))
}
