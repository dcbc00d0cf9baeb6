package alerts_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

func (h *hall) say(author uuid.UUID, key string, d alerts.Draft) (uuid.UUID, error) {
	h.Helper()
	answer, err := h.announce.SayToAll(h.ctx, postgres.RequestKey{User: author, Route: "POST /x", Key: key, Body: []byte(d.Title)}, d)
	if err != nil {
		return uuid.Nil, err
	}
	var n alerts.Announcement
	h.must(json.Unmarshal(answer.Body, &n))
	return n.ID, nil
}

func TestAnAnnouncementIsToldToEverybodyOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.exec(`update users set created_at = $1`, h.now)
	h.exec(`insert into users (username, name, created_at) select 'user_' || i, 'User', $1 from generate_series(1, 501) i`, h.now)
	h.exec(`insert into users (username, name, status, created_at) values ('gone', 'Gone', 'deleted', $1)`, h.now)
	root := scan[uuid.UUID](h, `insert into users (username, name, role, created_at) values ('root', 'Root', 'admin', $1) returning id`, h.now)
	wanted := scan[int](h, `select count(*) from users where status = 'active'`)
	h.exec(`insert into users (username, name, created_at) values ('late', 'Late', $1)`, h.now.Add(time.Hour))
	d := alerts.Draft{Title: "Maintenance", Body: "Tonight.", Confirmed: true}
	first, err := h.say(root, "0123456789abcdef", d)
	h.must(err)
	again, err := h.say(root, "0123456789abcdef", d)
	h.must(err)
	if first != again {
		t.Errorf("the same key made %s, then %s", first, again)
	}
	for range 2 { // the second time there is nothing left to tell
		h.must(h.announce.TellAnnounced(h.ctx))
	}
	if n := scan[int](h, `select count(*) from notifications where title = 'Maintenance' and type = 'system'`); n != wanted {
		t.Errorf("%d heard of it, want %d", n, wanted)
	}
	if n := scan[int](h, `select count(distinct user_id) from notifications`); n != wanted {
		t.Errorf("%d people heard of it, want %d", n, wanted)
	}
	if n := scan[int](h, `select count(*) from live_events where kind = 'notification'`); n != wanted {
		t.Errorf("%d pages heard of it, want %d", n, wanted)
	}
	list, _, err := h.announce.Announcements(h.ctx, 10, nil)
	h.must(err)
	if len(list) != 1 || list[0].Told != wanted || list[0].DoneAt == nil || list[0].By != "root" {
		t.Errorf("%+v", list)
	}
}

// By default an announcement goes by mail and rings nowhere: product's table for system.
func TestAnAnnouncementRingsOnlyWhereItIsWanted(t *testing.T) {
	t.Parallel()
	h := open(t)
	root, ben, cara := h.user("root"), h.user("ben"), h.user("cara")
	for _, user := range []uuid.UUID{ben, cara} {
		h.exec(`insert into destinations (user_id, channel, address) select $1::uuid, channel, $1::uuid::text || channel from unnest(array['push', 'email']) channel`, user)
	}
	_, err := h.announce.SetPreferences(h.ctx, cara, both, alerts.Choices{Groups: map[string]map[string]bool{"system": {"push": true, "email": true}}})
	h.must(err)
	h.exec(`update users set created_at = $1`, h.now)
	_, err = h.say(root, "0123456789abcdef", alerts.Draft{Title: "News", Confirmed: true})
	h.must(err)
	h.must(h.announce.TellAnnounced(h.ctx))
	got := scan[string](h, `
		select string_agg(u.username || ' ' || d.channel, ', ' order by u.username, d.channel) from deliveries d join users u on u.id = d.user_id`)
	if got != "ben email, cara email, cara push" {
		t.Errorf("it goes to %s", got)
	}
}

// Whoever goes on where a process died tells the rest, and nobody twice.
func TestAnAnnouncementGoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	h := open(t)
	root, people := h.user("root"), h.people(4)
	h.exec(`update users set created_at = $1`, h.now)
	id, err := h.say(root, "0123456789abcdef", alerts.Draft{Title: "News", Confirmed: true})
	h.must(err)
	cut := errors.New("the process died")
	err = h.db.InTx(h.ctx, func(ctx context.Context, tx pgx.Tx) error {
		h.must(h.announce.TellSlice(ctx, tx))
		return cut
	})
	if !errors.Is(err, cut) {
		t.Fatal(err)
	}
	if n := scan[int](h, `select count(*) from notifications`); n != 0 {
		t.Errorf("%d heard of what was cut off", n)
	}
	h.must(h.announce.TellAnnounced(h.ctx))
	h.exec(`update announcements set done_at = null, last_user = null where id = $1`, id) // as if its note were lost
	h.must(h.announce.TellAnnounced(h.ctx))
	if n := scan[int](h, `select count(*) from notifications`); n != len(people)+1 {
		t.Errorf("told %d times, want %d", n, len(people)+1)
	}
}

func TestNothingIsAnnouncedUnconfirmedOrWrong(t *testing.T) {
	t.Parallel()
	h := open(t)
	root := h.user("root")
	for field, d := range map[string]alerts.Draft{
		"title":   {Title: " ", Confirmed: true},
		"body":    {Title: "x", Body: strings.Repeat("é", 1001), Confirmed: true},
		"confirm": {Title: strings.Repeat("é", 80), Body: "two\nlines"},
	} {
		_, err := h.say(root, "0123456789abcdef", d)
		var refused *fault.Error
		if !errors.As(err, &refused) || refused.Code != "validation_failed" {
			t.Errorf("%s: %v", field, err)
			continue
		}
		fields, _ := refused.Details["fields"].(map[string]any)
		sentence, _ := fields[field].(string)
		if len(fields) != 1 || sentence == "" || field == "confirm" && !strings.Contains(sentence, "1 people") {
			t.Errorf("%s: %v", field, fields)
		}
	}
	for name, d := range map[string]alerts.Draft{
		"two lines in the title": {Title: "a\nb", Confirmed: true}, "a long title": {Title: strings.Repeat("é", 81), Confirmed: true}, "a zero": {Title: "a\x00", Confirmed: true},
	} {
		if _, err := h.say(root, "0123456789abcdef", d); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := scan[int](h, `select count(*) from announcements`); n != 0 {
		t.Errorf("%d were taken on", n)
	}
}

func TestANotificationShowsItsReceiptsToItsOwnerOnly(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.people(1)[0]
	h.notify(alerts.Notification{UserID: ben, Type: alerts.OrderFilled, Title: "Filled", LearntAt: h.now})
	id := scan[uuid.UUID](h, `select id from notifications`)
	n, receipts, err := h.announce.Notification(h.ctx, ben, id)
	h.must(err)
	if n.Title != "Filled" || len(receipts) != 1 || receipts[0].Channel != "push" || receipts[0].State != "pending" || receipts[0].LearntAt == nil || receipts[0].SentAt != nil {
		t.Errorf("%+v, %+v", n, receipts)
	}
	_, _, foreign := h.announce.Notification(h.ctx, h.user("cara"), id)
	_, _, missing := h.announce.Notification(h.ctx, ben, uuid.New())
	if fault.CodeOf(foreign) != "not_found" || fault.CodeOf(missing) != "not_found" {
		t.Errorf("somebody else's: %v; one that is not there: %v", foreign, missing)
	}
}
