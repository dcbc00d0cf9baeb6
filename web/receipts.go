package web

import (
	"net/http"
	"strings"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/httpio"
)

// receiptView is one delivery of an alert or a notification. Hops are always the same
// five: executed, known, decided, sent, accepted.
type receiptView struct {
	Channel, State string
	Why            string // it did not arrive
	Hops           [5]hop
	Attempts       []delivery.Attempt
}

// receiptViews puts the newest first.
func receiptViews(receipts []delivery.Receipt) []receiptView {
	views := make([]receiptView, len(receipts))
	for i, r := range receipts {
		name := channelWords(r.Channel)
		if r.Label != "" {
			name += " · " + browserWords(r.Label)
		}
		v := receiptView{
			Channel: name, State: stateWords(r), Attempts: r.Attempts,
			Hops: [5]hop{{"Executed", r.ExecutedAt}, {"Known", r.LearntAt}, {"Decided", &r.DecidedAt}, {"Sent", r.SentAt}, {"Accepted", r.AcceptedAt}},
		}
		if r.LastError != nil && r.State != "delivered" {
			v.Why = *r.LastError
		}
		views[len(receipts)-1-i] = v
	}
	return views
}

// stateWords is how a delivery stands.
func stateWords(r delivery.Receipt) string {
	words := map[string]string{
		"pending": "waiting", "sending": "being sent", "delivered": "delivered", "stale": "too late", "dead": "failed", "superseded": "not needed",
	}
	word := words[r.State]
	if word == "" {
		word = r.State
	}
	if r.Op == delivery.Update {
		word += " (a change)"
	}
	if r.PossibleDuplicate {
		word += ", perhaps twice"
	}
	return word
}

// notificationView is one notification and how its messages went.
type notificationView struct {
	alerts.InboxItem
	Receipts []receiptView
}

func (v notificationView) link() string {
	if strings.HasPrefix(v.URL, "/") && v.URL != "/notifications" {
		return v.URL
	}
	return ""
}

// notification answers GET /notifications/{id}.
func (s *Site) notification(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	item, receipts, err := s.alerts.Notification(r.Context(), me(r.Context()), id)
	if err != nil {
		return err
	}
	p, err := s.shell(r, "Notification", "/notifications")
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, notificationPage(p, notificationView{item, receiptViews(receipts)}))
}
