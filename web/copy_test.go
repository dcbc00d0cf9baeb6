package web

import (
	"html"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

// reasonLine is a line of the docs' table of reasons: the code, and what the follower reads.
var reasonLine = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (.+) \\|$")

// Every reason that the docs name stands in the ledger in the same words, and never
// as its code.
func TestTheLedgerSaysEveryReasonInTheWordsOfTheDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/copying.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Why a copy was not made")
	table, _, _ = strings.Cut(table, "\n## ")
	contract, err := exchange.ParseSymbol("AAPL  270115C00200000")
	if err != nil {
		t.Fatal(err)
	}
	lines := reasonLine.FindAllStringSubmatch(table, -1)
	if len(lines) < 40 {
		t.Fatalf("only %d reasons in the docs", len(lines))
	}
	for _, line := range lines {
		code, words := line[1], line[2]
		d := copytrade.Decision{
			Trader: "ava", Side: "BTO", Contract: contract, SourcePrice: money.MustPrice("3.50"), Result: copytrade.Skipped, Reason: &code, Numbers: []byte(`{}`),
		}
		var page strings.Builder
		if err := ui.Rows(ui.Decisions, "Decisions", []ui.DecisionRow{decisionRow(d)}, ui.View{}).Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
		if shown := html.UnescapeString(page.String()); !strings.Contains(shown, words) || strings.Contains(shown, ">"+code+"<") {
			t.Errorf("%s: the ledger does not say %q", code, words)
		}
	}
}
