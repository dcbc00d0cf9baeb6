package alerts_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
)

func TestTheInboxIsReadPageByPage(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.user("ben")
	for i := range 7 {
		h.now = h.now.Add(time.Duration(i/2) * time.Second) // some in the same instant
		h.notify(alerts.Notification{UserID: ben, Type: alerts.System, Title: fmt.Sprint(i)})
	}
	seen, cursor, pages := map[uuid.UUID]bool{}, "", 0
	var last time.Time
	for {
		items, next, err := h.announce.Notifications(h.ctx, ben, 3, cursor)
		h.must(err)
		for _, i := range items {
			if seen[i.ID] || !last.IsZero() && i.CreatedAt.After(last) {
				t.Errorf("%s comes twice or out of order", i.Title)
			}
			seen[i.ID], last = true, i.CreatedAt
		}
		if pages++; next == "" {
			break
		}
		cursor = next
	}
	if len(seen) != 7 || pages != 3 {
		t.Errorf("%d items on %d pages", len(seen), pages)
	}
	if _, _, err := h.announce.Notifications(h.ctx, ben, 3, "bm9uc2Vuc2U"); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("a foreign cursor: %v", err)
	}
}

func TestNobodyTouchesAnothersInbox(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben, cara := h.user("ben"), h.user("cara")
	h.notify(alerts.Notification{UserID: ben, Type: alerts.System, Title: "for ben"})
	mine, _, err := h.announce.Notifications(h.ctx, ben, 0, "")
	h.must(err)
	ids := []uuid.UUID{mine[0].ID}

	_, err = h.announce.MarkRead(h.ctx, cara, ids)
	h.must(err)
	_, err = h.announce.MarkAllRead(h.ctx, cara)
	h.must(err)
	if theirs, _, err := h.announce.Notifications(h.ctx, cara, 0, ""); err != nil || len(theirs) != 0 {
		t.Errorf("cara sees %v, %v", theirs, err)
	}
	if n, err := h.announce.Unread(h.ctx, ben); err != nil || n != 1 {
		t.Errorf("cara read ben's: %d unread, %v", n, err)
	}
	if n, err := h.announce.Unread(h.ctx, cara); err != nil || n != 0 {
		t.Errorf("cara has %d unread, %v", n, err)
	}
}

func TestMarkingAsReadCountsDown(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.user("ben")
	for i := range 3 {
		h.notify(alerts.Notification{UserID: ben, Type: alerts.System, Title: fmt.Sprint(i)})
	}
	items, _, err := h.announce.Notifications(h.ctx, ben, 0, "")
	h.must(err)
	n, err := h.announce.MarkRead(h.ctx, ben, []uuid.UUID{items[0].ID, uuid.New()})
	h.must(err)
	if n != 2 {
		t.Errorf("%d left", n)
	}
	first := *h.readAt(ben)[0]
	h.now = h.now.Add(time.Minute)
	if n, err = h.announce.MarkAllRead(h.ctx, ben); err != nil || n != 0 {
		t.Errorf("%d left, %v", n, err)
	}
	if at := h.readAt(ben); !at[0].Equal(first) || slices.Contains(at, nil) {
		t.Errorf("read at %v, the first one at %v", at, first)
	}
	if got := scan[string](h, `select data::text from live_events where kind = 'unread' order by id desc limit 1`); got != `{"unread": 0}` {
		t.Errorf("pages show %s", got)
	}
}

func (h *hall) readAt(user uuid.UUID) []*time.Time {
	h.Helper()
	items, _, err := h.announce.Notifications(h.ctx, user, 0, "")
	h.must(err)
	var at []*time.Time
	for _, i := range items {
		at = append(at, i.ReadAt)
	}
	slices.SortFunc(at, func(a, b *time.Time) int {
		if a == nil || b == nil {
			return 0
		}
		return a.Compare(*b)
	})
	return at
}
