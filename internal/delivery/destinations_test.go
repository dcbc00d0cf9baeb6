package delivery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
)

func TestABrowserBelongsToOneUser(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, ben := s.user("ava"), s.user("ben")
	browser := s.browser()
	first, err := s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)
	again, err := s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)
	if again != first {
		t.Error("the page's repeat made a second row")
	}

	stolen := browser
	stolen.Auth = s.browser().Auth
	if _, err := s.post.AddPush(s.ctx, ben, stolen, "Firefox"); fault.CodeOf(err) != "subscription_taken" {
		t.Errorf("who knows only the endpoint took it away: %v", err)
	}

	s.holding(ava).trade("BTO").fills(5) // waits while ben signs in on the same browser
	_, err = s.post.AddPush(s.ctx, ben, browser, "Firefox")
	s.must(err)
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	if got := s.shown(browser); len(got) != 0 {
		t.Errorf("ben reads ava's trades: %q", got)
	}
	s.holding(ben).trade("BTO").fills(5)
	s.drain()
	if got := s.shown(browser); len(got) != 1 {
		t.Errorf("ben's browser shows %q", got)
	}
	if list, err := s.post.Browsers(s.ctx, ava); err != nil || len(list) != 0 {
		t.Errorf("ava still has %v, %v", list, err)
	}
}

func TestRemovingABrowserReachesOnlyOnesOwn(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, ben := s.user("ava"), s.user("ben")
	browser := s.browser()
	id, err := s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)
	s.must(s.post.RemovePush(s.ctx, ben, browser.Endpoint))
	s.must(s.post.RemoveBrowser(s.ctx, ben, id))
	s.must(s.post.RemoveAllPush(s.ctx, ben))
	if list, err := s.post.Browsers(s.ctx, ava); err != nil || len(list) != 1 {
		t.Errorf("ben removed ava's browser: %v, %v", list, err)
	}
	s.must(s.post.RemovePush(s.ctx, ava, browser.Endpoint))
	s.must(s.post.RemovePush(s.ctx, ava, browser.Endpoint))
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	if got := s.shown(browser); len(got) != 0 {
		t.Errorf("a removed browser shows %q", got)
	}
	if n := scan[int](s, `select count(*) from destinations where secret is not null`); n != 0 {
		t.Error("the secret of a removed browser was kept")
	}
	if _, err := s.post.AddPush(s.ctx, ben, browser, "Firefox"); err != nil {
		t.Errorf("a removed browser cannot be added by somebody else: %v", err)
	}
}

func TestTheTwentyFirstBrowserReplacesTheOneUnusedForLongest(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	var ids []uuid.UUID
	for i := range 21 {
		id, err := s.post.AddPush(s.ctx, ava, s.browser(), fmt.Sprint(i))
		s.must(err)
		ids = append(ids, id)
		s.clock.pass(time.Second)
		if i == 0 { // the first one is in use
			s.exec(`update destinations set last_success_at = $2 where id = $1`, id, s.clock.now().Add(time.Hour))
		}
	}
	list, err := s.post.Browsers(s.ctx, ava)
	s.must(err)
	left := map[uuid.UUID]bool{}
	for _, b := range list {
		left[b.ID] = true
	}
	if len(list) != 20 || !left[ids[0]] || left[ids[1]] || !left[ids[20]] {
		t.Errorf("%d browsers left", len(list))
	}
}

func TestABrowserThatCannotBeCalledIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	for _, endpoint := range []string{
		"https://169.254.169.254/latest", "http://fcm.googleapis.com/x", "https://evil.example/x.push.apple.com/",
		"https://user@fcm.googleapis.com/x", "not a url", "",
	} {
		b := s.browser()
		b.Endpoint = endpoint
		if _, err := s.post.AddPush(s.ctx, ava, b, ""); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

func TestASecretIsSealedAndLeftOutOfSight(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	link, id := s.hook()
	w, err := s.post.SetDiscord(s.ctx, ava, link)
	s.must(err)
	token := link[strings.LastIndex(link, "/")+1:]
	browser := s.browser()
	_, err = s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)
	all := scan[string](s, `select string_agg(to_jsonb(d)::text, ' ') from destinations d`)
	for _, hidden := range []string{token, browser.Endpoint, browser.P256dh, browser.Auth} {
		if strings.Contains(all, hidden) {
			t.Errorf("%q stands in the table", hidden)
		}
	}
	if strings.Contains(w.URL, token) || !strings.Contains(w.URL, id[:6]) || w.Name == "" || w.ChannelID == "" {
		t.Errorf("%+v", w)
	}
}

func TestAWebhookIsCheckedBeforeItIsKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	link, _ := s.hook()
	for _, pasted := range []string{
		strings.Replace(link, "discord.com", "discord.com.evil.example", 1),
		strings.Replace(link, "https", "http", 1),
		otherToken(link), // Discord does not know it
		"hello",
	} {
		if _, err := s.post.SetDiscord(s.ctx, ava, pasted); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %v", pasted, err)
		}
	}
	if _, err := s.post.DiscordOf(s.ctx, ava); !errors.Is(err, fault.NotFound()) {
		t.Errorf("something was kept: %v", err)
	}
}

// otherToken changes the last character of a webhook's address.
func otherToken(link string) string {
	kept, last := link[:len(link)-1], "A"
	if strings.HasSuffix(link, last) {
		last = "B"
	}
	return kept + last
}

func TestAnotherWebhookTakesOver(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava, ben := s.user("ava"), s.user("ben")
	old, oldID := s.hook()
	link, newID := s.hook()
	_, err := s.post.SetDiscord(s.ctx, ava, old)
	s.must(err)
	entry := s.holding(ava).trade("BTO").fills(1)
	s.drain()
	_, err = s.post.SetDiscord(s.ctx, ava, link)
	s.must(err)
	entry.fills(5) // the old message cannot be edited through the new webhook
	entry.trade("STC").fills(5)
	s.drain()
	if got := s.titles(oldID); got != "🟢 BTO Alert" {
		t.Errorf("the old channel shows %q", got)
	}
	if got := s.titles(newID); got != "🔴 STC Alert" {
		t.Errorf("the new channel shows %q", got)
	}
	// Two traders may post into the same channel of their group.
	if _, err := s.post.SetDiscord(s.ctx, ben, link); err != nil {
		t.Error(err)
	}
	s.must(s.post.RemoveDiscord(s.ctx, ava))
	if _, err := s.post.DiscordOf(s.ctx, ben); err != nil {
		t.Errorf("removing ava's webhook took ben's: %v", err)
	}
}

func TestTheTestMessage(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	if err := s.post.TestDiscord(s.ctx, ava); !errors.Is(err, fault.NotFound()) {
		t.Errorf("without a webhook: %v", err)
	}
	link, id := s.hook()
	_, err := s.post.SetDiscord(s.ctx, ava, link)
	s.must(err)
	s.must(s.post.TestDiscord(s.ctx, ava))
	if got := s.titles(id); got != "Alertsify is connected" {
		t.Errorf("the channel shows %q", got)
	}
}

func TestThePlatformsWebhooksFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	s := open(t)
	bto, btoID := s.hook()
	stc, stcID := s.hook()
	for range 2 {
		s.must(s.post.PlatformDiscord(s.ctx, bto, stc))
		s.must(s.post.EnsureFeed(s.ctx))
	}
	if n := scan[int](s, `select count(*) from destinations`); n != 4 {
		t.Errorf("%d destinations after two starts, want two webhooks and two feeds", n)
	}
	h := s.holding(s.user("ava"))
	h.trade("BTO").fills(5)
	h.trade("STC").fills(5)
	s.drain()
	if s.titles(btoID) != "🟢 BTO Alert" || s.titles(stcID) != "🔴 STC Alert" {
		t.Errorf("entries: %q, exits: %q", s.titles(btoID), s.titles(stcID))
	}
	s.must(s.post.PlatformDiscord(s.ctx, bto, "")) // exits are switched off
	s.must(s.post.CheckPlatform(s.ctx))            // and not asked about any more
	h.trade("STC").fills(5)
	s.drain()
	if got := s.titles(stcID); got != "🔴 STC Alert" {
		t.Errorf("a webhook that is off shows %q", got)
	}
	if err := s.post.PlatformDiscord(s.ctx, "https://evil.example/", ""); err == nil {
		t.Error("a wrong address was taken")
	}
}

func TestAWrongThreadPausesAndTellsTheOwnerOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	var made struct {
		URL     string
		Threads []string
	}
	s.control("POST", "discord/webhooks", map[string]any{"name": "forum", "forum": true, "threads": 1}, &made)
	_, err := s.post.SetDiscord(s.ctx, ava, made.URL)
	s.must(err)
	h := s.holding(ava)
	h.trade("STC").fills(5)
	s.drain()
	h.trade("STC").fills(5)
	s.drain()
	s.wantReceived("discord", "GET 200", "POST 400")
	if n := scan[int](s, `select count(*) from notifications where type = 'system'`); n != 1 {
		t.Errorf("the owner was told %d times", n)
	}
	if w, err := s.post.DiscordOf(s.ctx, ava); err != nil || w.DisabledAt != nil {
		t.Errorf("a pause is no death: %+v, %v", w, err)
	}
}

func TestTheCheckFindsADeadPlatformWebhook(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.must(s.post.CheckPlatform(s.ctx))
	s.control("POST", "discord/webhooks/"+hook, map[string]string{"state": "deleted"}, nil)
	if s.post.CheckPlatform(s.ctx) == nil {
		t.Error("a deleted webhook passes")
	}
}
