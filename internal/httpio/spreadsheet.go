package httpio

import "strings"

// SpreadsheetText keeps words of people from being run: a spreadsheet takes a cell of a CSV
// that begins like this for a formula, unless an apostrophe stands before it (OWASP: CSV
// injection). It is for text; numbers keep their minus.
func SpreadsheetText(s string) string {
	for _, begin := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, begin) {
			return "'" + s
		}
	}
	return s
}
