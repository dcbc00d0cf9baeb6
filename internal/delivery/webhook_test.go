package delivery_test

import (
	"encoding/json"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
)

// receiver is a program of a user's in the sandbox that knows the secret.
func (s *street) receiver(user uuid.UUID) (id string) {
	s.Helper()
	var made struct{ URL string }
	s.control("POST", "webhook/receivers", map[string]any{}, &made)
	r, err := s.post.SetReceiver(s.ctx, user, made.URL)
	s.must(err)
	id = path.Base(made.URL)
	s.control("POST", "webhook/receivers/"+id, map[string]any{"secret": *r.Secret}, nil)
	return id
}

func (s *street) answers(receiver string, status int) {
	s.Helper()
	s.control("POST", "webhook/receivers/"+receiver, map[string]any{"answer": status}, nil)
}

// programEvent is what a program was sent and found rightly signed.
type programEvent struct {
	ID     string
	Repeat bool
	Body   struct {
		Type string
		Data map[string]any
	}
}

func (s *street) events(receiver string) []programEvent {
	s.Helper()
	var answer struct{ Data []programEvent }
	s.control("GET", "webhook/events?receiver="+receiver, nil, &answer)
	return answer.Data
}

// A program hears of everything its owner is told, and of a trader's own alerts with
// their revisions, in order.
func TestAProgramHearsOfAlertsAndNotifications(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	id := s.receiver(ava)
	trade := s.holding(ava).trade("BTO").fills(2)
	s.drain()
	trade.fills(5)
	s.drain()
	var kinds []string
	for _, e := range s.events(id) {
		kinds = append(kinds, e.Body.Type)
		if e.Repeat {
			t.Errorf("%s came twice", e.ID)
		}
		if e.Body.Type == "alert.updated" && (e.Body.Data["filled"] != 5.0 || e.Body.Data["price"] != "3.50" || e.Body.Data["orderId"] != trade.OrderID.String()) {
			t.Errorf("updated to %v", e.Body.Data)
		}
		if e.Body.Type == "notification.created" && e.Body.Data["url"] != "https://app.example/positions/"+trade.PositionID.String() {
			t.Errorf("notified of %v", e.Body.Data)
		}
	}
	if got := strings.Join(kinds, ", "); got != "alert.created, notification.created, alert.updated" && got != "notification.created, alert.created, alert.updated" {
		t.Errorf("heard %s", got)
	}
}

func TestARepeatHasTheSameIdByWhichAProgramKnowsIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	id := s.receiver(ava)
	s.tell(ava, alerts.OrderCancelled, "Cancelled")
	s.fault("receiver", "POST", "accept_then_drop", 1, 0)
	s.drain()
	s.clock.pass(10 * time.Second)
	s.drain()
	s.wantStates(delivery.ChannelWebhook, "create delivered")
	if got := s.events(id); len(got) != 2 || got[0].ID != got[1].ID || !got[1].Repeat {
		t.Errorf("%+v", got)
	}
}

// A receiver that says 410, or refuses ten times in a row, gets nothing more, and its
// owner is told.
func TestADeadReceiverGetsNoMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ status, calls int }{"gone": {410, 1}, "not there": {404, 10}, "leads elsewhere": {307, 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			ava := s.user("ava")
			id := s.receiver(ava)
			s.answers(id, c.status)
			for range 12 {
				s.tell(ava, alerts.OrderCancelled, "Cancelled")
				s.drain()
			}
			if n := len(s.received("receiver")); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			r, err := s.post.ReceiverOf(s.ctx, ava)
			s.must(err)
			if r.DisabledAt == nil || scan[int](s, `select count(*) from notifications where type = 'system'`) != 1 {
				t.Errorf("%+v", r)
			}
			if err := s.post.TestReceiver(s.ctx, ava); fault.CodeOf(err) != "invalid_state" {
				t.Errorf("test a dead one: %v", err)
			}
		})
	}
}

func TestAFailingReceiverIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	id := s.receiver(ava)
	s.answers(id, 503)
	s.tell(ava, alerts.OrderCancelled, "Cancelled")
	s.drain()
	s.wantStates(delivery.ChannelWebhook, "create pending")
	s.answers(id, 0)
	s.clock.pass(time.Minute)
	s.drain()
	s.wantStates(delivery.ChannelWebhook, "create delivered")
}

// While a secret is being replaced both sign, so that the receiver can change when it
// likes; the one before ends a day later.
func TestTheSecretBeforeSignsAlongForADay(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	id := s.receiver(ava)
	rotated, err := s.post.RotateReceiver(s.ctx, ava)
	s.must(err)
	s.must(s.post.TestReceiver(s.ctx, ava)) // the receiver knows the old one
	s.clock.pass(24*time.Hour + time.Second)
	if err := s.post.TestReceiver(s.ctx, ava); fault.CodeOf(err) != "webhook_refused" {
		t.Errorf("after a day: %v", err)
	}
	s.control("POST", "webhook/receivers/"+id, map[string]any{"secret": *rotated.Secret}, nil)
	s.must(s.post.TestReceiver(s.ctx, ava))
	if got := s.events(id); len(got) != 2 || got[0].Body.Type != "test" {
		t.Errorf("%+v", got)
	}
}

func TestTheSecretIsShownOnceAndKeptSealed(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	if _, err := s.post.SetReceiver(s.ctx, ava, "https://10.0.0.1/"); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("an inner address: %v", err)
	}
	first, err := s.post.SetReceiver(s.ctx, ava, "https://hooks.example.com/token-in-the-path")
	s.must(err)
	again, err := s.post.SetReceiver(s.ctx, ava, "https://hooks.example.com/token-in-the-path")
	s.must(err)
	other, err := s.post.SetReceiver(s.ctx, ava, "https://hooks.example.com/other")
	s.must(err)
	if again.Secret != nil || again.ID != first.ID || *other.Secret == *first.Secret || other.ID == first.ID {
		t.Errorf("%+v, then %+v, then %+v", first, again, other)
	}
	stored := scan[string](s, `select string_agg(to_jsonb(t)::text, ' ') from destinations t`)
	for _, hush := range []string{*first.Secret, *other.Secret, "token-in-the-path", strings.TrimPrefix(*other.Secret, "whsec_")} {
		if strings.Contains(stored, hush) {
			t.Errorf("%q stands in the table", hush)
		}
	}
	raw, err := json.Marshal(again)
	s.must(err)
	if !strings.Contains(string(raw), `"host":"hooks.example.com"`) || strings.Contains(string(raw), "path") {
		t.Errorf("shown as %s", raw)
	}
	s.must(s.post.RemoveReceiver(s.ctx, ava))
	if _, err := s.post.ReceiverOf(s.ctx, ava); fault.CodeOf(err) != "not_found" {
		t.Errorf("removed: %v", err)
	}
	if n := scan[int](s, `select count(*) from destinations where secret is not null`); n != 0 {
		t.Errorf("%d secrets are left", n)
	}
}
