package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/telegram"
)

// spoken counts how often a chat is answered, as Redis does.
type spoken struct {
	mu    sync.Mutex
	spent map[string]int
}

func (a *spoken) allow(_ context.Context, key string, perMinute int) (httpio.Decision, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spent == nil {
		a.spent = map[string]int{}
	}
	a.spent[key]++
	return httpio.Decision{Allowed: a.spent[key] <= perMinute}, nil
}

// phone is somebody with Telegram.
type phone struct {
	*street
	chat int64
	name string
}

func (s *street) phone(chat int64, name string) phone { return phone{s, chat, name} }

// does gives our worker an update, as it stands in the inbox.
func (p phone) does(u telegram.Update) {
	p.Helper()
	raw, err := json.Marshal(u)
	p.must(err)
	p.must(p.post.ReceiveTelegram(p.ctx, inbox.Event{Provider: "telegram", ID: uuid.NewString(), Type: u.Kind, Payload: raw}))
}

// writes says something to the bot in the phone's own chat.
func (p phone) writes(text string) {
	p.Helper()
	p.control("POST", "telegram/message", map[string]any{"text": text, "from": p.chat, "username": strings.TrimPrefix(p.name, "@")}, nil)
	command, argument, _ := strings.Cut(strings.TrimPrefix(text, "/"), " ")
	p.does(telegram.Update{Kind: telegram.KindMessage, Chat: p.chat, From: p.chat, Private: true, Name: p.name, Command: command, Code: telegram.CodeHash(argument)})
}

// shows is what stands in the phone's chat.
func (p phone) shows() []string {
	p.Helper()
	var answer struct {
		Data []struct{ Text string }
	}
	p.control("GET", "telegram/messages?chat="+strconv.FormatInt(p.chat, 10), nil, &answer)
	texts := []string{}
	for _, m := range answer.Data {
		texts = append(texts, m.Text)
	}
	return texts
}

func (p phone) last() string {
	p.Helper()
	all := p.shows()
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

func (s *street) chatOf(user uuid.UUID) delivery.Chat {
	s.Helper()
	c, err := s.post.ChatOf(s.ctx, user)
	s.must(err)
	return c
}

// link makes one and gives its code.
func (s *street) link(user uuid.UUID) (code string) {
	s.Helper()
	l, err := s.post.LinkChat(s.ctx, user)
	s.must(err)
	found := regexp.MustCompile(`^https://t\.me/alertsify_sandbox_bot\?start=([A-Za-z0-9_-]{32})$`).FindStringSubmatch(l.URL)
	if found == nil {
		s.Fatalf("the link is %s", l.URL)
	}
	return found[1]
}

func (s *street) confirm(user uuid.UUID) {
	s.Helper()
	pending := s.chatOf(user).Pending
	if pending == nil {
		s.Fatal("nothing waits to be confirmed")
	}
	_, err := s.post.ConfirmChat(s.ctx, user, pending.ID)
	s.must(err)
}

// connected is somebody whose phone gets their alerts.
func (s *street) connected(name string, chat int64) (uuid.UUID, phone) {
	s.Helper()
	user, p := s.user(name), s.phone(chat, "@"+name)
	p.writes("/start " + s.link(user))
	s.confirm(user)
	return user, p
}

func (s *street) inboxOf(user uuid.UUID) string {
	s.Helper()
	return scan[string](s, `select coalesce(string_agg(title || ': ' || body, E'\n' order by created_at, id), '') from notifications where user_id = $1`, user)
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("%v, want the code %s", err, code)
	}
}

func TestAChatIsConnectedByItsOwnersWord(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.user("ava"), s.phone(4001, "@ava_tg")
	code := s.link(ava)
	if c := s.chatOf(ava); c.LinkValidUntil == nil || c.Pending != nil || c.Name != "" {
		t.Errorf("with a link: %+v", c)
	}
	if n := scan[int](s, `select count(*) from telegram_links where position($1 in telegram_links::text) > 0`, code); n != 0 {
		t.Error("the code is stored in the clear")
	}
	phone.writes("/start " + code)
	if got := phone.last(); !strings.Contains(got, "confirm that this is you") {
		t.Errorf("the chat is told %q", got)
	}
	c := s.chatOf(ava)
	if c.Pending == nil || c.Pending.Name != "@ava_tg" || c.Name != "" || c.LinkValidUntil != nil {
		t.Errorf("used: %+v", c)
	}
	s.tell(ava, alerts.BrokerDisconnected, "Before the word")
	s.confirm(ava)
	s.tell(ava, alerts.BrokerDisconnected, "After it")
	s.drain()
	if c := s.chatOf(ava); c.Name != "@ava_tg" || c.Pending != nil || c.LastSuccessAt == nil {
		t.Errorf("connected: %+v", c)
	}
	all := phone.shows()
	if len(all) != 3 || !strings.HasPrefix(all[1], "Connected.") || !strings.HasPrefix(all[2], "⚠️ After it — It has to be") {
		t.Errorf("the chat shows %q", all)
	}
	if n := scan[int](s, `select count(*) from destinations where channel = 'telegram' and (address = '4001' or secret = '4001' or settings::text like '%4001%')`); n != 0 {
		t.Error("the chat's number is stored in the clear")
	}
	s.must(s.post.TestChat(s.ctx, ava))
	s.must(s.post.RemoveChat(s.ctx, ava))
	if got := phone.last(); !strings.HasPrefix(got, "Disconnected.") || s.chatOf(ava).Name != "" {
		t.Errorf("the chat is told %q", got)
	}
	wantCode(t, s.post.TestChat(s.ctx, ava), "not_found")
}

// Whoever gets hold of a link attaches nothing by it: the page names the chat, and asks.
func TestAForwardedLinkAttachesNoStranger(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, eve := s.user("ava"), s.user("eve")
	stranger := s.phone(6666, "@mallory")
	code := s.link(ava)
	stranger.writes("/start " + code)
	pending := s.chatOf(ava).Pending
	if pending == nil || pending.Name != "@mallory" {
		t.Fatalf("ava is asked about %+v", pending)
	}
	s.tell(ava, alerts.BrokerDisconnected, "Not for them")
	s.drain()
	s.wantStates(delivery.ChannelTelegram, "")
	_, err := s.post.ConfirmChat(s.ctx, eve, pending.ID) // somebody else's word
	wantCode(t, err, "link_expired")
	s.must(s.post.DeclineChat(s.ctx, ava))
	_, err = s.post.ConfirmChat(s.ctx, ava, pending.ID)
	wantCode(t, err, "link_expired")
	if n := scan[int](s, `select count(*) from destinations where channel = 'telegram'`); n != 0 {
		t.Errorf("%d chats are connected", n)
	}
}

// A code works for one chat, once, for ten minutes, and until the next is made. Who uses
// it afterwards is told the same as who guesses, and not for ever.
func TestACodeWorksOnceAndForTenMinutes(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	first, second := s.phone(4001, "@ava"), s.phone(4002, "@eve")
	code := s.link(ava)
	first.writes("/start " + code)
	second.writes("/start " + code)
	if c := s.chatOf(ava); c.Pending == nil || c.Pending.Name != "@ava" {
		t.Errorf("a second chat took the place of the first: %+v", c.Pending)
	}
	second.writes("/start guessed")
	second.writes("/start")
	if got := second.shows(); len(got) != 1 || !strings.HasPrefix(got[0], "This link does not work") {
		t.Errorf("who tries again and again is told %q", got)
	}
	first.writes("/start " + code) // pressed twice
	if got := first.shows(); len(got) != 2 || got[0] != got[1] {
		t.Errorf("pressed twice: %q", got)
	}
	s.confirm(ava)
	first.writes("/start " + code)
	if got := first.last(); !strings.HasPrefix(got, "This link does not work") || s.chatOf(ava).Name != "@ava" {
		t.Errorf("used up, it says %q", got)
	}
	replaced := s.link(ava)
	late := s.link(ava)
	third, fourth := s.phone(4003, "@third"), s.phone(4004, "@fourth")
	third.writes("/start " + replaced)
	s.clock.pass(10 * time.Minute)
	fourth.writes("/start " + late)
	for _, p := range []phone{third, fourth} {
		if got := p.last(); !strings.HasPrefix(got, "This link does not work") {
			t.Errorf("%s is told %q", p.name, got)
		}
	}
}

// What the page showed is confirmed, and nothing that has come since.
func TestAConfirmationIsOfTheChatThatWasShown(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	s.phone(4001, "@ava").writes("/start " + s.link(ava))
	shown := s.chatOf(ava).Pending.ID
	s.phone(6666, "@mallory").writes("/start " + s.link(ava))
	_, err := s.post.ConfirmChat(s.ctx, ava, shown)
	wantCode(t, err, "link_expired")
	shown = s.chatOf(ava).Pending.ID
	s.clock.pass(10 * time.Minute)
	_, err = s.post.ConfirmChat(s.ctx, ava, shown)
	wantCode(t, err, "link_expired")
	kept, err := delivery.TrimLinks(s.ctx, s.db, s.clock.now().Add(-time.Second))
	s.must(err)
	gone, err := delivery.TrimLinks(s.ctx, s.db, s.clock.now().Add(time.Second))
	s.must(err)
	if kept != 0 || gone != 1 {
		t.Errorf("%d removed while it was valid, %d afterwards", kept, gone)
	}
}

// Groups and channels are not listened to, nor a private chat in another's name.
func TestOnlyAChatOfOnePersonIsListenedTo(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	ben := s.user("ben")
	code := s.link(ben)
	for _, u := range []telegram.Update{
		{Kind: telegram.KindMessage, Chat: -9, From: 4001, Command: "start", Code: telegram.CodeHash(code)},
		{Kind: telegram.KindMessage, Chat: -9, From: 4001, Command: "stop"},
		{Kind: telegram.KindMembership, Chat: -9, From: 4001, Status: "kicked"},
		{Kind: telegram.KindMessage, Chat: 4001, From: 4001, Private: true}, // a text that is no command
		{Kind: "other", Chat: 4001, Private: true},
		{Kind: telegram.KindMembership, Chat: 4001, From: 4001, Private: true, Status: "member"},
	} {
		phone.does(u)
	}
	if s.chatOf(ben).Pending != nil || s.chatOf(ava).DisabledAt != nil || len(phone.shows()) != 2 {
		t.Errorf("ben %+v, ava %+v, the chat shows %q", s.chatOf(ben), s.chatOf(ava), phone.shows())
	}
	if err := s.post.ReceiveTelegram(s.ctx, inbox.Event{Payload: []byte(`[]`)}); err == nil {
		t.Error("what is no update was worked")
	}
}

// One chat is one user's; whose it was is told, and gets nothing that was on its way.
func TestAChatBelongsToOneUser(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	s.tell(ava, alerts.BrokerDisconnected, "Only for ava")
	ben := s.user("ben")
	phone.writes("/start " + s.link(ben))
	if s.chatOf(ava).Name == "" {
		t.Error("a chat was taken away before anybody confirmed")
	}
	s.confirm(ben)
	s.drain()
	if got := phone.shows(); len(got) != 4 || !strings.HasPrefix(got[3], "Connected to another account") {
		t.Errorf("the chat shows %q", got)
	}
	if s.chatOf(ava).Name != "" || s.chatOf(ben).Name != "@ava" || !strings.Contains(s.inboxOf(ava), "because it was connected to another account") {
		t.Errorf("ava %+v, ben %+v: %s", s.chatOf(ava), s.chatOf(ben), s.inboxOf(ava))
	}
	s.wantStates(delivery.ChannelTelegram, "create superseded")
	// Another chat of the same user ends the one before, with a word to it.
	other := s.phone(4002, "@ben_too")
	other.writes("/start " + s.link(ben))
	s.confirm(ben)
	if got := phone.last(); !strings.HasPrefix(got, "Your alerts go to another chat") || s.chatOf(ben).Name != "@ben_too" {
		t.Errorf("the chat before is told %q", got)
	}
}

// Two people who confirm the same chat at once do not both get it.
func TestAChatIsConfirmedAtOnceByOne(t *testing.T) {
	t.Parallel()
	s := open(t)
	phone := s.phone(4001, "@ava")
	users := []uuid.UUID{s.user("ava"), s.user("ben"), s.user("cara")}
	for _, u := range users {
		phone.writes("/start " + s.link(u))
	}
	var all sync.WaitGroup
	errs := make([]error, len(users))
	for i, u := range users {
		pending := s.chatOf(u).Pending.ID
		all.Go(func() { _, errs[i] = s.post.ConfirmChat(s.ctx, u, pending) })
	}
	all.Wait()
	s.must(errors.Join(errs...))
	if n := scan[int](s, `select count(*) from destinations where channel = 'telegram' and removed_at is null`); n != 1 {
		t.Errorf("%d hold the chat", n)
	}
}

func TestStopAndBlockEndAChatAndOnlyANewLinkBeginsIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(phone)
		why  string
		word bool // the chat is told
	}{
		"stop": {func(p phone) { p.writes("/stop") }, "you sent /stop to our bot", true},
		"blocked": {func(p phone) {
			p.does(telegram.Update{Kind: telegram.KindMembership, Chat: p.chat, From: p.chat, Private: true, Status: "kicked"})
		}, "you blocked our bot", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			ava, phone := s.connected("ava", 4001)
			s.tell(ava, alerts.BrokerDisconnected, "On its way")
			for range 2 { // an update is worked twice
				c.end(phone)
			}
			s.drain()
			s.wantStates(delivery.ChannelTelegram, "create dead")
			phone.does(telegram.Update{Kind: telegram.KindMembership, Chat: 4001, From: 4001, Private: true, Status: "member"})
			state := s.chatOf(ava)
			if state.DisabledAt == nil || *state.DisabledReason != c.why || strings.Count(s.inboxOf(ava), c.why) != 1 {
				t.Errorf("%+v: %s", state, s.inboxOf(ava))
			}
			if told := strings.HasPrefix(phone.last(), "Stopped."); told != c.word {
				t.Errorf("the chat is told %q", phone.last())
			}
			wantCode(t, s.post.TestChat(s.ctx, ava), "invalid_state")
			s.clock.pass(time.Minute) // so many words at once Telegram does not take
			phone.writes("/start " + s.link(ava))
			s.confirm(ava)
			s.tell(ava, alerts.BrokerDisconnected, "Again")
			s.drain()
			if got := phone.last(); !strings.HasPrefix(got, "⚠️ Again") || s.chatOf(ava).DisabledAt != nil {
				t.Errorf("connected anew, it shows %q", got)
			}
		})
	}
}

// The contract's table, as it is seen in the rows.
func TestWhatTelegramAnswersDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode   string
		status int
		words  string
		states string // after the first attempt
		later  string // when all is well again
		shown  int
	}{
		"too many":               {"throttle", 0, "", "create pending", "create delivered", 1},
		"their error":            {"error", 502, "", "create pending", "create delivered", 1},
		"no answer, not done":    {"drop_before", 0, "", "create pending", "create delivered", 1},
		"no answer, done":        {"accept_then_drop", 0, "", "create pending", "create delivered", 2},
		"an answer nobody reads": {"accept_then_garbage", 0, "", "create pending", "create delivered", 2},
		"cannot be parsed":       {"error", 400, "Bad Request: can't parse entities: x", "create delivered", "create delivered", 1},
		"too long":               {"error", 400, "Bad Request: message is too long", "create dead", "create dead", 0},
		"our token is wrong":     {"error", 401, "Unauthorized", "create pending", "create delivered", 1},
		"the address is wrong":   {"error", 404, "Not Found", "create pending", "create delivered", 1},
		"somebody polls":         {"error", 409, "Conflict: terminated", "create pending", "create delivered", 1},
		"blocked":                {"error", 403, "Forbidden: bot was blocked by the user", "create dead", "create dead", 0},
		"no such chat":           {"error", 400, "Bad Request: chat not found", "create dead", "create dead", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			ava, phone := s.connected("ava", 4001)
			before := len(phone.shows())
			s.control("POST", "telegram/settings", map[string]any{"descriptions": map[string]string{strconv.Itoa(c.status): c.words}}, nil)
			s.fault("telegram", "sendMessage", c.mode, 1, c.status)
			s.tell(ava, alerts.BrokerDisconnected, "It happened")
			s.drain()
			s.wantStates(delivery.ChannelTelegram, c.states)
			s.clock.pass(2 * time.Minute)
			s.drain()
			s.wantStates(delivery.ChannelTelegram, c.later)
			if got := phone.shows()[before:]; len(got) != c.shown {
				t.Errorf("the chat shows %q", got)
			}
			doubtful := c.mode == "accept_then_drop" || c.mode == "accept_then_garbage" || c.mode == "drop_before" || c.status == 502
			if got := s.rows(delivery.ChannelTelegram)[0].PossibleDuplicate; got != doubtful {
				t.Errorf("marked as a possible duplicate: %v", got)
			}
			gone := c.status == 403 || strings.Contains(c.words, "not found")
			if dead := s.chatOf(ava).DisabledAt != nil; dead != gone || strings.Contains(s.inboxOf(ava), "does not let our bot write") != gone {
				t.Errorf("given up: %v; %s", dead, s.inboxOf(ava))
			}
		})
	}
}

// Nobody knows twice whether it arrived: there may be two already, and there is no third.
func TestAThirdMessageIsNeverSent(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	s.fault("telegram", "sendMessage", "accept_then_drop", 2, 0)
	s.tell(ava, alerts.BrokerDisconnected, "It happened")
	for range 4 {
		s.drain()
		s.clock.pass(time.Minute)
	}
	s.wantStates(delivery.ChannelTelegram, "create dead")
	if got := phone.shows(); len(got) != 4 { // two of the linking
		t.Errorf("the chat shows %q", got)
	}
}

// A 429 is the whole bot's: nobody is written to, in any process, until it is over.
func TestTheWholeBotPausesForA429(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, _ := s.connected("ava", 4001)
	ben, phone := s.connected("ben", 4002)
	s.control("POST", "telegram/settings", map[string]any{"retryAfter": 30}, nil)
	s.fault("telegram", "sendMessage", "throttle", 1, 0)
	s.tell(ava, alerts.BrokerDisconnected, "For ava")
	s.drain()
	s.post = s.newPost() // another process
	s.tell(ben, alerts.BrokerDisconnected, "For ben")
	s.clock.pass(29 * time.Second)
	s.drain()
	s.wantStates(delivery.ChannelTelegram, "create pending, create pending")
	s.clock.pass(2 * time.Second)
	s.drain()
	s.wantStates(delivery.ChannelTelegram, "create delivered, create delivered")
	if got := phone.last(); !strings.HasPrefix(got, "⚠️ For ben") || s.rows(delivery.ChannelTelegram)[0].Attempt != 0 {
		t.Errorf("ben is told %q", got)
	}
}

// A chat gets a message a second, in all processes together; what comes at once shares one.
func TestWhatComesAtOnceSharesAMessage(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	s.post = s.postWith(func(o *delivery.Options) { o.Limits = delivery.DefaultLimits() })
	for i := range 12 {
		s.tell(ava, alerts.BrokerDisconnected, fmt.Sprintf("Number %d", i+1))
	}
	s.drain()
	if got := phone.last(); !strings.HasPrefix(got, "10 alerts\n\n⚠️ Number 1 — ") || strings.Contains(got, "Number 11") {
		t.Errorf("the chat shows %q", got)
	}
	other := s.postWith(func(o *delivery.Options) { o.Limits = delivery.DefaultLimits() })
	s.must(other.Drain(s.ctx))
	if got := strings.Count(s.states(delivery.ChannelTelegram), "delivered"); got != 10 {
		t.Errorf("%d were sent within a second", got)
	}
	s.clock.pass(time.Second)
	s.must(other.Drain(s.ctx))
	if got := phone.last(); !strings.HasPrefix(got, "2 alerts\n\n⚠️ Number 11") || len(phone.shows()) != 4 {
		t.Errorf("the chat shows %q", got)
	}
}

// A chat rings, so that quiet hours hold it back; a switch counts at once.
func TestAChatIsLeftInPeaceLikeABrowser(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	now := s.clock.now()
	_, err := s.announce.SetPreferences(s.ctx, ava, s.post.Channels(), alerts.Choices{
		Groups: map[string]map[string]bool{"broker": {"telegram": false}},
		Quiet:  &alerts.Quiet{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(time.Hour).Format("15:04"), TimeZone: "UTC"},
	})
	s.must(err)
	s.tell(ava, alerts.BrokerDisconnected, "Switched off")
	s.tell(ava, alerts.SubscriptionNew, "ben copies you")
	s.drain()
	s.wantStates(delivery.ChannelTelegram, "create superseded, create pending")
	s.clock.pass(61 * time.Minute)
	s.drain()
	if got := phone.last(); !strings.HasPrefix(got, "ben copies you") {
		t.Errorf("after the quiet hours the chat shows %q", got)
	}
}

func TestWithoutABotThereIsNoTelegram(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	off := s.postWith(func(o *delivery.Options) { o.Telegram = nil })
	for _, c := range off.Channels() {
		if c == delivery.ChannelTelegram {
			t.Error("the settings offer it")
		}
	}
	_, err := off.ChatOf(s.ctx, ava)
	wantCode(t, err, "unavailable")
	_, err = off.LinkChat(s.ctx, ava)
	wantCode(t, err, "unavailable")
	wantCode(t, off.TestChat(s.ctx, ava), "unavailable")
	s.fault("telegram", "getMe", "error", 1, 502) // Telegram is away
	_, err = s.post.LinkChat(s.ctx, ava)
	wantCode(t, err, "unavailable")
}

// Later fills change what the chat was told, as in Discord: it says what is true, and rings
// once.
func TestLaterFillsChangeTheMessageInTheChat(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	bought := s.holding(ava).trade("BTO").fills(2)
	s.drain()
	if got := phone.last(); got != "🟢 AAPL 200C 1/15/27 filled — Bought 2 of 5 @ $3.50" {
		t.Errorf("at first the chat shows %q", got)
	}
	bought.fills(3)
	s.fault("telegram", "editMessageText", "accept_then_drop", 1, 0) // an edit is just repeated
	s.drain()
	bought.fills(5) // while the edit waits: one is enough
	s.clock.pass(time.Minute)
	s.drain()
	if all := phone.shows(); len(all) != 3 || all[2] != "🟢 AAPL 200C 1/15/27 filled — Bought 5 @ $3.50" {
		t.Errorf("then the chat shows %q", all)
	}
	s.wantStates(delivery.ChannelTelegram, "create delivered, update delivered")
	s.drain()
	note := scan[uuid.UUID](s, `select id from notifications where type = 'order_filled'`)
	_, receipts, err := s.announce.Notification(s.ctx, ava, note)
	s.must(err)
	if len(receipts) != 2 || receipts[1].Op != delivery.Update || receipts[1].PossibleDuplicate {
		t.Errorf("receipts: %+v", receipts)
	}
}

// What waits takes the newest words by itself; several in one message are all told anew; a
// chat that is gone is not changed.
func TestAChangeTellsAllOfItsMessage(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	s.post = s.postWith(func(o *delivery.Options) { o.Limits = delivery.DefaultLimits() })
	first, second := s.holding(ava).trade("BTO").fills(1), s.holding(ava).trade("BTO").fills(1)
	second.fills(2)
	s.drain()
	if got := phone.last(); got != "2 alerts\n\n🟢 AAPL 200C 1/15/27 filled — Bought 1 of 5 @ $3.50\n\n🟢 AAPL 200C 1/15/27 filled — Bought 2 of 5 @ $3.50" {
		t.Errorf("at first the chat shows %q", got)
	}
	first.fills(4)
	s.drain()
	if got := phone.last(); !strings.Contains(got, "Bought 4 of 5") || !strings.Contains(got, "Bought 2 of 5") || len(phone.shows()) != 3 {
		t.Errorf("then the chat shows %q", phone.shows())
	}
	s.wantStates(delivery.ChannelTelegram, "create delivered, create delivered, update delivered")
	phone.writes("/stop")
	first.fills(5)
	s.wantStates(delivery.ChannelTelegram, "create delivered, create delivered, update delivered")
}

// What a chat could not be told while it was stopped, its messages say once it is connected
// anew.
func TestAReconnectedChatCatchesUp(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, phone := s.connected("ava", 4001)
	bought := s.holding(ava).trade("BTO").fills(2)
	s.drain()
	phone.writes("/stop")
	bought.fills(4)
	s.drain()
	for range 2 { // the second time there is nothing to catch up on
		s.clock.pass(time.Minute)
		phone.writes("/start " + s.link(ava))
		s.confirm(ava)
		s.drain()
	}
	shown := 0
	for _, text := range phone.shows() {
		if strings.Contains(text, "Bought 4 of 5") {
			shown++
		}
	}
	if shown != 1 {
		t.Errorf("the chat shows %q", phone.shows())
	}
	s.wantStates(delivery.ChannelTelegram, "create delivered, update delivered")
}
