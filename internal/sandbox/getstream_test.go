package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	stream "github.com/GetStream/stream-go2/v8"

	gs "github.com/alertsify/alertsify/internal/getstream"
	"github.com/alertsify/alertsify/internal/secret"
)

func (p *players) mirror(t *testing.T) *gs.Client {
	t.Helper()
	c, err := gs.New(gs.Options{Key: GetStreamKey, Secret: secret.New(GetStreamSecret), BaseURL: p.url + "/getstream", HTTP: p.http, Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// feed reads as GetStream's own module does, which is strict about shapes.
func (p *players) feed(t *testing.T, group, id string) []stream.Activity {
	t.Helper()
	c, err := stream.New(GetStreamKey, GetStreamSecret, stream.WithAPIAddr(p.url+"/getstream"))
	if err != nil {
		t.Fatal(err)
	}
	feed, err := c.FlatFeed(group, id)
	if err != nil {
		t.Fatal(err)
	}
	page, err := feed.GetActivities(context.Background())
	if err != nil {
		t.Fatalf("read %s:%s: %v", group, id, err)
	}
	return page.Results
}

func keysOf(activities []stream.Activity) string {
	keys := []string{}
	for _, a := range activities {
		keys = append(keys, a.ForeignID)
	}
	return strings.Join(keys, " ")
}

func mirrored(key string, at time.Time) gs.Activity {
	return gs.Activity{
		Feed: gs.FeedRef{Group: gs.GroupTrade, ID: "ava"}, Key: key, Time: at,
		Actor: "ava", Verb: "bto", Object: key,
		To:    []gs.FeedRef{{Group: gs.GroupGlobal, ID: "all"}, {Group: gs.GroupNotification, ID: "ben"}},
		Extra: map[string]string{"x_quantity": "1"},
	}
}

var fillTime = time.Date(2026, 11, 20, 9, 30, 0, 123456789, time.FixedZone("EST", -5*3600))

func gsFault(t *testing.T, err error) *gs.Error {
	t.Helper()
	var e *gs.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *getstream.Error", err)
	}
	return e
}

func TestAMirroredAlertIsOneActivityHoweverOftenItIsWritten(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	m, ctx := p.mirror(t), context.Background()
	later := mirrored("alert:42", fillTime.UTC())
	later.Extra["x_quantity"] = "3"
	err := errors.Join(
		m.Check(ctx),
		m.Follow(ctx, "ben", "ava", 0),
		m.Publish(ctx, mirrored("alert:42", fillTime)),
		m.Publish(ctx, mirrored("alert:42", fillTime)),
		m.Update(ctx, later), // in another zone: the same instant
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, feed := range []gs.FeedRef{{Group: "trade", ID: "ava"}, {Group: "global", ID: "all"}, {Group: "timeline", ID: "ben"}} {
		got := p.feed(t, feed.Group, feed.ID)
		if len(got) != 1 || got[0].Extra["x_quantity"] != "3" || !got[0].Time.Equal(fillTime.Truncate(time.Microsecond)) {
			t.Errorf("%s: %+v", feed, got)
		}
	}
	other := mirrored("alert:42", fillTime.Add(time.Second))
	if err := m.Publish(ctx, other); err != nil || len(p.feed(t, "trade", "ava")) != 2 {
		t.Errorf("same key, other time: must be another activity (%v)", err)
	}
	if err := m.Remove(ctx, gs.FeedRef{Group: "trade", ID: "ava"}, "alert:42"); err != nil {
		t.Fatal(err)
	}
	for _, feed := range []gs.FeedRef{{Group: "trade", ID: "ava"}, {Group: "global", ID: "all"}, {Group: "timeline", ID: "ben"}} {
		if got := p.feed(t, feed.Group, feed.ID); len(got) != 0 {
			t.Errorf("%s after the removal: %s", feed, keysOf(got))
		}
	}
	if err := m.Remove(ctx, gs.FeedRef{Group: "trade", ID: "ava"}, "alert:42"); err != nil {
		t.Errorf("removing again: %v", err)
	}
}

func TestFollowingCopiesAndUnfollowingPurges(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	m, ctx := p.mirror(t), context.Background()
	for i := range 4 {
		if err := m.Publish(ctx, mirrored(fmt.Sprintf("alert:%d", i), fillTime.Add(time.Duration(i)*time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	step := func(what string, err error, want string) {
		t.Helper()
		if got := keysOf(p.feed(t, "timeline", "ben")); err != nil || got != want {
			t.Errorf("%s: timeline %q, want %q (%v)", what, got, want, err)
		}
	}
	step("follow without history", m.Follow(ctx, "ben", "ava", 0), "")
	step("an old alert is updated", m.Update(ctx, mirrored("alert:1", fillTime.Add(time.Minute))), "")
	step("follow again, with two", m.Follow(ctx, "ben", "ava", 2), "alert:3 alert:2")
	step("a new alert", m.Publish(ctx, mirrored("alert:9", fillTime.Add(time.Hour))), "alert:9 alert:3 alert:2")
	step("unfollow, keep", m.Unfollow(ctx, "ben", "ava", true), "alert:9 alert:3 alert:2")
	step("an alert after that", m.Publish(ctx, mirrored("alert:10", fillTime.Add(2*time.Hour))), "alert:9 alert:3 alert:2")
	step("unfollow, purge", m.Unfollow(ctx, "ben", "ava", false), "")
}

func TestFanOutGoesOneLevel(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	m, ctx := p.mirror(t), context.Background()
	raw, err := stream.New(GetStreamKey, GetStreamSecret, stream.WithAPIAddr(p.url+"/getstream"))
	if err != nil {
		t.Fatal(err)
	}
	carol, err1 := raw.FlatFeed("timeline", "carol")
	ben, err2 := raw.FlatFeed("timeline", "ben")
	err = errors.Join(err1, err2, m.Follow(ctx, "ben", "ava", 0), m.Publish(ctx, mirrored("alert:1", fillTime)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := carol.Follow(ctx, ben); err != nil {
		t.Fatal(err)
	}
	if err := m.Publish(ctx, mirrored("alert:2", fillTime)); err != nil {
		t.Fatal(err)
	}
	if got := keysOf(p.feed(t, "timeline", "carol")); got != "" {
		t.Errorf("what ben follows reached carol: %q", got)
	}
}

func TestCopiesMayAppearLate(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	m, ctx := p.mirror(t), context.Background()
	p.tell(t, "/getstream/settings", `{"fanOutMs":200}`, nil)
	err := errors.Join(m.Follow(ctx, "ben", "ava", 0), m.Publish(ctx, mirrored("alert:1", fillTime)))
	if got := keysOf(p.feed(t, "timeline", "ben")); err != nil || got != "" {
		t.Errorf("at once: %q (%v)", got, err)
	}
	if got := keysOf(p.feed(t, "trade", "ava")); got != "alert:1" {
		t.Errorf("its own feed: %q", got)
	}
	p.advance(200 * time.Millisecond)
	if got := keysOf(p.feed(t, "timeline", "ben")); got != "alert:1" {
		t.Errorf("after 200 ms: %q", got)
	}
}

func TestGetStreamRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	ctx := context.Background()
	with := func(key, secretText string) *gs.Client {
		c, err := gs.New(gs.Options{Key: key, Secret: secret.New(secretText), BaseURL: p.url + "/getstream", HTTP: p.http, Now: p.now})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]struct {
		client *gs.Client
		code   int
	}{
		"unknown key":  {with("other", GetStreamSecret), 2},
		"wrong secret": {with(GetStreamKey, "other"), 3},
	} {
		if e := gsFault(t, c.client.Publish(ctx, mirrored("alert:1", fillTime))); e.Outcome != gs.Misconfigured || e.Code != c.code {
			t.Errorf("%s: %v", name, e)
		}
	}

	p.tell(t, "/getstream/settings", `{"groups":["trade","timeline","global","notification"],"rateLimits":true}`, nil)
	err := p.mirror(t).Check(ctx)
	if e := gsFault(t, err); e.Outcome != gs.Misconfigured || e.Code != 6 || !strings.Contains(err.Error(), "signals") {
		t.Errorf("missing groups: %v", err)
	}

	raw, err := stream.New(GetStreamKey, GetStreamSecret, stream.WithAPIAddr(p.url+"/getstream"))
	if err != nil {
		t.Fatal(err)
	}
	var answered stream.APIError
	err = raw.UnfollowMany(ctx, []stream.UnfollowRelationship{{Source: "timeline:ben", Target: "trade:ava"}})
	if !errors.As(err, &answered) || answered.StatusCode != 429 || answered.Code != 9 {
		t.Errorf("unfollow many: %v", err)
	}
}

func TestGetStreamsRateLimitLastsUntilItsReset(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	m, ctx := p.mirror(t), context.Background()
	for range 250 {
		if err := m.Update(ctx, mirrored("alert:1", fillTime)); err != nil {
			t.Fatal(err)
		}
	}
	e := gsFault(t, m.Update(ctx, mirrored("alert:1", fillTime)))
	if e.Outcome != gs.Retry || !e.Limited || e.RetryAfter < 50*time.Second || e.RetryAfter > 62*time.Second {
		t.Fatalf("%v, wait %s", e, e.RetryAfter)
	}
	p.advance(e.RetryAfter)
	if err := m.Update(ctx, mirrored("alert:1", fillTime)); err != nil {
		t.Errorf("after the reset: %v", err)
	}
}

func TestALostAnswerIsRepairedByPublishingAgain(t *testing.T) {
	t.Parallel()
	for mode, outcome := range map[string]gs.Outcome{
		faultAcceptDrop: gs.Unknown, faultAcceptGarbage: gs.Unknown, faultAcceptError: gs.Retry, faultError: gs.Retry, faultThrottle: gs.Retry,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := startPlayers(t)
			m, ctx := p.mirror(t), context.Background()
			p.faults.Add(Fault{Target: "getstream", Mode: mode, Count: 1})
			if e := gsFault(t, m.Publish(ctx, mirrored("alert:1", fillTime))); e.Outcome != outcome {
				t.Errorf("%v, want %s", e, outcome)
			}
			if err := m.Publish(ctx, mirrored("alert:1", fillTime)); err != nil {
				t.Fatal(err)
			}
			if got := keysOf(p.feed(t, "trade", "ava")); got != "alert:1" {
				t.Errorf("feed: %q", got)
			}
		})
	}
}

func TestGetStreamRemembersAcrossAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before, ctx := startPlayersIn(t, dir), context.Background()
	m := before.mirror(t)
	err := errors.Join(m.Follow(ctx, "ben", "ava", 0), m.Publish(ctx, mirrored("alert:1", fillTime)))
	if err != nil {
		t.Fatal(err)
	}
	after := startPlayersIn(t, dir)
	if err := after.mirror(t).Publish(ctx, mirrored("alert:1", fillTime)); err != nil {
		t.Fatal(err)
	}
	if got := keysOf(after.feed(t, "timeline", "ben")); got != "alert:1" {
		t.Errorf("timeline after the restart: %q", got)
	}
}
