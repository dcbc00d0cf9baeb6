package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/alertsify/alertsify/internal/app"
)

// rebuild makes stored sums anew from what they sum up, and says how many were wrong. It may
// run beside a working server.
func rebuild(ctx context.Context, c console, args []string) error {
	f := flags(c, "rebuild")
	data := f.String("data", "", "folder of a running `alertsify dev`")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if strings.Join(words, " ") != "analytics" {
		fmt.Fprintln(c.err, "usage: alertsify rebuild analytics")
		return errUsage
	}
	a, err := idle(ctx, c, app.Production, *data)
	if err != nil {
		return err
	}
	defer a.Close()
	done, err := a.Rebuild(ctx)
	if err != nil {
		return err
	}
	verdict := "every one was what the positions say"
	if done.Wrong > 0 {
		verdict = fmt.Sprintf("%d were not what the positions say, and now are", done.Wrong)
	}
	_, err = fmt.Fprintf(c.out, "%d users, %d rows added up anew: %s\n", done.Users, done.Rows, verdict)
	return err
}
