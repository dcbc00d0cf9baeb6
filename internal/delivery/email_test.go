package delivery_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/sandbox"
)

// reader is somebody with a verified address, which is a mailbox by now.
func (s *street) reader(name, address string) uuid.UUID {
	s.Helper()
	user := scan[uuid.UUID](s, `insert into users (username, name, email, email_verified) values ($1, initcap($1), $2, true) returning id`, name, address)
	s.sync()
	return user
}

func (s *street) sync() {
	s.Helper()
	_, err := s.post.SyncMailboxes(s.ctx, time.Time{})
	s.must(err)
}

// tell leaves a notification that goes by mail.
func (s *street) tell(user uuid.UUID, kind alerts.Type, title string) {
	s.Helper()
	s.inTx(func(ctx context.Context, tx pgx.Tx) error {
		return s.announce.Notify(ctx, tx, alerts.Notification{
			UserID: user, Type: kind, Title: title, Body: "It has to be reconnected.", URL: "/settings/brokers", LearntAt: s.clock.now(),
		})
	})
}

// letter is a mail that Resend took.
type letter struct {
	ID, Key, From, Subject, HTML, Text string
	ReplyTo                            string `json:"reply_to"`
	To                                 []string
	Headers                            map[string]string
	Tags                               []struct{ Name, Value string }
}

func (s *street) letters() []letter {
	s.Helper()
	var answer struct{ Data []letter }
	s.control("GET", "resend/mails", nil, &answer)
	return answer.Data
}

// report gives us what Resend says about a mail.
func (s *street) report(e email.Event) {
	s.Helper()
	raw, err := json.Marshal(e)
	s.must(err)
	s.must(s.post.ReceiveMail(s.ctx, inbox.Event{Provider: "resend", ID: uuid.NewString(), Type: e.Type, Payload: raw}))
}

func (s *street) mailbox(user uuid.UUID) delivery.Mailbox {
	s.Helper()
	m, err := s.post.MailboxOf(s.ctx, user)
	s.must(err)
	return m
}

func TestANotificationGoesByMailWithAWayToSwitchItOff(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	s.tell(ava, alerts.BrokerDisconnected, "Alpaca <b>is</b> disconnected\r\nBcc: all@example.com")
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create delivered")
	got := s.letters()
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	m := got[0]
	id := s.rows(delivery.ChannelEmail)[0].ID.String()
	if m.Key != "delivery/"+id || m.Headers["X-Entity-Ref-ID"] != id || !slices.Equal(m.To, []string{"ava@example.com"}) {
		t.Errorf("key %q, headers %v, to %v", m.Key, m.Headers, m.To)
	}
	if m.Subject != "Alpaca <b>is</b> disconnected Bcc: all@example.com" || strings.Contains(m.HTML, "<b>is</b>") || !strings.Contains(m.HTML, "&lt;b&gt;") {
		t.Errorf("subject %q, html %s", m.Subject, m.HTML)
	}
	link := strings.Trim(m.Headers["List-Unsubscribe"], "<>")
	if m.ReplyTo != "Support <support@"+sandbox.ResendDomain+">" {
		t.Errorf("replies go to %q", m.ReplyTo)
	}
	if m.Headers["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click" || !strings.HasPrefix(link, "https://app.example/u/") || !strings.Contains(m.Text, link) {
		t.Errorf("headers %v, text %s", m.Headers, m.Text)
	}
	if box := s.mailbox(ava); box.State != delivery.MailboxOK || box.LastMail == nil || box.LastMail.State != "accepted" {
		t.Errorf("the mailbox is %+v", box)
	}
}

// A repeat is the same bytes under the same key, whatever its words would be by now:
// Resend takes it for one mail.
func TestAMailWhoseAnswerWasLostIsOneMail(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	s.tell(ava, alerts.PaymentFailed, "A payment failed")
	s.fault("resend", "POST /emails", "accept_then_drop", 1, 0)
	s.drain()
	s.exec(`update notifications set title = 'Something else by now'`)
	s.clock.pass(10 * time.Second)
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create delivered")
	s.wantReceived("resend", "POST 200", "POST 200")
	if got := s.letters(); len(got) != 1 || got[0].Subject != "A payment failed" {
		t.Errorf("mails: %+v", got)
	}
}

func TestWhatResendAnswersDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode   string
		status int
		states string // after the first attempt
		later  string // when all is well again
		wait   time.Duration
	}{
		"too many":                  {"throttle", 0, "create pending", "create delivered", time.Second},
		"one is on its way":         {"error", 409, "create pending", "create delivered", time.Second},
		"their error":               {"error", 500, "create pending", "create delivered", time.Second},
		"no answer, nothing done":   {"drop_before", 0, "create pending", "create delivered", 2 * time.Second},
		"a parameter is wrong":      {"error", 422, "create dead", "create dead", time.Minute},
		"our key is wrong":          {"error", 403, "create pending", "create delivered", 2 * time.Minute},
		"the address is not theirs": {"error", 404, "create pending", "create delivered", 2 * time.Minute},
		"refused by law":            {"error", 451, "create dead", "create dead", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.tell(s.reader("ava", "ava@example.com"), alerts.PaymentFailed, "A payment failed")
			s.fault("resend", "POST /emails", c.mode, 1, c.status)
			s.drain()
			s.wantStates(delivery.ChannelEmail, c.states)
			s.clock.pass(c.wait)
			s.drain()
			s.wantStates(delivery.ChannelEmail, c.later)
			want := 1
			if c.later == "create dead" {
				want = 0
			}
			if got := s.letters(); len(got) != want {
				t.Errorf("%d mails, want %d", len(got), want)
			}
		})
	}
}

// A used-up quota is a matter of a day: nothing is asked again for an hour, and what
// waits goes out when there is room.
func TestAUsedUpQuotaIsNotHammered(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	s.control("POST", "resend/settings", map[string]any{"perSecond": 100, "dailyQuota": 1, "verified": true}, nil)
	s.tell(ava, alerts.PaymentFailed, "One")
	s.drain()
	s.tell(ava, alerts.PaymentFailed, "Two")
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create delivered, create pending")
	held := s.health(delivery.ChannelEmail)
	if held.HeldUntil == nil || !held.HeldUntil.Equal(s.clock.now().Add(time.Hour)) || !strings.Contains(held.HeldReason, "daily_quota_exceeded") {
		t.Errorf("held until %v because of %q", held.HeldUntil, held.HeldReason)
	}
	if h := s.health(delivery.ChannelDiscord); h.HeldUntil != nil || h.HeldReason != "" {
		t.Errorf("Discord is held until %v because of %q", h.HeldUntil, h.HeldReason)
	}
	s.clock.pass(59 * time.Minute)
	s.drain()
	s.wantReceived("resend", "POST 200", "POST 429")
	s.control("POST", "resend/settings", map[string]any{"perSecond": 100, "verified": true}, nil)
	s.clock.pass(2 * time.Minute)
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create delivered, create delivered")
}

// Resend forgets a key after a day: what was not taken by then is given up before.
func TestAMailIsGivenUpBeforeItsKeyIsForgotten(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.tell(s.reader("ava", "ava@example.com"), alerts.PaymentFailed, "A payment failed")
	s.exec(`update deliveries set cutoff = cutoff + interval '3 days'`)
	s.fault("resend", "POST /emails", "error", 1, 500)
	s.drain()
	s.clock.pass(23*time.Hour + time.Minute)
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create dead")
	s.wantReceived("resend", "POST 500")
	s.exec(`update deliveries set state = 'pending', not_before = $1`, s.clock.now()) // an operator's word
	s.clock.pass(time.Second)
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create delivered")
}

func TestAnotherMailUnderOurKeyIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.tell(s.reader("ava", "ava@example.com"), alerts.PaymentFailed, "A payment failed")
	s.fault("resend", "POST /emails", "accept_then_drop", 1, 0)
	s.drain()
	s.exec(`update mails set body = convert_to(replace(convert_from(body, 'utf8'), 'A payment', 'No payment'), 'utf8')`)
	s.clock.pass(10 * time.Second)
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create dead")
	// An event tells which mail it was: then it went out.
	s.report(email.Event{Type: email.EventSent, EmailID: "of-resend", Delivery: s.rows(delivery.ChannelEmail)[0].ID.String()})
	s.exec(`update deliveries set state = 'pending', not_before = $1, unknowns = 0`, s.clock.now())
	s.drain()
	s.wantStates(delivery.ChannelEmail, "create delivered")
}

func TestAMailboxThatRefusesGetsNoMoreMail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event  email.Event
		dead   bool
		reason string
	}{
		"for good":           {email.Event{Type: email.EventBounced, Bounce: "Permanent"}, true, "mail to it came back"},
		"nobody knows why":   {email.Event{Type: email.EventBounced, Bounce: "Undetermined"}, true, "mail to it came back"},
		"because it is full": {email.Event{Type: email.EventBounced, Bounce: "Transient"}, false, ""},
		"on Resend's list":   {email.Event{Type: email.EventSuppressed}, true, "the mail service no longer sends to it"},
		"this mail only":     {email.Event{Type: email.EventFailed}, false, ""},
		"only late":          {email.Event{Type: "email.delivery_delayed"}, false, ""},
		"not at all":         {email.Event{Type: email.EventDelivered}, false, ""},
		"read":               {email.Event{Type: "email.opened"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			ava := s.reader("ava", "ava@example.com")
			s.tell(ava, alerts.PaymentFailed, "One")
			s.drain()
			c.event.EmailID = s.letters()[0].ID
			s.report(c.event)
			s.report(c.event) // at least once, they say
			s.clock.pass(time.Second)
			s.tell(ava, alerts.PaymentFailed, "Two")
			s.drain()
			box := s.mailbox(ava)
			mails, told := len(s.letters()), scan[int](s, `select count(*) from notifications where type = 'system'`)
			if c.dead != (box.State == delivery.MailboxBounced) || c.dead != (mails == 1) || c.dead != (told == 1) {
				t.Errorf("the mailbox is %q, %d mails, told %d times", box.State, mails, told)
			}
			if c.dead && *box.DisabledReason != c.reason {
				t.Errorf("reason %q, want %q", *box.DisabledReason, c.reason)
			}
		})
	}
}

// Reports come in any order: a better one never takes the place of a worse one, a stale
// one does nothing.
func TestNoReportOfLessTakesTheWorseOneBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	s.tell(ava, alerts.PaymentFailed, "One")
	s.drain()
	id := s.letters()[0].ID
	raw, err := json.Marshal(email.Event{Type: email.EventBounced, Bounce: "Permanent", EmailID: id})
	s.must(err)
	s.must(s.post.ReceiveMail(s.ctx, inbox.Event{Type: email.EventBounced, Stale: true, Payload: raw}))
	if box := s.mailbox(ava); box.State != delivery.MailboxOK {
		t.Errorf("after a stale report the mailbox is %q", box.State)
	}
	for _, kind := range []string{email.EventBounced, email.EventDelivered, email.EventSent} {
		s.report(email.Event{Type: kind, Bounce: "Permanent", EmailID: id})
	}
	s.report(email.Event{Type: email.EventBounced, Bounce: "Permanent", EmailID: "of nobody", Delivery: uuid.NewString()})
	if state := scan[string](s, `select state from mails`); state != "bounced" {
		t.Errorf("the mail is %q", state)
	}
}

// Every event counts as what it came to, once.
func TestEventsOfMailAreCounted(t *testing.T) {
	t.Parallel()
	s := open(t)
	seen := map[string]int{}
	s.post = s.postWith(func(o *delivery.Options) { o.ObserveMail = func(event string) { seen[event]++ } })
	s.tell(s.reader("ava", "ava@example.com"), alerts.PaymentFailed, "One")
	s.drain()
	id := s.letters()[0].ID
	for _, e := range []email.Event{
		{Type: email.EventDelivered}, {Type: email.EventDelivered}, {Type: email.EventSent}, // a repeat, and one that comes late
		{Type: email.EventBounced, Bounce: "Transient"}, {Type: "email.opened"},
		{Type: email.EventBounced, Bounce: "Permanent"}, {Type: email.EventComplained},
	} {
		e.EmailID = id
		s.report(e)
	}
	s.report(email.Event{Type: email.EventDelivered, EmailID: "of somebody else"})
	s.must(s.post.ReceiveMail(s.ctx, inbox.Event{Type: email.EventBounced, Stale: true, Payload: []byte(`{}`)}))
	if err := s.post.ReceiveMail(s.ctx, inbox.Event{Payload: []byte(`no event`)}); err == nil {
		t.Error("what is no event was worked")
	}
	if want := map[string]int{"delivered": 1, "bounced": 1, "complained": 1, "ignored": 5, "stale": 1}; !maps.Equal(seen, want) {
		t.Errorf("counted %v, want %v", seen, want)
	}
}

// What a mail said is kept for a week, that there was one for a quarter; its receipt stays.
func TestMailsAreForgotten(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	const stand = `select count(*) || ' mails, ' || count(body) || ' bodies, ' || (select count(*) from mail_parts) || ' parts' from mails`
	for _, c := range []struct {
		passes time.Duration
		want   string
	}{
		{0, "1 mails, 1 bodies, 1 parts"},
		{8 * 24 * time.Hour, "2 mails, 1 bodies, 2 parts"},
		{83 * 24 * time.Hour, "2 mails, 1 bodies, 2 parts"},
	} {
		s.clock.pass(c.passes)
		s.tell(ava, alerts.PaymentFailed, "One more")
		s.drain()
		_, err := delivery.TrimMails(s.ctx, s.db, s.clock.now())
		s.must(err)
		if got := scan[string](s, stand); got != c.want {
			t.Errorf("%s later: %s, want %s", c.passes, got, c.want)
		}
	}
	s.wantStates(delivery.ChannelEmail, "create delivered, create delivered, create delivered")
}

// Who reports our mail as unwanted gets none, not even with another address, until they
// switch it on themselves.
func TestAComplaintStopsAllMail(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	s.tell(ava, alerts.PaymentFailed, "One")
	s.drain()
	complaint := email.Event{Type: email.EventComplained, EmailID: s.letters()[0].ID}
	s.report(complaint)
	if box := s.mailbox(ava); box.State != delivery.MailboxOff || !box.Complained {
		t.Errorf("the mailbox is %+v", box)
	}
	s.exec(`update users set email = 'new@example.com' where id = $1`, ava)
	s.sync()
	s.clock.pass(time.Second)
	s.tell(ava, alerts.BrokerDisconnected, "Two")
	_, err := s.announce.SendTest(s.ctx, ava, delivery.ChannelEmail)
	s.must(err)
	s.drain()
	if n := len(s.letters()); n != 1 {
		t.Errorf("%d mails after the complaint", n)
	}
	for _, r := range s.rows(delivery.ChannelEmail)[2:] {
		if r.State != "superseded" || *r.LastError != "its reader reported our mail as unwanted; it is in the inbox" {
			t.Errorf("%+v", r)
		}
	}
	if err := s.post.TestMail(s.ctx, ava); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("a test by hand: %v", err)
	}
	for range 2 {
		s.must(s.post.ResumeMail(s.ctx, ava))
	}
	s.report(complaint) // of before: it has counted
	s.clock.pass(time.Second)
	s.tell(ava, alerts.BrokerDisconnected, "Three")
	s.drain()
	if got := s.letters(); len(got) != 2 || got[1].Subject != "Three" || s.mailbox(ava).State != delivery.MailboxOK {
		t.Errorf("%d mails once switched on, the mailbox is %+v", len(got), s.mailbox(ava))
	}
}

// Neither a complaint, nor a choice made in some other way, nor quiet hours keep security
// mail from its reader, and it has no link that would.
func TestSecurityMailGoesInAnyCase(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	s.exec(`insert into mail_complaints (user_id, at) values ($1, now())`, ava)
	s.exec(`insert into notification_choices (user_id, type, channel, wanted, changed_at) values ($1, 'security', 'email', false, now())`, ava)
	s.exec(`insert into quiet_hours (user_id, begins, ends, zone, urgent_through, changed_at) values ($1, 0, 1439, 'UTC', false, now())`, ava)
	s.tell(ava, alerts.Security, "A passkey was added")
	s.tell(ava, alerts.BrokerDisconnected, "Reconnect")
	s.drain()
	got := s.letters()
	if len(got) != 1 || got[0].Subject != "A passkey was added" || got[0].Headers["List-Unsubscribe"] != "" || strings.Contains(got[0].Text, "No more of these") {
		t.Errorf("sent were %+v", got)
	}
}

// A letter is one mail, however often it is sent, to whomever; of a mailbox that was given
// up what waits is not sent.
func TestALetterGoesToAnyAddressOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	l := delivery.Letter{ID: uuid.New(), Kind: "email-changed", To: "old@example.com", Subject: "Changed", Title: "Changed", Reason: "You had it.", Link: s.post.UndoPage(uuid.New(), s.clock.now().Add(time.Hour)), Action: "Take it back"}
	for range 2 {
		s.must(s.post.SendLetter(s.ctx, l))
	}
	got := s.letters()
	if len(got) != 1 || got[0].To[0] != "old@example.com" || got[0].Headers["List-Unsubscribe"] != "" {
		t.Errorf("sent were %+v", got)
	}
	if n := scan[int](s, `select count(*) from mails`); n != 0 {
		t.Errorf("%d letters are kept", n)
	}
	ava := s.reader("ava", "ava@example.com")
	s.tell(ava, alerts.PaymentFailed, "One")
	s.inTx(func(ctx context.Context, tx pgx.Tx) error { return s.post.DropMailbox(ctx, tx, ava) })
	s.inTx(func(ctx context.Context, tx pgx.Tx) error { return s.post.DropMailbox(ctx, tx, ava) })
	s.drain()
	if n := len(s.letters()); n != 1 {
		t.Errorf("%d mails, of which some went to a mailbox that was given up", n)
	}
}

// mailed are the groups of preferences that go to somebody by mail.
func (s *street) mailed(user uuid.UUID) string {
	s.Helper()
	p, err := s.announce.Preferences(s.ctx, user, []string{delivery.ChannelEmail})
	s.must(err)
	var groups []string
	for _, g := range p.Groups {
		if g.Wanted[delivery.ChannelEmail] {
			groups = append(groups, g.Name)
		}
	}
	return strings.Join(groups, " ")
}

// The address in a mail switches off what the mail was about, for its reader, and nothing
// else: the switches of their preferences, where it is switched on again.
func TestTheAddressInAMailSwitchesItOff(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, ben := s.reader("ava", "ava@example.com"), s.reader("ben", "ben@example.com")
	s.tell(ava, alerts.BrokerDisconnected, "One")
	s.drain()
	token := strings.TrimPrefix(strings.Trim(s.letters()[0].Headers["List-Unsubscribe"], "<>"), "https://app.example/u/")
	if link, err := s.post.ReadLink(token); err != nil || !slices.Equal(link.Categories, []string{delivery.AccountMail}) {
		t.Errorf("read: %+v, %v", link, err)
	}
	if got := s.mailed(ava); got != "broker billing system" {
		t.Errorf("once looked at, mail about %s", got)
	}
	s.tell(ava, alerts.PaymentFailed, "Two") // waits already
	for range 2 {
		if _, err := s.post.FollowLink(s.ctx, token); err != nil {
			t.Error(err)
		}
	}
	s.tell(ava, alerts.System, "News")
	s.drain()
	if got := s.mailed(ava); got != "system" {
		t.Errorf("switched off, mail about %s", got)
	}
	if got := s.mailed(ben); got != "broker billing system" {
		t.Errorf("of somebody else: mail about %s", got)
	}
	s.wantStates(delivery.ChannelEmail, "create delivered, create superseded, create delivered")
	_, err := s.announce.SetPreferences(s.ctx, ava, []string{delivery.ChannelEmail}, alerts.Choices{})
	s.must(err)
	s.clock.pass(time.Second)
	s.tell(ava, alerts.PaymentFailed, "Three")
	s.drain()
	if got := s.letters(); got[len(got)-1].Subject != "Three" {
		t.Errorf("switched on again, the last mail is %q", got[len(got)-1].Subject)
	}
	for _, wrong := range []string{"", "x", token + "x", strings.ToUpper(token), token[1:]} {
		if _, err := s.post.FollowLink(s.ctx, wrong); fault.CodeOf(err) != "not_found" {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// What goes by mail only because its reader chose so is as by default again.
func TestALinkTakesBackWhatWasChosen(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	_, err := s.announce.SetPreferences(s.ctx, ava, []string{delivery.ChannelEmail}, alerts.Choices{
		Groups: map[string]map[string]bool{"fills": {"email": true}, "followers": {"email": true}, "broker": {"email": false}},
	})
	s.must(err)
	address := s.links.Unsubscribe(ava, []string{delivery.TradingMail, delivery.NewsMail})
	_, err = s.post.FollowLink(s.ctx, strings.TrimPrefix(address, "https://app.example/u/"))
	s.must(err)
	if got := s.mailed(ava); got != "followers billing" {
		t.Errorf("mail about %s", got)
	}
	rows := scan[string](s, `select string_agg(type || ' ' || wanted, ', ' order by type) from notification_choices`)
	if rows != "broker_disconnected false, subscription_new true, system false" {
		t.Errorf("stored: %s", rows)
	}
}

// A mailbox that refused is used again once somebody has read what came to it.
func TestADeadMailboxIsUsedAgainOnceItIsRead(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	if err := s.post.ConfirmMailbox(s.ctx, ava); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("confirm one in use: %v", err)
	}
	s.must(s.post.TestMail(s.ctx, ava))
	s.report(email.Event{Type: email.EventBounced, Bounce: "Permanent", EmailID: s.letters()[0].ID})
	if err := s.post.TestMail(s.ctx, ava); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("test a dead one: %v", err)
	}
	s.clock.pass(time.Second)
	s.must(s.post.ConfirmMailbox(s.ctx, ava))
	mail := s.letters()[1]
	if mail.Headers["List-Unsubscribe"] != "" {
		t.Error("a security mail can be switched off")
	}
	_, after, _ := strings.Cut(mail.Text, "https://app.example/u/")
	token, _, _ := strings.Cut(after, "\n")
	if _, err := s.post.ReadLink(token); err != nil || s.mailbox(ava).State != delivery.MailboxBounced {
		t.Errorf("looking: %v, the mailbox is %q", err, s.mailbox(ava).State)
	}
	_, err := s.post.FollowLink(s.ctx, token)
	s.must(err)
	if state := s.mailbox(ava).State; state != delivery.MailboxOK {
		t.Errorf("confirmed, the mailbox is %q", state)
	}
	s.clock.pass(25 * time.Hour)
	if _, err := s.post.FollowLink(s.ctx, token); fault.CodeOf(err) != "not_found" {
		t.Errorf("a day later: %v", err)
	}
}

// Mailboxes are the verified addresses of active users, no more and no less.
func TestMailboxesFollowTheUsersAddresses(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.reader("ava", "ava@example.com")
	s.exec(`insert into users (username, name, email, email_verified) values ('dora', 'Dora', 'dora@example.com', false), ('emil', 'Emil', null, true)`)
	want := func(when, addresses string) {
		t.Helper()
		s.sync()
		got := scan[string](s, `select coalesce(string_agg(address, ' ' order by address), '') from destinations where channel = 'email' and removed_at is null`)
		if got != addresses {
			t.Errorf("%s: %q, want %q", when, got, addresses)
		}
	}
	want("at first", "ava@example.com")
	s.exec(`update destinations set disabled_at = now(), disabled_reason = 'mail to it came back' where user_id = $1`, ava)
	s.exec(`update users set email = 'new@example.com' where id = $1`, ava)
	want("moved", "new@example.com")
	if state := s.mailbox(ava).State; state != delivery.MailboxOK {
		t.Errorf("the new address is %q", state)
	}
	s.exec(`update users set email = 'ava@example.com' where id = $1`, ava)
	want("moved back", "ava@example.com")
	if state := s.mailbox(ava).State; state != delivery.MailboxBounced {
		t.Errorf("the old address is %q again", state)
	}
	s.exec(`update users set status = 'suspended' where id = $1`, ava)
	want("suspended", "")
	if state := s.mailbox(ava).State; state != delivery.MailboxNone {
		t.Errorf("without an address the mailbox is %q", state)
	}
}

// Over the limit of an hour mails share, and none is lost; a shared mail whose answer was
// lost is repeated as it was, and what came meanwhile is not part of it.
func TestManyMailsShareAndAreRepeatedAsTheyWere(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.post = s.postWith(func(o *delivery.Options) {
		o.Limits = map[string]delivery.Limit{delivery.ChannelEmail: {Messages: 2, Per: time.Hour, Together: 20}}
	})
	ava := s.reader("ava", "ava@example.com")
	s.tell(ava, alerts.PaymentFailed, "One")
	s.drain()
	for _, title := range []string{"Two", "Three", "Four"} {
		s.tell(ava, alerts.PaymentFailed, title)
	}
	s.fault("resend", "POST /emails", "accept_then_drop", 1, 0)
	s.drain()
	s.clock.pass(61 * time.Minute)
	s.tell(ava, alerts.System, "Five")
	for range 6 {
		s.drain()
		s.clock.pass(61 * time.Minute)
	}
	s.wantStates(delivery.ChannelEmail, strings.TrimSuffix(strings.Repeat("create delivered, ", 5), ", "))
	var subjects []string
	for _, m := range s.letters() {
		subjects = append(subjects, m.Subject)
	}
	if got := strings.Join(subjects, ", "); got != "One, 3 messages from Alertsify, Five" {
		t.Errorf("mails: %s", got)
	}
	if text := s.letters()[1].Text; !strings.Contains(text, "Two") || !strings.Contains(text, "Three") || !strings.Contains(text, "Four") || strings.Contains(text, "Five") {
		t.Errorf("the shared mail says %s", text)
	}
}
