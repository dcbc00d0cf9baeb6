package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/record"
)

// verifyRecord recomputes a downloaded track record, without any network. With --head it
// also says whether a chain that was seen earlier, as an alert's footer names it, is a part
// of this one.
func verifyRecord(_ context.Context, c console, args []string) error {
	f := flags(c, "verify-record")
	head := f.String("head", "", "first digits of a head seen earlier, as in an alert's footer")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		fmt.Fprintln(c.err, "usage: alertsify verify-record FILE [--head DIGITS]")
		return errUsage
	}
	if n := len(*head); n > 0 && n < 8 {
		return errors.New("--head takes at least 8 digits: fewer fit too many records")
	}
	file, err := os.Open(words[0]) //nolint:gosec // whoever runs the command says which file of theirs
	if err != nil {
		return err
	}
	defer file.Close()
	wanted, at := strings.ToLower(*head), 0
	s, err := record.Verify(file, func(seq int, h record.Hash) {
		if at == 0 && wanted != "" && strings.HasPrefix(h.String(), wanted) {
			at = seq
		}
	})
	if err != nil {
		return fmt.Errorf("%s does not hold: %w", words[0], err)
	}
	if wanted != "" && at == 0 {
		return fmt.Errorf("%s holds, but no entry of it has the head %s: it is not the record that was seen then", words[0], wanted)
	}
	fmt.Fprintf(c.out, "ok: %d entries of trader %s, head %s\n", s.Entries, s.Trader, s.Head)
	if at > 0 {
		fmt.Fprintf(c.out, "%s was its head after entry %d\n", wanted, at)
	}
	fmt.Fprintf(c.out, "%d fills; %d trades finished: %d won, %d lost, %d even, %d without a known result, %d with play money; %s realized\n",
		s.Fills, s.Finished()+s.Paper, s.Wins, s.Losses, s.Breakeven, s.Others, s.Paper, money.Amount{Decimal: s.Realized}.Display())
	return nil
}
