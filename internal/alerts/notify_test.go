package alerts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
)

// people makes n users, each with a browser. A machine that is busy with other tests makes
// a thousand within the time that a statement has.
func (h *hall) people(n int) []uuid.UUID {
	h.Helper()
	for from := 1; from <= n; from += 1000 {
		h.exec(`
			with people as (
				insert into users (username, name) select 'follower_' || i, 'Follower ' || i from generate_series($1::int, $2::int) i returning id)
			insert into destinations (user_id, channel, address) select id, 'push', id::text from people`, from, min(n, from+999))
	}
	rows, err := h.db.Pool().Query(h.ctx, `select id from users where username like 'follower%' order by username`)
	h.must(err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	h.must(err)
	return ids
}

func TestTellingTenThousandTakesAsManyStatementsAsTellingOne(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.exec(`insert into destinations (channel, address) values ('feed', 'notifications')`)
	followers := h.people(alerts.NotifyMax)
	tell := func(users []uuid.UUID, subject string) (statements int) {
		var n []alerts.Notification
		for _, u := range users {
			n = append(n, alerts.Notification{UserID: u, Type: alerts.CopyTradeAlert, Title: "ava bought", SubjectKey: subject, LearntAt: h.now})
		}
		h.must(h.db.InTx(h.ctx, func(ctx context.Context, tx pgx.Tx) error {
			c := &counting{Tx: tx}
			defer func() { statements = c.statements }()
			return h.announce.Notify(ctx, c, n...)
		}))
		return statements
	}
	one, all := tell(followers[:1], "a"), tell(followers, "b")
	if one != all || all > 6 {
		t.Errorf("%d statements for one, %d for ten thousand", one, all)
	}
	if n := scan[int](h, `select count(*) from deliveries where channel = 'push'`); n != alerts.NotifyMax+1 {
		t.Errorf("%d pushes", n)
	}
	if n := scan[int](h, `select count(*) from deliveries where channel = 'feed'`); n != alerts.NotifyMax+1 {
		t.Errorf("%d feed entries", n)
	}
	if n := scan[int](h, `select count(*) from live_events where kind = 'unread'`); n != alerts.NotifyMax+1 {
		t.Errorf("%d unread events", n)
	}
	err := h.db.InTx(h.ctx, func(ctx context.Context, tx pgx.Tx) error {
		return h.announce.Notify(ctx, tx, make([]alerts.Notification, alerts.NotifyMax+1)...)
	})
	if err == nil {
		t.Error("more than the bound was taken")
	}
}

func TestEachTypeTakesItsRoads(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.exec(`insert into destinations (channel, address) values ('feed', 'notifications'), ('feed', 'trades'), ('discord', '1')`)
	ben := h.user("ben")
	h.exec(`insert into destinations (user_id, channel, address) values ($1, 'push', 'a'), ($1, 'push', 'b'), ($1, 'email', 'ben@example.com')`, ben)
	h.exec(`insert into destinations (user_id, channel, address, disabled_at) values ($1, 'push', 'gone', now())`, ben)
	for kind, want := range map[string]string{
		alerts.OrderFilled: "push push", alerts.OrderCancelled: "", alerts.OrderRejected: "",
		alerts.CopyTradeAlert: "feed push push", alerts.CopyTradeClose: "feed push push",
		alerts.CopyTradeExecuted: "push push", alerts.CopyTradeFailed: "push push", alerts.SubscriptionNew: "push push",
		alerts.Achievement: "feed push push", alerts.Leaderboard: "feed", alerts.BrokerDisconnected: "email push push",
		alerts.Security:      "email push push",
		alerts.PaymentFailed: "email", alerts.MembershipEnding: "email", alerts.System: "email",
	} {
		h.notify(alerts.Notification{UserID: ben, Type: kind, Title: "x", LearntAt: h.now})
		got := scan[*string](h, `
			select string_agg(d.channel, ' ' order by d.channel) from deliveries d
			join notifications n on n.id = d.notification_id where n.type = $1`, kind)
		if got == nil {
			got = new(string)
		}
		if *got != want {
			t.Errorf("%s takes %q, want %q", kind, *got, want)
		}
	}
	if n := scan[int](h, `select count(*) from notifications`); n != len(alerts.Types()) {
		t.Errorf("%d in the inbox, want all %d types", n, len(alerts.Types()))
	}
}

func TestWhatIsSaidTwiceIsSaidOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	people := h.people(2)
	n := alerts.Notification{UserID: people[0], Type: alerts.CopyTradeFailed, Title: "x", SubjectKey: "decision:1", LearntAt: h.now}
	h.notify(n)
	h.notify(n, n)
	other, plain := n, n
	other.UserID = people[1]
	plain.SubjectKey = ""
	h.notify(other, plain, plain)
	if n := scan[int](h, `select count(*) from notifications where user_id = $1 and subject_key <> ''`, people[0]); n != 1 {
		t.Errorf("said %d times", n)
	}
	if n := scan[int](h, `select count(*) from deliveries`); n != 4 {
		t.Errorf("%d pushes, want one each, and two for what has no subject", n)
	}
	if n := scan[int](h, `select count(*) from live_events where kind = 'notification'`); n != 4 {
		t.Errorf("%d events", n)
	}
}

func TestOpenPagesGetTheRowAndTheCount(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.user("ben")
	h.notify(alerts.Notification{
		UserID: ben, Type: alerts.CopyTradeExecuted, Title: "Copied", Body: "2 @ $3.50", URL: "/positions/1",
		Data: map[string]any{"orderId": "o1"}, LearntAt: h.now,
	})
	items, _, err := h.announce.Notifications(h.ctx, ben, 0, "")
	h.must(err)
	want, err := json.Marshal(items[0])
	h.must(err)
	got := scan[string](h, `select data::text from live_events where kind = 'notification' and user_id = $1`, ben)
	if !sameJSON(t, got, string(want)) {
		t.Errorf("the event is %s, the inbox %s", got, want)
	}
	if got := scan[string](h, `select data::text from live_events where kind = 'unread' and user_id = $1`, ben); got != `{"unread": 1}` {
		t.Errorf("unread event %s", got)
	}
}

// sameJSON compares two objects; instants count as equal whatever their digits.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	read := func(s string) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, m["createdAt"].(string))
		if err != nil {
			t.Fatal(err)
		}
		m["createdAt"] = at.UTC().String()
		return fmt.Sprint(m)
	}
	return read(a) == read(b)
}

func TestHowLongANotificationIsWorthSending(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.people(1)[0]
	until := h.now.Add(42 * time.Second)
	h.notify(
		alerts.Notification{UserID: ben, Type: alerts.OrderFilled, Title: "a", LearntAt: h.now},
		alerts.Notification{UserID: ben, Type: alerts.SubscriptionNew, Title: "b", LearntAt: h.now},
		alerts.Notification{UserID: ben, Type: alerts.CopyTradeAlert, Title: "c", LearntAt: h.now, ValidUntil: &until},
		alerts.Notification{UserID: ben, Type: alerts.OrderFilled, Title: "d"}, // learnt now
	)
	rows, err := h.db.Pool().Query(h.ctx, `
		select n.title || ' ' || extract(epoch from d.cutoff - $1)::int from deliveries d
		join notifications n on n.id = d.notification_id order by 1`, h.now)
	h.must(err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	h.must(err)
	if want := "a 14400, b 86400, c 42, d 14400"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", strings.Join(got, ", "), want)
	}
}
