package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// The log has every webhook once, the newest first, page by page, though many came in one
// instant; what is parked, and one type of one provider, are found among them.
func TestTheLogHasEveryWebhookOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	for i := range 25 {
		e := event(fmt.Sprintf("w/%d ü", i))
		if i%5 == 0 {
			e.Provider, e.Type = "whop", "membership.activated"
		}
		put(t, b, e)
	}
	mustExec(t, db, `update inbound_webhooks set received_at = date_trunc('hour', now()) - interval '1 hour' * (length(webhook_id) % 2)`)
	mustExec(t, db, `update inbound_webhooks set state = 'parked', reason = 'nobody knows this user', worked_at = now() where webhook_id = 'w/7 ü'`)
	read := func(q inbox.LogQuery) (ids []string) {
		t.Helper()
		q.Limit = 4
		seen := map[string]bool{}
		var last inbox.Entry
		for {
			page, next, err := b.Log(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				if seen[e.ID] || last.ID != "" && e.ReceivedAt.After(last.ReceivedAt) {
					t.Fatalf("%+v after %+v", e, last)
				}
				seen[e.ID], last = true, e
				ids = append(ids, e.WebhookID)
			}
			if next == nil {
				return ids
			}
			through, _, err := httpio.ParseCursor(next.String())
			if err != nil {
				t.Fatal(err)
			}
			q.After = &through
		}
	}
	if n := len(read(inbox.LogQuery{})); n != 25 {
		t.Errorf("%d of 25", n)
	}
	if n := len(read(inbox.LogQuery{Provider: "whop", Type: "membership.activated"})); n != 5 {
		t.Errorf("%d of one type", n)
	}
	if got := read(inbox.LogQuery{Parked: true}); len(got) != 1 || got[0] != "w/7 ü" {
		t.Errorf("parked: %v", got)
	}
	heard, err := b.LastOfEach(t.Context())
	if err != nil || len(heard) != 2 || heard[0].Provider != "snaptrade" || heard[1].Type != "membership.activated" {
		t.Errorf("heard %+v, %v", heard, err)
	}
}

// What acts on the word of a webhook itself does not act on it again.
func TestAWordIsNotReplayed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	for _, provider := range []string{"telegram", "resend"} {
		e := event("w1")
		e.Provider = provider
		put(t, b, e)
	}
	mustExec(t, db, `update inbound_webhooks set state = 'done', worked_at = now()`)
	page, _, err := b.Log(t.Context(), inbox.LogQuery{Limit: 5})
	if err != nil || len(page) != 2 {
		t.Fatalf("%v, %v", page, err)
	}
	for _, e := range page {
		if _, err := b.Replay(t.Context(), uuid.New(), e.ID); e.Replayable() || fault.CodeOf(err) != "invalid_state" {
			t.Errorf("%s: %v", e.Provider, err)
		}
	}
	if n := rows(t, db, "state = 'done'"); n != 2 {
		t.Errorf("%d are as they were", n)
	}
}

// A replayed webhook is worked once more, and who had it done is written down; one that is
// being worked, or was never there, is left alone.
func TestAReplayIsWorkedOnceMoreAndWrittenDown(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	put(t, b, event("w1"))
	operator := uuid.New()
	entry := func() inbox.Entry {
		t.Helper()
		page, _, err := b.Log(t.Context(), inbox.LogQuery{Limit: 1})
		if err != nil || len(page) != 1 {
			t.Fatalf("%v, %v", page, err)
		}
		return page[0]
	}
	if _, err := b.Replay(t.Context(), operator, entry().ID); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("one that waits was replayed: %v", err)
	}
	var worked atomic.Int32
	work(t, b, func(context.Context, inbox.Event) error {
		if worked.Add(1) == 1 {
			return inbox.Park(errors.New("nobody knows this user"))
		}
		return nil
	})
	waitRows(t, db, "state = 'parked'", 1)
	if e, err := b.Replay(t.Context(), operator, entry().ID); err != nil || e.State != "new" {
		t.Fatalf("%+v, %v", e, err)
	}
	waitRows(t, db, "state = 'done' and attempts = 2 and attempts_before = 1 and reason = ''", 1)
	if n := worked.Load(); n != 2 {
		t.Errorf("worked %d times", n)
	}
	var by string
	err := db.Pool().QueryRow(t.Context(), `
		select by_user::text from audit_log where kind = 'inbound_webhooks' and row_id = 'w1' and actor = 'operator' and change -> 'state' = '["parked", "new"]'`).Scan(&by)
	if err != nil || by != operator.String() {
		t.Errorf("replayed by %q, %v", by, err)
	}
	for _, id := range []string{"", "snaptrade", "snaptrade.", ".dzE", "snaptrade.dzI", "snaptrade.***", "snaptrade.AA", "snap\x00trade.dzE", "whop.dzE"} {
		if _, err := b.Replay(t.Context(), operator, id); fault.CodeOf(err) != "not_found" {
			t.Errorf("%q: %v", id, err)
		}
	}
}
