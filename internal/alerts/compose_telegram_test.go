package alerts

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/telegram"
)

func composeChat(t *testing.T, rows ...notificationRow) telegram.Message {
	t.Helper()
	a := New(Options{AppURL: "https://app.example/"})
	var all []delivery.Subject
	for _, n := range rows {
		raw, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, delivery.Subject{Channel: delivery.ChannelTelegram, Row: raw})
	}
	words, err := a.Compose(all[0])
	if len(all) > 1 {
		words, err = a.Gather(all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return *words.Chat
}

func TestAChatsFirstLineSaysItAll(t *testing.T) {
	t.Parallel()
	m := composeChat(t, notificationRow{
		Type: OrderFilled, Title: "AAPL 200C 1/15/27 filled", Body: "Bought 5 @ $3.50", URL: "/positions/1", Data: map[string]any{"side": "BTO"},
	})
	if got := m.Plain(); got != "🟢 AAPL 200C 1/15/27 filled — Bought 5 @ $3.50" {
		t.Errorf("%q", got)
	}
	if len(m.Buttons) != 1 || m.Buttons[0][0] != (telegram.Button{Text: "Open in Alertsify", URL: "https://app.example/positions/1"}) || m.Silent {
		t.Errorf("%+v", m)
	}
	long := composeChat(t, notificationRow{Type: System, Title: "Maintenance", Body: "Tonight.\nOrders are not affected.", URL: "//evil.example"})
	if got := long.Plain(); got != "Maintenance\nTonight.\nOrders are not affected." || long.Buttons[0][0].URL != "https://app.example/notifications" {
		t.Errorf("%q, %v", got, long.Buttons)
	}
	if quiet := composeChat(t, notificationRow{Type: Leaderboard, Title: "You are 3rd"}); !quiet.Silent {
		t.Error("a rank rings")
	}
}

// The answer is given on the page, where it is known who gives it.
func TestAQuestionInAChatLeadsToThePage(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 11, 20, 17, 2, 3, 0, time.UTC)
	question := notificationRow{
		Type: CopyTradeAlert, Title: "@ava bought AAPL 200C", Body: "5 at $3.50. Copy 2?", URL: "/copy",
		Data: map[string]any{"decisionId": uuid.NewString()}, ValidUntil: &until,
	}
	m := composeChat(t, question)
	if got := m.Plain(); got != "❓ @ava bought AAPL 200C — 5 at $3.50. Copy 2?\nUntil 12:02:03 New York." {
		t.Errorf("%q", got)
	}
	for i, label := range []string{"Approve…", "Reject…"} {
		if m.Buttons[0][i] != (telegram.Button{Text: label, URL: "https://app.example/copy#approvals"}) {
			t.Errorf("%+v", m.Buttons)
		}
	}
	both := composeChat(t, question, notificationRow{Type: OrderFilled, Title: "Filled", Body: "Bought 2"})
	if got := both.Plain(); !strings.HasPrefix(got, "2 alerts, 1 waiting for your answer\n\n❓ @ava bought") || !strings.HasSuffix(got, "\n\n🟢 Filled — Bought 2") {
		t.Errorf("%q", got)
	}
	if len(both.Buttons) != 1 || both.Buttons[0][0].URL != "https://app.example/copy#approvals" {
		t.Errorf("%+v", both.Buttons)
	}
}
