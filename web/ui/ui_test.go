package ui

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

var noon = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC) // 12:00 in New York

func draw(t *testing.T, render func(context.Context, *strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := render(WithViewer(t.Context(), Viewer{Zone: exchange.NewYork, Now: noon}), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAgesReadTheSameEverywhere(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s ago", 59 * time.Second: "59 s ago", time.Minute: "1 min ago", 59*time.Minute + 59*time.Second: "59 min ago",
		time.Hour: "1 h ago", 24 * time.Hour: "1 d ago", 72 * time.Hour: "3 d ago",
	} {
		if got := AgeText(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// A price is amber over 15 s and red over 60 s.
func TestOldPricesSayTheyAreOld(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{15 * time.Second: "", 16 * time.Second: "age-stale", 60 * time.Second: "age-stale", 61 * time.Second: "age-dead"} {
		if got := ageClass(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestTimesAreTheViewers(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	ctx := WithViewer(t.Context(), Viewer{Zone: berlin, Now: noon})
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{noon.Add(-time.Hour), "17:00:00"}, {noon.AddDate(0, 0, -1), "19 Nov 18:00"}, {noon.AddDate(-1, 0, 0), "20 Nov 25"},
	} {
		if got := clock(ctx, test.at); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestApprovalsCountDownToZero(t *testing.T) {
	t.Parallel()
	ctx := WithViewer(t.Context(), Viewer{Zone: exchange.NewYork, Now: noon})
	for left, want := range map[time.Duration]string{42 * time.Second: "0:42", 61 * time.Second: "1:01", 100 * time.Millisecond: "0:01", 0: "expired", -time.Second: "expired"} {
		if got := countdown(ctx, noon.Add(left)); got != want {
			t.Errorf("%s left: %q, want %q", left, got, want)
		}
	}
}

// At zero the buttons die, also for browsers without script.
func TestAnExpiredApprovalHasDeadButtons(t *testing.T) {
	t.Parallel()
	c, err := exchange.NewContract("AAPL", exchange.Call, money.MustAmount("200").Decimal, exchange.MustDate("2027-01-15"))
	if err != nil {
		t.Fatal(err)
	}
	a := Approval{ID: "d", Side: "BTO", Contract: c, Theirs: money.MustPrice("3"), ExpiresAt: noon.Add(-time.Second)}
	html := draw(t, func(ctx context.Context, b *strings.Builder) error { return ApprovalCard(a).Render(ctx, b) })
	if n := strings.Count(html, " disabled"); n != 2 {
		t.Errorf("%d dead buttons, want 2", n)
	}
	a.ExpiresAt = noon.Add(time.Minute)
	html = draw(t, func(ctx context.Context, b *strings.Builder) error { return ApprovalCard(a).Render(ctx, b) })
	if strings.Contains(html, " disabled") {
		t.Error("a waiting approval has dead buttons")
	}
}

// Colour never stands alone, zero is grey, and what is not known is never zero.
func TestGainsAreSignedAndColoured(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ amount, class, text string }{
		{"120.5", "text-gain", "+$120.50"}, {"-120.5", "text-loss", "−$120.50"}, {"-0.004", "text-quiet", "$0.00"}, {"", "text-quiet", "—"},
	} {
		var a *money.Amount
		if test.amount != "" {
			parsed := money.MustAmount(test.amount)
			a = &parsed
		}
		html := draw(t, func(ctx context.Context, b *strings.Builder) error { return Gain(a).Render(ctx, b) })
		if !strings.Contains(html, test.class) || !strings.Contains(html, ">"+test.text+"<") {
			t.Errorf("%q: %s", test.amount, html)
		}
	}
}

func TestHalfIsAtLeastOneContract(t *testing.T) {
	t.Parallel()
	for available, want := range map[int]int{1: 1, 2: 1, 3: 1, 5: 2, 10: 5} {
		if got := (PositionRow{Available: available}).Half(); got != want {
			t.Errorf("half of %d: %d, want %d", available, got, want)
		}
	}
}

// Colours of profit and loss are the reader's; states must not borrow them.
func TestStatesDoNotLookLikeProfit(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"queued", "submitting", "unknown", "accepted", "partial", "filled", "cancelled", "expired", "rejected", "aborted", "not_placed"} {
		if class := badgeClass(stateTone(state)); strings.Contains(class, "gain") || strings.Contains(class, "loss") || strings.Contains(class, "success") {
			t.Errorf("%s: %s", state, class)
		}
	}
	for _, waits := range []string{"unknown", "not_placed", "aborted"} {
		if stateTone(waits) != Wait {
			t.Errorf("%s is not amber", waits)
		}
	}
}

func TestHowLongAPositionWasHeld(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 9, 21, 14, 0, 0, 0, time.UTC)
	for held, want := range map[time.Duration]string{
		0: "0 min", 59*time.Minute + 59*time.Second: "59 min", time.Hour: "1 h 0 min", 23*time.Hour + 59*time.Minute: "23 h 59 min", 49 * time.Hour: "2 d",
	} {
		to := from.Add(held)
		if got := HeldText(&from, &to); got != want {
			t.Errorf("%s: %q, want %q", held, got, want)
		}
	}
	if got := HeldText(&from, nil); got != "—" {
		t.Errorf("not closed: %q", got)
	}
}

// An order's row shows every price it has: of a stop limit both.
func TestAnOrdersRowShowsItsPrices(t *testing.T) {
	t.Parallel()
	limit, stop := money.MustPrice("3.50"), money.MustPrice("3.40")
	for name, c := range map[string]struct {
		row  OrderRow
		want []string
	}{
		"a stop limit": {OrderRow{Type: "StopLimit", Limit: &limit, Stop: &stop}, []string{"stop $3.40", "$3.50"}},
		"a stop":       {OrderRow{Type: "Stop", Stop: &stop}, []string{"stop $3.40"}},
		"a limit":      {OrderRow{Type: "Limit", Limit: &limit}, []string{"$3.50"}},
		"at market":    {OrderRow{Type: "Market"}, nil},
	} {
		html := draw(t, func(ctx context.Context, b *strings.Builder) error {
			return Rows(OrderTable("/orders"), "Working", []OrderRow{c.row}, View{}).Render(ctx, b)
		})
		_, cell, _ := strings.Cut(html, `data-label="Limit"`)
		cell, _, _ = strings.Cut(cell, "</td>")
		for _, words := range []string{"stop $3.40", "$3.50"} {
			if got, want := strings.Contains(cell, words), slices.Contains(c.want, words); got != want {
				t.Errorf("%s shows %q: %v, want %v (%s)", name, words, got, want, cell)
			}
		}
	}
}

// A position of which all is sold and an order still works stands among the open ones
// and says so; there is nothing in it to close.
func TestASoldPositionThatMayBuyAgainSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row  PositionRow
		want bool
	}{
		"sold, with an order":        {PositionRow{Status: "open", Bought: 5, Sold: 5}, true},
		"held":                       {PositionRow{Status: "open", Bought: 5, Sold: 2, Available: 3}, false},
		"waiting for its settlement": {PositionRow{Status: "expiry_pending", Bought: 5}, false},
	} {
		html := draw(t, func(ctx context.Context, b *strings.Builder) error {
			return Rows(OpenPositions, "Open", []PositionRow{c.row}, View{}).Render(ctx, b)
		})
		if got := strings.Contains(html, "order working"); got != c.want {
			t.Errorf("%s says that an order works: %v", name, got)
		}
		if closes := strings.Contains(html, `data-testid="close"`); closes != (c.row.Available > 0) {
			t.Errorf("%s offers to close it: %v", name, closes)
		}
	}
}
