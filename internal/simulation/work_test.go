package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/orders"
)

// What the program does by itself, as its loops and its queue would do it.

// workNow answers a bell as the job of its kind does. What wants to be called again,
// failed or died is called again; of a dead process nobody knows when.
func (s *simulation) workNow(j job) error {
	id, err := subjectOf(j.Args)
	if err != nil {
		return err
	}
	err = s.call(j.Kind, func(ctx context.Context) error { return s.engine.work(ctx, j.Kind, id) })
	var again orders.Again
	var died crashed
	switch {
	case errors.As(err, &again):
		s.work(j, again.After+s.dice.between(0, 8*time.Second))
	case errors.As(err, &died):
		s.work(j, s.dice.between(2*time.Minute, 3*time.Minute)) // the queue's rescue
	case isFinding(err):
		return err
	case err != nil:
		s.tally.failures++
		s.work(j, s.dice.between(time.Second, 20*time.Second))
	}
	return nil
}

// work is the list of internal/jobs.
func (e *engine) work(ctx context.Context, kind string, id uuid.UUID) error {
	switch kind {
	case "order_send":
		return e.desk.Send(ctx, id)
	case "order_cancel":
		return e.desk.SendCancel(ctx, id)
	case "order_replace":
		return e.desk.SendChange(ctx, id)
	case "order_changed":
		if err := e.copier.OnOrder(ctx, id); err != nil {
			return err
		}
		return e.desk.ReadBalance(ctx, id)
	case "copy_execute":
		return e.copier.Execute(ctx, id)
	}
	return fmt.Errorf("nobody works jobs of kind %q", kind)
}

// look lists what is due, unless a sooner look did that.
func (s *simulation) look(planned time.Time) error {
	if !s.watch.lookAt.Equal(planned) {
		return nil
	}
	s.watch.lookAt = time.Time{}
	s.sight.looks = append(s.sight.looks, nil)
	err := s.call("a look", func(ctx context.Context) error { return s.engine.desk.LookDue(ctx) })
	last := len(s.sight.looks) - 1
	shown := s.sight.looks[last]
	s.sight.looks = s.sight.looks[:last]
	if err != nil {
		return notDeath(err)
	}
	return s.looked(shown)
}

// notDeath leaves out that a process died: that is no failure of the others.
func notDeath(err error) error {
	if errors.As(err, new(crashed)) {
		return nil
	}
	return err
}

// deliver posts a webhook to the program's door. One without the right signature
// must be refused and leave nothing.
func (s *simulation) deliver(body []byte, signature string) error {
	want := http.StatusOK
	if !s.calm && s.dice.permille(30) {
		signature, want = "Zm9yZ2Vk", http.StatusUnauthorized
		s.tally.faults["webhook forged"]++
	}
	answer := httptest.NewRecorder()
	err := s.call("a webhook", func(ctx context.Context) error {
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/webhooks/snaptrade", bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Signature", signature)
		s.engine.hooks.ServeHTTP(answer, request)
		return nil
	})
	if errors.As(err, new(crashed)) { // C13: SnapTrade heard nothing, and repeats
		s.in(s.dice.between(time.Second, 30*time.Second), "webhook repeated", func() error { return s.deliver(body, signature) })
	} else if err == nil && answer.Code != want {
		err = fmt.Errorf("INV-30: a webhook was answered %d, not %d: %s", answer.Code, want, answer.Body)
	}
	s.in(s.dice.between(5*time.Millisecond, 2*time.Second), "inbox", s.workInbox)
	return notDeath(err)
}

// workInbox works what webhooks have brought, as the program wires it.
func (s *simulation) workInbox() error {
	return notDeath(s.call("the inbox", func(ctx context.Context) error {
		e := s.engine
		return e.inbox.WorkDue(ctx, hooks.Provider, func(ctx context.Context, event inbox.Event) error {
			hint, err := e.accounts.Receive(ctx, event)
			if err != nil {
				return err
			}
			if hint.LookOrders {
				if err := e.desk.PullLook(ctx, hint.AccountID); err != nil {
					return err
				}
			}
			if hint.ReadBalance {
				_, err = e.accounts.RefreshBalance(ctx, hint.UserID, hint.AccountID)
			}
			return err
		})
	}))
}
