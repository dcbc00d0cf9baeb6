package web

import (
	"fmt"
	"strings"

	"github.com/alertsify/alertsify/internal/copytrade"
)

// dryReasons are the reasons of a dry run in a few words.
var dryReasons = map[string]string{
	"scaled_to_zero": "too small", "too_late": "known too late", "max_premium": "too dear", "max_open_positions": "too many open",
	"max_exposure": "too much in them", "daily_loss_stop": "past the day's loss", "risk_daily_copies": "past the day's number",
	"risk_premium": "above what one copy may cost", "risk_contracts": "too many contracts", "underlying_not_allowed": "other tickers",
	"underlying_denied": "tickers you leave out", "option_type": "of the other type", "expires_too_soon": "expiring too soon",
	"expires_too_late": "expiring too late", "leader_flat": "already sold", "market_closed": "outside the session",
}

// dryWords counts what was copied and what was skipped: "14 copied, 4 too small, 2
// known too late".
func dryWords(run copytrade.DryRun) string {
	words := []string{fmt.Sprintf("%d copied", run.Copied)}
	for _, s := range run.Skipped {
		words = append(words, fmt.Sprintf("%d %s", s.Count, dryReason(s.Reason, s.Text)))
	}
	return strings.Join(words, ", ") + ". Made"
}

// dryReason is a reason in a few words, or else in its own.
func dryReason(code, text string) string {
	if short, known := dryReasons[code]; known {
		return short
	}
	return strings.ToLower(strings.TrimSuffix(text, "."))
}

// openWords is what would still be held.
func openWords(run copytrade.DryRun) string {
	words := fmt.Sprintf("and %d contracts still open", run.Open.Contracts)
	if run.Open.Made != nil {
		words += " at " + run.Open.Made.Signed()
	}
	return words
}

// dryUnknown stands where nothing was made: not copied, or ended for what nobody told.
func dryUnknown(s copytrade.DrySignal) string {
	if s.Quantity == 0 {
		return "—"
	}
	return "not known"
}
