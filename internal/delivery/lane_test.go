package delivery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestTheFirstFillIsOneMessageForEachDestination(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	ava := s.user("ava")
	own, ownID := s.hook()
	_, err := s.post.SetDiscord(s.ctx, ava, own)
	s.must(err)
	browser := s.browser()
	_, err = s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)

	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	s.drain()

	for _, id := range []string{hook, ownID} {
		if got := s.titles(id); got != "🟢 BTO Alert" {
			t.Errorf("webhook %s shows %q", id, got)
		}
	}
	if got := s.activities("trade", ava); len(got) != 1 {
		t.Errorf("%d activities in the trader's feed", len(got))
	}
	if got := s.shown(browser); len(got) != 1 || got[0] != "AAPL 200C 1/15/27 filled: Bought 5" {
		t.Errorf("the browser shows %q", got)
	}
	s.wantStates("discord", "create delivered, create delivered")
	s.wantStates("feed", "create delivered")
	s.wantStates("push", "create delivered")
}

func TestATraderWhoseWebhookIsThePlatformsGetsOneMessage(t *testing.T) {
	t.Parallel()
	s := open(t)
	link, hook := s.hook()
	s.must(s.post.PlatformDiscord(s.ctx, link, link))
	ava := s.user("ava")
	_, err := s.post.SetDiscord(s.ctx, ava, link)
	s.must(err)
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	if got := s.titles(hook); got != "🟢 BTO Alert" {
		t.Errorf("the channel shows %q", got)
	}
}

func TestLaterFillsEditTheOneEmbed(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava")).trade("BTO").fills(2)
	s.drain()
	if got := s.messages(hook)[0].field("Contracts"); got != "2 / 5" {
		t.Errorf("after the first fill: %q", got)
	}
	// Two revisions that wait are one edit, in the newest words.
	entry.fills(3)
	entry.fills(5)
	s.drain()
	messages := s.messages(hook)
	if len(messages) != 1 || len(messages[0].Embeds) != 1 || messages[0].field("Contracts") != "5" {
		t.Errorf("the channel shows %+v", messages)
	}
	s.wantReceived("discord", "POST 200", "PATCH 200")
	s.wantStates("discord", "create delivered, update delivered")
	feed := s.activities("trade", entry.user)
	if len(feed) != 1 || feed[0]["x_filled"] != "5" {
		t.Errorf("the feed shows %v", feed)
	}
}

func TestAnUnsentCreateTakesTheNewestContent(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	entry := s.holding(s.user("ava")).trade("BTO").fills(1)
	entry.fills(4)
	s.drain()
	if got := s.messages(hook); len(got) != 1 || got[0].field("Contracts") != "4 / 5" {
		t.Errorf("the channel shows %+v", got)
	}
	s.wantReceived("discord", "POST 200")
	s.wantStates("discord", "create delivered")
}

func TestAnOldRevisionChangesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	entry := s.holding(s.user("ava")).trade("BTO").fills(2)
	entry.fills(5)
	s.drain()
	entry.Revision = 0
	entry.fills(3)
	s.drain()
	s.wantReceived("discord", "POST 200")
}

func TestAnExitNeverOvertakesItsEntry(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	ava := s.holding(s.user("ava"))
	s.fault("discord", "POST", "error", 2, 503)
	ava.trade("BTO").fills(5)
	ava.trade("STC").fills(5)
	other := s.holding(s.user("bea")) // another position's lane is not held up
	s.drain()                         // the entry fails
	if got := s.titles(hook); got != "" {
		t.Fatalf("sent before its entry: %q", got)
	}
	s.drain() // the entry waits, and so does the exit
	if got := s.titles(hook); got != "" {
		t.Fatalf("sent before its entry: %q", got)
	}
	s.clock.pass(time.Second)
	s.drain() // it fails once more
	other.trade("BTO").fills(5)
	s.drain()
	if got := s.titles(hook); got != "🟢 BTO Alert" {
		t.Errorf("the other lane shows %q", got)
	}
	s.clock.pass(2 * time.Second)
	s.drain()
	s.drain()
	if got := s.titles(hook); got != "🟢 BTO Alert, 🟢 BTO Alert, 🔴 STC Alert" {
		t.Errorf("the channel shows %q", got)
	}
	if got := s.messages(hook)[2].field("P&L"); got != "+$875 (+50%)" {
		t.Errorf("P&L is %q", got)
	}
}

func TestAnUndoneTransactionAnnouncesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	entry := s.holding(s.user("ava")).trade("BTO")
	entry.prepare(5)
	undone := errors.New("undone")
	err := s.db.InTx(s.ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.announce.Announce(ctx, tx, entry.Trade); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	s.drain()
	s.wantReceived("discord")
	s.wantReceived("getstream")
	for _, table := range []string{"alerts", "notifications", "deliveries", "live_events"} {
		if n := scan[int](s, `select count(*) from `+table); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
}

func TestWhoIsNoPublisherIsToldAlone(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	entry := s.holding(s.user("ava")).trade("BTO")
	entry.Public = false
	entry.fills(5)
	s.drain()
	s.wantReceived("discord")
	s.wantReceived("getstream")
	if n := scan[int](s, `select count(*) from notifications where type = 'order_filled'`); n != 1 {
		t.Errorf("%d notifications", n)
	}
}

func TestAnAlertForNothingIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	entry := s.holding(s.user("ava")).trade("BTO")
	entry.prepare(0)
	err := s.db.InTx(s.ctx, func(ctx context.Context, tx pgx.Tx) error { return s.announce.Announce(ctx, tx, entry.Trade) })
	if err == nil {
		t.Error("an order without a fill was announced")
	}
}
