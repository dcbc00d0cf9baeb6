package httpio

import (
	"strings"
	"testing"
)

// What a spreadsheet would run is text for it; everything else is left as it is.
func TestNoWordsAreAFormula(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|cmd", "%0A", "＝1", "＋1", "－1", "＠a", `=HYPERLINK("https://x.test")`} {
		if got := SpreadsheetText(bad); got != "'"+bad {
			t.Errorf("%q became %q", bad, got)
		}
	}
	for _, good := range []string{"", "copy of @ben", "AAPL 15 Jan 27 200 C", "a=b", "'=1", "−120", "Ärger", strings.Repeat("x", 4000)} {
		if got := SpreadsheetText(good); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
}
