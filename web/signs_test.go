package web

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A number of a table that may be below zero has a true minus, and gains have a plus.
func TestFiguresHaveTrueSigns(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, p page) {
		for _, n := range p.where(func(n *html.Node) bool { return slices.Contains(strings.Fields(value(n, "class")), "num") }) {
			if said := text(n); strings.HasPrefix(said, "-") || strings.HasPrefix(said, "$-") || strings.HasPrefix(said, "+-") {
				t.Errorf("%q has a hyphen for a minus", said)
			}
		}
	})
}
