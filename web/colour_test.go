package web

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Colour never stands alone, whatever the palette: what has the colour of a gain or a loss
// says which it is by its sign or an arrow, or it is a drawing whose numbers stand beside it.
func TestColourNeverStandsAlone(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, p page) {
		for _, n := range p.where(coloured) {
			if said := text(n); !strings.ContainsAny(said, "+−↑↓") && !(value(n, "role") == "img" && value(n, "aria-label") != "") {
				t.Errorf("<%s class=%q> says %q: nothing but its colour tells what it is", n.Data, value(n, "class"), said)
			}
		}
	})
}

func coloured(n *html.Node) bool {
	return slices.ContainsFunc(strings.Fields(value(n, "class")), func(class string) bool {
		return strings.HasSuffix(class, "-gain") || strings.HasSuffix(class, "-loss")
	})
}

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
