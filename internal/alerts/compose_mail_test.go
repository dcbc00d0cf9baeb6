package alerts

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/delivery"
)

// A subject stands on lock screens: it names no price and leads nowhere but to us.
func TestAMailNamesNoPriceInItsSubject(t *testing.T) {
	t.Parallel()
	a := New(Options{AppURL: "https://app.example/"})
	for title, want := range map[string]string{
		"Alpaca is disconnected": "Alpaca is disconnected",
		"Lost $250.00 today":     "About your account",
		"":                       "About your account",
		"$ 5 gone\r\nBcc: x":     "About your account",
	} {
		m := a.mail(notificationRow{Type: BrokerDisconnected, Title: title, Body: "Lost $250.00", URL: "//evil.example"})
		if m.Subject != want || m.Items[0].Link != "https://app.example/notifications" || m.Items[0].Body != "Lost $250.00" {
			t.Errorf("%q: %+v", title, m)
		}
	}
}

func TestEveryTypeOfNotificationHasMailThatCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	a := New(Options{AppURL: "https://app.example"})
	for _, kind := range Types() {
		m := a.mail(notificationRow{ID: uuid.New(), Type: kind, Title: "Title", CreatedAt: time.Now()})
		if slices.Contains(fixed(), kind) {
			if len(m.Categories) != 0 || m.Kind != kind || !strings.Contains(m.Reason, "cannot be switched off") {
				t.Errorf("%s, which nobody switches off: %+v", kind, m)
			}
			continue
		}
		if len(m.Categories) != 1 || m.Kind != kind || strings.Contains(m.Reason, "about  ") || MailTopic(m.Categories[0]) == "" {
			t.Errorf("%s: %+v", kind, m)
		}
	}
	for _, category := range delivery.MailCategories() {
		if MailTopic(category) == "" {
			t.Errorf("nobody says what %q is", category)
		}
	}
}

// Several in one mail: all of them, and its link switches off what is in it.
func TestManyNotificationsShareAMail(t *testing.T) {
	t.Parallel()
	a := New(Options{AppURL: "https://app.example"})
	m := a.mailAll([]notificationRow{
		{Type: System, Title: "One"}, {Type: BrokerDisconnected, Title: "Two"}, {Type: System, Title: "Three"},
	})
	if m.Subject != "3 messages from Alertsify" || len(m.Items) != 3 || strings.Join(m.Categories, " ") != "account news" {
		t.Errorf("%+v", m)
	}
}
