package alerts_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

func (h *hall) feed(q alerts.FeedQuery) []alerts.FeedItem {
	h.Helper()
	items, _, err := h.announce.Feed(h.ctx, q)
	h.must(err)
	return items
}

func names(items []alerts.FeedItem) string {
	var all []string
	for _, i := range items {
		all = append(all, i.Username+" "+i.Side)
	}
	return strings.Join(all, ", ")
}

func TestFeedsShowWhatIsPublicNewestFirst(t *testing.T) {
	t.Parallel()
	h := open(t)
	ava, ben, cara := h.user("ava"), h.user("ben"), h.user("cara")
	h.tell(h.order(ava, "BTO"))
	h.now = h.now.Add(time.Second)
	h.tell(h.order(ben, "BTO"))
	private := h.order(cara, "BTO")
	private.Public = false
	h.tell(private)
	h.exec(`insert into subscriptions (follower_id, trader_id) values ($1, $2)`, cara, ava)

	for _, c := range []struct {
		q    alerts.FeedQuery
		want string
	}{
		{alerts.FeedQuery{Kind: alerts.GlobalFeed, Viewer: cara}, "ben BTO, ava BTO"},
		{alerts.FeedQuery{Kind: alerts.TimelineFeed, Viewer: cara}, "ava BTO"},
		{alerts.FeedQuery{Kind: alerts.TimelineFeed, Viewer: ben}, ""},
		{alerts.FeedQuery{Kind: alerts.TradeFeed, Viewer: cara, Username: "ben"}, "ben BTO"},
		{alerts.FeedQuery{Kind: alerts.TradeFeed, Viewer: ava, Username: "cara"}, ""},
	} {
		if got := names(h.feed(c.q)); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.q.Kind, c.q.Username, got, c.want)
		}
	}
	h.exec(`update subscriptions set status = 'cancelled'`)
	if got := names(h.feed(alerts.FeedQuery{Kind: alerts.TimelineFeed, Viewer: cara})); got != "" {
		t.Errorf("after unsubscribing: %q", got)
	}
	for _, q := range []alerts.FeedQuery{{Kind: alerts.TradeFeed, Username: "nobody"}, {Kind: "secret"}} {
		if _, _, err := h.announce.Feed(h.ctx, q); !errors.Is(err, fault.NotFound()) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Who is followed stands in the timeline, without being copied; who does not publish
// cannot be followed, and nobody can tell why.
func TestATimelineShowsWhomOneFollows(t *testing.T) {
	t.Parallel()
	h := open(t)
	ava, ben, cara := h.user("ava"), h.user("ben"), h.user("cara")
	h.user("gone")
	h.exec(`update users set role = 'trader' where username = 'ava'`)
	h.exec(`update users set role = 'trader', status = 'suspended' where username = 'gone'`)
	h.tell(h.order(ava, "BTO"))
	timeline := func(of uuid.UUID) string {
		return names(h.feed(alerts.FeedQuery{Kind: alerts.TimelineFeed, Viewer: of}))
	}
	follows := func(of uuid.UUID) bool {
		yes, err := h.announce.Follows(h.ctx, of, "ava")
		h.must(err)
		return yes
	}
	for range 2 { // twice is once
		h.must(h.announce.Follow(h.ctx, cara, "AVA"))
	}
	if got := timeline(cara); got != "ava BTO" || !follows(cara) {
		t.Errorf("cara's timeline: %q", got)
	}
	if got := timeline(ben); got != "" || follows(ben) {
		t.Errorf("ben's timeline: %q", got)
	}
	if n := scan[int](h, `select count(*) from subscriptions`); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
	h.exec(`insert into subscriptions (follower_id, trader_id) values ($1, $2)`, cara, ava)
	if got := timeline(cara); got != "ava BTO" {
		t.Errorf("followed and copied: %q", got)
	}
	h.exec(`update subscriptions set status = 'cancelled'`)
	for range 2 {
		h.must(h.announce.Unfollow(h.ctx, cara, "ava"))
	}
	if got := timeline(cara); got != "" || follows(cara) {
		t.Errorf("after unfollowing: %q", got)
	}
	for _, name := range []string{"ben", "gone", "nobody", "a\x00"} {
		if err := h.announce.Follow(h.ctx, cara, name); !errors.Is(err, fault.NotFound()) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := h.announce.Follow(h.ctx, ava, "ava"); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("oneself: %v", err)
	}
}

func TestAFeedItemShowsTheOrderOnlyToItsOwner(t *testing.T) {
	t.Parallel()
	h := open(t)
	ava, ben := h.user("ava"), h.user("ben")
	exit := h.order(ava, "STC")
	entry, gain, cost := money.MustPrice("3.00"), money.MustAmount("250"), money.MustAmount("1500")
	exit.Entry, exit.Realized, exit.CostRemoved = &entry, &gain, &cost
	h.tell(exit)
	mine := h.feed(alerts.FeedQuery{Kind: alerts.GlobalFeed, Viewer: ava})[0]
	theirs := h.feed(alerts.FeedQuery{Kind: alerts.GlobalFeed, Viewer: ben})[0]
	if mine.OrderID == nil || *mine.OrderID != exit.OrderID || theirs.OrderID != nil {
		t.Errorf("mine %v, theirs %v", mine.OrderID, theirs.OrderID)
	}
	raw, err := json.Marshal(theirs)
	h.must(err)
	for _, want := range []string{
		`"traderId":"` + ava.String(), `"username":"ava"`, `"side":"STC"`, `"quantity":5`, `"filled":5`, `"price":"3.50"`,
		`"entry":"3.00"`, `"exit":"3.50"`, `"realizedPnl":"250.00"`, `"realizedPercent":"16.67"`, `"symbol":"AAPL  270115C00200000"`,
		`"at":"2026-11-20T14:59:59Z"`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in %s", want, raw)
		}
	}
	event := scan[string](h, `select data::text from live_events where kind = 'feed' and user_id is null`)
	if strings.Contains(event, "orderId") || !strings.Contains(event, theirs.ID.String()) {
		t.Errorf("everybody's page gets %s", event)
	}
}

func TestAFeedIsReadPageByPage(t *testing.T) {
	t.Parallel()
	h := open(t)
	ava := h.user("ava")
	for range 5 {
		h.tell(h.order(ava, "BTO"))
	}
	seen, cursor := map[uuid.UUID]bool{}, ""
	for range 3 {
		items, next, err := h.announce.Feed(h.ctx, alerts.FeedQuery{Kind: alerts.GlobalFeed, Viewer: ava, Limit: 2, Cursor: cursor})
		h.must(err)
		for _, i := range items {
			seen[i.ID] = true
		}
		cursor = next
	}
	if len(seen) != 5 || cursor != "" {
		t.Errorf("%d items, then cursor %q", len(seen), cursor)
	}
}

func TestTheOwnersNotificationFollowsTheFills(t *testing.T) {
	t.Parallel()
	h := open(t)
	ava := h.user("ava")
	entry := h.order(ava, "BTO")
	entry.Filled = 2
	h.tell(entry)
	entry.Filled, entry.Revision = 5, 2
	h.tell(entry)
	h.tell(entry) // the same facts again
	items, _, err := h.announce.Notifications(h.ctx, ava, 0, "")
	h.must(err)
	if len(items) != 1 || items[0].Body != "Bought 5 @ $3.50" || items[0].Title != "AAPL 200C 1/15/27 filled" {
		t.Errorf("the inbox shows %+v", items)
	}
	if n := scan[int](h, `select count(*) from live_events where kind = 'notification'`); n != 2 {
		t.Errorf("%d events, want one for each revision", n)
	}
}

func TestReceiptsAreForTheTraderAlone(t *testing.T) {
	t.Parallel()
	h := open(t)
	ava, ben := h.user("ava"), h.user("ben")
	h.exec(`insert into destinations (channel, address, settings) values ('discord', '1', '{"label": "Alertsify"}')`)
	h.tell(h.order(ava, "BTO"))
	alert := scan[uuid.UUID](h, `select id from alerts`)
	h.exec(`
		insert into delivery_attempts (delivery_id, claim, at, outcome, detail, took_ms)
		select id, 1, $1, 'retry', 'status 503', 12 from deliveries`, h.now)
	receipts, err := h.announce.Receipts(h.ctx, ava, alert)
	h.must(err)
	if len(receipts) != 1 {
		t.Fatalf("%d receipts", len(receipts))
	}
	r := receipts[0]
	if r.Channel != "discord" || !r.Platform || r.Label != "Alertsify" || r.State != "pending" || r.ExecutedAt == nil || r.LearntAt == nil {
		t.Errorf("%+v", r)
	}
	if len(r.Attempts) != 1 || r.Attempts[0].Outcome != "retry" || r.Attempts[0].TookMs != 12 || !r.Attempts[0].At.Equal(h.now) {
		t.Errorf("attempts %+v", r.Attempts)
	}
	for _, who := range []struct{ user, alert uuid.UUID }{{ben, alert}, {ava, uuid.New()}} {
		if _, err := h.announce.Receipts(context.Background(), who.user, who.alert); !errors.Is(err, fault.NotFound()) {
			t.Errorf("somebody else's receipts: %v", err)
		}
	}
}
