package delivery_test

import (
	"context"
	"encoding/json"
	"path"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/webpush"
)

func TestThreePartialFillsAreOneEmbedEditedTwice(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava")).trade("BTO")
	var said []string
	for _, filled := range []int{1, 3, 5} {
		entry.fills(filled)
		s.drain()
		said = append(said, s.messages(hook)[0].field("Contracts"))
	}
	if got := strings.Join(said, ", "); got != "1 / 5, 3 / 5, 5" {
		t.Errorf("the embed said %q", got)
	}
	s.wantEmbeds(hook, "[1]")
	s.wantReceived("discord", "POST 200", "PATCH 200", "PATCH 200")
}

// bodies are what Discord was sent.
func (s *street) bodies() (all []string) {
	s.Helper()
	var answer struct {
		Data []struct{ Body json.RawMessage }
	}
	s.control("GET", "log?target=discord", nil, &answer)
	for _, e := range answer.Data {
		all = append(all, string(e.Body))
	}
	return all
}

// A name of 300 characters that pings, links and formats arrives as a name, cut between
// characters, in what is posted and in what changes it.
func TestWhatPeopleAreCalledArrivesHarmless(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava_stone_")).trade("BTO").fills(2)
	name := "@everyone **[free](https://evil.example)** <@1> " + strings.Repeat("👨‍👩‍👧‍👦", 36)
	if n := utf8.RuneCountInString(name); n != 300 {
		t.Fatalf("the name has %d characters", n)
	}
	rename := func() {
		s.exec(`update alerts set facts = jsonb_set(facts, '{name}', to_jsonb($2::text)) where id = $1`, entry.alert(), name)
	}
	rename()
	s.drain()
	entry.fills(5)
	rename()
	s.drain()
	s.wantReceived("discord", "POST 200", "PATCH 200")
	m := s.messages(hook)[0].Embeds[0]
	author := m.Author.Name
	family := strings.TrimSuffix(author, "…")
	switch {
	case utf8.RuneCountInString(author) > discord.AuthorNameMax || family == author:
		t.Errorf("the author has %d characters: %q", utf8.RuneCountInString(author), author)
	case !strings.HasSuffix(family, "👨‍👩‍👧‍👦"):
		t.Errorf("a character was cut in two: %q", author)
	case strings.Contains(author, "@everyone") || strings.Contains(author, "https://"):
		t.Errorf("the author pings or links: %q", author)
	}
	if got := (message{Embeds: []embed{m}}).field("Trader"); got != `@ava\_stone\_` {
		t.Errorf("the trader is %q", got)
	}
	for _, body := range s.bodies() {
		if strings.Contains(body, "_wouldPing") || !strings.Contains(body, `"allowed_mentions":{"parse":[]`) || strings.Contains(body, `"content"`) {
			t.Errorf("somebody may be pinged by %s", body)
		}
	}
}

// A filter of Discord's that refuses a text says nothing about the webhook.
func TestAFiltersRefusalDoesNotKillTheWebhook(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"automod", "harmful_link"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			ava := s.user("ava")
			link, hook := s.hook()
			_, err := s.post.SetDiscord(s.ctx, ava, link)
			s.must(err)
			s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": state}, nil)
			s.holding(ava).trade("BTO").fills(5)
			s.drain()
			s.clock.pass(time.Minute)
			s.drain()
			s.wantStates("discord", "create dead")
			s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": ""}, nil)
			s.holding(ava).trade("BTO").fills(5)
			s.drain()
			s.wantEmbeds(hook, "[1]")
			if n := scan[int](s, `select count(*) from notifications where type = 'system'`); n != 0 {
				t.Error("the owner was told that the webhook is dead")
			}
		})
	}
}

// Each way in which Discord says that a webhook is dead: one call finds out, and none
// follows, whatever is waiting or comes later.
func TestEveryKindOfDeadWebhookIsCalledOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	states := []string{"deleted", "revoked", "forbidden", "channel"}
	holdings := map[string]*holding{}
	for _, state := range states {
		owner := s.user(state)
		link, hook := s.hook()
		_, err := s.post.SetDiscord(s.ctx, owner, link)
		s.must(err)
		s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": state}, nil)
		holdings[state] = s.holding(owner)
		holdings[state].trade("BTO").fills(2)
		s.holding(owner).trade("BTO").fills(5) // waits in another lane
	}
	s.drain()
	for _, h := range holdings {
		h.trade("STC").fills(5)
	}
	s.clock.pass(time.Minute)
	s.drain()
	posts := 0
	for _, call := range s.received("discord") {
		if strings.HasPrefix(call, "POST") {
			posts++
		}
	}
	if posts != len(states) {
		t.Errorf("%d calls to %d dead webhooks", posts, len(states))
	}
	if n := scan[int](s, `select count(*) from destinations where channel = 'discord' and disabled_at is not null`); n != len(states) {
		t.Errorf("%d of %d are given up", n, len(states))
	}
	if n := scan[int](s, `select count(*) from notifications where type = 'system'`); n != len(states) {
		t.Errorf("%d owners were told, want each once", n)
	}
}

// nothingBeyondOne lets a browser have one push a minute.
func nothingBeyondOne(o *delivery.Options) {
	o.Limits = map[string]delivery.Limit{delivery.ChannelPush: {Messages: 1, Per: time.Minute, Together: 50}}
}

// The longest push there is arrives at the browser that takes least, readable with its
// own keys, buttons and all; and so does one that is several.
func TestTheLongestPushFitsTheSmallestBrowser(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	var made struct {
		Endpoint string
		Keys     struct{ P256dh, Auth string }
	}
	s.control("POST", "push/subscriptions", map[string]any{"applicationServerKey": s.keys.Public(), "firefoxAndroid": true}, &made)
	browser := webpush.Subscription{Endpoint: made.Endpoint, P256dh: made.Keys.P256dh, Auth: made.Keys.Auth}
	_, err := s.post.AddPush(s.ctx, ava, browser, "Firefox on Android")
	s.must(err)
	until := s.clock.now().Add(time.Minute)
	long := alerts.Notification{
		UserID: ava, Type: alerts.CopyTradeAlert, Title: strings.Repeat("👨‍👩‍👧‍👦", 100), Body: strings.Repeat("\"é<&>\\", 500),
		URL: "/copy?" + strings.Repeat("x", 100), Data: map[string]any{"decisionId": s.user("decision").String()}, ValidUntil: &until, LearntAt: s.clock.now(),
	}
	s.inTx(func(ctx context.Context, tx pgx.Tx) error { return s.announce.Notify(ctx, tx, long, long, long) })
	s.drain()
	s.post = s.postWith(nothingBeyondOne)
	s.inTx(func(ctx context.Context, tx pgx.Tx) error { return s.announce.Notify(ctx, tx, long, long, long) })
	s.drain()
	s.wantReceived("push", "POST 201", "POST 201", "POST 201", "POST 201")
	var answer struct {
		Data []struct {
			Body struct {
				Notification struct{ Title string }
				Actions      []struct{ Action string }
			}
		}
	}
	s.control("GET", "push/messages?subscription="+path.Base(made.Endpoint), nil, &answer)
	for i, m := range answer.Data {
		if one := i < 3; one && len(m.Body.Actions) != 2 || !one && m.Body.Notification.Title != "3 alerts, 3 waiting for your answer" {
			t.Errorf("%d: %+v", i, m)
		}
	}
}
