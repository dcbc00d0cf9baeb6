package delivery_test

import (
	"slices"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
)

func TestARateLimitWaitsExactlyAndCostsNoAttempt(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.control("POST", "discord/limits", map[string]int{"perWebhook": 1, "webhookWindowMs": 2300}, nil)
	ava := s.user("ava")
	s.holding(ava).trade("BTO").fills(5)
	s.holding(ava).trade("BTO").fills(5)
	// The first answer says that nothing is left: other processes know it too.
	s.drainOne(s.post)
	s.drainOne(s.newPost())
	s.wantReceived("discord", "POST 200")
	s.exec(`update destinations set paused_until = null`) // of an answer that does not say so
	s.drainOne(s.newPost())
	s.wantReceived("discord", "POST 200", "POST 429")

	s.clock.pass(2299 * time.Millisecond)
	s.drainOne(s.newPost())
	s.wantReceived("discord", "POST 200", "POST 429")
	s.clock.pass(time.Millisecond)
	s.drainOne(s.newPost())
	if got := s.titles(hook); got != "🟢 BTO Alert, 🟢 BTO Alert" {
		t.Errorf("the channel shows %q", got)
	}
	if second := s.rows("discord")[1]; second.Attempt != 0 || second.Claims != 2 || second.State != "delivered" {
		t.Errorf("the second message: %+v", second)
	}
}

// drainOne lets one process send at most one message to each destination.
func (s *street) drainOne(p *delivery.Post) {
	s.Helper()
	s.must(p.Step(s.ctx))
}

func TestAFailingServerIsAskedAgainWithLongerWaits(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.fault("discord", "POST", "error", 4, 503)
	s.holding(s.user("ava")).trade("BTO").fills(5)
	s.drain()
	for i, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		s.clock.pass(wait - time.Millisecond)
		s.drain()
		if got := len(s.received("discord")); got != i+1 {
			t.Fatalf("%d calls before the wait of %v is over, want %d", got, wait, i+1)
		}
		s.clock.pass(time.Millisecond)
		s.drain()
	}
	if got := s.titles(hook); got != "🟢 BTO Alert" {
		t.Errorf("the channel shows %q", got)
	}
	if r := s.rows("discord")[0]; r.State != "delivered" || r.Attempt != 4 || r.PossibleDuplicate {
		t.Errorf("%+v", r)
	}
}

// A channel that fails all the time is not all of Discord: the others are told without
// a pause, however often it fails between them.
func TestOneFailingWebhookStopsNobodyElse(t *testing.T) {
	t.Parallel()
	s := open(t)
	hooks := map[string]string{}
	traders := map[string]*holding{}
	for _, name := range []string{"failing", "fine"} {
		link, hook := s.hook()
		user := s.user(name)
		_, err := s.post.SetDiscord(s.ctx, user, link)
		s.must(err)
		hooks[name], traders[name] = hook, s.holding(user)
	}
	s.control("POST", "discord/limits", map[string]int{"perWebhook": 0, "perChannel": 0}, nil)
	s.fault("discord", hooks["failing"], "error", 0, 503)
	const rounds = 25 // more failures than make a party count as down
	for range rounds {
		s.holding(traders["failing"].user).trade("STC").fills(5)
		s.drain()
		traders["fine"].trade("STC").fills(5)
		s.drain()
	}
	if got := len(s.messages(hooks["fine"])); got != rounds {
		t.Errorf("%d of %d were told", got, rounds)
	}
}

func TestALostAnswerIsOneMarkedRepeat(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.fault("discord", "POST", "accept_then_drop", 1, 0)
	entry := s.holding(s.user("ava")).trade("BTO").fills(2)
	s.drain()
	entry.fills(5) // the id of the message is not known: this waits for the repeat
	s.drain()
	s.clock.pass(time.Second)
	s.drain()
	messages := s.messages(hook)
	if len(messages) != 2 || messages[1].field("Contracts") != "5" {
		t.Fatalf("the channel shows %+v", messages)
	}
	if messages[0].Embeds[0].Footer.Text != messages[1].Embeds[0].Footer.Text {
		t.Error("people cannot see that it is a repeat")
	}
	if r := s.rows("discord")[0]; r.State != "delivered" || !r.PossibleDuplicate {
		t.Errorf("%+v", r)
	}
}

func TestAnswersLostTwiceAreNeverAThirdMessage(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.fault("discord", "POST", "accept_then_drop", 5, 0)
	entry := s.holding(s.user("ava")).trade("BTO").fills(2)
	for range 6 {
		s.drain()
		s.clock.pass(5 * time.Second)
	}
	entry.fills(5)
	s.drain()
	if got := len(s.messages(hook)); got != 2 {
		t.Errorf("%d messages", got)
	}
	s.wantStates("discord", "create dead")
}

// ends writes down that nothing more will fill of the trade's order.
func (t *trade) ends() {
	t.Helper()
	t.exec(`update orders set state = 'cancelled' where id = $1`, t.OrderID)
}

// lostTwice is an entry that filled in part and of which Discord lost both answers.
func (s *street) lostTwice() *trade {
	s.Helper()
	s.fault("discord", "POST", "accept_then_drop", 2, 0)
	entry := s.holding(s.user("ava")).trade("BTO").fills(2)
	for range 3 {
		s.drain()
		s.clock.pass(5 * time.Second)
	}
	s.wantStates("discord", "create dead")
	return entry
}

func (s *street) wantContracts(hook string, want ...string) {
	s.Helper()
	got := []string{}
	for _, m := range s.messages(hook) {
		got = append(got, m.field("Contracts"))
	}
	if !slices.Equal(got, want) {
		s.Errorf("the messages say %q, want %q", got, want)
	}
}

// Nobody knows which message to change: what filled later is one new message, once no
// more can fill. That one can be changed.
func TestAfterTwoLostAnswersTheRestIsToldAtTheOrdersEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.lostTwice()
	entry.fills(3)
	entry.fills(4)
	s.clock.pass(time.Hour)
	s.drain()
	s.wantContracts(hook, "2 / 5", "2 / 5")
	entry.ends() // without another fill
	for range 3 {
		s.drain()
		s.clock.pass(time.Second)
	}
	s.wantContracts(hook, "2 / 5", "2 / 5", "4 / 5")
	s.wantStates("discord", "create dead, update delivered")
	if r := s.rows("discord")[1]; !r.PossibleDuplicate {
		t.Errorf("it is not marked: %+v", r)
	}
	entry.fills(5) // reported late
	s.drain()
	s.wantContracts(hook, "2 / 5", "2 / 5", "5")
}

func TestWhatTheLostMessagesToldIsNotToldAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.lostTwice()
	entry.ends()
	s.drain()
	s.wantContracts(hook, "2 / 5", "2 / 5")
	s.wantStates("discord", "create dead")
}

// The repeat may also fail without an answer being lost.
func TestALastWordFollowsARepeatThatCameTooLate(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.fault("discord", "POST", "accept_then_drop", 1, 0)
	entry := s.holding(s.user("ava")).trade("BTO").fills(2)
	s.drain()
	s.fault("discord", "POST", "error", 0, 503)
	entry.fills(3)
	for range 30 {
		s.clock.pass(5 * time.Second)
		s.drain()
	}
	s.wantStates("discord", "create stale")
	s.control("DELETE", "faults", nil, nil)
	s.clock.pass(time.Minute)
	entry.ends()
	s.drain()
	s.wantContracts(hook, "2 / 5", "3 / 5")
}

func TestALastWordIsNeverRepeated(t *testing.T) {
	t.Parallel()
	for name, dies := range map[string]bool{"its answer is lost": false, "its process dies": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			hook := s.platform()
			entry := s.lostTwice()
			entry.fills(5)
			entry.ends()
			s.must(s.post.Sweep(s.ctx))
			if dies {
				_, err := s.newPost().SendWithoutMark(s.ctx)
				s.must(err)
			} else {
				s.fault("discord", "POST", "accept_then_drop", 1, 0)
			}
			for range 4 {
				s.drain()
				s.clock.pass(delivery.ClaimFor + time.Second)
			}
			s.wantContracts(hook, "2 / 5", "2 / 5", "5")
			s.wantStates("discord", "create dead, update dead")
		})
	}
}

func TestAClosedPositionsEntryHasNoLastWord(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"closed before": false, "closed while it waits": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			hook := s.platform()
			entry := s.lostTwice()
			entry.fills(5)
			entry.ends()
			states := "create dead"
			if late {
				s.must(s.post.Sweep(s.ctx))
				states += ", update superseded"
			}
			s.exec(`update positions set status = 'closed', bought = 1, sold = 1`)
			s.drain()
			s.wantContracts(hook, "2 / 5", "2 / 5")
			s.wantStates("discord", states)
		})
	}
}

// A change says the same again: it is repeated until its answer comes.
func TestAnEditWhoseAnswerWasLostIsRepeated(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava")).trade("BTO").fills(2)
	s.drain()
	s.fault("discord", "PATCH", "accept_then_drop", 3, 0)
	entry.fills(5)
	for range 4 {
		s.drain()
		s.clock.pass(5 * time.Second)
	}
	s.wantReceived("discord", "POST 200", "PATCH 200", "PATCH 200", "PATCH 200", "PATCH 200")
	s.wantContracts(hook, "5")
	s.wantStates("discord", "create delivered, update delivered")
	for _, r := range s.rows("discord") {
		if r.PossibleDuplicate {
			t.Errorf("marked as a duplicate: %+v", r)
		}
	}
}

func TestAProcessThatDiesBetweenSendingAndMarkingCostsOneRepeat(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava")).trade("BTO").fills(5)
	dying := s.newPost()
	if n, err := dying.SendWithoutMark(s.ctx); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	s.drain()
	if got := len(s.messages(hook)); got != 1 {
		t.Fatalf("%d messages while the claim holds", got)
	}
	s.clock.pass(delivery.ClaimFor + time.Millisecond)
	s.drain()
	if got := len(s.messages(hook)); got != 2 {
		t.Errorf("%d messages, want the first and its repeat", got)
	}
	if r := s.rows("discord")[0]; r.State != "delivered" || !r.PossibleDuplicate {
		t.Errorf("%+v", r)
	}
	// The feed was told twice as well, and shows it once: key and time are the alert's.
	if got := len(s.activities("trade", entry.user)); got != 1 {
		t.Errorf("%d activities", got)
	}
}

// A process that is slower than its claim holds still knows that its message arrived.
func TestWhatArrivedAfterItWasGivenUpIsDelivered(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava")).trade("STC").fills(2)
	lapse := func() {
		s.clock.pass(delivery.ClaimFor + time.Millisecond)
		s.must(s.post.Sweep(s.ctx))
	}
	_, err := s.newPost().SendWithoutMark(s.ctx)
	s.must(err)
	lapse()
	s.must(s.newPost().SendLate(s.ctx, func() {
		lapse()
		s.wantStates("discord", "create dead")
	}))
	s.wantStates("discord", "create delivered")
	entry.fills(5)
	s.drain()
	s.wantContracts(hook, "2 / 5", "5")
}

// Whatever the database refused for a moment: a message that has left is not sent again.
func TestAnOutcomeIsWrittenDownOnceTheDatabaseTakesIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.exec(`create sequence tries`)
	s.exec(`create function stumble() returns trigger language plpgsql as $$ begin
		if new.state = 'delivered' and new.channel = 'discord' and nextval('tries') = 1 then
			raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled';
		end if;
		return new; end $$`)
	s.exec(`create trigger stumble before update on deliveries for each row execute function stumble()`)
	s.holding(s.user("ava")).trade("BTO").fills(5)
	s.drain()
	s.wantStates("discord", "create delivered")
	s.clock.pass(delivery.ClaimFor + time.Second)
	s.drain()
	s.wantContracts(hook, "5")
}

// Discord limits edits of old messages. That is no reason to keep news from the channel.
func TestALimitOfEditsHoldsUpNoNews(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	ava := s.user("ava")
	entry := s.holding(ava).trade("BTO").fills(2)
	s.drain()
	s.clock.pass(2 * time.Hour)
	s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": "old_edits"}, nil)
	entry.fills(3)
	s.drain()
	s.holding(ava).trade("BTO").fills(5)
	entry.fills(4)
	s.drain()
	s.wantReceived("discord", "POST 200", "PATCH 429", "POST 200")
	s.wantContracts(hook, "2 / 5", "5")
	s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": ""}, nil)
	s.clock.pass(3*time.Minute - time.Second)
	s.drain()
	s.wantContracts(hook, "2 / 5", "5")
	s.clock.pass(time.Second)
	s.drain()
	s.wantContracts(hook, "4 / 5", "5")
}

func TestDyingTwiceIsNeverAThirdMessage(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.holding(s.user("ava")).trade("STC").fills(5)
	for range 4 {
		_, err := s.newPost().SendWithoutMark(s.ctx)
		s.must(err)
		s.clock.pass(delivery.ClaimFor + time.Millisecond)
		s.must(s.post.Sweep(s.ctx))
	}
	s.drain()
	if got := len(s.messages(hook)); got != 2 {
		t.Errorf("%d messages", got)
	}
	s.wantStates("discord", "create dead")
}

func TestADeadWebhookIsCalledOnceAndItsOwnerTold(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	link, id := s.hook()
	_, err := s.post.SetDiscord(s.ctx, ava, link)
	s.must(err)
	s.control("POST", "discord/webhooks/"+id, map[string]string{"state": "deleted"}, nil)
	h := s.holding(ava)
	h.trade("BTO").fills(5)
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	h.trade("STC").fills(5)
	s.clock.pass(time.Minute)
	s.drain()
	s.wantReceived("discord", "GET 200", "POST 404") // the GET is the check on saving
	s.wantStates("discord", "create dead, create dead")
	if n := scan[int](s, `select count(*) from notifications where user_id = $1 and type = 'system'`, ava); n != 1 {
		t.Errorf("the owner was told %d times", n)
	}
	if w, err := s.post.DiscordOf(s.ctx, ava); err != nil || w.DisabledAt == nil || w.DisabledReason == nil {
		t.Errorf("%+v, %v", w, err)
	}
}

// While it was dead nothing was told to it. Set up again, its messages say what is true.
func TestAReconnectedWebhookCatchesUp(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	link, hook := s.hook()
	_, err := s.post.SetDiscord(s.ctx, ava, link)
	s.must(err)
	entry := s.holding(ava).trade("BTO").fills(2)
	s.drain()
	s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": "deleted"}, nil)
	entry.fills(3)
	s.drain()
	entry.fills(4)
	s.drain()
	s.wantStates("discord", "create delivered, update dead")
	s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": ""}, nil)
	for range 2 { // the second time there is nothing to catch up on
		_, err = s.post.SetDiscord(s.ctx, ava, link)
		s.must(err)
		s.drain()
	}
	s.wantContracts(hook, "4 / 5")
	s.wantStates("discord", "create delivered, update dead, update delivered")
}

func TestANewsTooOldIsNotTold(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	s.fault("discord", "POST", "error", 0, 503)
	entry := s.holding(s.user("ava")).trade("BTO").fills(5)
	for range 130 {
		s.clock.pass(time.Second)
		s.drain()
	}
	s.wantStates("discord", "create stale")
	calls := len(s.received("discord"))
	s.control("DELETE", "faults", nil, nil)
	entry.trade("STC").fills(5)
	s.drain()
	if got := s.received("discord")[calls:]; len(got) != 1 {
		t.Errorf("after the cut-off: %q, want the exit alone", got)
	}
	if n := scan[int](s, `select count(*) from notifications where type = 'order_filled'`); n != 2 {
		t.Errorf("%d notifications: a stale alert must stay in the inbox", n)
	}
}

func TestNothingIsSentAfterItsCutoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		side     string
		executed time.Duration // before we learnt of it
		waits    time.Duration
		told     bool
	}{
		{"BTO", 0, 120*time.Second - time.Millisecond, true},
		{"BTO", 0, 120 * time.Second, false},
		{"BTO", 15 * time.Minute, 0, false},
		{"STC", 15 * time.Minute, 0, true},
		{"STC", 0, 15 * time.Minute, false},
		{"STC", 2 * time.Hour, 0, false},
	} {
		t.Run(c.side+" "+c.executed.String()+" "+c.waits.String(), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			hook := s.platform()
			news := s.holding(s.user("ava")).trade(c.side)
			executed := s.clock.now().Add(-c.executed)
			news.LearntAt, news.ExecutedAt = s.clock.now(), &executed
			news.fills(5)
			s.clock.pass(c.waits) // nobody was there to send it
			s.drain()
			if told := len(s.messages(hook)) == 1; told != c.told {
				t.Errorf("told: %t, want %t", told, c.told)
			}
			if want := map[bool]string{true: "create delivered", false: "create stale"}[c.told]; s.states("discord") != want {
				t.Errorf("%q, want %q", s.states("discord"), want)
			}
		})
	}
}

func TestALateMessageSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	news := s.holding(s.user("ava")).trade("STC")
	executed := s.clock.now().Add(-10 * time.Minute)
	news.LearntAt, news.ExecutedAt = s.clock.now(), &executed
	news.fills(2)
	s.drain()
	s.clock.pass(time.Hour)
	news.fills(5) // the edit says how late the message was, not the edit
	s.drain()
	m := s.messages(hook)[0]
	if got := m.Embeds[0].Footer.Text; got != "Alertsify • Trade ID: "+news.alert().String()[:8]+" • 10 min late" {
		t.Errorf("footer %q", got)
	}
	if m.field("Contracts") != "5" {
		t.Errorf("contracts %q", m.field("Contracts"))
	}
}

func TestAMessageThatSaysItAlreadyIsNotEdited(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.fault("discord", "POST", "error", 1, 503)
	entry := s.holding(s.user("ava")).trade("BTO").fills(1)
	dead := s.newPost()
	_, err := dead.ClaimOnly(s.ctx) // on its way when the next contract fills
	s.must(err)
	entry.fills(5)
	s.wantStates("discord", "create sending, update pending")
	s.clock.pass(delivery.ClaimFor + time.Millisecond)
	s.drain() // taken back; Discord fails once
	s.clock.pass(4 * time.Second)
	s.drain()
	if got := s.messages(hook); len(got) != 1 || got[0].field("Contracts") != "5" {
		t.Errorf("the channel shows %+v", got)
	}
	s.wantReceived("discord", "POST 503", "POST 200")
	s.wantStates("discord", "create delivered, update superseded")
}

func TestAnEntryWhosePositionIsClosedIsNotTold(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	h := s.holding(s.user("ava"))
	s.fault("discord", "POST", "error", 1, 503)
	h.trade("BTO").fills(5)
	s.drain()
	s.exec(`update positions set status = 'closed' where id = $1`, h.position)
	h.trade("STC").fills(5)
	s.drain()
	if got := s.titles(hook); got != "🔴 STC Alert" {
		t.Errorf("the channel shows %q", got)
	}
	s.wantStates("discord", "create superseded, create delivered")
}

func TestADeletedMessageIsNotPostedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava")).trade("BTO").fills(1)
	s.drain()
	s.remove(hook, s.messages(hook)[0].ID)
	entry.fills(2)
	s.drain()
	entry.fills(5)
	s.drain()
	if got := len(s.messages(hook)); got != 0 {
		t.Errorf("%d messages", got)
	}
	s.wantStates("discord", "create delivered, update superseded")
}

func TestABrowserThatIsGoneIsNotCalledAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	browser := s.browser()
	_, err := s.post.AddPush(s.ctx, ava, browser, "Firefox on Linux")
	s.must(err)
	s.refuse(browser, "410")
	h := s.holding(ava)
	h.trade("BTO").fills(5)
	s.drain()
	h.trade("STC").fills(5)
	s.drain()
	s.wantReceived("push", "POST 410")
	browsers, err := s.post.Browsers(s.ctx, ava)
	if err != nil || len(browsers) != 1 || browsers[0].DisabledAt == nil {
		t.Errorf("%+v, %v", browsers, err)
	}
	// The page sends its subscription again: the same row works again.
	s.refuse(browser, "")
	_, err = s.post.AddPush(s.ctx, ava, browser, "Firefox on Linux")
	s.must(err)
	h.trade("STC").fills(5)
	s.drain()
	if got := s.shown(browser); len(got) != 1 {
		t.Errorf("the browser shows %q", got)
	}
}

func TestOurWrongPushKeyDeletesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	browser := s.browser()
	_, err := s.post.AddPush(s.ctx, ava, browser, "Chrome")
	s.must(err)
	s.refuse(browser, "401")
	s.holding(ava).trade("BTO").fills(5)
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	s.wantReceived("push", "POST 401") // the host is stopped for all
	s.wantStates("push", "create pending, create pending")
	if n := scan[int](s, `select count(*) from notifications where type = 'system'`); n != 0 {
		t.Error("the user was told of our own mistake")
	}
	s.refuse(browser, "")
	s.clock.pass(time.Minute)
	s.drain()
	if got := s.shown(browser); len(got) != 2 {
		t.Errorf("the browser shows %q", got)
	}
}
