package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
)

// limited is a street whose posts keep to a limit of a channel.
func limited(t *testing.T, channel string, l delivery.Limit) *street {
	t.Helper()
	s := open(t)
	s.post = s.postWith(func(o *delivery.Options) { o.Limits = map[string]delivery.Limit{channel: l} })
	return s
}

// entries are so many first fills, each in a position of its own.
func (s *street) entries(n int) []*trade {
	s.Helper()
	ava := s.user("ava")
	all := make([]*trade, n)
	for i := range all {
		all[i] = s.holding(ava).trade("BTO").fills(2)
	}
	return all
}

// embeds counts those of each message, in the order in which they were posted.
func (s *street) embeds(hook string) (counts []int) {
	s.Helper()
	for _, m := range s.messages(hook) {
		counts = append(counts, len(m.Embeds))
	}
	return counts
}

func (s *street) wantEmbeds(hook, want string) {
	s.Helper()
	if got := fmt.Sprint(s.embeds(hook)); got != want {
		s.Errorf("the messages have %s embeds, want %s", got, want)
	}
}

// place is where a delivery says its words stand.
type place struct {
	Message string
	Slot    int
	Footer  string
}

// wantPlaces finds each delivered alert in the message and the embed that its row names.
func (s *street) wantPlaces(hook string) {
	s.Helper()
	rows, err := s.db.Pool().Query(s.ctx, `
		select message_id, slot, 'Trade ID: ' || left(alert_id::text, 8) from deliveries
		where channel = 'discord' and op = 'create' and state = 'delivered' order by seq`)
	s.must(err)
	defer rows.Close()
	messages := map[string]message{}
	for _, m := range s.messages(hook) {
		messages[m.ID] = m
	}
	seen := map[string]bool{}
	for rows.Next() {
		var p place
		s.must(rows.Scan(&p.Message, &p.Slot, &p.Footer))
		m := messages[p.Message]
		if p.Slot >= len(m.Embeds) || !strings.Contains(m.Embeds[p.Slot].Footer.Text, p.Footer) || seen[p.Footer] {
			s.Errorf("%+v is not there, or twice", p)
		}
		seen[p.Footer] = true
	}
	s.must(rows.Err())
}

func TestSixtyAlertsAtOnceArriveInFewMessages(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.post = s.postWith(func(o *delivery.Options) { o.Limits = nil }) // the product's
	hook := s.platform()
	s.entries(60)
	began := s.clock.now()
	for s.clock.now().Before(began.Add(2 * time.Minute)) {
		s.drain()
		s.clock.pass(time.Second)
	}
	messages := s.messages(hook)
	if len(messages) > 10 {
		t.Errorf("%d messages", len(messages))
	}
	told := 0
	for i, m := range messages {
		told += len(m.Embeds)
		if i >= 5 && m.CreatedAt.Sub(messages[i-5].CreatedAt) < time.Minute {
			t.Errorf("message %d came %s after the fifth before it", i, m.CreatedAt.Sub(messages[i-5].CreatedAt))
		}
	}
	if n := scan[int](s, `select count(*) from deliveries where channel = 'discord' and state = 'delivered'`); n != 60 || told != 60 {
		t.Errorf("%d delivered, %d embeds, want 60", n, told)
	}
	s.wantPlaces(hook)
	// Whoever came while there was room did not wait for the next minute.
	if n := scan[int](s, `select count(*) from deliveries where channel = 'discord' and accepted_at < created_at + interval '30 seconds'`); n != 50 {
		t.Errorf("%d arrived at once, want fifty in five messages", n)
	}
}

func TestOneProcessCountsWhatAnotherSent(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 2, Per: time.Minute, Together: 10})
	other := s.postWith(func(o *delivery.Options) {
		o.Limits = map[string]delivery.Limit{delivery.ChannelDiscord: {Messages: 2, Per: time.Minute, Together: 10}}
	})
	hook := s.platform()
	ava := s.user("ava")
	for _, p := range []*delivery.Post{s.post, other} {
		s.holding(ava).trade("BTO").fills(5)
		s.must(p.Drain(s.ctx))
		s.clock.pass(10 * time.Second)
	}
	for range 3 {
		s.holding(ava).trade("BTO").fills(5)
		s.drain()
		s.must(other.Drain(s.ctx))
	}
	s.wantEmbeds(hook, "[1 1]")
	s.clock.pass(40*time.Second - time.Millisecond)
	s.drain()
	s.wantEmbeds(hook, "[1 1]")
	s.clock.pass(time.Millisecond) // the first is a minute old
	s.must(other.Drain(s.ctx))
	s.drain()
	s.wantEmbeds(hook, "[1 1 3]")
	s.wantPlaces(hook)
}

func TestAnEditTellsAllOfASharedMessage(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 1, Per: time.Minute, Together: 10})
	hook := s.platform()
	all := s.entries(3)
	s.drain()
	s.wantEmbeds(hook, "[3]")
	all[0].fills(3)
	all[2].fills(5)
	s.drain() // an edit is no message: it does not wait for the minute
	s.wantReceived("discord", "POST 200", "PATCH 200")
	s.wantPlaces(hook)
	var said []string
	for _, e := range s.messages(hook)[0].Embeds {
		said = append(said, message{Embeds: []embed{e}}.field("Contracts"))
	}
	if got := strings.Join(said, ", "); got != "3 / 5, 2 / 5, 5" {
		t.Errorf("the message says %q", got)
	}
	s.wantStates("discord", "create delivered, create delivered, create delivered, update delivered, update superseded")
	all[0].fills(4) // what the one edit said of another is known: only what is new is told
	s.drain()
	s.wantReceived("discord", "POST 200", "PATCH 200", "PATCH 200")
}

func TestALaneIsNotSharedWithItself(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 1, Per: time.Minute, Together: 10})
	hook := s.platform()
	ava := s.user("ava")
	h := s.holding(ava)
	h.trade("BTO").fills(5)
	h.trade("STC").fills(5) // comes after its entry, in a message of its own
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	s.wantEmbeds(hook, "[2]")
	s.clock.pass(time.Minute)
	s.drain()
	s.wantEmbeds(hook, "[2 1]")
	if got := s.messages(hook)[1].Embeds[0].Title; got != "🔴 STC Alert" {
		t.Errorf("the second message is %q", got)
	}
}

func TestALostAnswerOfASharedMessageIsOneMarkedRepeat(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 2, Per: time.Minute, Together: 10})
	hook := s.platform()
	s.fault("discord", "POST", "accept_then_drop", 1, 0)
	s.entries(3)
	s.drain() // two of them; whether they arrived nobody knows; then the third
	s.clock.pass(time.Second)
	s.drain() // their place is taken: no more this minute
	s.wantEmbeds(hook, "[2 1]")
	s.clock.pass(time.Minute)
	s.drain()
	s.wantEmbeds(hook, "[2 1 1 1]") // now there is room for each
	s.wantPlaces(hook)
	for i, r := range s.rows("discord") {
		if r.State != "delivered" || r.PossibleDuplicate != (i < 2) {
			t.Errorf("%d: %+v", i, r)
		}
	}
}

func TestASharedMessageThatIsLostTwiceIsNeverAThird(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 1, Per: time.Second, Together: 10})
	hook := s.platform()
	s.fault("discord", "POST", "accept_then_drop", 5, 0)
	s.entries(3)
	for range 6 {
		s.drain()
		s.clock.pass(5 * time.Second)
	}
	s.wantEmbeds(hook, "[3 3]")
	s.wantStates("discord", "create dead, create dead, create dead")
}

func TestAProcessThatDiesWithASharedMessageCostsOneRepeatOfAll(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 1, Per: time.Minute, Together: 10})
	hook := s.platform()
	s.entries(4)
	_, err := s.post.SendWithoutMark(s.ctx)
	s.must(err)
	s.clock.pass(delivery.ClaimFor + time.Millisecond)
	s.drain() // its message counts although nobody wrote down that it went
	s.wantEmbeds(hook, "[4]")
	s.clock.pass(time.Minute - delivery.ClaimFor)
	s.drain()
	s.wantEmbeds(hook, "[4 4]")
	for i, r := range s.rows("discord") {
		if r.State != "delivered" || !r.PossibleDuplicate || r.Claims != 2 {
			t.Errorf("%d: %+v", i, r)
		}
	}
}

// A filter that refuses one trader's name must not silence the others in the message.
func TestARefusedSharedMessageGoesAgainInHalves(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 2, Per: time.Minute, Together: 10})
	hook := s.platform()
	s.fault("discord", "POST", "error", 2, 400) // the first two together, then the first alone
	s.entries(4)
	s.drain()
	s.wantReceived("discord", "POST 400", "POST 400", "POST 200", "POST 200")
	s.wantStates("discord", "create dead, create delivered, create delivered, create delivered")
	s.wantEmbeds(hook, "[1 2]")
	s.wantPlaces(hook)
}

func TestASharedMessageForADeadWebhookIsOneCall(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 1, Per: time.Minute, Together: 10})
	ava := s.user("ava")
	link, id := s.hook()
	_, err := s.post.SetDiscord(s.ctx, ava, link)
	s.must(err)
	s.control("POST", "discord/webhooks/"+id, map[string]string{"state": "revoked"}, nil)
	for range 4 {
		s.holding(ava).trade("BTO").fills(5)
	}
	s.drain()
	s.clock.pass(time.Minute)
	s.drain()
	s.wantReceived("discord", "GET 200", "POST 401") // the GET is the check on saving
	s.wantStates("discord", "create dead, create dead, create dead, create dead")
	if n := scan[int](s, `select count(*) from notifications where user_id = $1 and type = 'system'`, ava); n != 1 {
		t.Errorf("the owner was told %d times", n)
	}
}

func TestAFailureTakesNoPlaceWithinTheLimit(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 1, Per: time.Minute, Together: 10})
	hook := s.platform()
	s.fault("discord", "POST", "error", 1, 503)
	s.entries(1)
	s.drain()
	s.clock.pass(time.Second)
	s.drain()
	s.wantEmbeds(hook, "[1]")
}

func TestADeletedSharedMessageIsForgottenByAll(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelDiscord, delivery.Limit{Messages: 1, Per: time.Minute, Together: 10})
	hook := s.platform()
	all := s.entries(2)
	s.drain()
	s.remove(hook, s.messages(hook)[0].ID)
	all[0].fills(5)
	s.drain()
	all[1].fills(5)
	s.drain()
	s.wantEmbeds(hook, "[]")
	s.wantStates("discord", "create delivered, create delivered, update superseded")
}

func TestPushesBeyondTheLimitAreOne(t *testing.T) {
	t.Parallel()
	s := limited(t, delivery.ChannelPush, delivery.Limit{Messages: 2, Per: time.Minute, Together: 50})
	ava := s.user("ava")
	browser := s.browser()
	_, err := s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	for range 7 {
		s.holding(ava).trade("BTO").fills(5)
	}
	s.drain()
	const one = "AAPL 200C 1/15/27 filled"
	shown := s.shown(browser)
	if len(shown) != 2 || !strings.HasPrefix(shown[0], one) || !strings.HasPrefix(shown[1], "7 alerts: "+one+" · "+one) {
		t.Errorf("the browser shows %q", shown)
	}
	if n := scan[int](s, `select count(*) from deliveries where channel = 'push' and state = 'delivered'`); n != 8 {
		t.Errorf("%d of 8 delivered", n)
	}
}

func TestARefusalOfAllOfUsStopsEveryProcess(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.control("POST", "discord/mode", map[string]any{"mode": "global_429", "count": 1}, nil)
	s.entries(1)
	s.drain()
	s.exec(`update destinations set paused_until = null`) // not this one alone has to wait
	s.exec(`update deliveries set not_before = created_at`)
	other := s.newPost()
	s.must(other.Drain(s.ctx))
	s.clock.pass(299 * time.Millisecond)
	s.must(other.Drain(s.ctx))
	s.wantReceived("discord", "POST 429")
	s.clock.pass(time.Second)
	s.must(other.Drain(s.ctx))
	s.wantEmbeds(hook, "[1]")
}
