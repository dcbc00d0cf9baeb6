package delivery_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/webpush"
)

// listener is somebody with a browser.
type listener struct {
	*street
	id      uuid.UUID
	browser webpush.Subscription
}

func (s *street) listener(name string) *listener {
	s.Helper()
	l := &listener{street: s, id: s.user(name), browser: s.browser()}
	_, err := s.post.AddPush(s.ctx, l.id, l.browser, "Firefox")
	s.must(err)
	return l
}

func (l *listener) wants(c alerts.Choices) {
	l.Helper()
	_, err := l.announce.SetPreferences(l.ctx, l.id, l.post.Channels(), c)
	l.must(err)
}

func (l *listener) hears(n alerts.Notification) {
	l.Helper()
	n.UserID, n.LearntAt = l.id, l.clock.now()
	if n.Title == "" {
		n.Title = n.Type
	}
	l.inTx(func(ctx context.Context, tx pgx.Tx) error { return l.announce.Notify(ctx, tx, n) })
}

// pushes writes the pushes of this listener as "delivered", "superseded: why".
func (l *listener) pushes() string {
	l.Helper()
	return scan[string](l.street, `
		select coalesce(string_agg(state || coalesce(': ' || last_error, ''), ', ' order by seq), '')
		from deliveries where user_id = $1 and channel = 'push'`, l.id)
}

func (l *listener) wantPushes(want string) {
	l.Helper()
	if got := l.pushes(); got != want {
		l.Errorf("pushes are %q, want %q", got, want)
	}
}

func (l *listener) wantInbox(n int) {
	l.Helper()
	if got := scan[int](l.street, `select count(*) from notifications where user_id = $1`, l.id); got != n {
		l.Errorf("%d in the inbox, want %d", got, n)
	}
}

func switched(group string, on bool) alerts.Choices {
	return alerts.Choices{Groups: map[string]map[string]bool{group: {"push": on}}}
}

const off = "superseded: switched off in the settings of notifications; it is in the inbox"

func TestWhatIsSwitchedOffStaysInTheInbox(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.listener("ben"), s.listener("cara")
	ben.wants(switched("fills", false))
	for _, l := range []*listener{ben, cara} {
		l.hears(alerts.Notification{Type: alerts.OrderFilled})
		l.hears(alerts.Notification{Type: alerts.CopyTradeExecuted})
	}
	s.drain()
	ben.wantPushes(off + ", delivered")
	ben.wantInbox(2)
	cara.wantPushes("delivered, delivered")
}

func TestASwitchCountsForWhatWaitsAlready(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.listener("ben")
	ben.hears(alerts.Notification{Type: alerts.OrderFilled})
	ben.wants(switched("fills", false))
	s.drain()
	ben.wantPushes(off)

	// On again: from the next one on. What had ended stays ended.
	ben.wants(alerts.Choices{})
	s.drain()
	ben.hears(alerts.Notification{Type: alerts.OrderFilled})
	s.drain()
	ben.wantPushes(off + ", delivered")
}

func TestMoreThanTheDefaultCanBeChosen(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.listener("ben"), s.listener("cara")
	ben.wants(switched("order_trouble", true))
	for _, l := range []*listener{ben, cara} {
		l.hears(alerts.Notification{Type: alerts.OrderRejected})
	}
	s.drain()
	ben.wantPushes("delivered")
	cara.wantPushes("")
	// Taken back before it is sent.
	ben.hears(alerts.Notification{Type: alerts.OrderCancelled})
	ben.wants(alerts.Choices{})
	s.drain()
	ben.wantPushes("delivered, " + off)
}

func TestAMessageToEverybodyTakesTheChosenRoadsToo(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.listener("ben"), s.listener("cara")
	ben.wants(switched("system", true))
	s.inTx(func(ctx context.Context, tx pgx.Tx) error {
		return s.announce.NotifyEach(ctx, tx, alerts.Each{Type: alerts.System, LearntAt: s.clock.now(), Query: `
			select id, 'News', '', '', '', '{}'::jsonb, 'news', null::uuid, null::timestamptz from users`})
	})
	s.drain()
	ben.wantPushes("delivered")
	cara.wantPushes("")
	cara.wantInbox(1)
}

// decision is one about an order of a trader's that this listener copies.
func (l *listener) decision(trader uuid.UUID, side, result string) string {
	l.Helper()
	t := l.holding(trader).trade(side)
	subscription := scan[uuid.UUID](l.street, `
		with known as (select id from subscriptions where follower_id = $1 and trader_id = $2), made as (
			insert into subscriptions (follower_id, trader_id) select $1, $2 where not exists (select from known) returning id)
		select id from known union all select id from made`, l.id, trader)
	return scan[uuid.UUID](l.street, `
		insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity, result, place, place_of, expires_at)
		values ($1, $2, $3, $4, $5, $6, 5, 3.5, 5, $7, 1, 1, now() + interval '1 minute') returning id`,
		subscription, l.id, trader, t.OrderID, side, l.contract().Symbol, result).String()
}

func (s *street) contract() exchange.Contract {
	c, err := exchange.ParseSymbol("AAPL  270115C00200000")
	s.must(err)
	return c
}

// about is a message about a decision; a question says so in its data.
func about(kind alerts.Type, decision string) alerts.Notification {
	n := alerts.Notification{Type: kind, SubjectKey: decision}
	if kind == alerts.CopyTradeAlert || kind == alerts.CopyTradeClose {
		n.Data = map[string]any{"decisionId": decision}
	}
	return n
}

func TestAMutedTradersMessagesStayInTheInbox(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, bea := s.user("ava"), s.user("bea")
	ben := s.listener("ben")
	ben.wants(alerts.Choices{Muted: []string{"ava"}})
	const muted = "superseded: the trader is muted; it is in the inbox"
	for _, c := range []struct {
		kind, side, result string
		want               string
	}{
		{alerts.CopyTradeAlert, "BTO", "awaiting_approval", muted},
		{alerts.CopyTradeExecuted, "BTO", "executed", muted},
		{alerts.CopyTradeFailed, "BTO", "failed", muted},
		{alerts.CopyTradeExecuted, "STC", "executed", muted},
		{alerts.CopyTradeClose, "STC", "awaiting_approval", "delivered"}, // a sell that waits for an answer
		{alerts.CopyTradeFailed, "STC", "failed", "delivered"},           // or that failed
	} {
		s.exec(`delete from delivery_attempts`)
		s.exec(`delete from deliveries`)
		ben.hears(about(c.kind, ben.decision(ava, c.side, c.result)))
		ben.hears(about(c.kind, ben.decision(bea, c.side, c.result)))
		s.drain()
		if got := ben.pushes(); got != c.want+", delivered" {
			t.Errorf("%s of a %s: %q, want %q", c.kind, c.side, got, c.want+", delivered")
		}
	}
}

func TestMutedForTheDayNoQuestionToBuyIsPut(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, ben := s.user("ava"), s.listener("ben")
	ben.hears(about(alerts.CopyTradeAlert, ben.decision(ava, "BTO", "awaiting_approval")))
	s.exec(`update subscriptions set muted_on = $1`, exchange.TradingDay(s.clock.now()))
	ben.hears(about(alerts.CopyTradeClose, ben.decision(ava, "STC", "awaiting_approval")))
	s.drain()
	ben.wantPushes("superseded: the trader is muted for the day; it is in the inbox, delivered")
	// It held for that day only.
	s.exec(`update subscriptions set muted_on = muted_on - 1`)
	ben.hears(about(alerts.CopyTradeAlert, ben.decision(ava, "BTO", "awaiting_approval")))
	s.drain()
	if got := ben.pushes(); !strings.HasSuffix(got, "delivered, delivered") {
		t.Errorf("the day after: %q", got)
	}
}

func TestAQuestionThatWasAnsweredIsNotPut(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, ben := s.user("ava"), s.listener("ben")
	ben.hears(about(alerts.CopyTradeAlert, ben.decision(ava, "BTO", "awaiting_approval")))
	s.exec(`update copy_decisions set result = 'rejected'`)
	s.drain()
	ben.wantPushes("superseded: it was decided before")
}

// quietFor makes the next hours quiet and says when they end.
func (l *listener) quietFor(d time.Duration, urgentThrough bool) time.Time {
	l.Helper()
	l.clock.pass(l.clock.now().Add(time.Minute).Truncate(time.Minute).Sub(l.clock.now())) // to a full minute
	now := l.clock.now()
	l.wants(alerts.Choices{Quiet: &alerts.Quiet{From: now.Format("15:04"), To: now.Add(d).Format("15:04"), TimeZone: "UTC", UrgentThrough: urgentThrough}})
	return now.Add(d)
}

func TestQuietHoursHoldBackUntilTheirEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben, cara := s.listener("ben"), s.listener("cara")
	ends := ben.quietFor(2*time.Hour, true)
	for _, l := range []*listener{ben, cara} {
		l.hears(alerts.Notification{Type: alerts.OrderFilled})
	}
	s.drain()
	ben.wantPushes("pending: held back by quiet hours")
	cara.wantPushes("delivered")
	s.clock.pass(ends.Sub(s.clock.now()) - time.Second)
	s.drain()
	ben.wantPushes("pending: held back by quiet hours")
	s.clock.pass(time.Second)
	s.drain()
	ben.wantPushes("delivered")
}

func TestWhatIsWorthNothingAfterQuietHoursEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.listener("ben")
	ben.quietFor(5*time.Hour, true) // a fill is worth a push for four
	ben.hears(alerts.Notification{Type: alerts.OrderFilled})
	s.drain()
	ben.wantPushes("stale: quiet hours end when it is worth nothing any more; it is in the inbox")
	ben.wantInbox(1)
}

func TestWhatCannotWaitPassesQuietHours(t *testing.T) {
	t.Parallel()
	for _, through := range []bool{true, false} {
		s := open(t)
		ben := s.listener("ben")
		ben.quietFor(2*time.Hour, through)
		ben.hears(alerts.Notification{Type: alerts.CopyTradeFailed})
		ben.hears(alerts.Notification{Type: alerts.BrokerDisconnected})
		_, err := s.announce.SendTest(s.ctx, ben.id, "push") // its owner asked for it
		s.must(err)
		s.drain()
		want := "delivered, delivered, delivered"
		if !through {
			want = "pending: held back by quiet hours, pending: held back by quiet hours, delivered"
		}
		ben.wantPushes(want)
	}
}

func TestAQuestionDoesNotWaitBehindWhatIsHeldBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, ben := s.user("ava"), s.listener("ben")
	position := s.holding(ben.id).position
	ben.quietFor(2*time.Hour, true)
	ben.hears(alerts.Notification{Type: alerts.OrderFilled, PositionID: &position})
	ben.hears(alerts.Notification{Type: alerts.OrderFilled}) // of another lane
	s.drain()
	ben.wantPushes("pending: held back by quiet hours, pending: held back by quiet hours")
	question := about(alerts.CopyTradeClose, ben.decision(ava, "STC", "awaiting_approval"))
	question.PositionID = &position
	ben.hears(question)
	s.drain()
	ben.wantPushes("superseded: held back by quiet hours, and something newer about the position went out; it is in the inbox, " +
		"pending: held back by quiet hours, delivered")
}

func TestChangedQuietHoursJudgeWhatTheyHoldBackAnew(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.listener("ben")
	ben.quietFor(2*time.Hour, true)
	ben.hears(alerts.Notification{Type: alerts.OrderFilled})
	s.drain()
	ben.quietFor(3*time.Hour, true)
	s.drain()
	ben.wantPushes("pending: held back by quiet hours")
	ben.wants(alerts.Choices{})
	s.drain()
	ben.wantPushes("delivered")
}

func TestATestNeedsSomewhereToGo(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.listener("ben")
	ben.wants(switched("system", false))
	if _, err := s.announce.SendTest(s.ctx, s.user("cara"), "push"); err == nil {
		t.Error("a test to nowhere was sent")
	}
	_, err := s.announce.SendTest(s.ctx, ben.id, "push")
	s.must(err)
	s.drain()
	if got := s.shown(ben.browser); len(got) != 1 || !strings.HasPrefix(got[0], "This is a test") {
		t.Errorf("the browser shows %q", got)
	}
}

func TestTheDocsHaveEveryReason(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range delivery.ReadersReasons() {
		if !strings.Contains(string(body), reason) {
			t.Errorf("docs/messages.md does not have %q", reason)
		}
	}
}
