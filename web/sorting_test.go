package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// A head says how its list goes and leads to the list turned around; a column that a
// list cannot go by is no link.
func TestHeadsSortTheirList(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "closed")
	for by, want := range map[string]struct{ sorted, href string }{
		"closed":   {"descending", "/positions?sort=closed&status=closed"},
		"pnl":      {"none", "/positions?sort=-pnl&status=closed"},
		"contract": {"none", "/positions?sort=contract&status=closed"},
	} {
		heads := p.all("data-sort", by)
		if len(heads) != 1 || value(heads[0], "aria-sort") != want.sorted || value(heads[0].FirstChild, "href") != want.href {
			t.Errorf("%s: %d heads, want %+v", by, len(heads), want)
		}
	}
	for _, head := range p.tags("th") {
		if text(head) == "Held" && value(head, "aria-sort") != "" {
			t.Error("how long it was held sorts nothing, and says it does")
		}
	}
}

func TestOnlyColumnsOfTheListAreSorts(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"": "-closed", "sort=pnl": "pnl", "sort=-pnl": "-pnl", "sort=notes": "-closed", "sort=--pnl": "-closed"} {
		by, down := sortAsked(httptest.NewRequest(http.MethodGet, "/positions?"+query, nil), closedSorts)
		if got := strings.Repeat("-", map[bool]int{true: 1}[down]) + by; got != want {
			t.Errorf("%q sorts by %q, want %q", query, got, want)
		}
	}
}

func TestAPlaceInASortedListCanBeReadBack(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for _, key := range []string{"AAPL  270115C00200000", "-12.5", time.Now().UTC().Format(time.RFC3339Nano)} {
		got, err := placeOf(httptest.NewRequest(http.MethodGet, "/positions?cursor="+placeText(key, id), nil))
		if err != nil || got == nil || *got != (place{key, id}) {
			t.Errorf("%q of %s became %v, %v", key, id, got, err)
		}
	}
	for _, bad := range []string{"x", "AAAA", "%21", placeText("", id), placeText("a\x00", id), placeText("a\xff", id)} {
		if _, err := placeOf(httptest.NewRequest(http.MethodGet, "/positions?cursor="+bad, nil)); fault.Of(err).Status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// By what quotes say, what has none comes last whichever way the list goes.
func TestWhatIsNotKnownComesLast(t *testing.T) {
	t.Parallel()
	made := func(name, gain string) positions.Position {
		p := positions.Position{Notes: name}
		if gain != "" {
			amount := money.MustAmount(gain)
			p.Today = &amount
		}
		return p
	}
	for down, want := range map[bool]string{true: "best middle worst unknown", false: "worst middle best unknown"} {
		list := []positions.Position{made("unknown", ""), made("middle", "1"), made("worst", "-7"), made("best", "12")}
		sortByQuotes(list, "today", down)
		var got []string
		for _, p := range list {
			got = append(got, p.Notes)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("down %v: %q, want %q", down, got, want)
		}
	}
}
